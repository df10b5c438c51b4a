"""Coordinates of the diagrams that are drawn in the page: the strip of classes, reliability, the matrix's frame."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from reportgen.analysis.calibration import Calibration, ReliabilityBin
from reportgen.analysis.intervals import CONFIDENCE_LEVEL, Proportion
from reportgen.report.context import ReportContext
from reportgen.report.pages import (
    AxisTick,
    ClassStrip,
    MatrixBar,
    MatrixBlock,
    MatrixPicture,
    ReliabilityDiagram,
    ReliabilityDot,
    StripDot,
)
from reportgen.report.text import count_text, percent_interval_text, percent_text, plural_text
from reportgen.report.urls import INDEX_PATH

_STRIP = {"width": 1120.0, "height": 208.0, "left": 40.0, "right": 1112.0, "top": 18.0, "bottom": 188.0}
_RELIABILITY = {"width": 440.0, "height": 420.0, "left": 40.0, "right": 428.0, "top": 10.0, "bottom": 320.0}
_COUNT_TOP, _COUNT_BOTTOM = 346.0, 392.0
_MATRIX = {"top": 4.0, "side": 600.0, "gap": 8.0, "bar": 84.0}
_NAME_LENGTH, _LETTER_WIDTH = 38, 6.6
_LABEL_SPACING = 13.5


def _text(coordinate: float) -> str:
    return f"{coordinate:.1f}".removesuffix(".0")


def draw_strip(context: ReportContext) -> ClassStrip:
    """The recall of every class with support, best to worst, with its interval.

    The band is where 95 in 100 classes would fall if all had the overall accuracy: binomial quantiles at the mean
    support.
    """
    classes = [metrics for metrics in context.findings.classes if metrics.recall.total]
    ranked = sorted(classes, key=lambda metrics: (-metrics.recall.value, metrics.class_index))
    accuracy = context.findings.overall.top1.value
    support = round(float(np.mean([metrics.recall.total for metrics in ranked])))
    tail = (1 - CONFIDENCE_LEVEL) / 2
    band_low, band_high = (float(binom.ppf(q, support, accuracy)) / support for q in (tail, 1 - tail))
    floor = math.floor(min(metrics.recall.low for metrics in ranked) * 4) / 4
    left, right, top, bottom = (_STRIP[name] for name in ("left", "right", "top", "bottom"))

    def y(fraction: float) -> float:
        return bottom - (fraction - floor) / (1 - floor) * (bottom - top)

    step = (right - left) / len(ranked)
    dots = tuple(
        StripDot(
            url=context.class_link(metrics.class_index, page=INDEX_PATH).url,
            title=f"{context.class_name(metrics.class_index)}: recall {percent_text(metrics.recall.value)}"
            f" ({percent_interval_text(metrics.recall)}, n = {count_text(metrics.recall.total)})",
            x=_text(left + (rank + 0.5) * step),
            y=_text(y(metrics.recall.value)),
            low_y=_text(y(metrics.recall.low)),
            high_y=_text(y(metrics.recall.high)),
            is_below=metrics.recall.high < accuracy,
        )
        for rank, metrics in enumerate(ranked)
    )
    ticks = [floor + i * 0.25 for i in range(round((1 - floor) / 0.25) + 1)]
    best, worst = (
        f"{context.class_name(metrics.class_index)} {percent_text(metrics.recall.value, digits=0)}"
        for metrics in (ranked[0], ranked[-1])
    )
    return ClassStrip(
        title=f"Recall of {count_text(len(ranked))} classes, best to worst",
        alt=f"Recall of each class with its 95% interval, from {best} down to {worst}",
        width=_text(_STRIP["width"]),
        height=_text(_STRIP["height"]),
        left=_text(left),
        right=_text(right),
        band_y=_text(y(band_high)),
        band_height=_text(y(band_low) - y(band_high)),
        band_text="If every class had the same recall, 95 in 100 would fall in the band:"
        f" {percent_text(band_low, digits=0)} to {percent_text(band_high, digits=0)}.",
        ticks=tuple(AxisTick(position=_text(y(tick)), text=percent_text(tick, digits=0)) for tick in ticks),
        dots=dots,
        best=best,
        worst=worst,
    )


def draw_reliability(calibration: Calibration) -> ReliabilityDiagram:
    """Accuracy with its interval over mean confidence, bin by bin, and the number of examples of each bin below."""
    left, right, top, bottom = (_RELIABILITY[name] for name in ("left", "right", "top", "bottom"))
    most = max(part.accuracy.total for part in calibration.bins)

    def x(fraction: float) -> float:
        return left + fraction * (right - left)

    def y(fraction: float) -> float:
        return bottom - fraction * (bottom - top)

    def dot(part: ReliabilityBin) -> ReliabilityDot:
        bar_height = part.accuracy.total / most * (_COUNT_BOTTOM - _COUNT_TOP)
        return ReliabilityDot(
            title=f"confidence {percent_text(part.mean_confidence)}: {percent_text(part.accuracy.value)} right"
            f" ({percent_interval_text(part.accuracy)}), {plural_text(part.accuracy.total, 'image')}",
            x=_text(x(part.mean_confidence)),
            y=_text(y(part.accuracy.value)),
            low_y=_text(y(part.accuracy.low)),
            high_y=_text(y(part.accuracy.high)),
            bar_x=_text(x(part.low) + 1),
            bar_y=_text(_COUNT_BOTTOM - max(bar_height, 1.0)),
            bar_width=_text(x(part.high) - x(part.low) - 2),
            bar_height=_text(max(bar_height, 1.0)),
        )

    quarters = [i / 4 for i in range(5)]
    return ReliabilityDiagram(
        alt="Accuracy over confidence in 15 bins; on the diagonal both agree. "
        f"Expected calibration error {percent_text(calibration.error.value)}.",
        width=_text(_RELIABILITY["width"]),
        height=_text(_RELIABILITY["height"]),
        left=_text(left),
        right=_text(right),
        top=_text(top),
        bottom=_text(bottom),
        x_ticks=tuple(AxisTick(position=_text(x(tick)), text=percent_text(tick, digits=0)) for tick in quarters),
        y_ticks=tuple(AxisTick(position=_text(y(tick)), text=percent_text(tick, digits=0)) for tick in quarters),
        dots=tuple(dot(part) for part in calibration.bins if part.accuracy.total),
    )


def frame_matrix(
    *,
    url: str,
    alt: str,
    blocks: Sequence[tuple[str, int]],
    recalls: Sequence[tuple[str, Proportion]],
    max_count: int,
    order_text: str,
) -> MatrixPicture:
    """The frame around a matrix picture: what its rows are, and their recall in the margin.

    Args:
        url: the picture.
        alt: the matrix in words.
        blocks: names of runs of rows with their lengths, from the top; none leaves the rows without a name.
        recalls: name and recall of each row, from the top.
        max_count: the count of the darkest cell.
        order_text: how rows and columns are ordered.
    """
    size, side, top = len(recalls), _MATRIX["side"], _MATRIX["top"]
    names = [shorten(name) for name, _ in blocks]
    left = 16 + _LETTER_WIDTH * max((len(name) for name in names), default=0)
    bar_x = left + side + _MATRIX["gap"]
    row = side / size
    starts = np.concatenate([[0], np.cumsum([length for _, length in blocks])])
    middles = [top + (float(start) + length / 2) * row for start, (_, length) in zip(starts, blocks, strict=False)]
    return MatrixPicture(
        url=url,
        alt=alt,
        size=str(size),
        width=_text(bar_x + _MATRIX["bar"] + 4),
        height=_text(top + side + 4),
        left=_text(left),
        top=_text(top),
        side=_text(side),
        bar_x=_text(bar_x),
        bar_end=_text(bar_x + _MATRIX["bar"]),
        blocks=tuple(
            MatrixBlock(
                text=name,
                start=str(int(start)),
                size=str(length),
                label_y=_text(label_y),
            )
            for start, name, (_, length), label_y in zip(
                starts, names, blocks, _spread(middles, top + 6, top + side - 2), strict=False
            )
        ),
        bars=tuple(
            MatrixBar(
                title=f"{name}: recall {percent_text(recall.value)} ({percent_interval_text(recall)})",
                y=_text(top + index * row + 0.1 * row),
                width=_text(_MATRIX["bar"] * (0.0 if math.isnan(recall.value) else recall.value)),
                height=f"{0.8 * row:.2f}",
            )
            for index, (name, recall) in enumerate(recalls)
        ),
        max_count=count_text(max_count),
        order_text=order_text,
    )


def shorten(name: str) -> str:
    """A name short enough for the margin of a diagram."""
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1].rstrip()}…"


def _spread(middles: Sequence[float], low: float, high: float) -> NDArray[np.float64]:
    """Label positions as near to the middles as `_LABEL_SPACING` between neighbours allows (least squares)."""
    if not middles:
        return np.zeros(0)
    spacing = min(_LABEL_SPACING, (high - low) / len(middles))
    # Isotonic regression on the positions less their minimal advance keeps the order and the distance.
    from scipy.optimize import isotonic_regression

    advance = spacing * np.arange(len(middles))
    fitted = isotonic_regression(np.asarray(middles) - advance).x
    placed: NDArray[np.float64] = np.clip(fitted, low, high - advance[-1]) + advance
    return placed
