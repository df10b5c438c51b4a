"""Coordinates of the diagrams that are drawn in the page: the strip of classes, and reliability."""

import math

import numpy as np

from reportgen.analysis.calibration import Calibration, ReliabilityBin
from reportgen.analysis.intervals import chance_band
from reportgen.report.pages.context import RunContext
from reportgen.report.urls import INDEX_PATH
from reportgen.report.views.class_view import ConfidenceBar, ConfidenceHistogram
from reportgen.report.views.index_view import ClassStrip, ReliabilityDiagram, ReliabilityDot, StripDot
from reportgen.report.views.shared import AxisTick
from reportgen.report.words.text import count_text, percent_interval_text, percent_text, plural_text

_STRIP = {"width": 1120.0, "height": 208.0, "left": 40.0, "right": 1112.0, "top": 18.0, "bottom": 188.0}
_RELIABILITY = {"width": 440.0, "height": 420.0, "left": 40.0, "right": 428.0, "top": 10.0, "bottom": 320.0}
_CONFIDENCE = {"width": 360.0, "height": 176.0, "left": 14.0, "right": 344.0, "top": 20.0, "bottom": 152.0}
_NUM_CONFIDENCE_BARS = 20
_COUNT_TOP, _COUNT_BOTTOM = 346.0, 392.0


def _text(coordinate: float) -> str:
    return f"{coordinate:.1f}".removesuffix(".0")


def draw_strip(context: RunContext) -> ClassStrip:
    """The recall of every class with support, best to worst, with its interval.

    The band is where 95 in 100 classes would fall if all had the overall accuracy: binomial quantiles at the mean
    support.
    """
    classes = [metrics for metrics in context.findings.classes if metrics.recall.total]
    ranked = sorted(classes, key=lambda metrics: (-metrics.recall.value, metrics.class_index))
    accuracy = context.findings.overall.top1.value
    support = round(float(np.mean([metrics.recall.total for metrics in ranked])))
    band_low, band_high = chance_band(accuracy, support)
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


def draw_confidence(context: RunContext, class_index: int) -> ConfidenceHistogram:
    """How sure the model is of the class's images, in `_NUM_CONFIDENCE_BARS` intervals of equal width."""
    predictions = context.findings.predictions
    is_member = context.cache.labels == class_index
    edges = np.linspace(0, 1, _NUM_CONFIDENCE_BARS + 1)
    right, wrong = (
        np.histogram(predictions.confidence[is_member & chosen], edges)[0].tolist()
        for chosen in (predictions.is_correct, ~predictions.is_correct)
    )
    most = max(1, *(a + b for a, b in zip(right, wrong, strict=True)))
    left, end, top, bottom = (_CONFIDENCE[name] for name in ("left", "right", "top", "bottom"))
    step = (end - left) / _NUM_CONFIDENCE_BARS
    unit = (bottom - top) / most
    bars = tuple(
        ConfidenceBar(
            title=f"{percent_text(low, digits=0)} to {percent_text(high, digits=0)} sure:"
            f" {count_text(num_right)} right, {count_text(num_wrong)} wrong",
            x=_text(left + index * step + 0.75),
            width=_text(step - 1.5),
            right_y=_text(bottom - num_right * unit),
            right_height=_text(num_right * unit),
            wrong_y=_text(bottom - (num_right + num_wrong) * unit),
            wrong_height=_text(num_wrong * unit),
        )
        for index, (low, high, num_right, num_wrong) in enumerate(
            zip(edges[:-1].tolist(), edges[1:].tolist(), right, wrong, strict=True)
        )
        if num_right + num_wrong
    )
    ticks = [i / 4 for i in range(5)]
    return ConfidenceHistogram(
        alt=f"Confidence of {plural_text(sum(right) + sum(wrong), 'image')}, {count_text(sum(wrong))} of them mistakes",
        width=_text(_CONFIDENCE["width"]),
        height=_text(_CONFIDENCE["height"]),
        bottom=_text(bottom),
        ticks=tuple(
            AxisTick(position=_text(left + tick * (end - left)), text=percent_text(tick, digits=0)) for tick in ticks
        ),
        most=AxisTick(position=_text(top), text=plural_text(most, "image")),
        bars=bars,
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
