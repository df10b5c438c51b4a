"""Image files as a person would see them: every mode that Pillow reads becomes 8-bit RGB. Torch-free.

A viewer turns a photograph upright by its EXIF orientation, shows the first frame, reduces 16 bits to 8, and lays what
is transparent on a white page; so does this module. Colour profiles are not applied: training pipelines don't either.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from reportgen.errors import DataError, setting

SUFFIXES = frozenset(
    {
        ".avif",
        ".bmp",
        ".gif",
        ".jfif",
        ".jp2",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pgm",
        ".png",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    }
)
_SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")
DEEP_MODES = (*_SIXTEEN_BIT_MODES, "F")
"""Pillow's modes of pictures with more than 8 bits a channel."""

Window = tuple[float, float]
"""The values that become 0 and 255 in pictures with more than 8 bits."""
FULL_WINDOW: Window = (0.0, 65535.0)


@dataclass(frozen=True, slots=True)
class FileImages:
    """Images in files below one folder; an `ImageSource`.

    Attributes:
        root: the folder.
        names: the files' paths below it, with forward slashes.
        window: of pictures with more than 8 bits.
    """

    root: Path
    names: tuple[str, ...]
    window: Window = FULL_WINDOW

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, position: int, /) -> NDArray[np.uint8]:
        return read_image(self.root / self.names[position], self.window)

    def take(self, positions: NDArray[np.int64]) -> Self:
        """The images at some positions."""
        return replace(self, names=tuple(self.names[position] for position in positions))


def read_image(path: Path, window: Window = FULL_WINDOW) -> NDArray[np.uint8]:
    """The image in a file, uint8 (H, W, 3).

    Raises:
        DataError: it cannot be read.
    """
    try:
        return decode_image(path, str(path), window)
    except FileNotFoundError as error:
        raise DataError(
            f"The image {path} was removed.", hint="Do not change the test set while it is read."
        ) from error


def decode_image(file: Path | BinaryIO, name: str, window: Window = FULL_WINDOW) -> NDArray[np.uint8]:
    """The image in a file or in a file's content, uint8 (H, W, 3).

    Args:
        file: the file, or its content as a stream.
        name: the image in messages, after `The image`.
        window: of an image with more than 8 bits.

    Raises:
        DataError: it cannot be read.
        FileNotFoundError: it is not there.
    """
    try:
        with Image.open(file) as image:
            return to_rgb(image, window)
    except FileNotFoundError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(
            f"The image {name} cannot be read: it is not an image in a known format.",
            hint="Replace it, or remove it from the test set.",
        ) from error
    except Exception as error:  # Pillow's decoders meet damaged bytes with almost any exception
        raise DataError(
            f"The image {name} cannot be read: {error}", hint="Replace it, or remove it from the test set."
        ) from error


def to_rgb(image: Image.Image, window: Window = FULL_WINDOW) -> NDArray[np.uint8]:
    """A Pillow image of any mode, as a person would see it: uint8 (H, W, 3).

    Raises:
        ValueError: its values have no known range (floating point, or more than 16 bits), or Pillow can't convert it.
    """
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _SIXTEEN_BIT_MODES:
        upright = Image.fromarray(reduce_to_8_bits(np.asarray(upright), window))
    elif upright.mode == "F":
        if window == FULL_WINDOW:
            hint = f"give {setting('window', (0, 1))} or {setting('window', 'auto')}"
            raise ValueError(f"floating-point pixels have no known range; {hint}")
        upright = Image.fromarray(_apply_window(np.asarray(upright), window))
    if upright.has_transparency_data:
        picture = upright.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        upright = Image.alpha_composite(white, picture)
    return np.asarray(upright.convert("RGB"))


def reduce_to_8_bits(pixels: NDArray[np.generic], window: Window) -> NDArray[np.uint8]:
    """Values to the nearest of [0, 255], uint8 of the same shape; with the full window, from whole ones in [0, 65535].

    Raises:
        ValueError: with the full window, one is outside.
    """
    if window != FULL_WINDOW:
        return _apply_window(pixels, window)
    values = pixels.astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(f"its values have more than 16 bits; give {setting('window', 'auto')} or save it with 16 bits")
    return ((values + 128) // 257).astype(np.uint8)


def _apply_window(pixels: NDArray[np.generic], window: Window) -> NDArray[np.uint8]:
    """Values at or below the window's low end become 0, those at or above its high end 255; NaN becomes 0."""
    low, high = window
    shares = np.nan_to_num((pixels.astype(np.float64) - low) / (high - low)).clip(0, 1)
    reduced: NDArray[np.uint8] = np.rint(shares * 255).astype(np.uint8)
    return reduced
