"""The page of two classes that are taken for each other."""

from dataclasses import dataclass

from reportgen.report.views.shared import CardGroup, Fact, Link, MeanMapFigure, SiteFrame, Sprite


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPage:
    """Two classes that are taken for each other.

    Attributes:
        frame: what the page shares with all others.
        sprites: its pictures.
        true: the true class of the more frequent direction.
        predicted: what it is taken for.
        position: the pair's place among all that have a page.
        previous: the pair before it.
        following: the pair after it.
        verdict: what most of the mistakes have in common.
        evidence: what that rests on.
        advice: what it suggests.
        facts: both directions, and how far the maps overlap beside two baselines.
        means: mean maps of both directions.
        groups: the examples of both directions.
        grid_note: the grid and how it is scaled.
    """

    frame: SiteFrame
    sprites: tuple[Sprite, ...]
    true: Link
    predicted: Link
    position: str
    previous: Link
    following: Link
    verdict: str
    evidence: str
    advice: str
    facts: tuple[Fact, ...]
    means: tuple[MeanMapFigure, ...]
    groups: tuple[CardGroup, ...]
    grid_note: str
