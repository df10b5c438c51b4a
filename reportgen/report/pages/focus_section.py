"""Map statistics, a section of the first page: correct predictions beside errors."""

from reportgen.analysis.focus import BORDER_WIDTH, FocusStatistic, MapComparison
from reportgen.analysis.intervals import Estimate
from reportgen.report.pages.context import RunContext
from reportgen.report.views.index_view import FocusRow, FocusSection
from reportgen.report.words.text import (
    count_text,
    number_interval_text,
    number_text,
    percent_interval_text,
    percent_text,
    points_interval_text,
    points_text,
)


def make_focus_section(context: RunContext) -> FocusSection | None:
    """The statistics of the predicted class's maps, and how far the maps of mistakes overlap; `None` without maps."""
    found, maps = context.findings.focus, context.maps
    if found is None or maps is None:
        return None
    over = f"the maps by {maps.words.title}" if found.comparison is None else "the maps of the predicted class"
    return FocusSection(
        note=f"Means over {over}, with 95% CIs. Differences compare images with the same predicted class.",
        rows=(
            _fraction_row(
                f"evidence in the outer {percent_text(BORDER_WIDTH, digits=1)} of each side",
                found.border_share,
            ),
            _fraction_row("area covered by the evidence", found.spread),
            _row(
                "distance from the center of the image to the center of the evidence, in image sides",
                found.center_distance,
            ),
        ),
        text="The maps are class-agnostic: they show what the network responds to, not the evidence for a class."
        if found.comparison is None
        else _comparison_text(found.comparison),
    )


def _comparison_text(found: MapComparison) -> str:
    blank, blank_wrong = found.blank_true, found.blank_true_misclassified
    blanks = (
        f"The true class’s map is blank in {count_text(blank.count)} of {count_text(blank.total)} images"
        f" ({percent_text(blank.value)}, 95% CI {percent_interval_text(blank)}), {count_text(blank_wrong.count)} of"
        " them"
        " errors."
        if blank.count
        else "No map of a true class is blank."
    )
    return (
        "In errors, the maps of the true and the predicted class have a mean overlap of"
        f" {_mean(found.overlap_misclassified)}"
        " (cosine similarity; 1 means the same region). For comparison, maps of two unrelated images have a mean"
        f" overlap of {_mean(found.overlap_unrelated)}. {blanks}"
    )


def _fraction_row(name: str, statistic: FocusStatistic) -> FocusRow:
    """A row of fractions, with the digits that the findings print."""
    right, wrong = (
        f"{percent_text(mean.value)} ({percent_interval_text(mean)})"
        for mean in (statistic.correct, statistic.misclassified)
    )
    return FocusRow(
        name=name,
        right=right,
        wrong=wrong,
        difference=f"{points_text(statistic.difference.value)} ({points_interval_text(statistic.difference)})",
        uniform=percent_text(statistic.uniform),
    )


def _row(name: str, statistic: FocusStatistic) -> FocusRow:
    return FocusRow(
        name=name,
        right=_mean(statistic.correct),
        wrong=_mean(statistic.misclassified),
        difference=f"{number_text(statistic.difference.value)} ({number_interval_text(statistic.difference)})",
        uniform=number_text(statistic.uniform, digits=2),
    )


def _mean(measured: Estimate) -> str:
    return f"{number_text(measured.value, digits=2)} ({number_interval_text(measured, digits=2)})"
