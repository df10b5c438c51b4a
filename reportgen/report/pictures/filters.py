"""The SVG filters of a page, which turn gray into color after the browser has scaled a picture."""

from collections.abc import Iterable, Iterator

from markupsafe import Markup

from reportgen.report.pictures.colormaps import COUNT_COLORMAPS, filter_tables, opacity_table
from reportgen.report.pictures.svg import element

_GRAY_TO_ALPHA = "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1 0 0 0 0"


def define_filters(colormaps: Iterable[str]) -> Markup:
    """Two filters for each colormap of maps, alone and over a photo; one for counts, transparent at zero."""
    return Markup("\n").join(_define(*parts) for parts in _list_filters(colormaps))


def _list_filters(colormaps: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Id, colormap and opacity of each filter."""
    for name in colormaps:
        if name in COUNT_COLORMAPS:
            yield name, name, opacity_table(name)
        else:
            yield name, name, "1 1"
            yield f"{name}-overlay", name, opacity_table(name)


def _define(name: str, colormap: str, opacity: str) -> Markup:
    tables = filter_tables(colormap)
    functions = {"feFuncR": tables.red, "feFuncG": tables.green, "feFuncB": tables.blue, "feFuncA": opacity}
    return element(
        "filter",
        element("feColorMatrix", values=_GRAY_TO_ALPHA),
        element(
            "feComponentTransfer",
            *(element(function, type="table", tableValues=table) for function, table in functions.items()),
        ),
        id=name,
        x=0,
        y=0,
        width=1,
        height=1,
        color_interpolation_filters="sRGB",
    )
