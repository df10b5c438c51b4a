"""Files beside the site: written whole or not at all, and never over a file that is not ours."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from reportgen.atomic import replacing
from reportgen.errors import SiteError


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A written file that carries the report, or a part of it, elsewhere.

    Attributes:
        path: the file.
        num_bytes: its size.
        contents: what it holds, in words.
    """

    path: Path
    num_bytes: int
    contents: str


def check_artifact(path: Path, *, is_ours: Callable[[Path], bool], hint: str) -> None:
    """Check that a file may be written, before any work is done.

    Args:
        path: the file.
        is_ours: whether an existing file is an earlier one of ours, which may be replaced.
        hint: what to do where it may not.

    Raises:
        SiteError: something else stands there, or the folder cannot be written.
    """
    is_taken = path.exists() or path.is_symlink()
    if is_taken and not (path.is_file() and is_ours(path)):
        raise SiteError(f"{path} exists and was not written by reportgen; it is left alone.", hint=hint)
    ancestor = next(parent for parent in path.absolute().parents if parent.exists())
    if not ancestor.is_dir() or not os.access(ancestor, os.W_OK | os.X_OK):
        raise SiteError(f"{path} cannot be written.", hint=hint)


def write_artifact(path: Path, write: Callable[[BinaryIO], object]) -> int:
    """Write a file whole or not at all; returns its size in bytes.

    Args:
        path: the file; its folder is made where it is missing.
        write: writes the content.

    Raises:
        SiteError: writing fails; an earlier file is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            write(file)
        return path.stat().st_size
    except OSError as error:
        raise SiteError(
            f"{path} cannot be written: {error.strerror}.", hint="Free some space there, or name another place."
        ) from error
