"""A white page to compose a figure on, in pixels: text that fits, pictures, rectangles.

Fonts are those that matplotlib ships, so that a figure looks alike on every machine. Pillow draws each text once, and
NumPy lays it on the page: the same words come back on the figures of all classes.
"""

import io
import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from reportgen.cache import EvaluationCache
from reportgen.report.pictures.colormaps import DEFAULT_COLORMAP, color_levels
from reportgen.report.pictures.palette import INK, PANEL, QUIET, RIGHT, RULE, WRONG

ELLIPSIS: Final = "…"

# Letters may reach a little beyond where their text starts and ends.
_INK_MARGIN = 3

_COMPRESSION = 6
_BOX_LEVELS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStyle:
    """How a text is set.

    Attributes:
        size: height of the font in pixels.
        face: `Sans`, `Sans-Bold`, `Serif` or `Serif-Bold`.
        color: as `#rrggbb`.
    """

    size: int = 16
    face: str = "Sans"
    color: str = INK.light

    def colored(self, color: str) -> "TextStyle":
        """The same in another color."""
        return replace(self, color=color)


class Canvas:
    """A white page. Coordinates run from the upper left corner; text stands on its baseline."""

    def __init__(self, width: int, height: int) -> None:
        self._pixels = np.full((height, width, 3), 255, np.uint8)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The page as it is now: a copy, uint8 (H, W, 3)."""
        return self._pixels.copy()

    def write(
        self,
        x: float,
        baseline: int,
        text: str,
        style: TextStyle,
        *,
        align: str = "left",
        max_width: float | None = None,
        keep_end: bool = False,
    ) -> float:
        """Set a text on one line, cut short with an ellipsis where it is longer than `max_width`.

        Args:
            x: where it starts, ends or is centered, as `align` says.
            baseline: the line that it stands on.
            text: what it says; characters that the font lacks are left out.
            style: how it is set.
            align: `left`, `right` or `center`.
            max_width: the room that it has, in pixels.
            keep_end: cut the start of a text that is too long instead of its end, as file names want it.

        Returns:
            The text's right edge.
        """
        line = printable(text) if max_width is None else fit_text(text, style, max_width, keep_end=keep_end)
        width = text_width(line, style)
        left = x - {"left": 0.0, "center": width / 2, "right": width}[align]
        ink = _text_ink(line, style.face, style.size)
        self._blend(round(left) - _INK_MARGIN, baseline - style.size, ink, style.color)
        return left + width

    def write_upward(
        self, baseline_x: int, bottom: int, text: str, style: TextStyle, *, align: str = "left", max_width: float
    ) -> None:
        """Set a text from below to above, on a baseline that runs upward at `baseline_x`.

        Args:
            baseline_x: the line that it stands on, at the right of the letters.
            bottom: where it starts (`left`) or ends (`right`).
            text: what it says.
            style: how it is set.
            align: `left` or `right`.
            max_width: the room that it has, in pixels.
        """
        line = fit_text(text, style, max_width)
        ink = np.rot90(_text_ink(line, style.face, style.size))
        start = bottom if align == "left" else bottom + math.ceil(text_width(line, style))
        self._blend(baseline_x - style.size, start + _INK_MARGIN - len(ink), ink, style.color)

    def _blend(self, left: int, top: int, ink: NDArray[np.float32], color: str) -> None:
        """Lay a color over the page as far as `ink` (H, W) in [0, 1] covers it; what runs off the page is lost."""
        page = self._pixels[max(0, top) : max(0, top + ink.shape[0]), max(0, left) : max(0, left + ink.shape[1])]
        cover = ink[max(0, -top) :, max(0, -left) :][: page.shape[0], : page.shape[1], None]
        page[:] = np.rint(page + cover * (np.array(rgb(color), np.float32) - page))

    def picture(self, x: int, y: int, pixels: NDArray[np.uint8]) -> None:
        """Paste a picture, uint8 (H, W, 3), with its upper left corner at (x, y)."""
        self._pixels[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels

    def fill(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """Fill a rectangle; less than a pixel becomes one."""
        left, top = round(x), round(y)
        self._pixels[top : top + max(1, round(height)), left : left + max(1, round(width))] = rgb(color)

    def png(self) -> bytes:
        """The page as PNG of 256 colors, a quarter of the size of one with all of them.

        Those of the page and of the colormap are kept as they are, so that a color means what the legend says; the
        others are chosen for the photos.
        """
        page = Image.fromarray(self._pixels)
        kept = _kept_colors()
        sample = Image.fromarray(np.ascontiguousarray(self._pixels[::2, ::2]))
        chosen = sample.quantize(256 - len(kept), Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        others = np.array(chosen.getpalette(), np.uint8).reshape(-1, 3)
        # Pillow looks colors up in boxes of a few levels: another color in the box of a kept one would replace it.
        distance = np.abs(others[:, None].astype(int) - kept).max(axis=2).min(axis=1)
        palette = Image.new("P", (1, 1))
        palette.putpalette(kept.tobytes() + others[distance >= _BOX_LEVELS].tobytes())
        content = io.BytesIO()
        page.quantize(palette=palette, dither=Image.Dither.NONE).save(content, "PNG", compress_level=_COMPRESSION)
        return content.getvalue()


@lru_cache(maxsize=1)
def _kept_colors() -> NDArray[np.uint8]:
    """The colors that every figure has exactly: uint8 (n, 3)."""
    page = [rgb(color.light) for color in (PANEL, INK, QUIET, RULE, RIGHT, WRONG)]
    return np.concatenate([np.array(page, np.uint8), color_levels(DEFAULT_COLORMAP)[::5]])


def text_width(text: str, style: TextStyle) -> float:
    """The width of a text in pixels."""
    return _text_width(text, style.face, style.size)


def fit_text(text: str, style: TextStyle, max_width: float, *, keep_end: bool = False) -> str:
    """The text, or the longest start (or end) of it that fits with an ellipsis."""
    line = printable(text)
    if text_width(line, style) <= max_width:
        return line

    def cut(length: int) -> str:
        return ELLIPSIS + line[len(line) - length :].lstrip() if keep_end else line[:length].rstrip() + ELLIPSIS

    # The number of characters at which the cut text begins to be too wide, less one.
    return cut(bisect_right(range(len(line)), max_width, lo=1, key=lambda n: text_width(cut(n), style)) - 1)


def wrap_text(text: str, style: TextStyle, max_width: float) -> list[str]:
    """The text's lines, broken at spaces; a longer word stands alone."""
    lines: list[str] = []
    for word in printable(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, style) <= max_width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def printable(text: str) -> str:
    """The text without the characters that the fonts lack, such as Chinese ones and most emoji."""
    known = _known_characters()
    return text if known.issuperset(text) else "".join(character for character in text if character in known).strip()


