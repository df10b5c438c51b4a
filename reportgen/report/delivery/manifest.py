"""The manifest of a site: which files are the report's, and whether all of them are in place."""

import hashlib
import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reportgen.version import __version__

MANIFEST_NAME = "manifest.json"

_ALLOWED_NAMES = re.compile(r"\..*|README(\..*)?|LICENSE(\..*)?|CNAME|desktop\.ini", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The manifest of a site.

    Attributes:
        digests: SHA-256 in hexadecimal by relative POSIX path.
        is_complete: whether the site was written to the end.
    """

    digests: dict[str, str]
    is_complete: bool


def is_allowed_name(name: str) -> bool:
    """Whether a folder may hold a foreign file of this name beside a report: notes, or settings for publishing."""
    return _ALLOWED_NAMES.fullmatch(name) is not None


def manifest_bytes(digests: Mapping[str, str], *, is_complete: bool) -> bytes:
    """The manifest as a file."""
    manifest = {
        "generator": "reportgen",
        "version": __version__,
        "complete": is_complete,
        "files": dict(sorted(digests.items())),
    }
    return (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of the report in a folder; `None` without a report."""
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(manifest, dict) or manifest.get("generator") != "reportgen":
        return None
    files = manifest.get("files")
    if not isinstance(files, dict):
        return None
    return Manifest(
        digests={path: str(digest) for path, digest in files.items() if _is_inside(path)},
        is_complete=manifest.get("complete") is True,
    )


def manifest_digest(folder: Path) -> str | None:
    """SHA-256 of the manifest in a folder, in hexadecimal; `None` without one."""
    try:
        return hashlib.sha256((folder / MANIFEST_NAME).read_bytes()).hexdigest()
    except OSError:
        return None


def _is_inside(path: str) -> bool:
    """Whether a path of a manifest is inside the folder: a forged manifest must not remove other files."""
    return posixpath.normpath(path) == path and not path.startswith(("/", "../"))
