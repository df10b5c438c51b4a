"""The user's logo and style sheet, checked, as files of the site."""

import io
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from reportgen.errors import SettingsError, setting
from reportgen.report.style_sheets import MAX_CSS_BYTES, check_style_sheet
from reportgen.report.urls import EXTRA_CSS_PATH
from reportgen.settings import RenderSettings

MAX_LOGO_BYTES = 512_000

_SVG_ROOT = "{http://www.w3.org/2000/svg}svg"
_RASTER_SUFFIXES = {"PNG": "png", "JPEG": "jpg", "MPO": "jpg", "WEBP": "webp"}  # MPO: what some phones call a JPEG


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Branding:
    """The user's logo and style sheet, applied to every page.

    Attributes:
        logo_path: its path in the site; empty without a logo.
        extra_css: `None` without a style sheet.
    """

    logo_path: str
    logo: bytes
    extra_css: bytes | None

    @property
    def extra_css_path(self) -> str:
        """The path of the style sheet in the site; empty without one."""
        return "" if self.extra_css is None else EXTRA_CSS_PATH

    def files(self) -> list[tuple[str, bytes]]:
        """The files to add to the site."""
        files = [(self.logo_path, self.logo)] if self.logo_path else []
        return files if self.extra_css is None else [*files, (EXTRA_CSS_PATH, self.extra_css)]


def load_branding(settings: RenderSettings) -> Branding:
    """The logo and the style sheet that the settings name.

    Raises:
        SettingsError: a file cannot be read, is of no use, or would load something from elsewhere.
    """
    logo_path, logo = ("", b"") if settings.logo is None else load_logo(settings.logo)
    extra_css = None if settings.extra_css is None else load_css(settings.extra_css)
    return Branding(logo_path=logo_path, logo=logo, extra_css=extra_css)


def load_logo(path: Path) -> tuple[str, bytes]:
    """The path of a logo in the site, with the suffix of its actual format, and its content.

    Raises:
        SettingsError: the file cannot be read, is too large, or is no picture that browsers show.
    """
    content = _read(path, "logo", "logo", MAX_LOGO_BYTES)
    suffix = _picture_suffix(content)
    if suffix is None:
        raise SettingsError(
            f"The logo {path} is not a complete PNG, JPEG, WebP or SVG image.", hint="Save it in one of these formats."
        )
    return f"assets/logo.{suffix}", content


def load_css(path: Path) -> bytes:
    """The content of a style sheet that refers to no other file.

    Raises:
        SettingsError: the file cannot be read, is too large, not UTF-8, or refers to another file.
    """
    content = _read(path, "style sheet", "extra_css", MAX_CSS_BYTES)
    check_style_sheet(content, path)
    return content


def _read(path: Path, what: str, name: str, max_bytes: int) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"The {what} {path} cannot be read: {error.strerror}.", hint=f"Give a file with {setting(name)}."
        ) from error
    if len(content) > max_bytes:
        raise SettingsError(
            f"The {what} {path} has {len(content):,} bytes, more than {max_bytes:,}.",
            hint="Make it smaller: every page includes it.",
        )
    return content


def _picture_suffix(content: bytes) -> str | None:
    """The suffix of a complete picture; `None` for anything else."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=["PNG", "JPEG", "WEBP"]) as image:
            image.load()
            return _RASTER_SUFFIXES[str(image.format)]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        pass  # not one of these, or damaged
    if b"<!ENTITY" in content:  # a few bytes can stand for gigabytes
        return None
    try:
        return "svg" if ElementTree.fromstring(content).tag == _SVG_ROOT else None
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
