"""The site as one archive beside it: the same site gives the same bytes with the same version of zlib.

Names are sorted, dates and permissions fixed, and the site's notes and settings (README.md, .git) stay out. The archive
has no folder at its top, so that services which publish an archive find `index.html`.
"""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from reportgen.errors import setting
from reportgen.report.delivery.artifacts import Artifact, check_artifact, write_artifact
from reportgen.report.delivery.manifest import MANIFEST_NAME, read_manifest
from reportgen.report.words.text import plural_text

_COMMENT = b"A report by reportgen."
"""The comment that identifies an archive of reportgen."""

_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that the format can say
_MODE = 0o100644  # a regular file that everyone may read
_COMPRESSED_SUFFIXES = {".png", ".jpg", ".webp"}


def archive_path(folder: Path) -> Path:
    """The path of a site's archive: `site.zip` beside `site`."""
    folder = folder if folder.name not in {"", ".."} else Path(os.path.abspath(folder))  # noqa: PTH100  keeps links
    return folder.with_name(f"{folder.name}.zip")


def check_archive(folder: Path) -> None:
    """Check before any work is done that the archive of a site can be written.

    Raises:
        SiteError: a foreign file has its path, or it cannot be written.
    """
    check_artifact(
        archive_path(folder), is_ours=_is_ours, hint=f"Move it away, or give another folder with {setting('out')}."
    )


def write_archive(folder: Path) -> Artifact:
    """Write the archive of a site.

    Raises:
        SiteError: a foreign file has its path, or it cannot be written.
    """
    check_archive(folder)
    manifest = read_manifest(folder)
    assert manifest is not None, "only called on a written site"
    paths = sorted([*manifest.digests, MANIFEST_NAME])
    num_bytes = write_artifact(archive_path(folder), lambda file: _write(file, folder, paths))
    return Artifact(path=archive_path(folder), num_bytes=num_bytes, contents=plural_text(len(paths), "file"))


def _write(file: BinaryIO, folder: Path, paths: list[str]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = _COMMENT
        for entry in _entries(paths):
            archive.writestr(entry, (folder / entry.filename).read_bytes())


def _entries(paths: list[str]) -> Iterator[zipfile.ZipInfo]:
    for path in paths:
        entry = zipfile.ZipInfo(path, date_time=_DATE)
        entry.create_system = 3  # Unix, wherever it is written: the permissions are read as Unix ones
        entry.external_attr = _MODE << 16
        is_compressed = Path(path).suffix in _COMPRESSED_SUFFIXES
        entry.compress_type = zipfile.ZIP_STORED if is_compressed else zipfile.ZIP_DEFLATED
        yield entry


def _is_ours(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.comment == _COMMENT
    except (OSError, zipfile.BadZipFile):
        return False
