"""The pictures of a page: one sprite of thumbnails and the sprites of each method's maps, with a crop per example."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from reportgen.report.pages.context import RunContext
from reportgen.report.pages.map_sheet import Files, MapSheet, make_map_sheet, make_sprite
from reportgen.report.pictures.images import SpriteLayout, sprite_columns, sprite_layout, thumbnail_sprite
from reportgen.report.views.shared import Crop, Sprite

PHOTOS = "p"  # an id that every picture of a page repeats


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class PhotoSheet:
    """The thumbnails of one page.

    Attributes:
        path: path of the sprite.
        cells: cell of each example's thumbnail, by position in the cache.
        layout: the arrangement of the cells.
        webp: the sprite as a lossless WebP.
    """

    path: str
    cells: dict[int, int]
    layout: SpriteLayout
    webp: bytes


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Sheet:
    """The sprites of one page.

    Attributes:
        page: path of the page.
        photos: `None` if the cache has no images, or the page shows none.
        methods: the maps by method; the page first shows the first.
    """

    page: str
    photos: PhotoSheet | None
    methods: tuple[MapSheet, ...]

    @property
    def maps(self) -> MapSheet | None:
        """The maps that the page first shows."""
        return self.methods[0] if self.methods else None

    def files(self) -> Files:
        """The sprites as files of the site."""
        photos = () if self.photos is None else ((self.photos.path, self.photos.webp),)
        return (*photos, *chain.from_iterable(maps.files() for maps in self.methods))

    def sprites(self) -> tuple[Sprite, ...]:
        """The sprites that the page first shows."""
        photos = () if self.photos is None else (self._photo_sprite(self.photos),)
        return (*photos, *(() if self.maps is None else self.maps.sprites()))

    def photo(self, position: int) -> Crop | None:
        """The thumbnail of an example; `None` without images."""
        if self.photos is None:
            return None
        return Crop(sprite=PHOTOS, view_box=self.photos.layout.view_box(self.photos.cells[position]), strength="1")

    def _photo_sprite(self, photos: PhotoSheet) -> Sprite:
        return make_sprite(PHOTOS, photos.path, photos.layout, page=self.page)


def make_sheet(
    context: RunContext,
    positions: Sequence[int],
    *,
    page: str,
    stem: str,
    with_differences: bool = True,
    every_method: bool = False,
) -> Sheet:
    """The sprites of the examples at these positions of the cache.

    Args:
        context: the run.
        positions: the examples; duplicates share their pictures.
        page: path of the page.
        stem: path of the sprites without its ending, such as `images/042-leopard`.
        with_differences: whether the page shows differences of maps.
        every_method: whether the page shows the maps of all methods, or of the first only.
    """
    shown = np.array(list(dict.fromkeys(positions)), dtype=np.int64)
    thumbnails = context.cache.thumbnails
    photos = None
    if thumbnails is not None and len(shown):
        columns = sprite_columns(len(shown))
        photos = PhotoSheet(
            path=f"{stem}-thumbnails.webp",
            cells={position: cell for cell, position in enumerate(shown.tolist())},
            layout=sprite_layout(len(shown), *thumbnails.shape[1:3], columns=columns),
            webp=thumbnail_sprite(thumbnails[shown], columns=columns),
        )
    return Sheet(
        page=page,
        photos=photos,
        methods=tuple(
            make_map_sheet(
                maps,
                shown,
                context.findings.predictions.is_correct,
                page=page,
                stem=stem,
                is_first=place == 0,
                photo_size=None if thumbnails is None else (thumbnails.shape[1], thumbnails.shape[2]),
                with_differences=with_differences,
            )
            for place, maps in enumerate(context.methods if every_method else context.methods[:1])
        ),
    )
