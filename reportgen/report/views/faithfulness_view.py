"""The tests of the maps, as a section of the first page."""

from dataclasses import dataclass

from reportgen.report.views.shared import AxisTick


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveLine:
    """One explanation's curve.

    Attributes:
        name: the method or baseline.
        is_baseline: whether it is one.
        dashes: `stroke-dasharray`; empty for a solid line.
        path: `d` of its path, in the diagram's units.
    """

    name: str
    is_baseline: bool
    dashes: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveDiagram:
    """One measure's mean curves over the share of pixels. All coordinates in the diagram's units."""

    title: str
    note: str
    alt: str
    width: str
    height: str
    left: str
    right: str
    bottom: str
    x_ticks: tuple[AxisTick, ...]
    y_ticks: tuple[AxisTick, ...]
    x_label: str
    lines: tuple[CurveLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaRow:
    """The areas of one method or baseline, each with its interval, and the correlation with a shuffled head."""

    name: str
    is_baseline: bool
    areas: tuple[str, ...]
    correlation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GainCell:
    """By how much a method does better than a baseline, and what that comes to: `better`, `worse` or nothing."""

    text: str
    standing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GainRow:
    """A method against a baseline, in each measure."""

    name: str
    baseline: str
    gains: tuple[GainCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaithfulnessSection:
    """Are the maps to be trusted?

    Attributes:
        note: what was tested, and on how many images.
        verdicts: for each method the answer, and what it rests on.
        measures: names of the measures, with what is better.
        diagrams: one for each measure.
        areas: methods, then baselines.
        gains: methods against baselines.
        has_correlations: whether a head could be shuffled.
        shuffle_note: said where it could not; else empty.
    """

    note: str
    verdicts: tuple[tuple[str, str], ...]
    measures: tuple[str, ...]
    diagrams: tuple[CurveDiagram, ...]
    areas: tuple[AreaRow, ...]
    gains: tuple[GainRow, ...]
    has_correlations: bool
    shuffle_note: str
