"""Files that the user names: there or not, and their digests. Torch-free."""

import hashlib
from pathlib import Path

from reportgen.errors import ReportError


def require_file(path: Path, what: str, *, error: type[ReportError], hint: str) -> Path:
    """The path, once it is known to be a file that holds something.

    Args:
        path: the file.
        what: what it is, as the start of a message, such as `The checkpoint`.
        error: the class of the error raised.
        hint: what to do where there is no such file.

    Raises:
        ReportError: of the class given, where the file is missing, a folder, or empty.
    """
    if path.is_dir():
        raise error(f"{what} {path} is a folder, not a file.", hint=hint)
    if not path.is_file():
        raise error(f"{what} {path} does not exist.", hint=hint)
    if path.stat().st_size == 0:
        raise error(f"{what} {path} is empty.", hint="Write or fetch the file again: nothing of it has arrived.")
    return path


def read_text(path: Path, what: str, *, error: type[ReportError], hint: str) -> str:
    """The text of a UTF-8 file, a byte-order mark taken off.

    Raises:
        ReportError: of the class given, as `require_file`, or where the file is not UTF-8.
    """
    try:
        return require_file(path, what, error=error, hint=hint).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as cause:
        raise error(f"{what} {path} is not UTF-8 text.", hint="Save it as UTF-8.") from cause


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
