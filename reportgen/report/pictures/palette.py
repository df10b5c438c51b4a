"""The colors of a report: of its pages, its interactive charts and its PNG figures.

Blue is as it should be, orange is worth a look, gray explains. `assets/report.css` declares the same colors as custom
properties; a test compares the two. The colormaps of maps and counts are in `colormaps`.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Color:
    """A color on a light and on a dark page, each as `#rrggbb`."""

    light: str
    dark: str

    @property
    def css(self) -> str:
        """The color as CSS wants it."""
        return f"light-dark({self.light}, {self.dark})"


PAPER: Final = Color("#fcfbf9", "#15161a")
PANEL: Final = Color("#ffffff", "#1c1e23")
INK: Final = Color("#1d1d20", "#ecebe7")
QUIET: Final = Color("#4e4d49", "#b7b6b0")
RULE: Final = Color("#e3e0da", "#33363d")
RIGHT: Final = Color("#2a62b8", "#7fb0ff")
WRONG: Final = Color("#b4490f", "#ff9f66")
RIGHT_TEXT: Final = Color("#22529c", "#7fb0ff")
WRONG_TEXT: Final = Color("#8f390b", "#ff9f66")
BAND: Final = Color("#efece5", "#262930")
LINK: Final = Color("#1f4f9c", "#9cc2ff")
CONTROL: Final = Color("#87857e", "#7d7f86")

CUSTOM_PROPERTIES: Final = MappingProxyType(
    {
        "--paper": PAPER,
        "--panel": PANEL,
        "--ink": INK,
        "--quiet": QUIET,
        "--rule": RULE,
        "--right": RIGHT,
        "--wrong": WRONG,
        "--right-text": RIGHT_TEXT,
        "--wrong-text": WRONG_TEXT,
        "--band": BAND,
        "--link": LINK,
        "--control": CONTROL,
    }
)
"""The names under which style sheets know the colors."""

MUTED: Final = "#b9b5ab"
"""Secondary bars of PNG figures, which are always light."""
