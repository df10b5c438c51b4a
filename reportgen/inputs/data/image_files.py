"""Image files as a person would see them: every mode that Pillow reads becomes 8-bit RGB. Torch-free.

A viewer turns a photograph upright by its EXIF orientation, shows the first frame, reduces 16 bits to 8, and lays what
is transparent on a white page; so does this module. Colour profiles are not applied: training pipelines don't either.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from reportgen.errors import DataError

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


@dataclass(frozen=True, slots=True)
class FileImages:
    """Images in files below one folder; an `ImageSource`.

    Attributes:
        root: the folder.
        names: the files' paths below it, with forward slashes.
    """

    root: Path
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, position: int, /) -> NDArray[np.uint8]:
        return read_image(self.root / self.names[position])

    def take(self, positions: NDArray[np.int64]) -> Self:
        """The images at some positions."""
        return type(self)(self.root, tuple(self.names[position] for position in positions))


def read_image(path: Path) -> NDArray[np.uint8]:
    """The image in a file, uint8 (H, W, 3).

    Raises:
        DataError: it cannot be read.
    """
    try:
        return decode_image(path, str(path))
    except FileNotFoundError as error:
        raise DataError(
            f"The image {path} was removed.", hint="Do not change the test set while it is read."
        ) from error


def decode_image(file: Path | BinaryIO, name: str) -> NDArray[np.uint8]:
    """The image in a file or in a file's content, uint8 (H, W, 3).

    Args:
        file: the file, or its content as a stream.
        name: the image in messages, after `The image`.

    Raises:
        DataError: it cannot be read.
        FileNotFoundError: it is not there.
    """
    try:
        with Image.open(file) as image:
            return to_rgb(image)
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


def to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """A Pillow image of any mode, as a person would see it: uint8 (H, W, 3).

    Raises:
        ValueError: its values have no known range (floating point, or more than 16 bits), or Pillow can't convert it.
    """
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _SIXTEEN_BIT_MODES:
        upright = Image.fromarray(_reduce_to_8_bits(np.asarray(upright)))
    elif upright.mode == "F":
        raise ValueError("floating-point pixels have no known range; save it with 8 or 16 bits")
    if upright.has_transparency_data:
        picture = upright.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        upright = Image.alpha_composite(white, picture)
    return np.asarray(upright.convert("RGB"))


def _reduce_to_8_bits(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Integer grey values in [0, 65535] to the nearest of [0, 255]."""
    values = pixels.astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("its values have more than 16 bits; save it with 8 or 16 bits")
    return ((values + 128) // 257).astype(np.uint8)
