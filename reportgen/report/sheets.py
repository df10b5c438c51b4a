"""The pictures of a page: one sprite of thumbnails and one of maps, and the crop that shows each example."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from reportgen.report.context import ReportContext
from reportgen.report.images import SpriteLayout, evidence, map_layout, map_sprite, thumbnail_layout, thumbnail_sprite
from reportgen.report.pages import Crop
from reportgen.report.urls import relative_url


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Sheet:
    """The sprites of one page.

    Attributes:
        page: the page's path.
        stem: the sprites' path without its end.
        photo_cells: cell of each example's thumbnail, by position in the cache.
        map_cells: cells of each example's maps of the true and of the predicted class; the same where it is right.
        photo_layout: where the thumbnails lie.
        map_layout: where the maps lie.
        photos: the sprite of thumbnails, a PNG.
        maps: the sprite of maps, a PNG.
    """

    page: str
    stem: str
    photo_cells: dict[int, int]
    map_cells: dict[int, tuple[int, int]]
    photo_layout: SpriteLayout
    map_layout: SpriteLayout
    photos: bytes
    maps: bytes

    def files(self) -> Iterable[tuple[str, bytes]]:
        """The sprites as files of the site."""
        yield f"{self.stem}-thumbnails.png", self.photos
        yield f"{self.stem}-maps.png", self.maps

    def photo(self, position: int) -> Crop:
        """The thumbnail of an example."""
        return self._crop("thumbnails", self.photo_layout, self.photo_cells[position])

    def true_map(self, position: int) -> Crop:
        """The map of an example's true class."""
        return self._crop("maps", self.map_layout, self.map_cells[position][0])

    def predicted_map(self, position: int) -> Crop:
        """The map of an example's predicted class."""
        return self._crop("maps", self.map_layout, self.map_cells[position][1])

    def _crop(self, kind: str, layout: SpriteLayout, cell: int) -> Crop:
        width, height = layout.size
        url = relative_url(f"{self.stem}-{kind}.png", page=self.page)
        return Crop(url=url, view_box=layout.view_box(cell), width=width, height=height)


def make_sheet(context: ReportContext, positions: Sequence[int], *, page: str, stem: str) -> Sheet:
    """The sprites of the examples at these positions of the cache.

    Args:
        context: the report.
        positions: the examples; repeated ones share their pictures.
        page: the path of the page that shows them.
        stem: the sprites' path without its end, such as `images/042-leopard`.
    """
    maps = context.maps
    shown = np.array(list(dict.fromkeys(positions)), dtype=np.int64)
    is_wrong = ~context.findings.predictions.is_correct[shown]
    first_cells = np.cumsum(1 + is_wrong) - (1 + is_wrong)
    num_maps = int((1 + is_wrong).sum())
    levels = np.zeros((num_maps, *maps.grid))
    levels[first_cells] = evidence(maps.true[shown], maps.scale[shown])
    levels[first_cells[is_wrong] + 1] = evidence(maps.predicted[shown[is_wrong]], maps.scale[shown[is_wrong]])
    thumbnails = context.cache.thumbnails[shown]
    cells = zip(shown.tolist(), first_cells.tolist(), is_wrong.tolist(), strict=True)
    return Sheet(
        page=page,
        stem=stem,
        photo_cells={position: cell for cell, position in enumerate(shown.tolist())},
        map_cells={position: (first, first + wrong) for position, first, wrong in cells},
        photo_layout=thumbnail_layout(len(shown), *thumbnails.shape[1:3]),
        map_layout=map_layout(num_maps, *maps.grid),
        photos=thumbnail_sprite(thumbnails),
        maps=map_sprite(levels),
    )
