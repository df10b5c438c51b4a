"""Files that are written whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

_MAX_NAME_LENGTH = 40  # of the part that the temporary name repeats, so that it stays a valid name


@contextmanager
def replacing(path: Path, *, temporary_folder: Path | None = None) -> Iterator[BinaryIO]:
    """A file to write to, which takes the path's place when the context ends without an error.

    Until then an earlier file stays as it was. After an error or an interruption nothing is left of the new one; a
    process that is killed leaves a hidden file.

    Args:
        path: the file to make or replace; its folder has to exist.
        temporary_folder: where the unfinished file is, on the same file system; the path's own folder by default.

    Raises:
        OSError: the file cannot be written.
    """
    folder = path.parent if temporary_folder is None else temporary_folder
    unfinished = folder / f".{path.name[:_MAX_NAME_LENGTH]}.{uuid4().hex[:12]}.tmp"
    try:
        with unfinished.open("xb") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
