"""Accuracy by metadata, as tables of the first page."""

from reportgen.analysis.slices import ColumnSlices, Slice
from reportgen.report.pages.context import RunContext
from reportgen.report.pictures.diagrams.meter import draw_meter
from reportgen.report.views.index_view import SliceRow, SliceTable
from reportgen.report.views.shared import Cell
from reportgen.report.words.text import count_text, percent_interval_text, percent_text, value_text


def make_slice_tables(context: RunContext) -> tuple[SliceTable, ...]:
    """A table for each column that groups the examples."""
    return tuple(
        SliceTable(
            anchor=f"slices-{place}",
            name=column.name,
            rows=tuple(_row(column, found) for found in column.slices),
        )
        for place, column in enumerate(context.findings.slices)
    )


def _row(column: ColumnSlices, found: Slice) -> SliceRow:
    standing = "below average" if found in column.below else "above average" if found in column.above else ""
    return SliceRow(
        value=value_text(found.value),
        count=count_text(found.accuracy.total),
        accuracy=Cell(text=percent_text(found.accuracy.value), sort_value=f"{100 * found.accuracy.value:.6f}"),
        interval=percent_interval_text(found.accuracy),
        bar=draw_meter(found.accuracy.value),
        standing=standing,
    )
