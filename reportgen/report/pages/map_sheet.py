"""The maps of one method on one page: their sprites, and the crop that shows each of them.

A map stands in its sprite at its own peak. The page multiplies it by its share of the pair's common scale, so that both
scales are a matter of style.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reportgen.report.pages.map_set import MapSet
from reportgen.report.pictures.images import SpriteLayout, evidence, map_sprite, sprite_layout
from reportgen.report.urls import method_slug, relative_url
from reportgen.report.views.shared import Crop, Sprite

Files = tuple[tuple[str, bytes], ...]
"""Files of the site: relative POSIX paths with their contents."""

MAPS, DIFFERENCES = "m", "d"  # ids that every picture of a page repeats
_FILE_NAMES: Final = MappingProxyType({MAPS: "maps", DIFFERENCES: "differences"})


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class MapSheet:
    """The sprites of one method on one page.

    Attributes:
        maps: the method's maps.
        page: path of the page.
        stem: path of the sprites without its ending.
        suffix: distinguishes the sprites from those of the first method, in ids and paths; empty for the first.
        photo_size: height and width of the photos under the maps; `None` without photos.
        true_maps: cell and strength of the map of each example's true class, by position in the cache.
        predicted_maps: the same for its predicted class.
        difference_cells: cell of the difference, predicted - true, of each misclassified example.
        map_layout: the arrangement of the maps.
        difference_layout: the arrangement of the differences.
        maps_png: the sprite of maps.
        differences_png: the sprite of differences.
    """

    maps: MapSet
    page: str
    stem: str
    suffix: str
    photo_size: tuple[int, int] | None
    true_maps: dict[int, tuple[int, float]]
    predicted_maps: dict[int, tuple[int, float]]
    difference_cells: dict[int, int]
    map_layout: SpriteLayout
    difference_layout: SpriteLayout
    maps_png: bytes
    differences_png: bytes

    def files(self) -> Files:
        """The sprites as files of the site; none if no example of the page has a map."""
        contents = {MAPS: self.maps_png, DIFFERENCES: self.differences_png}
        return tuple((self._path(name), contents[name]) for name in self._present())

    def sprites(self) -> tuple[Sprite, ...]:
        """The sprites as the page defines them."""
        layouts = {MAPS: self.map_layout, DIFFERENCES: self.difference_layout}
        return tuple(
            make_sprite(f"{name}{self.suffix}", self._path(name), layouts[name], page=self.page)
            for name in self._present()
        )

    def true_map(self, position: int) -> Crop | None:
        """The map of an example's true class; `None` without one."""
        return self._map(self.true_maps.get(position))

    def predicted_map(self, position: int) -> Crop | None:
        """The map of an example's predicted class; `None` without one."""
        return self._map(self.predicted_maps.get(position))

    def difference(self, position: int) -> Crop | None:
        """The difference of a misclassified example's maps; `None` for others, or if the page shows no differences."""
        if position not in self.difference_cells:
            return None
        view_box = self.difference_layout.view_box(self.difference_cells[position])
        return self._crop(DIFFERENCES, view_box, "1")

    def _map(self, place: tuple[int, float] | None) -> Crop | None:
        if place is None:
            return None
        cell, strength = place
        return self._crop(MAPS, self.map_layout.view_box(cell), f"{strength:.3g}")

    def _crop(self, name: str, view_box: str, strength: str) -> Crop:
        return Crop(
            sprite=f"{name}{self.suffix}", view_box=view_box, strength=strength, is_stretched=self._is_stretched
        )

    @property
    def _is_stretched(self) -> bool:
        if self.photo_size is None:
            return False
        height, width = self.photo_size
        return self.map_layout.cell_width * height != self.map_layout.cell_height * width

    def _present(self) -> tuple[str, ...]:
        if not self.true_maps:
            return ()
        return (MAPS, DIFFERENCES) if self.difference_cells else (MAPS,)

    def _path(self, name: str) -> str:
        return f"{self.stem}-{_FILE_NAMES[name]}{self.suffix}.png"


def make_map_sheet(
    maps: MapSet,
    shown: NDArray[np.int64],
    is_correct: NDArray[np.bool_],
    *,
    page: str,
    stem: str,
    is_first: bool,
    photo_size: tuple[int, int] | None,
    with_differences: bool,
) -> MapSheet:
    """The existing maps of the examples at these positions of the cache.

    Args:
        maps: the method's maps.
        shown: int64 (n,), positions, each once.
        is_correct: bool (N,), whether each prediction is correct.
        page: path of the page.
        stem: path of the sprites without its ending, such as `images/042-leopard`.
        is_first: whether the page first shows this method.
        photo_size: height and width of the photos under the maps.
        with_differences: whether the page shows differences of maps.
    """
    mapped = shown[maps.rows[shown] >= 0]
    wrong = mapped[:0] if maps.is_class_agnostic else mapped[~is_correct[mapped]]
    rows, wrong_rows = maps.rows[mapped], maps.rows[wrong]
    # The maps of all true classes, then those of wrongly predicted ones; for correct predictions both are the same.
    levels = np.concatenate(
        [
            evidence(maps.cam.true[rows], maps.true_peaks[rows]),
            evidence(maps.cam.predicted[wrong_rows], maps.predicted_peaks[wrong_rows]),
        ]
    )
    scale = np.where(maps.scale > 0, maps.scale, 1.0)
    true_maps = dict(zip(mapped.tolist(), enumerate((maps.true_peaks / scale)[rows].tolist()), strict=True))
    wrong_maps = enumerate((maps.predicted_peaks / scale)[wrong_rows].tolist(), start=len(mapped))
    compared = wrong if with_differences else wrong[:0]
    compared_rows = maps.rows[compared]
    differences = signed_levels(
        maps.cam.predicted[compared_rows].astype(np.float64) - maps.cam.true[compared_rows].astype(np.float64)
    )
    return MapSheet(
        maps=maps,
        page=page,
        stem=stem,
        suffix="" if is_first else f"-{method_slug(maps.method)}",
        photo_size=photo_size,
        true_maps=true_maps,
        predicted_maps=true_maps | dict(zip(wrong.tolist(), wrong_maps, strict=True)),
        difference_cells={position: cell for cell, position in enumerate(compared.tolist())},
        map_layout=sprite_layout(len(levels), *maps.grid),
        difference_layout=sprite_layout(len(differences), *maps.grid),
        maps_png=map_sprite(levels),
        differences_png=map_sprite(differences),
    )


def make_sprite(name: str, path: str, layout: SpriteLayout, *, page: str) -> Sprite:
    """A file of the site as a page defines it."""
    width, height = layout.size
    return Sprite(name=name, url=relative_url(path, page=page), width=str(width), height=str(height))


def signed_levels(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed maps (n, h, w) on a scale of their own that is symmetric around zero: [0, 1], with 0.5 for zero."""
    largest = np.abs(maps).max(axis=(1, 2), initial=0.0)
    return 0.5 + 0.5 * maps / np.where(largest > 0, largest, 1.0)[:, None, None]
