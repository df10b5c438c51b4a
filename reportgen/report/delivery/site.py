"""Files as (path, bytes) -> a folder.

Files are staged inside the folder and moved into place when all of them exist. Before the first move, the manifest
lists the old and the new files and marks the site as incomplete; after the last move, it marks the site as complete.
A run that fails leaves the site as it was. A folder with foreign files but without a report is never written to.
"""

import hashlib
import json
import os
import posixpath
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reportgen.atomic import replacing
from reportgen.errors import SiteError, setting
from reportgen.report.delivery.links import find_broken_links
from reportgen.version import __version__

MANIFEST_NAME = "manifest.json"
STAGING_NAME = ".reportgen-staging"

_ALLOWED_NAMES = re.compile(r"\..*|README(\..*)?|LICENSE(\..*)?|CNAME|desktop\.ini", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A written site: the number of files and their total size include the manifest."""

    folder: Path
    num_files: int
    num_bytes: int


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


def check_destination(folder: Path) -> None:
    """Check before any work is done that a site can be written to a folder.

    Raises:
        SiteError: it is a file, cannot be written, or holds foreign files.
    """
    if folder.exists() and not folder.is_dir():
        raise SiteError(f"{folder} is a file.", hint=f"Give a folder with {setting('out')}.")
    if not folder.is_dir():
        ancestor = next(parent for parent in folder.absolute().parents if parent.exists())
        if not os.access(ancestor, os.W_OK | os.X_OK) or not ancestor.is_dir():
            raise SiteError(f"{folder} cannot be created.", hint=f"Give a writable folder with {setting('out')}.")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SiteError(f"{folder} cannot be written.", hint=f"Give a writable folder with {setting('out')}.")
    if read_manifest(folder) is None:
        foreign_files = sorted(entry.name for entry in folder.iterdir() if not is_allowed_name(entry.name))
        if foreign_files:
            raise SiteError(
                f"{folder} contains files that reportgen did not write, such as {foreign_files[0]}.",
                hint=f"Give an empty or new folder with {setting('out')}; nothing was changed.",
            )


def write_site(folder: Path, files: Iterable[tuple[str, bytes]]) -> Site:
    """Write a site to a folder, completely or not at all.

    Args:
        folder: an earlier report in it is replaced; files that only the earlier report has are removed, and foreign
            files are left alone.
        files: relative POSIX paths with their contents, each path once.

    Raises:
        SiteError: the folder holds foreign files, a file would overwrite a foreign one, a link is broken, or writing
            fails.
    """
    check_destination(folder)
    found = read_manifest(folder)
    earlier = {} if found is None else found.digests
    staging = folder / STAGING_NAME
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        digests, num_bytes, pages = _stage(staging, files)
        _check_foreign_files(folder, digests, earlier)
        _raise_broken(find_broken_links(pages, digests.keys()))
        manifest = _manifest_bytes(digests, is_complete=True)
        _write_manifest(staging, folder, _manifest_bytes(earlier | digests, is_complete=False))
        _move_into_place(staging, folder, digests)
        _remove_stale(folder, earlier.keys() - digests.keys())
        _write_manifest(staging, folder, manifest)
    except OSError as error:
        raise SiteError(
            f"The site cannot be written to {folder}: {error.strerror} ({Path(error.filename or folder).name}).",
            hint=f"Free some space there, or give another folder with {setting('out')}.",
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Site(folder=folder, num_files=len(digests) + 1, num_bytes=num_bytes + len(manifest))


def _raise_broken(broken: list[tuple[str, str]]) -> None:
    if broken:
        page, link = broken[0]
        more = f", and {len(broken) - 1} more like it" if len(broken) > 1 else ""
        raise SiteError(
            f"The page {page} links to {link}, which is not in the site{more}.",
            hint=f"Correct the template of {setting('templates')} or the text of {setting('notes')}; the site was "
            "not changed.",
        )


def _stage(staging: Path, files: Iterable[tuple[str, bytes]]) -> tuple[dict[str, str], int, dict[str, bytes]]:
    digests: dict[str, str] = {}
    pages: dict[str, bytes] = {}
    num_bytes = 0
    for path, content in files:
        if path in digests:
            raise ValueError(f"the site has two files {path}")
        target = staging / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        digests[path] = hashlib.sha256(content).hexdigest()
        num_bytes += len(content)
        if path.endswith(".html"):
            pages[path] = content
    return digests, num_bytes, pages


def _check_foreign_files(folder: Path, digests: Mapping[str, str], earlier: Mapping[str, str]) -> None:
    for path in [*digests, *([] if earlier else [MANIFEST_NAME])]:
        if path not in earlier and (folder / path).exists():
            raise SiteError(
                f"{folder / path} exists and is not a file of the earlier report.",
                hint=f"Move it away, or give another folder with {setting('out')}; nothing was changed.",
            )


def _manifest_bytes(digests: Mapping[str, str], *, is_complete: bool) -> bytes:
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


def _is_inside(path: str) -> bool:
    """Whether a path of a manifest is inside the folder: a forged manifest must not remove other files."""
    return posixpath.normpath(path) == path and not path.startswith(("/", "../"))


def _write_manifest(staging: Path, folder: Path, manifest: bytes) -> None:
    with replacing(folder / MANIFEST_NAME, temporary_folder=staging) as file:
        file.write(manifest)


def _move_into_place(staging: Path, folder: Path, paths: Iterable[str]) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (staging / path).replace(folder / path)


def _remove_stale(folder: Path, paths: Iterable[str]) -> None:
    for path in paths:
        (folder / path).unlink(missing_ok=True)
        for parent in _parents_inside(path):
            try:
                (folder / parent).rmdir()
            except OSError:  # not empty: it holds foreign files
                break


def _parents_inside(path: str) -> Iterator[str]:
    parent = posixpath.dirname(path)
    while parent:
        yield parent
        parent = posixpath.dirname(parent)
