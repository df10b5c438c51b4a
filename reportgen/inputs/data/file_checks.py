"""Image files that cannot be read: found by header and end, and by decoding on request. Torch-free."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from reportgen.cache import SkippedImage
from reportgen.errors import DataError, setting
from reportgen.inputs.data.arrays import ArrayImages
from reportgen.inputs.data.evaluation_set import ImageSource
from reportgen.inputs.data.image_files import DEEP_MODES, FileImages
from reportgen.inputs.data.image_listing import CONVERT_HINT, UNSUPPORTED, unsupported_reason
from reportgen.inputs.files import explain_placeholder
from reportgen.inputs.suggestions import few_text

_ENDS: Final = {b"\x89PNG\r\n\x1a\n": b"IEND\xaeB`\x82", b"\xff\xd8\xff": b"\xff\xd9", b"GIF8": b";"}
"""The first bytes of formats that have an end marker, and the marker."""
_TAIL: Final = 64
_NUM_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What a file's header says.

    Attributes:
        reason: why it cannot be read, as a clause; empty if nothing speaks against it.
        is_deep: whether its pixels have more than 8 bits.
        has_frames: whether it has more than one frame or page; only the first is read.
    """

    reason: str = ""
    is_deep: bool = False
    has_frames: bool = False


def check_file(path: Path) -> FileCheck:
    """What can be found out about an image file without decoding it. Only a file without its end is decoded."""
    reason = unsupported_reason(path.name)
    if reason:
        return FileCheck(reason)
    if not _is_utf8(f"{path.parent.name}/{path.name}"):
        return FileCheck("has a name that is not UTF-8")
    if not path.is_file():
        return FileCheck("is not a regular file" if path.exists() else "does not exist")
    try:
        if path.stat().st_size == 0:
            return FileCheck("is empty")
        with Image.open(path) as image:
            is_deep, has_frames = image.mode in DEEP_MODES, bool(getattr(image, "is_animated", False))
            if not _has_end(path):
                image.load()
    except Exception as error:  # Pillow raises almost any exception on damaged bytes
        return FileCheck(_explain(path, error))
    return FileCheck(is_deep=is_deep, has_frames=has_frames)


def find_undecodable(images: ImageSource, names: Iterable[str]) -> list[SkippedImage]:
    """The images whose decoding fails. All are decoded, in threads where they are files."""
    if isinstance(images, ArrayImages):
        return []
    decode = partial(_decode, images)
    if isinstance(images, FileImages):
        with ThreadPoolExecutor() as pool:
            reasons = list(pool.map(decode, range(len(images))))
    else:
        reasons = [decode(position) for position in range(len(images))]
    return [SkippedImage(name=name, reason=reason) for name, reason in zip(names, reasons, strict=True) if reason]


def refuse(unusable: list[SkippedImage], total: int) -> DataError:
    """The error that lists all images that cannot be read.

    Args:
        unusable: these images.
        total: number of images, these included.
    """
    shown = ", ".join(f"{entry.name} ({entry.reason})" for entry in unusable[:_NUM_LISTED])
    more = f" and {len(unusable) - _NUM_LISTED:,} more" if len(unusable) > _NUM_LISTED else ""
    unsupported = any(entry.reason in UNSUPPORTED.values() for entry in unusable)
    return DataError(
        f"{len(unusable):,} of {total:,} images cannot be read: {shown}{more}.",
        hint=f"Repair or remove them, or give {setting('on_bad_image', 'skip')} to leave them out."
        + (f" {CONVERT_HINT}" if unsupported else ""),
    )


def describe_skipped(skipped: list[SkippedImage], total: int) -> str:
    """A note about the images that were left out."""
    first = f"{skipped[0].name} ({skipped[0].reason})"
    more = f" and {len(skipped) - 1:,} more" if len(skipped) > 1 else ""
    return f"{len(skipped):,} of {total:,} images could not be read and are left out: {first}{more}."


def describe_frames(names: Sequence[str]) -> tuple[str, ...]:
    """A note about images with several frames or pages; none without any."""
    if not names:
        return ()
    subject = "One image has" if len(names) == 1 else f"{len(names):,} images have"
    return (f"{subject} several frames or pages, of which only the first is read: {few_text(names)}.",)


def positions_without(skipped: list[SkippedImage], names: tuple[str, ...]) -> NDArray[np.int64]:
    """The positions of the names that were not skipped, ascending."""
    left_out = {entry.name for entry in skipped}
    return np.array([position for position, name in enumerate(names) if name not in left_out], dtype=np.int64)


def _is_utf8(name: str) -> bool:
    """Whether a name can be written into a page."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has_end(path: Path) -> bool:
    """Whether a file ends as its format requires; also for formats without an end marker."""
    with path.open("rb") as file:
        start = file.read(8)
        end = next((end for magic, end in _ENDS.items() if start.startswith(magic)), b"")
        file.seek(0, 2)
        file.seek(max(file.tell() - _TAIL, 0))
        return end in file.read()


def _explain(path: Path, error: Exception) -> str:
    """Why Pillow cannot read a file."""
    with path.open("rb") as file:
        start = file.read(352)
    placeholder = explain_placeholder(start)
    if placeholder:
        return f"{placeholder}, not an image"
    if start[128:132] == b"DICM":
        return UNSUPPORTED[".dcm"]
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        return UNSUPPORTED[".heic"]
    if start[344:348] in (b"n+1\x00", b"ni1\x00"):
        return UNSUPPORTED[".nii"]
    if isinstance(error, UnidentifiedImageError):
        return "its content is not an image in a known format"
    return "is truncated" if "truncated" in str(error).lower() else f"is damaged: {error}"


def _decode(images: ImageSource, position: int) -> str:
    try:
        images[position]
    except DataError as error:
        return error.message.partition(" cannot be read: ")[2] or error.message
    return ""
