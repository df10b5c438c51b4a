"""The maps of several layers as one map, on the finest of their grids."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

Aggregate = Callable[[Tensor, Tensor], Tensor]
"""(maps (L, B, h, w) of L layers on one grid, evidence (L, B) of each) -> maps (B, h, w)."""


def aggregate_maps(maps: Sequence[Tensor], how: str) -> Tensor:
    """One map of several layers' maps.

    Each map is scaled to the finest grid without normalization. Then, at each location, the `mean` is taken, or the
    `max`imum with its sign, or the mean `weighted` by each layer's total evidence, the sum of the positive values of
    its map on its own grid (the plain mean if no layer has any).

    Args:
        maps: float (B, h, w) of each layer.
        how: a word of `settings.AGGREGATES`.

    Returns:
        float (B, h, w), at the largest number of rows and of columns. Of a single layer, its maps as they are.
    """
    if len(maps) == 1:
        return maps[0]
    grid = finest_grid([(layer.shape[1], layer.shape[2]) for layer in maps])
    evidence = torch.stack([layer.relu().sum(dim=(1, 2)) for layer in maps])
    return AGGREGATES[how](torch.stack([resize_maps(layer, grid) for layer in maps]), evidence)


def resize_maps(maps: Tensor, grid: tuple[int, int]) -> Tensor:
    """Maps at another size: bilinear with half-pixel centers, as everywhere in reportgen.

    Args:
        maps: float (B, h, w).
        grid: new rows and columns.
    """
    if maps.shape[1:] == grid:
        return maps
    scaled = F.interpolate(maps[:, None], size=grid, mode="bilinear", align_corners=False, antialias=False)
    return scaled[:, 0]


def finest_grid(grids: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The largest number of rows and the largest number of columns."""
    return max(rows for rows, _ in grids), max(columns for _, columns in grids)


def _take_mean(maps: Tensor, evidence: Tensor) -> Tensor:  # noqa: ARG001
    return maps.mean(dim=0)


def _take_max(maps: Tensor, evidence: Tensor) -> Tensor:  # noqa: ARG001
    return maps.amax(dim=0)


def _take_weighted(maps: Tensor, evidence: Tensor) -> Tensor:
    total = evidence.sum(dim=0)
    shares = torch.where(total > 0, evidence / total, torch.full_like(evidence, 1 / len(evidence)))  # (L, B)
    return torch.einsum("lb,lbhw->bhw", shares, maps)


AGGREGATES: Final[Mapping[str, Aggregate]] = MappingProxyType(
    {"mean": _take_mean, "max": _take_max, "weighted": _take_weighted}
)
