"""The page of two classes that are taken for each other."""

from dataclasses import dataclass

from reportgen.report.views.shared import (
    CardGroup,
    Fact,
    Link,
    MapControls,
    MeanMapFigure,
    MethodParts,
    SiteFrame,
    Sprite,
)


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
        evidence: what that rests on; empty where maps say nothing of it.
        advice: what it suggests; else why maps say nothing.
        facts: both directions, and how far the maps overlap beside two baselines.
        means: mean maps of both directions; empty without maps.
        groups: the examples of both directions.
        missing: what the report lacks, in words.
        maps: what may be chosen about the maps; `None` without any.
        methods: what the page shows by its further methods.
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
    missing: str
    maps: MapControls | None
    methods: tuple[MethodParts, ...]
