"""The image files below folders: each file once, links followed once, and what is left out by name."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reportgen.cache import SkippedImage
from reportgen.errors import DataError
from reportgen.inputs.data.image_files import SUFFIXES
from reportgen.inputs.suggestions import few_text

UNSUPPORTED: Final = {
    **dict.fromkeys((".heic", ".heif"), "HEIC pictures are not supported"),
    ".jxl": "JPEG XL pictures are not supported",
    **dict.fromkeys((".dcm", ".dicom"), "DICOM files are not supported"),
    **dict.fromkeys((".nii", ".nii.gz", ".mha", ".mhd", ".nrrd"), "medical volumes are not supported"),
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2"), "raw photos are not supported"),
    **dict.fromkeys((".exr", ".hdr"), "high-dynamic-range pictures are not supported"),
    **dict.fromkeys((".svs", ".ndpi", ".mrxs"), "whole-slide pictures are not supported"),
}
"""Endings of pictures that are not read, and why."""

CONVERT_HINT: Final = (
    "Convert pictures of other kinds to PNG: DICOM with pydicom, NIfTI slice by slice with nibabel (16 bits keep their "
    "range), HEIC with pillow-heif."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderListing:
    """What lies below a folder, as paths relative to it with forward slashes.

    Attributes:
        images: sorted.
        unusable: pictures of a kind that is not read, and what is no regular file.
        left_out: links that lead nowhere, back, or to what is read already; each with its reason.
    """

    images: tuple[str, ...]
    unusable: tuple[SkippedImage, ...] = ()
    left_out: tuple[SkippedImage, ...] = ()


def list_image_names(folder: Path) -> list[str]:
    """The image files below a folder as sorted paths with forward slashes; hidden files and folders are left out."""
    return list(list_images([folder])[0].images)


def list_images(folders: Sequence[Path]) -> list[FolderListing]:
    """The images below each folder. A file or folder that several paths lead to counts once, where it really lies.

    Raises:
        DataError: a folder cannot be opened.
    """
    walk = _Walk([_Found(folder) for folder in folders])
    for found in sorted(walk.found, key=lambda found: found.folder.is_symlink()):
        walk.enter(found, found.folder)
    while walk.folder_links:
        walk.follow_folder(*walk.folder_links.pop(0))
    for found, link in walk.file_links:
        walk.follow_file(found, link)
    return [found.listing() for found in walk.found]


def describe_left_out(left_out: Iterable[SkippedImage]) -> tuple[str, ...]:
    """A note about links that are left out; none without any."""
    links = [f"{entry.name} ({entry.reason})" for entry in left_out]
    if not links:
        return ()
    return (f"{len(links):,} {'link is' if len(links) == 1 else 'links are'} left out: {few_text(links)}.",)


def unsupported_reason(name: str) -> str:
    """Why a picture with this file name is not read; empty for all others."""
    lowered = name.lower()
    return next((reason for suffix, reason in UNSUPPORTED.items() if lowered.endswith(suffix)), "")


@dataclass(eq=False, slots=True)
class _Found:
    """What has been found so far below one folder."""

    folder: Path
    images: list[str] = field(default_factory=list)
    unusable: list[SkippedImage] = field(default_factory=list)
    left_out: list[SkippedImage] = field(default_factory=list)

    def name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def listing(self) -> FolderListing:
        return FolderListing(
            images=tuple(sorted(self.images)),
            unusable=tuple(sorted(self.unusable, key=lambda entry: entry.name)),
            left_out=tuple(sorted(self.left_out, key=lambda entry: entry.name)),
        )


class _Walk:
    """One walk through several folders: real files first, then links, so that a link never hides the real place."""

    def __init__(self, found: list[_Found]) -> None:
        self.found = found
        self.folder_links: list[tuple[_Found, Path]] = []
        self.file_links: list[tuple[_Found, Path]] = []
        self._seen: set[Path] = set()  # real paths of folders and files

    def enter(self, found: _Found, folder: Path) -> None:
        """Take what lies below a folder, without following links."""
        real = folder.resolve()
        if real in self._seen:
            found.left_out.append(
                SkippedImage(name=found.name(folder), reason="leads to a folder that is read already")
            )
            return
        self._seen.add(real)
        for entry in _entries(folder):
            path = folder / entry.name
            if entry.is_symlink():
                (self.folder_links if path.is_dir() else self.file_links).append((found, path))
            elif entry.is_dir():
                self.enter(found, path)
            elif self._is_picture(found, path, is_regular=entry.is_file()):
                found.images.append(found.name(path))
                self._seen.add(real / entry.name)

    def follow_folder(self, found: _Found, link: Path) -> None:
        """Enter the folder behind a link, unless it contains the link."""
        real = link.resolve()
        if real == link.parent.resolve() or real in link.parent.resolve().parents:
            found.left_out.append(SkippedImage(name=found.name(link), reason="leads back to a folder that contains it"))
        else:
            self.enter(found, link)

    def follow_file(self, found: _Found, link: Path) -> None:
        """Take the file behind a link, unless it is missing or is read already."""
        if not link.exists():
            found.left_out.append(SkippedImage(name=found.name(link), reason="leads nowhere"))
        elif self._is_picture(found, link, is_regular=link.is_file()):
            real = link.resolve()
            if real in self._seen:
                reason = "leads to a file that is read already"
                found.left_out.append(SkippedImage(name=found.name(link), reason=reason))
            else:
                self._seen.add(real)
                found.images.append(found.name(link))

    def _is_picture(self, found: _Found, path: Path, *, is_regular: bool) -> bool:
        """Whether a file is an image that can be read; one that should be, and is not, is recorded."""
        reason = unsupported_reason(path.name)
        if not reason and path.suffix.lower() not in SUFFIXES:
            return False
        if not is_regular:
            reason = "is not a regular file"
        if reason:
            found.unusable.append(SkippedImage(name=found.name(path), reason=reason))
        return not reason


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The entries of a folder that are not hidden, sorted by name."""
    try:
        with os.scandir(folder) as entries:
            yield from sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise DataError(
            f"The folder {folder} cannot be opened: {error.strerror}.", hint="Check its permissions."
        ) from error
