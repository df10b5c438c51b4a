"""Files as (path, bytes) -> a folder.

Files are staged and checked, and take the earlier site's place in one step when all of them exist. A run that fails
leaves the site as it was. A folder with foreign files but without a report is never written to.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from reportgen.atomic import note_written, space_hint, unusable_reason
from reportgen.errors import SiteError, setting
from reportgen.report.delivery.links import find_broken_links
from reportgen.report.delivery.manifest import (
    MANIFEST_NAME,
    is_allowed_name,
    manifest_bytes,
    manifest_digest,
    read_manifest,
)
from reportgen.report.delivery.swap import finish_writing, parents, replace_site, staged_folder, work_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A written site: the number of files and their total size include the manifest."""

    folder: Path
    num_files: int
    num_bytes: int


def check_destination(folder: Path) -> None:
    """Check before any work is done that a site can be written to a folder.

    Raises:
        SiteError: it is a file, cannot be written, or holds foreign files.
    """
    if reason := unusable_reason(folder):
        raise SiteError(f"{folder} cannot be used: {reason}.", hint=f"Give another folder with {setting('out')}.")
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
    place, manifest = folder.resolve(), b""
    try:
        finish_writing(place)
        found = read_manifest(place)
        earlier = {} if found is None else found.digests
        work = work_folder(place)
        staged_folder(work).mkdir(parents=True)
        digests, num_bytes, pages = _stage(staged_folder(work), files)
        _check_foreign_files(place, digests, earlier)
        _raise_broken(find_broken_links(pages, digests.keys()))
        manifest = manifest_bytes(digests, is_complete=True)
        (staged_folder(work) / MANIFEST_NAME).write_bytes(manifest)
        replace_site(place, work)
    except OSError as error:
        raise SiteError(
            f"The site cannot be written to {folder}: {error.strerror} ({Path(error.filename or folder).name}).",
            hint=space_hint(error, f"Give another folder with {setting('out')}."),
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the first error is the one to report
            finish_writing(place)
        if manifest and manifest_digest(place) == hashlib.sha256(manifest).hexdigest():
            note_written(folder)
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
        is_foreign = path not in earlier and os.path.lexists(folder / path)
        if is_foreign or (folder / path).is_dir():
            raise SiteError(
                f"{folder / path} exists and is not a file of the earlier report.",
                hint=f"Move it away, or give another folder with {setting('out')}; nothing was changed.",
            )
    for parent in sorted({parent for path in (*digests, *earlier) for parent in parents(path)}):
        if (folder / parent).is_symlink():
            raise SiteError(
                f"{folder / parent} is a symbolic link, and the report does not write to where it leads.",
                hint=f"Remove the link, or give another folder with {setting('out')}; nothing was changed.",
            )
