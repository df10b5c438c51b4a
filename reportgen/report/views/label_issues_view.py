"""The page of labels that deserve a second look."""

from dataclasses import dataclass

from reportgen.report.views.shared import ExampleCard, Link, MapLegend, SiteFrame, Sprite


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelIssueCard:
    """A label that deserves a second look; probabilities are those after temperature scaling."""

    card: ExampleCard
    given: Link
    suggested: Link
    given_probability: str
    suggested_probability: str
    margin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelIssuesPage:
    """The labels that deserve a second look, and how much to expect of the list.

    `missing` says what the report lacks; `legend` is `None` without maps.
    """

    frame: SiteFrame
    sprites: tuple[Sprite, ...]
    headline: str
    expectation: str
    note: str
    missing: str
    legend: MapLegend | None
    cards: tuple[LabelIssueCard, ...]
    table: Link
