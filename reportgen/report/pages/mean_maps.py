"""Mean maps over a group of examples as one small sprite, on a scale that they share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.report.pages.map_sheet import Files, make_sprite
from reportgen.report.pages.panels import describe_peak
from reportgen.report.pictures.images import SpriteLayout, map_sprite, sprite_layout
from reportgen.report.views.shared import Crop, MeanMapFigure, Sprite
from reportgen.report.words.text import count_text


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class MeanSheet:
    """The mean maps of one page.

    Attributes:
        page: the page's path.
        name: the sprite's id on it.
        path: the sprite's path.
        maps: float64 (n, h, w) in [0, 1], divided by the largest value of all.
        layout: where they lie.
    """

    page: str
    name: str
    path: str
    maps: NDArray[np.float64]
    layout: SpriteLayout

    def files(self) -> Files:
        """The sprite as a file of the site."""
        return ((self.path, map_sprite(self.maps)),)

    def sprites(self) -> tuple[Sprite, ...]:
        """The sprite as the page defines it."""
        return (make_sprite(self.name, self.path, self.layout, page=self.page),)

    def figure(self, cell: int, *, title: str, n: int, over: str) -> MeanMapFigure:
        """One of the maps with its words.

        Args:
            cell: its place in the sprite.
            title: what it shows, such as `for leopard`.
            n: number of examples behind it; with none there is no picture.
            over: which examples those are.
        """
        detail = f"{over}, n = {count_text(n)}"
        if not n:
            return MeanMapFigure(title=title, detail=detail, alt="No image with evidence", picture=None)
        where = describe_peak(self.maps[cell])
        picture = Crop(sprite=self.name, view_box=self.layout.view_box(cell), strength="1")
        alt = f"Mean map {title}, {over}, strongest at the {where}"
        return MeanMapFigure(title=title, detail=detail, alt=alt, picture=picture)


def make_mean_sheet(maps: Sequence[NDArray[np.float64]], *, page: str, stem: str, suffix: str = "") -> MeanSheet:
    """The mean maps of a page on one scale: the largest value of all of them is the most evidence.

    Args:
        maps: (h, w) each, not negative.
        page: the path of the page that shows them.
        stem: the sprite's path without its end, such as `images/042-leopard`.
        suffix: what tells the sprite from that of the page's first method, in its id and path.
    """
    stacked = np.stack(maps)
    largest = float(stacked.max())
    scaled = stacked / largest if largest > 0 else stacked
    return MeanSheet(
        page=page,
        name=f"mean-maps{suffix}",
        path=f"{stem}-means{suffix}.png",
        maps=scaled,
        layout=sprite_layout(len(scaled), *scaled.shape[1:]),
    )
