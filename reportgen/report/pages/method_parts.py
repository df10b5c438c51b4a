"""The controls of a page's maps, and the parts of the page that depend on the method."""

from collections.abc import Callable, Sequence
from itertools import chain

from reportgen.report.pages.context import RunContext
from reportgen.report.pages.gallery import make_layers
from reportgen.report.pages.map_set import MapSet
from reportgen.report.pages.map_sheet import Files
from reportgen.report.pages.mean_maps import MeanSheet
from reportgen.report.pages.panels import make_map_panels
from reportgen.report.pages.sheets import Sheet
from reportgen.report.urls import method_slug
from reportgen.report.views.shared import MapControls, MapLayerChoice, MeanMapFigure, MethodChoice, MethodParts
from reportgen.report.words.text import list_text

Means = tuple[MeanSheet | None, tuple[MeanMapFigure, ...]]
"""The mean maps of a page by one method: sprite and figures; neither if only some examples have maps."""

_LAYERS_OF_CLASSES = frozenset({"true", "difference"})
"""Layers that class-agnostic maps do not have."""


def make_controls(context: RunContext, layers: Sequence[tuple[str, str]]) -> MapControls | None:
    """The controls of a page that shows all methods; `None` without maps.

    Args:
        context: the run.
        layers: value and text of each layer, for maps that are not class-agnostic; the first is shown first.
    """
    first = context.maps
    if first is None:
        return None
    has_photos = context.cache.thumbnails is not None
    knows_classes = any(not maps.is_class_agnostic for maps in context.methods)
    offered = layers if knows_classes else [(layers[0][0], "map"), *(layer for layer in layers if layer[0] == "none")]
    return MapControls(
        layers=tuple(
            MapLayerChoice(value=value, text=text, is_disabled=first.is_class_agnostic and value in _LAYERS_OF_CLASSES)
            for value, text in offered
            if has_photos or value != "none"
        ),
        methods=tuple(
            MethodChoice(
                value=method_slug(maps.method), text=maps.words.title, is_class_agnostic=maps.is_class_agnostic
            )
            for maps in context.methods
        )
        if len(context.methods) > 1
        else (),
        legend=first.legend(),
        has_differences=knows_classes,
        has_photos=has_photos,
    )


def make_method_parts(
    context: RunContext,
    sheet: Sheet,
    *,
    cards: Sequence[int],
    items: Sequence[int],
    means: Callable[[MapSet, str], Means],
) -> tuple[tuple[MethodParts, ...], Files]:
    """What a page shows by each of its methods but the first, with the sprites of their mean maps.

    Args:
        context: the report.
        sheet: the page's pictures.
        cards: positions of the examples on its cards, in their order.
        items: positions of the images in its gallery, likewise.
        means: makes the page's mean maps of a method, with a suffix for their sprite.
    """
    parts, files = [], []
    for maps in sheet.methods[1:]:
        mean_sheet, figures = means(maps.maps, maps.suffix)
        parts.append(
            MethodParts(
                value=method_slug(maps.maps.method),
                sprites=(*maps.sprites(), *(() if mean_sheet is None else mean_sheet.sprites())),
                legend=maps.maps.legend(),
                means=figures,
                means_note=""
                if figures
                else f"{maps.maps.words.title} maps exist for some images only; no mean map is shown.",
                panels=tuple(make_map_panels(context, sheet, maps, position) for position in cards),
                items=tuple(make_layers(context, maps, position) for position in items),
            )
        )
        files.append(() if mean_sheet is None else mean_sheet.files())
    return tuple(parts), tuple(chain.from_iterable(files))


def first_method_note(context: RunContext) -> str:
    """What a file that holds the maps of the first method only has to say; empty where there is no other."""
    if len(context.methods) < 2:
        return ""
    first, *others = [maps.words.title for maps in context.methods]
    return f"This file contains {first} maps only; the full report also has {list_text(others)}."
