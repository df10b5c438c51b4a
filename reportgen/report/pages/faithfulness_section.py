"""The faithfulness tests, a section of the first page: curves, areas, and a verdict for each method."""

from collections.abc import Iterator, Sequence

from reportgen.analysis.faithfulness import (
    Comparison,
    ExplanationScores,
    FaithfulnessFindings,
    Measure,
    MethodFaithfulness,
)
from reportgen.analysis.intervals import Estimate
from reportgen.report.pages.context import RunContext
from reportgen.report.pictures.diagrams.removal_curves import MAX_METHODS, Curve, draw_curve_samples, draw_curves
from reportgen.report.pictures.svg import CaptionedPicture
from reportgen.report.views.faithfulness_view import (
    AreaRow,
    FaithfulnessSection,
    GainCell,
    GainRow,
)
from reportgen.report.words.faithfulness_wording import (
    BASELINE_NAMES,
    MEASURE_NAMES,
    answer_text,
    explanation_name,
    verdict_text,
)
from reportgen.report.words.text import DASH, number_interval_text, number_text, plural_text

_MEASURE_TEXTS = {
    Measure.DELETION: ("lower is better", "probability as pixels are removed, most important first", "removed"),
    Measure.INSERTION: ("higher is better", "probability as pixels are restored, most important first", "restored"),
    Measure.ROAD: ("higher is better", "probability without the least − without the most important pixels", "removed"),
}


def make_faithfulness_section(context: RunContext) -> FaithfulnessSection | None:
    """Results of the faithfulness tests; `None` if they were not run."""
    found = context.findings.faithfulness
    if found is None:
        return None
    has_correlations = any(method.correlation is not None for method in found.methods)
    return FaithfulnessSection(
        note=f"Tested on {plural_text(found.num_examples, 'image')}, spread over classes and over correct and wrong"
        " predictions. If a map highlights what the model uses, removing its top-ranked pixels lowers the probability"
        " of the predicted class faster than removing pixels in the order of a random map or a centered blob, and"
        " restoring them raises it faster.",
        verdicts=tuple((answer_text(method), verdict_text(method)) for method in found.methods),
        measures=tuple(f"{MEASURE_NAMES[measure]}, {_MEASURE_TEXTS[measure][0]}" for measure in Measure),
        diagrams=tuple(_draw(found, measure) for measure in Measure),
        samples=draw_curve_samples(_curves(found, Measure.DELETION)),
        areas=tuple(_area_rows(found)),
        gains=tuple(row for method in found.methods for row in _gain_rows(method)),
        has_correlations=has_correlations,
        shuffle_note=""
        if has_correlations
        else "The network does not end in a linear layer, so the maps were not tested with a randomized head.",
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


def _draw(found: FaithfulnessFindings, measure: Measure) -> CaptionedPicture:
    better, note, verb = _MEASURE_TEXTS[measure]
    name = MEASURE_NAMES[measure]
    areas = ", ".join(
        f"{explanation_name(scores.name)} {number_text(scores.areas[measure].value, digits=3)}"
        for scores, _ in _drawn(found)
    )
    return CaptionedPicture(
        title=name[0].upper() + name[1:],
        note=note,
        picture=draw_curves(
            found.fractions,
            _curves(found, measure),
            x_label=f"pixels {verb}",
            label=f"{name}: {note}. Area under the mean curve ({better}): {areas}.",
        ),
    )


def _drawn(found: FaithfulnessFindings) -> Iterator[tuple[ExplanationScores, bool]]:
    """The methods that a diagram has room for, and the baselines."""
    yield from ((method.scores, False) for method in found.methods[:MAX_METHODS])
    yield from ((scores, True) for scores in found.baselines)


def _curves(found: FaithfulnessFindings, measure: Measure) -> list[Curve]:
    return [
        Curve(name=explanation_name(scores.name), is_baseline=is_baseline, values=_values(scores, measure))
        for scores, is_baseline in _drawn(found)
    ]


def _values(scores: ExplanationScores, measure: Measure) -> Sequence[float]:
    if measure is Measure.ROAD:
        return [least - most for least, most in zip(scores.road_least, scores.road_most, strict=True)]
    return scores.deletion if measure is Measure.DELETION else scores.insertion
