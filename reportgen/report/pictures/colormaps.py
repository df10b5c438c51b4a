"""How gray becomes color: one set of tables for the browser's SVG filters and for pictures made in Python.

A map travels as a gray picture. The browser scales it first and colors it afterwards with

    <filter id="inferno" color-interpolation-filters="sRGB">
      <feColorMatrix values="1 0 0 0 0  1 0 0 0 0  1 0 0 0 0  1 0 0 0 0"/>
      <feComponentTransfer>
        <feFuncR type="table" tableValues="…"/> … <feFuncA type="table" tableValues="…"/>
      </feComponentTransfer>
    </filter>

which is piecewise linear between equidistant stops and cuts off the fraction of a level; so does everything here.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

DEFAULT_COLORMAP: Final = "inferno"

EVIDENCE_COLORMAPS: Final = ("inferno", "viridis", "jet")
"""Colormaps of class activation maps. Jet is unsafe for color-vision deficiency; it is here because people know it."""

DIFFERENCE_COLORMAP: Final = "difference"
"""Diverging: blue below the middle, orange above it."""

COUNT_COLORMAPS: Final = ("counts-light", "counts-dark")
"""Colormaps of counts of mistakes, for a light and for a dark page; the picture's level 0 stays transparent."""

EVIDENCE_OPACITY: Final = (0.0, 0.35, 0.6, 0.78, 0.85, 0.9)
"""Opacity of an overlay at equidistant levels of evidence: where there is little, the photo is left alone."""

DIFFERENCE_OPACITY: Final = (0.9, 0.85, 0.7, 0.4, 0.15, 0.0, 0.15, 0.4, 0.7, 0.85, 0.9)
"""Opacity of the overlay of a signed map: in the middle, where both are equal, the photo is left alone."""

# Stops as RRGGBB. Their number less one divides 255, so that each falls on a whole level. The first three are every
# fifth color of matplotlib's colormaps of the same name; the counts follow ColorBrewer's YlOrBr.
_STOPS: Final = {
    "inferno": (
        "00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c59106e61136e69166e"
        "71196e781c6d801f6c88226a902568982766a02a63a82e5fb0315bb73557bf3952c63d4dcc4248d34743d94d3ddf5337"
        "e45a31e9612bed6925f1711ff47918f78212f98b0bfa9407fb9d07fca60cfcb014fbba1ffac42af8cd37f6d746f4e156"
        "f2ea69f2f27df5f992fcffa4"
    ),
    "viridis": (
        "44015446085c471063481769481d6f482475472a7a46307e453781433d844142873f48893d4e8a3a538b38598c355e8d"
        "33638d31688e2e6d8e2c718e2a768e297b8e27808e25848e23898e218e8d20928c1f978b1e9c891fa18821a58524aa83"
        "28ae802eb37c35b7793dbc7446c06f50c46a5ac86465cb5e70cf577cd25089d54895d840a2da37b0dd2fbddf26cae11f"
        "d8e219e5e419f1e51dfde725"
    ),
    "jet": (
        "0000800000960000ad0000c40000da0000f10000ff000cff0020ff0034ff0048ff005cff0070ff0084ff0098ff00acff"
        "00c0ff00d4ff02e8f413fce423ffd433ffc443ffb453ffa463ff9473ff8383ff7394ff63a4ff53b4ff43c4ff33d4ff23"
        "e4ff13f4f802ffe600ffd300ffc100ffae00ff9c00ff8900ff7700ff6400ff5200ff3f00ff2d00ff1a00f10800da0000"
        "c40000ad0000960000800000"
    ),
    "difference": "123f8a3d7fd6dbe6f5f9e4d6e0782f8a3406",
    "counts-light": "fff3c4fed56efb9a34e4640fb03f06662506",
    "counts-dark": "4d2a138c400ec65f12f08e36fdc56ffff4d0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterTables:
    """The `tableValues` of one colormap's `feFuncR`, `feFuncG` and `feFuncB`."""

    red: str
    green: str
    blue: str


@lru_cache(maxsize=16)
def filter_tables(name: str) -> FilterTables:
    """The colormap as an SVG filter wants it."""
    red, green, blue = (_table_text(channel / 255) for channel in _color_stops(name).T)
    return FilterTables(red=red, green=green, blue=blue)


@lru_cache(maxsize=16)
def opacity_table(name: str = DEFAULT_COLORMAP) -> str:
    """The `tableValues` of the colormap's `feFuncA`: of evidence, of a difference, or all but level 0 for counts."""
    if name in COUNT_COLORMAPS:
        return _table_text(np.array((0.0, *[1.0] * 255)))
    return _table_text(np.array(DIFFERENCE_OPACITY if name == DIFFERENCE_COLORMAP else EVIDENCE_OPACITY))


@lru_cache(maxsize=16)
def color_levels(name: str) -> NDArray[np.uint8]:
    """The color that the filter makes of each gray level: uint8 (256, 3), RGB, read-only."""
    stops = _color_stops(name)
    levels = np.arange(256) * ((len(stops) - 1) / 255)
    channels = [np.interp(levels, np.arange(len(stops)), channel) for channel in stops.T]
    colors = np.floor(np.stack(channels, axis=1) + 1e-9).astype(np.uint8)
    colors.flags.writeable = False  # it is shared
    return colors


def opacity_levels() -> NDArray[np.float64]:
    """The opacity that the filter gives to each gray level: float64 (256,) in [0, 1]."""
    return np.interp(np.linspace(0, len(EVIDENCE_OPACITY) - 1, 256), range(len(EVIDENCE_OPACITY)), EVIDENCE_OPACITY)


def css_stops(name: str, *, num_stops: int = 6) -> tuple[str, ...]:
    """Equidistant colors such as `#420a68`, for a gradient that stands as legend."""
    levels = np.linspace(0, 255, num_stops).round().astype(int)
    return tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in color_levels(name)[levels].tolist())


def _color_stops(name: str) -> NDArray[np.int64]:
    return np.frombuffer(bytes.fromhex(_STOPS[name]), np.uint8).reshape(-1, 3).astype(np.int64)


def _table_text(values: NDArray[np.float64]) -> str:
    # Four digits, rounded up: a browser that cuts 255 x value off still arrives at the stop's own level.
    return " ".join(f"{math.ceil(round(value * 1e4, 6)) / 1e4:g}" for value in values.tolist())
