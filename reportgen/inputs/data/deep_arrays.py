"""Arrays of images with more than 8 bits, reduced to 8 by a window. Torch-free."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import setting
from reportgen.inputs.data.image_files import reduce_to_8_bits
from reportgen.inputs.data.npz import NpzFile
from reportgen.inputs.data.windows import ValueRange, choose_window

_NUM_AT_ONCE: Final = 256
_WINDOW_HINT: Final = f"{setting('window', (0, 1))} or {setting('window', 'auto')}"


@dataclass(frozen=True, eq=False, slots=True)
class ReducedImages:
    """Images of 8 bits.

    Attributes:
        images: uint8, of the shape that they had.
        notes: how their values were reduced, as sentences.
    """

    images: NDArray[Any]
    notes: tuple[str, ...] = ()


def reduce_images(images: NDArray[Any], wanted: tuple[float, ...] | str, file: NpzFile) -> ReducedImages:
    """Images of a wider type as uint8; those of another kind, and of uint8, as they are.

    Whole numbers that all lie in [0, 255] stay as they are. Floating-point numbers need a window: they may be
    normalized, and their range is not known.

    Args:
        images: the member of the file.
        wanted: a window, `auto` for the range found, or `full` for all 16 bits.
        file: for messages.

    Raises:
        DataError: the values are not finite, or are beyond 16 bits or of floating point and no window is given.
    """
    if images.dtype == np.uint8 or images.dtype.kind not in "iuf" or images.size == 0:
        return ReducedImages(images)
    low, high = float(images.min()), float(images.max())
    if not np.isfinite([low, high]).all():
        raise file.misfit("images contain NaN or infinity", "Replace these values.")
    is_whole = images.dtype.kind in "iu"
    if is_whole and low >= 0 and high <= 255:
        note = f"The images are {images.dtype} with values from {low:g} to {high:g}, which are read as 8 bits."
        return ReducedImages(images.astype(np.uint8), (note,))
    if wanted == "full" and not is_whole:
        raise file.misfit(
            f"images are {images.dtype}, not uint8, so that the range of their values is not known",
            "Save the images before any normalization, as uint8 from 0 to 255; or give the values that become black "
            f"and white: {_WINDOW_HINT}.",
        )
    if wanted == "full" and not 0 <= low <= high <= 65535:
        raise file.misfit(
            f"images reach from {low:g} to {high:g}, beyond 16 bits",
            f"Give the values that become black and white: {_WINDOW_HINT}.",
        )
    found = ValueRange(low=low, high=high, num_read=len(images), num_deep=len(images))
    window, note = choose_window(wanted, found)
    reduced = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), _NUM_AT_ONCE):
        part = slice(start, start + _NUM_AT_ONCE)
        reduced[part] = reduce_to_8_bits(images[part], window)
    return ReducedImages(reduced, (note,))
