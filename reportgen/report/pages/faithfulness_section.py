"""Whether the maps are to be trusted, as a section of the first page: curves, areas, and a verdict for each method."""

import math
from collections.abc import Callable, Iterator, Sequence

from reportgen.analysis.faithfulness import (
    Comparison,
    ExplanationScores,
    FaithfulnessFindings,
    Measure,
    MethodFaithfulness,
)
from reportgen.analysis.intervals import Estimate
from reportgen.report.pages.context import RunContext
from reportgen.report.views.faithfulness_view import (
    AreaRow,
    CurveDiagram,
    CurveLine,
    FaithfulnessSection,
    GainCell,
    GainRow,
)
from reportgen.report.views.shared import AxisTick
from reportgen.report.words.faithfulness_wording import (
    BASELINE_NAMES,
    MEASURE_NAMES,
    answer_text,
    explanation_name,
    verdict_text,
)
from reportgen.report.words.text import DASH, number_interval_text, number_text, percent_text, plural_text

_DIAGRAM = {"width": 340.0, "height": 236.0, "left": 40.0, "right": 332.0, "top": 10.0, "bottom": 192.0}
_HARDLY_BELOW = 0.05  # a curve that strays below 0 by less needs no axis for it
_METHOD_DASHES = ("", "7 3", "2 3", "9 3 2 3")
_BASELINE_DASHES = {"random": "1 3", "centre": "5 4"}

_MEASURE_TEXTS = {
    Measure.DELETION: ("less is better", "probability as pixels are removed, the most important first", "removed"),
    Measure.INSERTION: ("more is better", "probability as pixels are restored, the most important first", "restored"),
    Measure.ROAD: ("more is better", "probability without the least − without the most important pixels", "removed"),
}


def make_faithfulness_section(context: RunContext) -> FaithfulnessSection | None:
    """How the maps stood their tests; `None` where none were made."""
    found = context.findings.faithfulness
    if found is None:
        return None
    has_correlations = any(method.correlation is not None for method in found.methods)
    return FaithfulnessSection(
        note=f"Tested on {plural_text(found.num_examples, 'image')}, spread over classes and over right and wrong"
        " answers. If a map points at what matters, taking away the pixels that it ranks first takes the predicted"
        " class’s probability away, and giving them back brings it back, sooner than in the order of a random map of"
        " the same grid or of a blob in the middle.",
        verdicts=tuple((answer_text(method), verdict_text(method)) for method in found.methods),
        measures=tuple(f"{MEASURE_NAMES[measure]}, {_MEASURE_TEXTS[measure][0]}" for measure in Measure),
        diagrams=tuple(_draw(found, measure) for measure in Measure),
        areas=tuple(_area_rows(found)),
        gains=tuple(row for method in found.methods for row in _gain_rows(method)),
        has_correlations=has_correlations,
        shuffle_note=""
        if has_correlations
        else "The network does not end in a linear layer whose weights could be shuffled: what the maps owe to what it"
        " has learned was not tested.",
    )


def _area_rows(found: FaithfulnessFindings) -> Iterator[AreaRow]:
    for method in found.methods:
        yield _area_row(
            method.scores, "" if method.correlation is None else _estimate_text(method.correlation, digits=2)
        )
    for scores in found.baselines:
        yield _area_row(scores, "", is_baseline=True)


def _area_row(scores: ExplanationScores, correlation: str, *, is_baseline: bool = False) -> AreaRow:
    return AreaRow(
        name=explanation_name(scores.name),
        is_baseline=is_baseline,
        areas=tuple(_estimate_text(scores.areas[measure]) for measure in Measure),
        correlation=correlation or DASH,
    )


def _gain_rows(method: MethodFaithfulness) -> Iterator[GainRow]:
    for baseline, name in BASELINE_NAMES.items():
        own = {comparison.measure: comparison for comparison in method.comparisons if comparison.baseline == baseline}
        yield GainRow(
            name=explanation_name(method.scores.name),
            baseline=name,
            gains=tuple(_gain_cell(own[measure]) for measure in Measure),
        )


def _gain_cell(comparison: Comparison) -> GainCell:
    standing = "better" if comparison.is_better else "worse" if comparison.is_worse else ""
    return GainCell(text=_estimate_text(comparison.gain), standing=standing)


def _estimate_text(measured: Estimate, *, digits: int = 3) -> str:
    return f"{number_text(measured.value, digits=digits)} ({number_interval_text(measured, digits=digits)})"


def _draw(found: FaithfulnessFindings, measure: Measure) -> CurveDiagram:
    """The mean curves of one measure. Of more than four methods, the first four are drawn."""
    methods = [method.scores for method in found.methods[: len(_METHOD_DASHES)]]
    shown = [
        *((scores, dashes, False) for scores, dashes in zip(methods, _METHOD_DASHES, strict=False)),
        *((scores, _BASELINE_DASHES[scores.name], True) for scores in found.baselines),
    ]
    curves = [_curve(scores, measure) for scores, _, _ in shown]
    lowest = min(map(min, curves))
    low = math.floor(4 * lowest) / 4 if lowest < -_HARDLY_BELOW else 0.0
    left, right, top, bottom = (_DIAGRAM[name] for name in ("left", "right", "top", "bottom"))

    def x(fraction: float) -> float:
        return left + fraction * (right - left)

    def y(value: float) -> float:
        return bottom - (value - low) / (1 - low) * (bottom - top)

    better, note, verb = _MEASURE_TEXTS[measure]
    name = MEASURE_NAMES[measure]
    areas = ", ".join(
        f"{explanation_name(scores.name)} {number_text(scores.areas[measure].value, digits=3)}"
        for scores, _, _ in shown
    )
    quarters = [step / 4 for step in range(5)]
    return CurveDiagram(
        title=name[0].upper() + name[1:],
        note=note,
        alt=f"{name}: {note}. Area under the mean curve ({better}): {areas}.",
        width=_text(_DIAGRAM["width"]),
        height=_text(_DIAGRAM["height"]),
        left=_text(left),
        right=_text(right),
        bottom=_text(bottom),
        x_ticks=tuple(AxisTick(position=_text(x(tick)), text=percent_text(tick, digits=0)) for tick in quarters),
        y_ticks=tuple(
            AxisTick(position=_text(y(low + step / 4)), text=number_text(low + step / 4, digits=2))
            for step in range(round(4 * (1 - low)) + 1)
        ),
        x_label=f"pixels {verb}",
        lines=tuple(
            CurveLine(
                name=explanation_name(scores.name),
                is_baseline=is_baseline,
                dashes=dashes,
                path=_path(found.fractions, curve, x, y),
            )
            for (scores, dashes, is_baseline), curve in zip(shown, curves, strict=True)
        ),
    )


def _curve(scores: ExplanationScores, measure: Measure) -> Sequence[float]:
    if measure is Measure.ROAD:
        return [least - most for least, most in zip(scores.road_least, scores.road_most, strict=True)]
    return scores.deletion if measure is Measure.DELETION else scores.insertion


def _path(
    fractions: Sequence[float], values: Sequence[float], x: Callable[[float], float], y: Callable[[float], float]
) -> str:
    points = (f"{_text(x(fraction))} {_text(y(value))}" for fraction, value in zip(fractions, values, strict=True))
    return "M" + "L".join(points)


def _text(coordinate: float) -> str:
    return f"{coordinate:.1f}".removesuffix(".0")
