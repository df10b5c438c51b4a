"""One palette: style sheets, charts and figures have no colors of their own."""

import re
from pathlib import Path

import pytest

from reportgen.report.pictures import palette
from reportgen.report.templating import find_templates

HEX = re.compile(r"#[0-9a-f]{6}\b", re.IGNORECASE)
PICTURES = Path(palette.__file__).parent
STYLE_SHEETS = sorted(find_templates().rglob("*.css"))


def test_the_style_sheet_declares_the_palette():
    root = re.search(r":root \{(.*?)\}", (find_templates() / "assets" / "report.css").read_text(), re.DOTALL)[1]
    declared = dict(re.findall(r"(--[\w-]+): (light-dark\([^)]*\));", root))
    assert declared == {name: color.css for name, color in palette.CUSTOM_PROPERTIES.items()}


@pytest.mark.parametrize("path", STYLE_SHEETS, ids=lambda path: path.name)
def test_style_sheets_have_no_other_color(path: Path):
    declared = {value for color in palette.CUSTOM_PROPERTIES.values() for value in (color.light, color.dark)}
    assert set(HEX.findall(path.read_text())) <= (declared if path.name == "report.css" else set())


def test_charts_and_figures_have_no_color_of_their_own():
    literal = {path.name for path in PICTURES.rglob("*.py") if HEX.search(path.read_text())}
    assert literal == {"palette.py", "colormaps.py"}  # the example of a legend's colors


@pytest.mark.parametrize("page", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "least"),
    [("INK", 7), ("QUIET", 7), ("LINK", 7), ("RIGHT_TEXT", 7), ("WRONG_TEXT", 7), ("RIGHT", 4.5), ("WRONG", 4.5)],
)
@pytest.mark.parametrize("ground", ["PAPER", "PANEL"])
def test_text_contrasts_with_what_it_stands_on(text: str, ground: str, page: str, least: float):
    def luminance(color: str) -> float:
        channels = [value / 255 for value in bytes.fromhex(color[1:])]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted(luminance(getattr(getattr(palette, name), page)) for name in (text, ground))
    assert (lighter + 0.05) / (darker + 0.05) >= least
