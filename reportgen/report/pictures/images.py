"""From arrays to pictures: thumbnails, class activation maps and confusion matrices, as values and as PNG bytes.

The browser scales a map before it colors it, so that it interpolates values, not colors. Python does the same:
`analysis.scaling.scale_maps`, then `overlay` or `colored_map`.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reportgen.report.pictures.colormaps import DEFAULT_COLORMAP, color_levels, opacity_levels


@dataclass(frozen=True, slots=True, kw_only=True)
class SpriteLayout:
    """The cells of a sprite: row by row, each inside a replica of its own edge, one pixel wide.

    Without the replica, neighboring cells bleed in where a browser scales smoothly or by a fraction.

    Attributes:
        num_cells: cells in use.
        columns: cells in a row.
        cell_width: width of a cell in pixels, without its border.
        cell_height: height of a cell in pixels, without its border.
    """

    num_cells: int
    columns: int
    cell_width: int
    cell_height: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole sprite in pixels; one cell where none is in use."""
        rows = max(1, -(-self.num_cells // self.columns))
        columns = min(self.columns, max(1, self.num_cells))
        return columns * (self.cell_width + 2), rows * (self.cell_height + 2)

    def offset(self, cell: int) -> tuple[int, int]:
        """Left and upper edge in pixels of a cell, inside its border."""
        row, column = divmod(cell, self.columns)
        return column * (self.cell_width + 2) + 1, row * (self.cell_height + 2) + 1

    def view_box(self, cell: int) -> str:
        """The `viewBox` that crops a cell out of the sprite."""
        x, y = self.offset(cell)
        return f"{x} {y} {self.cell_width} {self.cell_height}"


def sprite_columns(num_cells: int) -> int:
    """Number of cells in a row that makes a sprite about square, so that neither side exceeds its format."""
    return max(1, math.isqrt(max(0, num_cells - 1)) + 1)


def sprite_layout(num_cells: int, height: int, width: int, *, columns: int = 10) -> SpriteLayout:
    """The layout of a sprite of cells of this size."""
    return SpriteLayout(num_cells=num_cells, columns=columns, cell_width=width, cell_height=height)


def thumbnail_sprite(thumbnails: NDArray[np.uint8], *, columns: int = 10) -> bytes:
    """All thumbnails in one lossless RGB picture.

    Args:
        thumbnails: uint8 (n, H, W, 3).
        columns: thumbnails in a row; the layout is `sprite_layout(n, H, W, columns=columns)`.

    Returns:
        A lossless WebP: an eighth smaller than a PNG, in the same time. Its sides are at most 16,383 pixels.
    """
    content = io.BytesIO()
    Image.fromarray(_tile(thumbnails, columns)).save(content, "WEBP", lossless=True, quality=0, method=1)
    return content.getvalue()


def map_sprite(maps: NDArray[np.floating], *, columns: int = 10) -> bytes:
    """All maps in one gray picture, at their own resolution.

    Args:
        maps: float (m, h, w), in [0, 1].
        columns: maps in a row; the layout is `sprite_layout(m, h, w, columns=columns)`.

    Returns:
        A PNG of one 8-bit channel, in which 255 stands for 1.
    """
    return encode_png(_tile(gray_levels(maps), columns))


def _tile(cells: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """The cells (n, H, W, ...) side by side, each with its border; unused places are black."""
    n, *size = cells.shape[:3]
    width, height = sprite_layout(n, *size, columns=columns).size
    bordered = np.pad(cells, [(0, 0), (1, 1), (1, 1), *[(0, 0)] * (cells.ndim - 3)], mode="edge")
    rows, columns = height // bordered.shape[1], width // bordered.shape[2]
    grid = np.zeros((rows * columns, *bordered.shape[1:]), np.uint8)
    grid[:n] = bordered
    grid = grid.reshape(rows, columns, *bordered.shape[1:])
    return np.ascontiguousarray(grid.swapaxes(1, 2)).reshape(height, width, *cells.shape[3:])


def confusion_picture(confusion: NDArray[np.int64], order: NDArray[np.int64]) -> bytes:
    """The errors of a confusion matrix, one pixel per cell, for the browser to enlarge and color.

    Levels follow the square root of the counts, so that single errors are visible beside frequent ones: level 255 is
    `max_errors`. Correct predictions are left out (level 0); a cell with an error is never 0.

    Args:
        confusion: int64 (K, K), rows true, columns predicted.
        order: int64 (K,), class indices in the order in which rows and columns are shown.

    Returns:
        A PNG of one 8-bit channel, K x K.
    """
    return encode_png(confusion_levels(confusion[np.ix_(order, order)]))


def confusion_levels(confusion: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Gray levels of a confusion matrix, uint8 (K, K), as in `confusion_picture`."""
    errors = np.where(np.eye(len(confusion), dtype=bool), 0, confusion)
    levels = gray_levels(np.sqrt(errors / max(1, max_errors(confusion))))
    return np.where(errors > 0, np.maximum(levels, 1), 0).astype(np.uint8)


def max_errors(confusion: NDArray[np.int64]) -> int:
    """The largest count off the diagonal."""
    return int(np.where(np.eye(len(confusion), dtype=bool), 0, confusion).max())


def common_scale(true: NDArray[np.floating], predicted: NDArray[np.floating]) -> NDArray[np.float64]:
    """The common scale of both maps of each example: the larger of their peaks, 0 if no cell is positive.

    Args:
        true: (N, h, w), signed, in units of the logit.
        predicted: (N, h, w), likewise.

    Returns:
        float64 (N,), not negative.
    """
    return np.maximum(peaks(true), peaks(predicted))


def peaks(maps: NDArray[np.floating]) -> NDArray[np.float64]:
    """The largest positive evidence of each map: float64 (N,), 0 for a blank one."""
    highest: NDArray[np.float64] = maps.astype(np.float64).max(axis=(1, 2))
    return np.maximum(highest, 0.0)


def evidence(maps: NDArray[np.floating], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Maps as shown: evidence for the class as a fraction of a scale; evidence against it counts as zero.

    Args:
        maps: (N, h, w), signed, in units of the logit.
        scale: (N,), not negative, such as `common_scale`'s; where it is 0 the map is blank.

    Returns:
        float64 (N, h, w) in [0, 1].
    """
    divisor = np.where(scale > 0, scale, 1.0)[:, None, None]
    fractions: NDArray[np.float64] = maps.astype(np.float64) / divisor
    return np.clip(fractions, 0.0, 1.0)


def colored_map(levels: NDArray[np.floating], colormap: str = DEFAULT_COLORMAP) -> NDArray[np.uint8]:
    """Maps in color: evidence (..., H, W) in [0, 1] to uint8 (..., H, W, 3)."""
    colored: NDArray[np.uint8] = color_levels(colormap)[gray_levels(levels)]
    return colored


def overlay(
    photo: NDArray[np.uint8], levels: NDArray[np.floating], colormap: str = DEFAULT_COLORMAP
) -> NDArray[np.uint8]:
    """Maps colored and blended over photos of the same size, as the browser's filter does it.

    Args:
        photo: uint8 (..., H, W, 3).
        levels: (..., H, W), evidence in [0, 1]; where it is 0 the photo stays as it is.
        colormap: one of `EVIDENCE_COLORMAPS`.

    Returns:
        uint8 (..., H, W, 3).
    """
    gray = gray_levels(levels)
    opacity = opacity_levels()[:, None]
    color = (opacity * color_levels(colormap)).astype(np.float32)  # (256, 3)
    rest = (1.0 - opacity).astype(np.float32)
    blended: NDArray[np.float32] = color[gray] + rest[gray] * photo
    return np.rint(blended).astype(np.uint8)


def gray_levels(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Values in [0, 1] as the nearest of 256 levels."""
    return np.round(values * 255.0).astype(np.uint8)


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of 8-bit gray (H, W) or RGB (H, W, 3) without any metadata, so that equal pixels give equal bytes."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", compress_level=9)
    return content.getvalue()
