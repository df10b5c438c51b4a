"""The pictures of a page: one sprite of thumbnails and one of maps, and the crop that shows each example.

A map stands in its sprite at its own peak. The page multiplies it by its share of the pair's common scale, so that both
scales are a matter of style.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.report.pages.context import ReportContext
from reportgen.report.pictures.images import (
    SpriteLayout,
    evidence,
    map_sprite,
    sprite_columns,
    sprite_layout,
    thumbnail_sprite,
)
from reportgen.report.urls import relative_url
from reportgen.report.views.shared import Crop, Sprite

Files = tuple[tuple[str, bytes], ...]
"""Files of the site: relative POSIX paths with their contents."""

PHOTOS, MAPS, DIFFERENCES = "photos", "maps", "differences"


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Sheet:
    """The sprites of one page.

    Attributes:
        page: the page's path.
        stem: the sprites' path without its end.
        photo_cells: cell of each example's thumbnail, by position in the cache.
        true_maps: cell and strength of the map of each example's true class.
        predicted_maps: the same for its predicted class.
        difference_cells: cell of the difference, predicted - true, of each misclassified example.
        photo_layout: where the thumbnails lie.
        map_layout: where the maps lie.
        difference_layout: where the differences lie.
        photos: the sprite of thumbnails, a lossless WebP.
        maps: the sprite of maps, a PNG.
        differences: the sprite of differences, a PNG.
    """

    page: str
    stem: str
    photo_cells: dict[int, int]
    true_maps: dict[int, tuple[int, float]]
    predicted_maps: dict[int, tuple[int, float]]
    difference_cells: dict[int, int]
    photo_layout: SpriteLayout
    map_layout: SpriteLayout
    difference_layout: SpriteLayout
    photos: bytes
    maps: bytes
    differences: bytes

    def files(self) -> Files:
        """The sprites as files of the site; none where the page shows no example."""
        if not self.photo_cells:
            return ()
        files = ((f"{self.stem}-thumbnails.webp", self.photos), (f"{self.stem}-maps.png", self.maps))
        return (*files, (f"{self.stem}-differences.png", self.differences)) if self.difference_cells else files

    def sprites(self) -> tuple[Sprite, ...]:
        """The sprites as the page defines them."""
        if not self.photo_cells:
            return ()
        sprites = [
            self._sprite(PHOTOS, f"{self.stem}-thumbnails.webp", self.photo_layout),
            self._sprite(MAPS, f"{self.stem}-maps.png", self.map_layout),
        ]
        if self.difference_cells:
            sprites.append(self._sprite(DIFFERENCES, f"{self.stem}-differences.png", self.difference_layout))
        return tuple(sprites)

    def photo(self, position: int) -> Crop:
        """The thumbnail of an example."""
        return Crop(sprite=PHOTOS, view_box=self.photo_layout.view_box(self.photo_cells[position]), strength="1")

    def true_map(self, position: int) -> Crop:
        """The map of an example's true class."""
        return self._map(*self.true_maps[position])

    def predicted_map(self, position: int) -> Crop:
        """The map of an example's predicted class."""
        return self._map(*self.predicted_maps[position])

    def difference(self, position: int) -> Crop | None:
        """The difference of a misclassified example's maps; `None` for a right one, and where the page shows none."""
        if position not in self.difference_cells:
            return None
        view_box = self.difference_layout.view_box(self.difference_cells[position])
        return Crop(sprite=DIFFERENCES, view_box=view_box, strength="1", is_stretched=self._is_stretched)

    def _map(self, cell: int, strength: float) -> Crop:
        return Crop(
            sprite=MAPS,
            view_box=self.map_layout.view_box(cell),
            strength=f"{strength:.3g}",
            is_stretched=self._is_stretched,
        )

    @property
    def _is_stretched(self) -> bool:
        maps, photos = self.map_layout, self.photo_layout
        return maps.cell_width * photos.cell_height != maps.cell_height * photos.cell_width

    def _sprite(self, name: str, path: str, layout: SpriteLayout) -> Sprite:
        width, height = layout.size
        return Sprite(name=name, url=relative_url(path, page=self.page), width=str(width), height=str(height))


def make_sheet(
    context: ReportContext, positions: Sequence[int], *, page: str, stem: str, with_differences: bool = True
) -> Sheet:
    """The sprites of the examples at these positions of the cache.

    Args:
        context: the report.
        positions: the examples; repeated ones share their pictures.
        page: the path of the page that shows them.
        stem: the sprites' path without its end, such as `images/042-leopard`.
        with_differences: whether the page shows differences of maps.
    """
    maps = context.maps
    shown = np.array(list(dict.fromkeys(positions)), dtype=np.int64)
    wrong = shown[~context.findings.predictions.is_correct[shown]]
    # Every map of a true class, then the maps of wrong predictions; a right one is the map of the true class.
    levels = np.concatenate(
        [
            evidence(maps.true[shown], maps.true_peaks[shown]),
            evidence(maps.predicted[wrong], maps.predicted_peaks[wrong]),
        ]
    )
    scale = np.where(maps.scale > 0, maps.scale, 1.0)
    true_maps = dict(zip(shown.tolist(), enumerate((maps.true_peaks / scale)[shown].tolist()), strict=True))
    wrong_maps = enumerate((maps.predicted_peaks / scale)[wrong].tolist(), start=len(shown))
    thumbnails = context.cache.thumbnails[shown]
    columns = sprite_columns(len(shown))
    compared = wrong if with_differences else wrong[:0]
    differences = signed_levels(maps.predicted[compared].astype(np.float64) - maps.true[compared].astype(np.float64))
    return Sheet(
        page=page,
        stem=stem,
        photo_cells={position: cell for cell, position in enumerate(shown.tolist())},
        true_maps=true_maps,
        predicted_maps=true_maps | dict(zip(wrong.tolist(), wrong_maps, strict=True)),
        difference_cells={position: cell for cell, position in enumerate(compared.tolist())},
        photo_layout=sprite_layout(len(shown), *thumbnails.shape[1:3], columns=columns),
        map_layout=sprite_layout(len(levels), *maps.grid),
        difference_layout=sprite_layout(len(differences), *maps.grid),
        photos=thumbnail_sprite(thumbnails, columns=columns),
        maps=map_sprite(levels),
        differences=map_sprite(differences),
    )


def signed_levels(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed maps (n, h, w) on a scale of their own that is symmetric around zero: [0, 1], with 0.5 for zero."""
    largest = np.abs(maps).max(axis=(1, 2), initial=0.0)
    return 0.5 + 0.5 * maps / np.where(largest > 0, largest, 1.0)[:, None, None]
