"""The frame around a matrix picture: names, superclasses, recall in the margin, and the marks of its colour scale."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.intervals import Proportion
from reportgen.report.views.index_view import MatrixName, MatrixPicture
from reportgen.report.views.shared import AxisTick
from reportgen.report.words.text import count_text

MAX_NAMES = 44
"""More names than this find no room beside the rows."""

_NAME_LENGTH, _LETTER_WIDTH, _NAME_MARGIN = 32, 6.3, 16
_NOMINAL_SIDE, _NAME_SPACING = 600.0, 14.0
_LARGE = 640
_TICK_DISTANCE, _LAST_TICK_DISTANCE = 8.0, 12.0


def frame_matrix(
    *, url: str, alt: str, blocks: Sequence[tuple[str, int]], recalls: Sequence[Proportion], max_count: int
) -> MatrixPicture:
    """A matrix picture with what stands around it.

    Args:
        url: the picture.
        alt: the matrix in words.
        blocks: names of runs of rows with their lengths, from the top; none leaves the rows without a name.
        recalls: recall of each row, from the top.
        max_count: the count of the darkest cell.
    """
    size = len(recalls)
    lengths = [length for _, length in blocks]
    starts = np.cumsum([0, *lengths])[:-1].tolist()
    names = [_shorten(name) for name, _ in blocks]
    runs = [(start, length) for start, length in zip(starts, lengths, strict=True) if length > 1]
    middles = [(start + length / 2) / size * _NOMINAL_SIDE for start, length in zip(starts, lengths, strict=True)]
    return MatrixPicture(
        url=url,
        alt=alt,
        size=str(size),
        is_large=size > _LARGE,
        names=tuple(
            MatrixName(text=name, y=f"{100 * y / _NOMINAL_SIDE:.2f}%")
            for name, y in zip(names, spread(middles, _NAME_SPACING, _NOMINAL_SIDE).tolist(), strict=True)
        ),
        names_width=str(round(_NAME_MARGIN + _LETTER_WIDTH * max(map(len, names), default=0))),
        brackets="".join(f"M.5 {start + 0.2:g}v{length - 0.4:g}" for start, length in runs),
        outlines="".join(f"M{start} {start}h{length}v{length}h-{length}z" for start, length in runs),
        bars="".join(f"M0 {row}.5h{100 * recall.value:.3g}" for row, recall in enumerate(recalls) if recall.total),
        ticks=scale_ticks(max_count),
    )


def _shorten(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1].rstrip()}…"


def scale_ticks(max_count: int) -> tuple[AxisTick, ...]:
    """Marks of a square-root scale from 0 to the largest count: the largest, then round ones as far as room allows."""
    if max_count == 0:
        return ()
    decades = range(len(str(max_count)))
    rounds = sorted((factor * 10**decade for decade in decades for factor in (1, 2, 5)), reverse=True)
    ticks: list[AxisTick] = []
    last = math.inf
    for count in (max_count, *(count for count in rounds if count < max_count)):
        position = 100 * math.sqrt(count / max_count)
        # The last text ends at its mark, the others stand in the middle of theirs.
        if last - position >= (_LAST_TICK_DISTANCE if len(ticks) == 1 else _TICK_DISTANCE):
            ticks.insert(0, AxisTick(position=f"{position:.1f}%", text=count_text(count)))
            last = position
    return tuple(ticks)


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
