"""The page that says how to read the report."""

from dataclasses import dataclass

from reportgen.report.views.shared import SiteFrame, Sprite


@dataclass(frozen=True, slots=True, kw_only=True)
class HowPage:
    """How to read the report: its maps, its numbers, its checks."""

    frame: SiteFrame
    sprites: tuple[Sprite, ...]
    method: str
    layer: str
    formula: str
    grid: str
    cell_size: str
    num_bins: str
    sure: str
    has_superclasses: bool
    checks: tuple[str, ...]
    warnings: tuple[str, ...]
