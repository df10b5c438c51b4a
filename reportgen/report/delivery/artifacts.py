"""Files made from a finished site: written whole or not at all, and never over a foreign file."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from reportgen.atomic import note_written, replacing, space_hint, unusable_reason
from reportgen.errors import SiteError


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file made from a finished site; `contents` describes it, such as `10 of 100 classes`."""

    path: Path
    num_bytes: int
    contents: str


def check_artifact(path: Path, *, is_ours: Callable[[Path], bool], hint: str) -> None:
    """Check before any work is done that a file can be written.

    Args:
        path: the file.
        is_ours: whether an existing file is an artifact of reportgen, which may be replaced.
        hint: the hint of the error.

    Raises:
        SiteError: a foreign file has the path, or the folder cannot be written.
    """
    if reason := unusable_reason(path):
        raise SiteError(f"{path} cannot be used: {reason}.", hint=hint)
    is_taken = path.exists() or path.is_symlink()
    if is_taken and not (path.is_file() and is_ours(path)):
        raise SiteError(f"{path} exists and was not written by reportgen; it is left alone.", hint=hint)
    ancestor = next(parent for parent in path.absolute().parents if parent.exists())
    if not ancestor.is_dir() or not os.access(ancestor, os.W_OK | os.X_OK):
        raise SiteError(f"{path} cannot be written.", hint=hint)


def write_artifact(path: Path, write: Callable[[BinaryIO], object]) -> int:
    """Write a file whole or not at all; returns its size in bytes.

    A missing folder is created.

    Raises:
        SiteError: writing fails; an earlier file stays as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            write(file)
        note_written(path)
        return path.stat().st_size
    except OSError as error:
        raise SiteError(
            f"{path} cannot be written: {error.strerror}.", hint=space_hint(error, "Name another place.")
        ) from error
