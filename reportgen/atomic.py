"""Files that are written whole or not at all."""

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

_MAX_NAME_LENGTH = 40  # of the part that the temporary name repeats, so that it stays a valid name

_written: list[Path] = []


def note_written(path: Path) -> None:
    """Record that a cache, a site or an artifact is complete, for the message of an interrupted command."""
    _written.append(path)


def written_paths() -> list[Path]:
    """What this process has completed, in order, each path once."""
    return list(dict.fromkeys(_written))


def unusable_reason(path: Path) -> str:
    """Why the system cannot look for a path, such as a name that is too long; empty where it can."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return ""


def space_hint(error: OSError, remedy: str) -> str:
    """The hint of a failed write: to free space, if that was short, or else the other remedy, as an imperative."""
    is_full = error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
    return f"Free some space there, or {remedy[0].lower()}{remedy[1:]}" if is_full else remedy


@contextmanager
def replacing(path: Path, *, temporary_folder: Path | None = None) -> Iterator[BinaryIO]:
    """A file to write to, which takes the path's place when the context ends without an error.

    Until then an earlier file stays as it was. After an error or an interruption nothing is left of the new one; a
    process that is killed leaves a hidden file, which the next one to write the path removes.

    Args:
        path: the file to make or replace; its folder has to exist.
        temporary_folder: where the unfinished file is, on the same file system; the path's own folder by default.

    Raises:
        OSError: the file cannot be written.
    """
    folder = path.parent if temporary_folder is None else temporary_folder
    stem = f".{path.name[:_MAX_NAME_LENGTH]}."
    _remove_abandoned(folder, stem)
    unfinished = folder / f"{stem}{uuid4().hex[:12]}.tmp"
    try:
        with unfinished.open("xb") as file:
            _lock(file)
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _remove_abandoned(folder: Path, stem: str) -> None:
    """Remove unfinished files of processes that are gone: the system has released their locks."""
    pattern = re.compile(rf"{re.escape(stem)}[0-9a-f]{{12}}\.tmp")
    with suppress(OSError):
        for name in filter(pattern.fullmatch, os.listdir(folder)):  # noqa: PTH208  a folder may hold very many files
            with suppress(OSError):
                with (folder / name).open("rb+") as file:
                    if not _lock(file):
                        continue
                (folder / name).unlink()


if sys.platform == "win32":

    def _lock(_file: BinaryIO) -> bool:
        """Nothing: Windows does not remove a file that is open."""
        return True

else:

    def _lock(file: BinaryIO) -> bool:
        """Lock a file until it is closed; whether that was possible."""
        import fcntl

        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
