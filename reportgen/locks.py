"""One writer at a time: a lock on what a command writes, which says who holds it and ends with its process."""

import errno
import hashlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

from reportgen.errors import BusyError

_MAX_NAME_LENGTH: Final = 200  # in bytes
_NOT_SUPPORTED: Final = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@contextmanager
def writing_alone(*paths: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock on each of these files and folders, which need not exist yet.

    The system releases a lock when its process ends, however it ends. The lock of `site` is the file `.site.lock`
    beside it.

    Args:
        paths: what is written.
        say: gets a sentence where the file system has no locks.

    Raises:
        BusyError: another process holds one of the locks; the message says which.
    """
    with ExitStack() as locks:
        for path in dict.fromkeys(path.resolve() for path in paths):
            locks.enter_context(_lock(path, say))
        yield


@contextmanager
def _lock(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    is_long = len(os.fsencode(path.name)) > _MAX_NAME_LENGTH
    name = hashlib.sha256(os.fsencode(path.name)).hexdigest() if is_long else path.name
    lock_path = path.parent / f".{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _open_locked(lock_path)
    except BlockingIOError as error:
        raise BusyError(
            f"{path} is being written by another process: {_read_holder(lock_path)}.",
            hint="Wait until it has finished, stop it, or write to another place.",
        ) from error
    except OSError as error:
        if error.errno in _NOT_SUPPORTED:
            say(f"The file system of {path.parent} has no locks. Do not let two commands write there at once.")
        # Where no file can be made, the command itself says why.
        yield
        return
    with file:
        _write_holder(file)
        try:
            yield
        finally:
            lock_path.unlink(missing_ok=True)


def _open_locked(lock_path: Path) -> IO[str]:
    """The locked file. Its earlier holder may remove it between opening and locking; then it is opened again."""
    while True:
        file = lock_path.open("a+", encoding="utf-8")
        try:
            _take(file)
            if _is_same(file, lock_path):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


if sys.platform == "win32":

    def _take(file: IO[str]) -> None:
        import msvcrt

        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(error.errno, error.strerror) from error

else:

    def _take(file: IO[str]) -> None:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_same(file: IO[str], lock_path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), lock_path.stat())
    except FileNotFoundError:
        return False


def _write_holder(file: IO[str]) -> None:
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": Path(sys.argv[0]).name,
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    file.seek(0)
    file.truncate()
    file.write(json.dumps(holder))
    file.flush()


def _read_holder(lock_path: Path) -> str:
    try:
        holder = json.loads(lock_path.read_text(encoding="utf-8"))
        return "{command}, process {pid} on {host}, since {since}".format(**holder)
    except (OSError, ValueError, LookupError, TypeError):  # it is about to begin or to end
        return "it has just started"
