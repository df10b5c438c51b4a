"""The page that says how to read the report."""

from dataclasses import dataclass

from reportgen.report.views.shared import MapLegend, SiteFrame, Sprite


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedMethod:
    """A method of the report's maps.

    Attributes:
        name: its name.
        formula: what its map is, with the source.
        grid: columns and rows of a map.
        cell_size: what a cell covers of the model's input; empty where that is not known.
        covered: how many images have its map; empty where all have.
    """

    name: str
    formula: str
    grid: str
    cell_size: str
    covered: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MapsText:
    """What is true of this report's maps.

    Attributes:
        layer: the layers that they come from; empty where that is not known.
        methods: the methods, the one that pages start with first.
        units: what their values are in.
        is_signed: whether any holds evidence against a class.
        has_classes: whether any is a class's own.
        has_agnostic: whether any stands for every class.
        legend: what the shades mean.
    """

    layer: str
    methods: tuple[ExplainedMethod, ...]
    units: str
    is_signed: bool
    has_classes: bool
    has_agnostic: bool
    legend: MapLegend


@dataclass(frozen=True, slots=True, kw_only=True)
class HowPage:
    """How to read the report: its maps, its numbers, its checks.

    `maps` is `None` without maps, and `missing` says what the report lacks; `iou_threshold` is empty without
    annotations.
    """

    frame: SiteFrame
    sprites: tuple[Sprite, ...]
    missing: str
    maps: MapsText | None
    num_bins: str
    sure: str
    has_superclasses: bool
    has_slices: bool
    has_faithfulness: bool
    iou_threshold: str
    checks: tuple[str, ...]
    warnings: tuple[str, ...]
