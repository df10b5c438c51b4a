"""Where the model looks, as a section of the first page: statistics of all maps, right answers beside wrong ones."""

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
)


def make_focus_section(context: RunContext) -> FocusSection | None:
    """The statistics of the predicted class's maps, and how far the maps of mistakes overlap; `None` without maps."""
    found, maps = context.findings.focus, context.maps
    if found is None or maps is None:
        return None
    over = f"the maps by {maps.words.title}" if found.comparison is None else "the maps of the predicted class"
    return FocusSection(
        note=f"Means over {over}, with 95% intervals. The difference compares images that get the same name.",
        rows=(
            _row(f"evidence in the outer {percent_text(BORDER_WIDTH, digits=1)} of each side", found.border_share),
            _row("area that holds the evidence", found.spread),
            _row("distance of its centre from the picture’s, in picture sides", found.centre_distance),
        ),
        text="They are the same for every class: they show where it looked, not for what."
        if found.comparison is None
        else _comparison_text(found.comparison),
    )


def _comparison_text(found: MapComparison) -> str:
    blank, blank_wrong = found.blank_true, found.blank_true_wrong
    return (
        f"In mistakes, the maps of both classes overlap by {_mean(found.overlap_mistakes)} (cosine; 1 is the"
        f" same place). Those of two unrelated images overlap by {_mean(found.overlap_unrelated)}: overlap means"
        f" something only beyond that. No location supports the true class in {count_text(blank.count)} of"
        f" {count_text(blank.total)} images"
        f" ({percent_text(blank.value)}, {percent_interval_text(blank)}); {count_text(blank_wrong.count)} of them are"
        f" among the {count_text(blank_wrong.total)} mistakes."
    )


def _row(name: str, statistic: FocusStatistic) -> FocusRow:
    return FocusRow(
        name=name,
        right=_mean(statistic.right),
        wrong=_mean(statistic.wrong),
        difference=f"{number_text(statistic.difference.value)} ({number_interval_text(statistic.difference)})",
        uniform=number_text(statistic.uniform, digits=2),
    )


def _mean(measured: Estimate) -> str:
    return f"{number_text(measured.value, digits=2)} ({number_interval_text(measured, digits=2)})"
