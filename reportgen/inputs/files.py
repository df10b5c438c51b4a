"""Files that the user names: checks and digests."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reportgen.errors import ReportError


def require_file(path: Path, what: str, *, error: type[ReportError], hint: str) -> Path:
    """The path, after a check that it is a file and not empty.

    Args:
        path: the file.
        what: what it is, as the start of a message, such as `The checkpoint`.
        error: the class of the error raised.
        hint: what to do if there is no such file.

    Raises:
        ReportError: of the class given, if the file is missing, a folder, or empty.
    """
    if path.is_dir():
        raise error(f"{what} {path} is a folder, not a file.", hint=hint)
    if not path.is_file():
        raise error(f"{what} {path} does not exist.", hint=hint)
    if path.stat().st_size == 0:
        raise error(f"{what} {path} is empty.", hint="Save or download the file again.")
    return path


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
    return hashlib.sha256(lines.encode()).hexdigest()
