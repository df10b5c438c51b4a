"""A confusion matrix as one gray picture with a pixel per cell, and what stands around it.

Names and brackets of superclasses, the recall of each row in the margin, and the marks of the color scale.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from reportgen.analysis.intervals import Proportion
from reportgen.report.pictures.svg import element
from reportgen.report.words.text import count_text

MAX_NAMES = 44
"""More names than this find no room beside the rows."""

_NAME_LENGTH, _LETTER_WIDTH, _NAME_MARGIN = 32, 6.3, 16
_NOMINAL_SIDE, _NAME_SPACING = 600.0, 14.0
_LARGE = 640
_TICK_DISTANCE, _LAST_TICK_DISTANCE = 8.0, 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCells:
    """A matrix as a gray picture that the page colors.

    Attributes:
        url: the picture.
        alt: the matrix in words.
        blocks: names of runs of rows with their lengths, from the top; none leaves the rows without a name.
        recalls: recall of each row, from the top.
    """

    url: str
    alt: str
    blocks: Sequence[tuple[str, int]]
    recalls: Sequence[Proportion]

    @property
    def size(self) -> int:
        """Number of rows and columns."""
        return len(self.recalls)


def draw_framed_matrix(cells: MatrixCells) -> Markup:
    """The matrix with names, brackets along superclasses and a bar for each row's recall."""
    bars = "".join(f"M0 {row}.5h{100 * recall.value:.3g}" for row, recall in enumerate(cells.recalls) if recall.total)
    brackets = "".join(f"M.5 {start + 0.2:g}v{length - 0.4:g}" for start, length in _runs(cells))
    return element(
        "div",
        *([_draw_names(cells)] if cells.blocks else []),
        *([_stretched("cm-brackets", 1, cells.size, element("path", d=brackets))] if brackets else []),
        element("div", _draw_cells(cells), class_="cm-cells"),
        _stretched("cm-bars", 100, cells.size, element("path", d=bars)),
        class_="cm-picture",
        role="img",
        aria_label=cells.alt,
    )


def draw_matrix(cells: MatrixCells) -> Markup:
    """The matrix alone."""
    return element("div", _draw_cells(cells), class_="cm-cells", role="img", aria_label=cells.alt)


def draw_count_scale(max_count: int) -> Markup:
    """Marks below the color scale; none where no cell has a count."""
    ticks = (
        element("text", count_text(count), x=f"{position:.1f}%", y=17, text_anchor=anchor)
        for position, count in scale_ticks(max_count)
        for anchor in ("end" if count == max_count else "middle",)
    )
    return element("svg", Markup().join(ticks), class_="cm-ticks", width="100%", height=20, aria_hidden="true")


def _draw_cells(cells: MatrixCells) -> Markup:
    """The picture with the squares of superclasses over it."""
    is_large = cells.size > _LARGE  # more rows than pixels on most screens: scaled smoothly
    image = element(
        "img",
        class_="cm-counts cm-large" if is_large else "cm-counts",
        src=cells.url,
        alt="",
        width=cells.size,
        height=cells.size,
    )
    squares = "".join(f"M{start} {start}h{length}v{length}h-{length}z" for start, length in _runs(cells))
    if not squares:
        return image
    return image + _stretched("cm-over", cells.size, cells.size, element("path", class_="cm-outlines", d=squares))


def _draw_names(cells: MatrixCells) -> Markup:
    names = [_shorten(name) for name, _ in cells.blocks]
    middles = [(start + length / 2) / cells.size * _NOMINAL_SIDE for start, length in _all_runs(cells)]
    places = spread(middles, _NAME_SPACING, _NOMINAL_SIDE).tolist()
    return element(
        "svg",
        *(
            element("text", name, x="100%", y=f"{100 * y / _NOMINAL_SIDE:.2f}%")
            for name, y in zip(names, places, strict=True)
        ),
        class_="cm-names",
        width=round(_NAME_MARGIN + _LETTER_WIDTH * max(map(len, names))),
        height="100%",
    )


def _stretched(class_: str, width: float, height: float, *children: Markup) -> Markup:
    view_box = f"0 0 {width} {height}"
    return element("svg", *children, class_=class_, viewBox=view_box, preserveAspectRatio="none")


def _all_runs(cells: MatrixCells) -> list[tuple[int, int]]:
    """First row and length of each block."""
    lengths = [length for _, length in cells.blocks]
    return list(zip(np.cumsum([0, *lengths])[:-1].tolist(), lengths, strict=True))


def _runs(cells: MatrixCells) -> Iterable[tuple[int, int]]:
    """Those of more than one row."""
    return [(start, length) for start, length in _all_runs(cells) if length > 1]


def _shorten(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1].rstrip()}…"


def scale_ticks(max_count: int) -> list[tuple[float, int]]:
    """Marks of a square-root scale from 0 to the largest count: the largest, then round ones as far as room allows.

    Returns:
        Place in percent of the scale, and count, ascending.
    """
    if max_count == 0:
        return []
    decades = range(len(str(max_count)))
    rounds = sorted((factor * 10**decade for decade in decades for factor in (1, 2, 5)), reverse=True)
    ticks: list[tuple[float, int]] = []
    last = math.inf
    for count in (max_count, *(count for count in rounds if count < max_count)):
        position = 100 * math.sqrt(count / max_count)
        # The last text ends at its mark, the others stand in the middle of theirs.
        if last - position >= (_LAST_TICK_DISTANCE if len(ticks) == 1 else _TICK_DISTANCE):
            ticks.insert(0, (position, count))
            last = position
    return ticks


def spread(middles: Sequence[float], spacing: float, side: float) -> NDArray[np.float64]:
    """Places for labels, as near to the middles of what they name as their distance allows (least squares).

    Args:
        middles: where each label would best stand, ascending.
        spacing: the least distance of neighbours; less where the side has no room for it.
        side: labels stand between half a distance from its start and from its end.

    Returns:
        float64, one a label, ascending.
    """
    if not middles:
        return np.zeros(0)
    # Isotonic regression on the positions less their minimal advance keeps the order and the distance.
    from scipy.optimize import isotonic_regression

    spacing = min(spacing, side / len(middles))
    advance = spacing * np.arange(len(middles))
    fitted = isotonic_regression(np.asarray(middles, dtype=np.float64) - advance).x
    placed: NDArray[np.float64] = np.clip(fitted, spacing / 2, side - spacing / 2 - advance[-1]) + advance
    return placed
