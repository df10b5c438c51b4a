"""Which values of pictures with more than 8 bits become black and white. Torch-free."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import numpy as np
from PIL import Image

from reportgen.inputs.data.image_files import DEEP_MODES, FULL_WINDOW, Window

_MOST_READ: Final = 256
_LEAST_USED: Final = 0.5  # fraction of the full range, below which a narrower one is suggested


@dataclass(frozen=True, slots=True)
class ValueRange:
    """The values found in pictures with more than 8 bits.

    Attributes:
        low: the smallest.
        high: the largest.
        num_read: number of pictures that were read.
        num_deep: number of pictures with more than 8 bits, estimated where only a sample is read.
    """

    low: float
    high: float
    num_read: int
    num_deep: int


class EncodedImages(Protocol):
    """Images by position, before they are decoded."""

    def __len__(self) -> int:
        """Number of images."""
        ...

    def open(self, position: int) -> Path | BinaryIO | None:
        """The file of an image, or its content as a stream; `None` where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class _Files:
    paths: Sequence[Path]

    def __len__(self) -> int:
        return len(self.paths)

    def open(self, position: int) -> Path:
        return self.paths[position]


def find_range(paths: Sequence[Path]) -> ValueRange:
    """The range of the values in pictures with more than 8 bits, from at most 256 of them, evenly spread.

    Pictures that cannot be decoded are passed over: the loader reports them.
    """
    limits, _ = _read_limits(_Files(paths), is_deep=lambda _: True)
    return _join(limits, num_deep=len(paths))


def find_range_in_sample(images: EncodedImages) -> ValueRange | None:
    """As `find_range`, where it is not known which pictures have more than 8 bits; `None` if none of the sample has."""
    limits, num_read = _read_limits(images, is_deep=lambda image: image.mode in DEEP_MODES)
    if not limits:
        return None
    num_deep = len(limits) if num_read == len(images) else round(len(limits) / num_read * len(images))
    return _join(limits, num_deep=num_deep)


def _read_limits(
    images: EncodedImages, *, is_deep: Callable[[Image.Image], bool]
) -> tuple[list[tuple[float, float]], int]:
    """The smallest and the largest value of each deep picture in a sample, and how many pictures were read."""
    limits, num_read = [], 0
    for position in np.unique(np.linspace(0, len(images) - 1, min(_MOST_READ, len(images))).round().astype(int)):
        try:
            file = images.open(int(position))
            if file is None:
                continue
            with Image.open(file) as image:
                num_read += 1
                if not is_deep(image):
                    continue
                values = np.asarray(image)
        except Exception:  # Pillow raises almost any exception on damaged bytes
            continue
        if not np.isnan(values).all():
            limits.append((float(np.nanmin(values)), float(np.nanmax(values))))
    return limits, num_read


def _join(limits: list[tuple[float, float]], *, num_deep: int) -> ValueRange:
    if not limits:
        return ValueRange(low=FULL_WINDOW[0], high=FULL_WINDOW[1], num_read=0, num_deep=num_deep)
    lows, highs = zip(*limits, strict=True)
    return ValueRange(low=min(lows), high=max(highs), num_read=len(limits), num_deep=num_deep)


def choose_window(wanted: tuple[float, ...] | str, found: ValueRange) -> tuple[Window, str]:
    """The window of pictures with more than 8 bits, and a note about it.

    Args:
        wanted: a window, `auto` for the range found, or `full` for all 16 bits.
        found: the range of the values.
    """
    if wanted == "auto":
        window: Window = (found.low, found.high if found.high > found.low else found.low + 1)
    else:
        window = FULL_WINDOW if isinstance(wanted, str) else (wanted[0], wanted[1])
    sampled = "" if found.num_read == found.num_deep else f" (in {found.num_read:,} of them)"
    note = (
        f"{found.num_deep:,} pictures have more than 8 bits, with values from {found.low:,g} to {found.high:,g}"
        f"{sampled}: the range from {window[0]:,g} to {window[1]:,g} is shown to the model as 0 to 255"
    )
    used = max(min(found.high, window[1]) - max(found.low, window[0]), 0) / (window[1] - window[0])
    if wanted == "full" and used < _LEAST_USED:
        note += f", of which they use {used:.0%}: the window {found.low:g},{found.high:g} uses all"
    return window, f"{note}."
