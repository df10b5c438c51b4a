import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reportgen.errors import SettingsError
from reportgen.report.pages.branding import MAX_LOGO_BYTES, load_branding, load_css, load_logo
from reportgen.report.style_sheets import MAX_CSS_BYTES
from reportgen.settings import RenderSettings

SVG = b'<?xml version="1.0"?>\n<!-- mark -->\n<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 24, 3)).astype(np.uint8)).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (picture("PNG"), "assets/logo.png"),
        (picture("JPEG"), "assets/logo.jpg"),
        (picture("WEBP"), "assets/logo.webp"),
        (SVG, "assets/logo.svg"),
    ],
    ids=["png", "jpeg", "webp", "svg"],
)
def test_a_logo_is_known_by_what_it_is_and_kept_as_it_is(tmp_path: Path, content: bytes, path: str):
    (tmp_path / "mark.bin").write_bytes(content)
    assert load_logo(tmp_path / "mark.bin") == (path, content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"words",
        picture("GIF"),
        picture("PNG")[:-40],
        picture("JPEG")[:200],
        b"<svg>",
        b"<svg/>",
        b'<html xmlns="http://www.w3.org/1999/xhtml"/>',
    ],
    ids=["empty", "words", "gif", "half a png", "half a jpeg", "unclosed svg", "svg without namespace", "html"],
)
def test_a_logo_that_browsers_would_not_show_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "mark.png").write_bytes(content)
    with pytest.raises(SettingsError, match=r"mark\.png is not a complete PNG, JPEG, WebP or SVG"):
        load_logo(tmp_path / "mark.png")


@pytest.mark.parametrize(
    "css",
    [
        "h1 { color: red }",
        '@media print { h1 { content: "import" } }',
        "/* @import 'x.css'; url(http://example.org) */ a { color: blue }",
        "a { background: url(data:image/png;base64,AAAA) }",
        "a { filter: url(#inferno); mask: url( '#x' ) }",
    ],
)
def test_a_style_sheet_that_stands_alone_is_taken_as_it_is(tmp_path: Path, css: str):
    (tmp_path / "own.css").write_text(css)
    assert load_css(tmp_path / "own.css") == css.encode()


@pytest.mark.parametrize(
    "rule",
    [
        "@import 'more.css';",
        "@IMPORT url(data:text/css,x);",
        "a { background: url(http://example.org/a.png) }",
        "a { background: url( 'https://example.org/a.png' ) }",
        'a { background: URL("//example.org/a.png") }',
        "a { background: url(picture.png) }",
        "@font-face { src: url(font.woff2) }",
        'a { background: image-set("a.png" 1x) }',
        "a { background: url() }",
        '@\\69mport "more.css";',
        "a { background: u\\72l(http://example.org/a.png) }",
        "a { background: url/**/(x.png) url(\\68ttp://example.org/a.png) }",
        "a { background: src(var(--picture)) }",
        "a { b: c } @media print { @import 'more.css'; }",
        'a { background: -webkit-image-set("a.png" 1x) }',
    ],
)
def test_a_style_sheet_that_needs_another_file_is_refused_with_its_line(tmp_path: Path, rule: str):
    (tmp_path / "own.css").write_text(f"/* a\ncomment */\n{rule}\n")
    with pytest.raises(SettingsError, match=r"own\.css, line 3, refers to another file"):
        load_css(tmp_path / "own.css")


def test_a_style_sheet_in_another_encoding_is_refused(tmp_path: Path):
    (tmp_path / "own.css").write_bytes(b"a::after { content: '\xe9' }")
    with pytest.raises(SettingsError, match="not UTF-8 text: byte 21"):
        load_css(tmp_path / "own.css")


@pytest.mark.parametrize("name", ["logo", "extra_css"])
def test_a_file_that_is_missing_or_too_large_is_named(tmp_path: Path, name: str):
    path = tmp_path / "own.file"
    with pytest.raises(SettingsError, match=r"own\.file cannot be read: No such file"):
        load_branding(RenderSettings(**{name: path}))
    path.write_bytes(b" " * (max(MAX_LOGO_BYTES, MAX_CSS_BYTES) + 1))
    with pytest.raises(SettingsError, match=r"own\.file has 512,001 bytes"):
        load_branding(RenderSettings(**{name: path}))


def test_what_is_not_given_adds_nothing(tmp_path: Path):
    assert load_branding(RenderSettings()).files() == []
    (tmp_path / "mark.svg").write_bytes(SVG)
    (tmp_path / "own.css").write_text("a {}")
    branding = load_branding(RenderSettings(logo=tmp_path / "mark.svg", extra_css=tmp_path / "own.css"))
    assert branding.files() == [("assets/logo.svg", SVG), ("assets/extra.css", b"a {}")]
