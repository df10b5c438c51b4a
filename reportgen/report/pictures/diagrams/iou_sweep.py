"""The mean IoU of maps and annotations over the threshold at which a map counts as covering a pixel."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reportgen.analysis.annotations import SWEEP_THRESHOLDS
from reportgen.analysis.intervals import Estimate
from reportgen.report.pictures.diagrams.axes import Axes
from reportgen.report.pictures.svg import element, number, picture, polyline
from reportgen.report.words.text import number_text

_LINE_HEIGHT = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Mean IoU at each of `SWEEP_THRESHOLDS`.

    Attributes:
        kind: the line's class in the style sheet: `true`, `predicted` or `blob`.
        name: whose it is, in words.
        means: one for each threshold.
    """

    kind: str
    name: str
    means: Sequence[Estimate]


def draw_iou_sweep(sweeps: Sequence[Sweep], threshold: float) -> Markup:
    """A line for each sweep, with a mark at the threshold that all other numbers use."""
    highest = max(mean.value for sweep in sweeps for mean in sweep.means)
    most = max(1, math.ceil(highest * 5)) / 5
    axes = Axes(width=440, height=220, left=40, right=300, top=12, bottom=190, y_high=most)
    # The names stand where the lines end, from the highest to the lowest.
    by_height = sorted(sweeps, key=lambda sweep: -sweep.means[len(sweep.means) // 3].value)
    places = {
        sweep.kind: axes.top + 0.3 * (axes.bottom - axes.top) + place * _LINE_HEIGHT
        for place, sweep in enumerate(by_height)
    }
    return picture(
        axes.width,
        axes.height,
        axes.y_axis((0.0, most / 2, most), lambda tick: number_text(tick, digits=1)),
        axes.x_axis((0.0, 0.5, 1.0), lambda tick: number_text(tick, digits=1)),
        element("path", class_="threshold", d=f"M{number(axes.x(threshold))} {number(axes.top)}V{number(axes.bottom)}"),
        *(_draw_line(axes, sweep, places[sweep.kind]) for sweep in sweeps),
        element("text", "of the peak", x=axes.right, y=axes.bottom, dx=14, dy=16),
        element("text", "Mean IoU", x=axes.left, y=axes.top, dx=4, dy=12),
        label="Mean IoU against the threshold. " + "; ".join(map(_describe, sweeps)),
        class_="sweep",
    )


def _draw_line(axes: Axes, sweep: Sweep, name_y: float) -> Markup:
    points = zip(SWEEP_THRESHOLDS, sweep.means, strict=True)
    line = polyline((axes.x(threshold), axes.y(mean.value)) for threshold, mean in points)
    name = element("text", sweep.name, class_=sweep.kind, x=axes.right, y=name_y)
    return element("path", class_=sweep.kind, d=line) + name


def _describe(sweep: Sweep) -> str:
    low, middle, high = (number_text(sweep.means[at].value, digits=2) for at in (1, 9, 17))
    return f"{sweep.name}: {low} at 0.1, {middle} at 0.5, {high} at 0.9"