def class_name(cache: EvaluationCache, class_index: int) -> str:
    """A class's name as far as the fonts can set it; `class 12` where nothing of it remains."""
    text = printable(cache.shown_names[class_index])
    return text if any(character.isalnum() for character in text) else f"class {class_index}"


def source_text(cache: EvaluationCache) -> str:
    """The network and the test set, for the corner of a figure that travels without its report."""
    return f"{cache.provenance.model_name} · {cache.provenance.data_name}"


@lru_cache(maxsize=64)
def _font(face: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_font_path(face)), size)


@lru_cache(maxsize=65_536)
def _text_width(text: str, face: str, size: int) -> float:
    return _font(face, size).getlength(text)


def _font_path(face: str) -> Path:
    from matplotlib import get_data_path

    return Path(get_data_path()) / "fonts" / "ttf" / f"DejaVu{face}.ttf"


@lru_cache(maxsize=4096)
def _text_ink(text: str, face: str, size: int) -> NDArray[np.float32]:
    """How far a text covers each pixel, in [0, 1]: it starts at `_INK_MARGIN` and stands on row `size`."""
    width = math.ceil(_text_width(text, face, size)) + 2 * _INK_MARGIN
    image = Image.new("L", (width, size + math.ceil(size / 2)))
    ImageDraw.Draw(image).text((_INK_MARGIN, size), text, fill=255, font=_font(face, size), anchor="ls")
    ink = np.asarray(image, np.float32) / np.float32(255)
    ink.flags.writeable = False  # it is shared
    return ink


def rgb(color: str) -> tuple[int, ...]:
    """Red, green and blue of `#rrggbb`."""
    return tuple(bytes.fromhex(color.removeprefix("#")))


@lru_cache(maxsize=1)
def _known_characters() -> frozenset[str]:
    from matplotlib.ft2font import FT2Font

    faces = ("Sans", "Sans-Bold", "Serif-Bold")
    drawable = (frozenset(map(chr, FT2Font(str(_font_path(face))).get_charmap())) for face in faces)
    return frozenset(filter(str.isprintable, frozenset.intersection(*drawable)))
