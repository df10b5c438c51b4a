"""Annotated regions: outlines and bitmaps in pixels of the original image, and their masks over a thumbnail.

Coordinates are continuous: the pixel in column j covers [j, j + 1), so a rectangle from 2 to 5 marks three columns.
"""

import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from reportgen.inputs.preprocessing import Preprocessing

Mask = NDArray[np.bool_]
Pair = tuple[float, float]

_ROUNDNESS: Final = 0.01  # pixels by which the polygon of a circle may deviate from it
_ROUNDING: Final = 1e-9


class Shape(Protocol):
    """One marked region."""

    @property
    def label(self) -> str:
        """The annotator's name for the region; empty if there is none."""
        ...

    def draw_on(self, mask: Mask) -> None:
        """Set the region in a mask (h, w) of the image; parts outside are ignored."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Outline:
    """A polygon, filled by the even-odd rule if it crosses itself.

    Attributes:
        label: what was marked.
        corners: float64 (n, 2), x and y in pixels, n >= 3.
    """

    label: str
    corners: NDArray[np.float64]

    def draw_on(self, mask: Mask) -> None:
        """Set the pixels whose centers are inside."""
        height, width = mask.shape
        (x0, y0), (x1, y1) = self.corners.T, np.roll(self.corners, -1, axis=0).T
        # The rows whose centre line each edge crosses, its lower end included and its upper end not.
        first, last = (
            np.clip(np.ceil(end - 0.5), 0, height).astype(np.int64) for end in (np.minimum(y0, y1), np.maximum(y0, y1))
        )
        num_rows = last - first
        top, bottom = int(first.min()), int(last.max())
        edge = np.repeat(np.arange(len(first)), num_rows)
        rows = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(num_rows) - num_rows, num_rows)
        at = x0[edge] + (rows + 0.5 - y0[edge]) * ((x1 - x0)[edge] / (y1 - y0)[edge])
        columns = np.clip(np.ceil(at - 0.5), 0, width).astype(np.int64)
        crossings = np.zeros((bottom - top, width + 1), dtype=np.bool_)
        np.logical_xor.at(crossings, (rows - top, columns), True)
        mask[top:bottom] |= np.logical_xor.accumulate(crossings[:, :width], axis=1)


@dataclass(frozen=True, eq=False, slots=True)
class Bitmap:
    """Pixels, one by one.

    Attributes:
        label: what was marked.
        pixels: bool (h, w).
        left: column of the image for its first column, 0 or more.
        top: row of the image for its first row, 0 or more.
    """

    label: str
    pixels: Mask
    left: int = 0
    top: int = 0

    def draw_on(self, mask: Mask) -> None:
        """Mark its pixels."""
        window = mask[self.top : self.top + self.pixels.shape[0], self.left : self.left + self.pixels.shape[1]]
        window |= self.pixels[: window.shape[0], : window.shape[1]]


def rectangle(label: str, x0: float, y0: float, x1: float, y1: float) -> Outline:
    """The rectangle between two opposite corners."""
    return Outline(label, np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64))


def circle(label: str, x: float, y: float, radius: float) -> Outline:
    """A circle as a polygon that leaves it by at most a hundredth of a pixel."""
    ratio = min(_ROUNDNESS / radius, 1.0) if radius > 0 else 1.0
    num_corners = max(8, math.ceil(math.pi / math.acos(1 - ratio)))
    angles = np.arange(num_corners) * (2 * math.pi / num_corners)
    return Outline(label, np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1))


def ellipse(label: str, center: Pair, radii: Pair, degrees: float = 0) -> Outline:
    """An ellipse, turned clockwise about its center, as a polygon."""
    longest = max(*radii, _ROUNDNESS)
    unit = circle(label, 0, 0, longest).corners / longest
    return Outline(label, _turn(unit * np.array(radii), degrees) + np.array(center))


def rotated_rectangle(label: str, corner: Pair, size: Pair, degrees: float = 0) -> Outline:
    """A rectangle of a width and a height, turned clockwise about its top left corner."""
    width, height = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    return Outline(label, _turn(corners, degrees) + np.array(corner))


def _turn(points: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    """Points turned clockwise about the origin, as the picture is seen (y points down)."""
    if degrees == 0:
        return points
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned: NDArray[np.float64] = points @ np.array([[c, s], [-s, c]])
    return turned


def draw_shapes(shapes: tuple[Shape, ...], size: tuple[int, int]) -> Mask:
    """Everything that the shapes mark, bool (h, w), in an image of this height and width."""
    mask = np.zeros(size, dtype=np.bool_)
    for shape in shapes:
        shape.draw_on(mask)
    return mask


def view_mask(mask: Mask, preprocessing: Preprocessing, thumbnail_size: tuple[int, int]) -> Mask:
    """A mask over the image's thumbnail: resized, cropped and scaled down like the image.

    Args:
        mask: bool (h, w), in pixels of the original image.
        preprocessing: gives the geometry.
        thumbnail_size: height and width in pixels of the thumbnail, that of the whole view.

    Returns:
        bool (H, W): a cell is marked where at least half of its area is; the border of a small image never is.
    """
    resized = preprocessing.resized_size(*mask.shape)
    if preprocessing.crop is None and resized == mask.shape == thumbnail_size:
        return mask
    rows, columns = (
        _cell_shares(length, scaled, preprocessing.crop, num_cells)
        for length, scaled, num_cells in zip(mask.shape, resized, thumbnail_size, strict=True)
    )
    share = rows @ mask.astype(np.float64) @ columns.T
    marked: Mask = share >= 0.5 - _ROUNDING
    return marked


def _cell_shares(length: int, scaled: int, crop: int | None, num_cells: int) -> NDArray[np.float64]:
    """How much of each cell of an axis each of the image's pixels covers: float64 (num_cells, length), rows up to 1.

    Args:
        length: pixels of the original image along the axis.
        scaled: pixels after the resize.
        crop: pixels of the centred window that is then cut out.
        num_cells: cells into which the window is divided.
    """
    start, window = (0, scaled) if crop is None else (_crop_start(scaled, crop), crop)
    edges = (start + np.arange(num_cells + 1) * (window / num_cells)) * (length / scaled)
    pixels = np.arange(length)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    shares: NDArray[np.float64] = np.maximum(covered, 0) / np.diff(edges)[:, None]
    return shares


def _crop_start(length: int, side: int) -> int:
    """The start of `centre_crop` along an axis; negative if it first adds a border."""
    border = max(side - length, 0) // 2
    return round((max(length, side) - side) / 2) - border
