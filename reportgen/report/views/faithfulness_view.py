"""The tests of the maps, as a section of the first page."""

from dataclasses import dataclass

from markupsafe import Markup

from reportgen.report.pictures.svg import CaptionedPicture


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
        samples: a piece of each of their lines, and its name.
        areas: methods, then baselines.
        gains: methods against baselines.
        has_correlations: whether a head could be shuffled.
        shuffle_note: said where it could not; else empty.
    """

    note: str
    verdicts: tuple[tuple[str, str], ...]
    measures: tuple[str, ...]
    diagrams: tuple[CaptionedPicture, ...]
    samples: tuple[tuple[Markup, str], ...]
    areas: tuple[AreaRow, ...]
    gains: tuple[GainRow, ...]
    has_correlations: bool
    shuffle_note: str
