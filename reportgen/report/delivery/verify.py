"""Comparison of a site with its manifest: files changed, added or lost since it was written."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reportgen.errors import BusyError, SiteError, setting
from reportgen.locks import writing_alone
from reportgen.parsing import parse_json
from reportgen.report.delivery.manifest import MANIFEST_NAME, is_allowed_name, read_manifest
from reportgen.report.delivery.swap import finish_writing, is_unfinished


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCheck:
    """The differences between a site and its manifest; paths are relative and POSIX, sorted.

    Attributes:
        num_files: number of files as written, the manifest included.
        is_complete: whether the site was written to the end.
        changed: files with other contents.
        added: files that the manifest does not list, without notes and settings for publishing.
        lost: files that the manifest lists and the folder lacks.
        manifest_digest: SHA-256 of the manifest, which vouches for every file.
        cache_digest: SHA-256 of the cache that the report says it was made from; empty if it does not say.
    """

    num_files: int
    is_complete: bool
    changed: tuple[str, ...]
    added: tuple[str, ...]
    lost: tuple[str, ...]
    manifest_digest: str
    cache_digest: str = ""

    @property
    def is_clean(self) -> bool:
        """Whether the site is complete and unchanged."""
        return self.is_complete and not (self.changed or self.added or self.lost)


def verify_site(folder: Path) -> SiteCheck:
    """Compare the site in a folder with its manifest, once what a killed command left is finished or undone.

    Raises:
        SiteError: the folder holds no report, or a file in it cannot be read.
    """
    if is_unfinished(folder.resolve()):
        with contextlib.suppress(OSError, BusyError), writing_alone(folder, say=lambda _: None):
            finish_writing(folder.resolve())  # a site that is being written, or cannot be, is checked as it is
    manifest = read_manifest(folder)
    if manifest is None:
        raise SiteError(
            f"{folder} contains no report: {MANIFEST_NAME} is missing or was not written by reportgen.",
            hint="Name the folder of a site that reportgen wrote.",
        )
    try:
        found = set(_own_files(folder)) | {path for path in manifest.digests if (folder / path).is_file()}
        digests = {path: _digest(folder / path) for path in found & manifest.digests.keys()}
        manifest_digest = _digest(folder / MANIFEST_NAME)
    except OSError as error:
        raise SiteError(
            f"{error.filename} cannot be read: {error.strerror}.", hint="Check the file permissions."
        ) from error
    return SiteCheck(
        num_files=len(manifest.digests) + 1,
        is_complete=manifest.is_complete,
        changed=tuple(sorted(path for path, digest in digests.items() if digest != manifest.digests[path])),
        added=tuple(sorted(found - manifest.digests.keys())),
        lost=tuple(sorted(manifest.digests.keys() - found)),
        manifest_digest=manifest_digest,
        cache_digest=_find_cache_digest(folder),
    )


def raise_unclean(folder: Path, check: SiteCheck) -> None:
    """Raise an error if the site is incomplete or changed.

    Raises:
        SiteError: it is; the message counts the differences.
    """
    if check.is_clean:
        return
    counts = [("changed", check.changed), ("added", check.added), ("lost", check.lost)]
    parts = [f"{len(paths):,} {name} ({_some(paths)})" for name, paths in counts if paths]
    if not check.is_complete:
        parts.append("marked as incomplete, for writing it was cut off")
    raise SiteError(
        f"{folder} is not the site that was written: {'; '.join(parts)}.",
        hint=f"Render the site again, with {setting('out', folder)}. Added files stay; move them away.",
    )


def _find_cache_digest(folder: Path) -> str:
    try:
        metrics = parse_json((folder / "data/metrics.json").read_text(encoding="utf-8"))
        return str(metrics["run"]["cache_sha256"])
    except (OSError, ValueError, LookupError, TypeError):  # changed, which is reported as such, or single images
        return ""


def _some(paths: tuple[str, ...]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1:,} more"


def _own_files(folder: Path) -> Iterator[str]:
    """The files in the folder, without foreign files that are allowed beside a report."""
    for parent, directories, files in os.walk(folder, onerror=_raise):
        inside = Path(parent).relative_to(folder)
        links = [name for name in directories if (Path(parent) / name).is_symlink()]
        for name in [*files, *links]:
            top = (inside / name).parts[0]
            if (inside / name).as_posix() != MANIFEST_NAME and not is_allowed_name(top):
                yield (inside / name).as_posix()


def _raise(error: OSError) -> None:
    raise error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
