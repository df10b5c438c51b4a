"""Label Studio's brush strokes: the run lengths in which it stores the pixels of a picture with transparency."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reportgen.inputs.annotations.shapes import Mask

_CHANNELS: Final = 4
_NUM_LENGTHS: Final = 4


def decode_brush(encoded: Any, size: tuple[int, int]) -> Mask:
    """The pixels that a brush has touched.

    The bytes are a sequence of bits: 32 for the number of values, 5 for the bits of a value, 4 for the bits of each of
    four lengths, each of the last two less 1. Blocks follow: one bit, whether one value is repeated; two, which of the
    lengths is used; the length, less 1; and the value, or as many values as the length says. The values are the
    channels of the pixels, row by row; the last channel is the opacity.

    Args:
        encoded: whole numbers from 0 to 255, a list.
        size: height and width in pixels.

    Returns:
        bool (h, w), the pixels that are not transparent.

    Raises:
        ValueError: the list is truncated, or is that of another size.
    """
    bits = _Bits(np.unpackbits(np.asarray(encoded, dtype=np.uint8)))
    total, value_bits = bits.read(32), bits.read(5) + 1
    length_bits = [bits.read(4) + 1 for _ in range(_NUM_LENGTHS)]
    height, width = size
    if total != height * width * _CHANNELS:
        raise ValueError(f"it has {total:,} values, not those of {width}×{height} pixels in {_CHANNELS} channels")
    values = np.zeros(total, dtype=np.int64)
    place = 0
    while place < total:
        is_repeated = bits.read(1)
        end = place + 1 + bits.read(length_bits[bits.read(2)])
        values[place:end] = (
            bits.read(value_bits) if is_repeated else bits.read_many(end - place, value_bits)[: total - place]
        )
        place = end
    opacity = values.reshape(height, width, _CHANNELS)[..., -1]
    return opacity > 0


class _Bits:
    """A sequence of bits, read from the first to the last."""

    def __init__(self, bits: NDArray[np.uint8]) -> None:
        self._bits, self._place = bits, 0

    def read(self, count: int) -> int:
        """The number in the next bits, the highest first."""
        return int(self.read_many(1, count)[0])

    def read_many(self, count: int, width: int) -> NDArray[np.int64]:
        """The numbers in the next bits, int64 (count,), of a width each."""
        end = self._place + count * width
        if end > len(self._bits):
            raise ValueError("it ends in the middle of a block")
        rows = self._bits[self._place : end].reshape(count, width).astype(np.int64)
        self._place = end
        numbers: NDArray[np.int64] = rows @ (1 << np.arange(width - 1, -1, -1, dtype=np.int64))
        return numbers
