"""Files that the user names: checks and digests."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from reportgen.errors import ReportError

START_LENGTH: Final = 256
LFS_REASON: Final = "is a pointer of Git LFS"


def require_file(path: Path, what: str, *, error: type[ReportError], hint: str) -> Path:
    """The path, after a check that it is a file, not empty, and not a web page or a pointer in its place.

    Args:
        path: the file.
        what: what it is, as the start of a message, such as `The checkpoint`.
        error: the class of the error raised.
        hint: what to do if there is no such file.

    Raises:
        ReportError: of the class given, if the file is missing, a folder, empty, or only stands in place of the file.
    """
    if path.is_dir():
        raise error(f"{what} {path} is a folder, not a file.", hint=hint)
    if not path.is_file():
        raise error(f"{what} {path} does not exist.", hint=hint)
    if path.stat().st_size == 0:
        raise error(f"{what} {path} is empty.", hint="Save or download the file again.")
    _refuse_placeholder(path, what, error)
    return path


def _refuse_placeholder(path: Path, what: str, error: type[ReportError]) -> None:
    """Refuse what stands in place of a file: the pointer of Git LFS, or the web page that a download answered with."""
    try:
        with path.open("rb") as file:
            start = file.read(START_LENGTH)
    except OSError as cause:
        raise error(
            f"{what} {path} cannot be read: {cause.strerror}.", hint="Allow reading it, or copy it elsewhere."
        ) from cause
    reason = explain_placeholder(start)
    if reason == LFS_REASON:
        raise error(
            f"{what} {path} {reason}, not the file itself.",
            hint="Run `git lfs install` and `git lfs pull` in its repository, or download the file itself.",
        )
    if reason:
        raise error(
            f"{what} {path} {reason}, not the file itself: the download failed or needs a login.",
            hint="Download it again from the link to the file itself, and log in first if the file is private.",
        )


def explain_placeholder(start: bytes) -> str:
    """What stands in place of a file, as a clause, by its first `START_LENGTH` bytes; empty for all other files."""
    if start.startswith(b"version https://git-lfs.github.com/spec/"):
        return LFS_REASON
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return "is a web page (HTML)" if text.startswith((b"<!doctype html", b"<html")) else ""


def read_text(path: Path, what: str, *, error: type[ReportError], hint: str) -> str:
    """The text of a UTF-8 file, without its byte-order mark.

    Raises:
        ReportError: of the class given, as in `require_file`, or if the file is not UTF-8.
    """
    try:
        return require_file(path, what, error=error, hint=hint).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as cause:
        raise error(f"{what} {path} is not UTF-8 text.", hint="Save it as UTF-8.") from cause


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def joint_digest(files: Mapping[str, Path]) -> str:
    """SHA-256 over names and contents: of lines `<SHA-256 of the content> <name>`."""
    with ThreadPoolExecutor() as pool:  # hashing and reading let other threads run
        digests = pool.map(file_digest, files.values())
        lines = "".join(f"{digest} {name}\n" for digest, name in zip(digests, files, strict=True))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
