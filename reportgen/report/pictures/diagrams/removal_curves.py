"""The curves of the faithfulness tests: a measure over the fraction of pixels removed or restored."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reportgen.report.pictures.diagrams.axes import QUARTERS, Axes
from reportgen.report.pictures.svg import decoration, element, picture, polyline, titled
from reportgen.report.words.text import number_text, percent_text

MAX_METHODS = 4
"""More methods than this have no dashes of their own, and are not drawn."""

_DASHES = (None, "7 3", "2 3", "9 3 2 3")
_BASELINE_DASHES = ("1 3", "5 4")
_HARDLY_BELOW = 0.05  # a curve that is negative by less needs no axis below 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The mean curve of one method or baseline, a value for each fraction of pixels."""

    name: str
    is_baseline: bool
    values: Sequence[float]


def draw_curves(fractions: Sequence[float], curves: Sequence[Curve], *, x_label: str, label: str) -> Markup:
    """A line for each curve: methods solid or dashed in order, baselines gray.

    Args:
        fractions: of the pixels, ascending in [0, 1].
        curves: at most `MAX_METHODS` methods, then the baselines.
        x_label: what happens to the pixels.
        label: the text alternative.
    """
    lowest = min(min(curve.values) for curve in curves)
    low = math.floor(4 * lowest) / 4 if lowest < -_HARDLY_BELOW else 0.0
    axes = Axes(width=340, height=236, left=40, right=332, top=10, bottom=192, y_low=low)
    return picture(
        axes.width,
        axes.height,
        axes.y_axis(
            [low + step / 4 for step in range(round(4 * (1 - low)) + 1)], lambda tick: number_text(tick, digits=2)
        ),
        axes.x_axis(
            QUARTERS,
            lambda tick: percent_text(tick, digits=0),
            anchors=lambda tick: "end" if tick == 1 else "middle",
        ),
        element("text", x_label, x=axes.right, y=axes.bottom, dy=34, text_anchor="end"),
        *(
            titled(
                "path",
                curve.name,
                class_=_css_class(curve),
                d=polyline((axes.x(x), axes.y(y)) for x, y in zip(fractions, curve.values, strict=True)),
                stroke_dasharray=dashes,
            )
            for curve, dashes in _with_dashes(curves)
        ),
        label=label,
    )


def draw_curve_samples(curves: Sequence[Curve]) -> tuple[tuple[Markup, str], ...]:
    """The legend of `draw_curves`: a piece of each line, and its name."""
    return tuple(
        (
            decoration(
                28, 8, element("path", class_=_css_class(curve), d="M0 4H28", stroke_dasharray=dashes), class_="sample"
            ),
            curve.name,
        )
        for curve, dashes in _with_dashes(curves)
    )


def _css_class(curve: Curve) -> str:
    return "curve base" if curve.is_baseline else "curve"


def _with_dashes(curves: Sequence[Curve]) -> list[tuple[Curve, str | None]]:
    methods = [curve for curve in curves if not curve.is_baseline]
    baselines = [curve for curve in curves if curve.is_baseline]
    return [*zip(methods, _DASHES, strict=False), *zip(baselines, _BASELINE_DASHES, strict=False)]
