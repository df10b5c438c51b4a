"""Runs an action in a forked child that is killed before its n-th operation on files, for every n.

Used as a script by subprocesses of the tests: no threads may run where a process is forked.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator

OPERATIONS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "ctypes.dlsym"}


def run_killed(action: Callable[[], object], *, at: int) -> str | None:
    """Run an action in a child and kill it before operation `at`; the operation, or `None` if it ended before.

    The operation may be one of finding out, such as reading: only those that write leave another state.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def watch(event: str, args: tuple[object, ...]) -> None:
            nonlocal count
            if event not in OPERATIONS or (event == "open" and not is_writing(args)):
                return
            if count == at:
                os.write(write_end, f"{event} {args[0]!s}".encode())
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1

        sys.addaudithook(watch)
        try:
            action()
        except BaseException as error:
            os.write(write_end, f"failed: {error!r}".encode())
            os._exit(1)
        os._exit(0)
    os.close(write_end)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read_end, "rb") as pipe:
        said = pipe.read().decode()
    assert not said.startswith("failed"), said
    return said if os.WIFSIGNALED(status) else None


def is_writing(args: tuple[object, ...]) -> bool:
    flags = args[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def kill_everywhere(prepare: Callable[[], object], action: Callable[[], object]) -> Iterator[str]:
    """Prepare and kill an action at each of its operations in turn; yields the operation after each kill."""
    at = 0
    while True:
        prepare()
        operation = run_killed(action, at=at)
        if operation is None:
            return
        yield operation
        at += 1
