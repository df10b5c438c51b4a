import io

import numpy as np
import pytest
from PIL import Image, ImageColor

from reportgen.report.pictures.canvas import (
    Canvas,
    TextStyle,
    class_name,
    fit_text,
    printable,
    source_text,
    text_width,
    wrap_text,
)
from reportgen.report.pictures.colormaps import DEFAULT_COLORMAP, color_levels
from reportgen.report.pictures.palette import INK, QUIET, RIGHT, WRONG

STYLE = TextStyle(size=14)


def pixels(canvas: Canvas) -> np.ndarray:
    return canvas.pixels


@pytest.mark.parametrize("text", ["leopard", "a very long name that can not stand in so narrow a column"])
@pytest.mark.parametrize("keep_end", [False, True])
def test_text_is_cut_to_the_longest_that_fits(text, keep_end):
    for room in (40, 90, 150):
        fitted = fit_text(text, STYLE, room, keep_end=keep_end)
        if fitted == text:
            assert text_width(text, STYLE) <= room
            continue
        assert text_width(fitted, STYLE) <= room
        kept = fitted.strip("…")
        assert text.endswith(kept) if keep_end else text.startswith(kept)
        longer = "…" + text[-len(kept) - 2 :] if keep_end else text[: len(kept) + 2] + "…"
        assert text_width(longer, STYLE) > room


@pytest.mark.parametrize("keep_end", [False, True])
def test_where_no_letter_fits_an_ellipsis_remains(keep_end):
    assert fit_text("leopard", STYLE, 1, keep_end=keep_end) == "…"


def test_characters_that_no_font_has_are_left_out():
    assert printable("Ünïcode & <tag>") == "Ünïcode & <tag>"
    assert printable("猫 cat\n") == "cat"
    assert printable("αβγ Д") == "αβγ Д"


def test_a_name_of_which_nothing_remains_becomes_its_index(small_cache):
    assert class_name(small_cache, 4) == "class 4"
    assert class_name(small_cache, 3) == "=1+1"
    assert source_text(small_cache) == "net <v2> · small & odd"


def test_lines_are_broken_at_spaces_and_lose_no_word():
    text = "Both maps share one scale, from zero to the higher of their peaks"
    lines = wrap_text(text, STYLE, 160)
    assert " ".join(lines) == text
    assert len(lines) > 2
    assert all(text_width(line, STYLE) <= 160 for line in lines)


def test_text_lies_where_its_alignment_says():
    for align, columns in (("left", slice(50, 100)), ("right", slice(0, 50)), ("center", slice(25, 75))):
        canvas = Canvas(100, 40)
        canvas.write(50, 25, "word", STYLE, align=align)
        ink = (pixels(canvas) < 128).any(axis=(0, 2))
        assert ink.any()
        assert not np.delete(ink, np.arange(100)[columns]).any()


def test_upward_text_is_the_same_text_turned():
    canvas = Canvas(40, 100)
    canvas.write_upward(30, 90, "Word", STYLE, max_width=80)
    turned = np.rot90(pixels(canvas), -1)
    flat = Canvas(100, 40)
    flat.write(10, 30, "Word", STYLE)
    rows, columns = np.nonzero((turned < 128).any(axis=2))
    flat_rows, flat_columns = np.nonzero((pixels(flat) < 128).any(axis=2))
    assert rows.max() - rows.min() == flat_rows.max() - flat_rows.min()
    assert columns.max() - columns.min() == flat_columns.max() - flat_columns.min()
    ink = (pixels(canvas) < 128).any(axis=2)
    assert not ink[91:].any()
    assert not ink[:, 31:].any()


def test_upward_text_below_a_matrix_ends_at_its_edge():
    canvas = Canvas(40, 100)
    canvas.write_upward(30, 20, "Word", STYLE, align="right", max_width=60)
    ink = np.nonzero((pixels(canvas) < 128).any(axis=(1, 2)))[0]
    assert 20 <= ink.min() <= 24
    assert ink.max() <= 80


def test_pictures_and_rectangles_lie_on_their_pixels():
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    canvas = Canvas(30, 20)
    canvas.picture(3, 4, picture)
    canvas.fill(15, 10, 4, 0.2, "#102030")
    page = pixels(canvas)
    np.testing.assert_array_equal(page[4:9, 3:10], picture)
    np.testing.assert_array_equal(page[10, 15:19], [[0x10, 0x20, 0x30]] * 4)
    assert (page[11] == 255).all()
    assert (page[10, 19:] == 255).all()


def test_the_png_keeps_the_colors_of_the_page_and_of_the_colormap():
    canvas = Canvas(256, 40)
    canvas.picture(0, 0, np.random.default_rng(0).integers(0, 256, (20, 256, 3), dtype=np.uint8))
    kept = [
        *color_levels(DEFAULT_COLORMAP)[::5],
        *(np.array(ImageColor.getrgb(c.light)) for c in (INK, QUIET, RIGHT, WRONG)),
    ]
    canvas.picture(0, 30, np.array(kept, np.uint8)[None])
    page = Image.open(io.BytesIO(canvas.png()))
    assert page.mode == "P"
    shown = np.asarray(page.convert("RGB"))
    np.testing.assert_array_equal(shown[30, : len(kept)], kept)
    assert (shown[35] == 255).all()


def test_the_png_is_near_the_page_wherever_a_photo_has_few_colors():
    canvas = Canvas(64, 64)
    rows = np.linspace(0, 255, 64)
    photo = np.stack(np.broadcast_arrays(rows[:, None], rows[None, :], 128.0), axis=2).astype(np.uint8)
    canvas.picture(0, 0, photo)
    shown = np.asarray(Image.open(io.BytesIO(canvas.png())).convert("RGB")).astype(int)
    assert np.abs(shown - photo).mean() < 6


def test_equal_pages_give_equal_bytes_without_metadata():
    first, second = (Canvas(9, 9).png() for _ in range(2))
    assert first == second
    assert Image.open(io.BytesIO(first)).info == {}
