"""The confusion matrix of the first page: cursor, descriptions, drawing, links."""

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from reportgen.analysis.confusion import order_by_similarity, order_by_superclass
from reportgen.analysis.findings import Findings
from reportgen.analysis.intervals import Proportion
from reportgen.cache import EvaluationCache
from reportgen.report.pages.matrix_data import order_by_name, pack_cells
from reportgen.report.pictures.colormaps import color_levels
from reportgen.report.pictures.images import confusion_levels
from reportgen.report.words.text import count_text, percent_interval_text, percent_text

OpenPage = Callable[..., Page]
Confusion = np.ndarray

READ_ALL = r"""() => {
  const plot = document.querySelector(".cm-plot");
  const press = (key, more) => plot.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, ...more}));
  const size = Number(plot.getAttribute("aria-label").match(/\d+/)[0]);
  const found = {};
  press("Home", {ctrlKey: true});
  for (let row = 0; row < size; row += 1) {
    press("Home");
    for (let column = 0; column < size; column += 1) {
      found[plot.dataset.cell] = [...document.querySelectorAll(".cm-readout p")].map((p) => p.textContent);
      press("ArrowRight");
    }
    press("ArrowDown");
  }
  return found;
}"""


def expected_texts(names: tuple[str, ...], confusion: Confusion, row: int, column: int) -> list[str]:
    """The description of a cell between classes, in the words and numbers of the Python side."""
    support, called = confusion.sum(axis=1).tolist(), confusion.sum(axis=0).tolist()
    count = int(confusion[row, column])

    def of(part: int, total: int) -> tuple[str, str]:
        return (
            f"{count_text(part)} of {count_text(total)}",
            percent_interval_text(Proportion(count=part, total=total), digits=0),
        )

    first, second = f"no images of {names[row]}", f"{names[column]} is never predicted"
    if support[row]:
        part, interval = of(count, support[row])
        end = "classified correctly" if row == column else f"predicted as {names[column]}"
        first = f"{part} {names[row]} ({interval}) {end}"
    if called[column]:
        share = Proportion(count=count, total=called[column])
        interval = percent_interval_text(share, digits=0)
        second = f"{percent_text(share.value, digits=0)} ({interval}) of images predicted as {names[column]}"
    if row == column:
        return [first, second]
    reverse = f"no images of {names[column]}"
    if support[column]:
        part, interval = of(int(confusion[column, row]), support[column])
        reverse = f"{part} ({interval})"
    return [first, second, f"in reverse: {reverse}"]


def pixels(page: Page) -> np.ndarray:
    """What the canvas shows: uint8 (height, width, 4)."""
    url = page.locator(".cm-pixels").evaluate("canvas => canvas.toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA"))


def mistakes_of(confusion: Confusion) -> Confusion:
    return confusion - np.diag(np.diagonal(confusion))


def painted(levels: np.ndarray, colormap: str = "counts-light") -> np.ndarray:
    """Gray levels as the page's filter colors them; level 0 is clear."""
    colors = np.concatenate([color_levels(colormap)[levels], np.full((*levels.shape, 1), 255, np.uint8)], axis=-1)
    return np.where(levels[..., None] > 0, colors, 0).astype(np.uint8)


def levels_of(values: np.ndarray, scale: str = "root") -> np.ndarray:
    most, least = values.max(), values[values > 0].min()
    places = np.sqrt(values / most) if scale == "root" else np.log1p(values / least) / np.log1p(most / least)
    return np.where(values > 0, np.maximum(np.floor(255 * places + 0.5), 1), 0).astype(int)


def point(page: Page, row: int, column: int, *, size: int = 12) -> dict[str, float]:
    """The middle of a cell in the square, for `click` or `hover`."""
    side = page.locator(".cm-plot").evaluate("plot => plot.clientWidth") / size
    return {"x": (column + 0.5) * side, "y": (row + 0.5) * side}


def choose(page: Page, name: str, value: str) -> None:
    page.locator(f'input[name="cm-{name}"][value="{value}"]').check(force=True)


def cell(page: Page) -> tuple[int, int]:
    row, column = page.locator(".cm-plot").get_attribute("data-cell").split(",")
    return int(row), int(column)


def data_script(confusion: Confusion) -> str:
    """A replacement for the site's own data, with two superclasses."""
    order = list(range(len(confusion)))
    data = {
        "z": 1.959963984540054,
        "size": len(confusion),
        "cells": pack_cells(confusion),
        "orders": {"similarity": order, "name": order},
        "superclasses": {
            "names": ["even", "odd"],
            "of": [index % 2 for index in order],
            "orders": {"similarity": [0, 1], "name": [0, 1]},
        },
    }
    return f"window.reportgenMatrix = {json.dumps(data)};"


@pytest.fixture
def index(open_page: OpenPage) -> Page:
    return open_page("index.html")


@pytest.fixture(scope="session")
def by_superclass(evaluation: EvaluationCache) -> list[int]:
    return order_by_superclass(evaluation.superclasses.superclass_of).tolist()


# ---- Without scripts


def test_without_scripts_the_picture_is_shown_without_controls(open_page: OpenPage):
    page = open_page("index.html", scripts=False)
    expect(page.locator("#matrix .cm-picture")).to_be_visible()
    assert page.locator("#matrix img").evaluate("image => image.complete && image.naturalWidth") == 12
    for hidden in (".cm-controls", ".cm-live", ".cm-cell", ".cm-largest", "#cm-help"):
        expect(page.locator(hidden)).to_be_hidden()


def test_print_shows_the_picture_without_controls(index: Page):
    expect(index.locator("#matrix .cm-picture")).to_be_hidden()
    index.emulate_media(media="print")
    expect(index.locator("#matrix .cm-picture")).to_be_visible()
    for hidden in (".cm-controls", ".cm-live", ".cm-cell"):
        expect(index.locator(hidden)).to_be_hidden()


# ---- What is drawn


@pytest.mark.parametrize("order", ["superclass", "similarity", "name"])
def test_each_order_draws_the_cells_that_python_draws(
    index: Page, evaluation: EvaluationCache, found: Findings, by_superclass: list[int], order: str
):
    choose(index, "order", order)
    indices = {
        "superclass": by_superclass,
        "similarity": order_by_similarity(found.confusion).tolist(),
        "name": order_by_name(evaluation.class_names),
    }[order]
    np.testing.assert_array_equal(pixels(index), painted(confusion_levels(found.confusion[np.ix_(indices, indices)])))


@pytest.mark.parametrize("scale", ["root", "log"])
@pytest.mark.parametrize("show", ["count", "row", "column"])
def test_shares_and_scales_are_drawn_as_chosen(
    index: Page, found: Findings, by_superclass: list[int], show: str, scale: str
):
    choose(index, "show", show)
    choose(index, "scale", scale)
    confusion = found.confusion
    total = {"count": 1, "row": confusion.sum(axis=1, keepdims=True), "column": confusion.sum(axis=0, keepdims=True)}
    values = confusion / np.maximum(total[show], 1)
    values = values[np.ix_(by_superclass, by_superclass)]
    np.testing.assert_array_equal(pixels(index), painted(levels_of(mistakes_of(values), scale)))
    choose(index, "diagonal", "on")
    np.testing.assert_array_equal(pixels(index), painted(levels_of(values, scale)))


def test_matrix_of_superclasses_shows_errors_within_on_its_diagonal(
    index: Page, evaluation: EvaluationCache, found: Findings
):
    choose(index, "level", "superclasses")
    member = np.eye(3, dtype=int)[evaluation.superclasses.superclass_of]  # (K, S)
    mistakes = mistakes_of(found.confusion)
    np.testing.assert_array_equal(pixels(index), painted(levels_of(member.T @ mistakes @ member)))


def test_colors_follow_the_scheme(index: Page, found: Findings, by_superclass: list[int]):
    levels = confusion_levels(found.confusion[np.ix_(by_superclass, by_superclass)])
    index.emulate_media(color_scheme="dark")
    index.wait_for_timeout(50)
    np.testing.assert_array_equal(pixels(index), painted(levels, "counts-dark"))
    index.emulate_media(color_scheme="light")
    index.wait_for_timeout(50)
    np.testing.assert_array_equal(pixels(index), painted(levels, "counts-light"))


def test_the_legend_marks_the_largest_cell(index: Page, found: Findings):
    largest = mistakes_of(found.confusion).max()
    assert index.locator(".cm-legend text").last.text_content() == count_text(int(largest))
    choose(index, "show", "row")
    assert index.locator(".cm-legend text").last.text_content().endswith("%")


def test_no_error_is_lost_with_more_cells_than_pixels(open_page: OpenPage):
    rng, size = np.random.default_rng(0), 1000
    confusion = np.diag(rng.integers(20, 60, size))
    np.add.at(confusion, (rng.integers(0, size, 3000), rng.integers(0, size, 3000)), rng.integers(1, 9, 3000))
    names = json.dumps([[f"class {i}", "classes/000-maple-tree.html"] for i in range(size)])
    page = open_page(
        "index.html",
        replaced={"**/confusion.js": data_script(confusion), "**/classes.js": f"window.reportgenClasses = {names};"},
    )
    choose(page, "order", "name")
    side = len(pixels(page))
    assert side < size
    choose(page, "show", "row")
    shown = pixels(page)
    levels, pooled = (
        levels_of(mistakes_of(confusion) / confusion.sum(axis=1, keepdims=True)),
        np.zeros((side, side), int),
    )
    rows, columns = np.nonzero(levels)
    np.maximum.at(pooled, (rows * side // size, columns * side // size), levels[rows, columns])
    np.testing.assert_array_equal(shown, painted(pooled))


def test_matrix_of_a_model_without_errors(open_page: OpenPage, evaluation: EvaluationCache):
    page = open_page("index.html", replaced={"**/confusion.js": data_script(np.diag([5] * 12))})
    assert not pixels(page).any()
    expect(page.locator(".cm-unit")).to_have_text("The model makes no errors.")
    expect(page.locator(".cm-largest")).to_be_hidden()


# ---- What is said


def test_descriptions_of_cells_agree_with_python(index: Page, evaluation: EvaluationCache, found: Findings):
    said = index.evaluate(READ_ALL)
    assert len(said) == 144
    for place, texts in said.items():
        row, column = map(int, place.split(","))
        assert texts == expected_texts(evaluation.class_names, found.confusion, row, column)


@pytest.mark.parametrize("scale", [3, 60, 2000, 300_000])
def test_shares_and_intervals_are_rounded_as_python_rounds_them(
    open_page: OpenPage, evaluation: EvaluationCache, scale: int
):
    rng = np.random.default_rng(scale)
    confusion = np.floor(scale * rng.random((12, 12)) ** 6).astype(int)
    page = open_page("index.html", replaced={"**/confusion.js": data_script(confusion)})
    for place, texts in page.evaluate(READ_ALL).items():
        row, column = map(int, place.split(","))
        assert texts == expected_texts(evaluation.class_names, confusion, row, column)


def test_fractions_are_rounded_by_their_decimal_digits(open_page: OpenPage, evaluation: EvaluationCache):
    confusion = np.zeros((12, 12), int)
    confusion[0, :4], confusion[1, :4] = (57, 29, 115, 1), (143, 171, 85, 199)  # 28.5, 14.5, 57.5 and 0.5 per cent
    page = open_page("index.html", replaced={"**/confusion.js": data_script(confusion)})
    said = page.evaluate(READ_ALL)
    assert [said[f"0,{column}"][1].split(" ")[0] for column in range(4)] == ["29%", "15%", "58%", "1%"]


def test_description_is_announced_for_keys_and_not_for_the_mouse(index: Page):
    readout = index.locator(".cm-readout")
    expect(readout).to_have_attribute("aria-live", "polite")
    index.locator(".cm-plot").hover(position={"x": 30, "y": 60})
    expect(readout).to_have_attribute("aria-live", "off")
    index.locator(".cm-plot").press("ArrowRight")
    expect(readout).to_have_attribute("aria-live", "polite")


def test_a_superclass_separates_errors_within_it_from_correct_predictions(
    index: Page, evaluation: EvaluationCache, found: Findings
):
    choose(index, "level", "superclasses")
    index.locator(".cm-plot").press("Control+Home")
    members = np.flatnonzero(evaluation.superclasses.superclass_of == 0)
    right = int(np.diagonal(found.confusion)[members].sum())
    recall = found.superclasses.recall[0]
    said = index.locator(".cm-readout p").all_text_contents()
    interval = percent_interval_text(recall, digits=0)
    assert said[0] == (
        f"{recall.count} of {recall.total} {found.superclasses.names[0]} ({interval}) stay within the superclass"
    )
    assert said[1] == f"{right} correct, {recall.count - right} predicted as another class of the superclass"


# ---- The cursor


def test_keys_move_the_cursor_and_stop_at_the_edges(index: Page, by_superclass: list[int]):
    plot = index.locator(".cm-plot")
    first, second, last = by_superclass[0], by_superclass[1], by_superclass[-1]
    for key, expected in (
        ("Control+Home", (first, first)),
        ("ArrowLeft", (first, first)),
        ("ArrowUp", (first, first)),
        ("ArrowRight", (first, second)),
        ("ArrowDown", (second, second)),
        ("End", (second, last)),
        ("Home", (second, first)),
        ("PageDown", (by_superclass[11], first)),
        ("PageUp", (second, first)),
        ("Control+End", (last, last)),
        ("ArrowRight", (last, last)),
        ("ArrowDown", (last, last)),
    ):
        plot.press(key)
        assert cell(index) == expected, key


def test_shift_jumps_to_the_next_error(index: Page, found: Findings, by_superclass: list[int]):
    plot = index.locator(".cm-plot")
    plot.press("Control+Home")
    row = mistakes_of(found.confusion)[by_superclass[0], by_superclass]
    for place in np.flatnonzero(row):
        plot.press("Shift+ArrowRight")
        assert cell(index) == (by_superclass[0], by_superclass[place])
    plot.press("Shift+ArrowRight")
    assert cell(index) == (by_superclass[0], by_superclass[np.flatnonzero(row)[-1]])


def test_the_matrix_is_one_tab_stop(index: Page):
    index.locator('input[name="cm-diagonal"]').focus()
    index.keyboard.press("Tab")
    assert index.evaluate("document.activeElement.className") == "cm-plot"
    index.keyboard.press("Tab")
    assert index.evaluate("document.activeElement.closest('.cm-cell') !== null")


def test_mouse_previews_a_cell_without_moving_the_cursor(index: Page, by_superclass: list[int]):
    before = cell(index)
    index.locator(".cm-plot").hover(position=point(index, 1, 3))
    assert cell(index) == (by_superclass[1], by_superclass[3])
    index.locator("h2").first.hover()
    assert cell(index) == before


def test_pointing_at_a_cell_moves_nothing_else(index: Page):
    boxes = """() => [...document.querySelectorAll(".cm-panel > *, .cm-actions, .cm-scale p, #pairs, .cm-live > *")]
      .map((element) => JSON.stringify(element.getBoundingClientRect()))"""
    plot = index.locator(".cm-plot")
    plot.scroll_into_view_if_needed()
    before = index.evaluate(boxes)
    for place in range(12):
        for other in (place, 8, 11 - place):
            plot.hover(position=point(index, other, place))
            assert index.evaluate(boxes) == before


def test_names_of_row_and_column_are_marked(index: Page, evaluation: EvaluationCache):
    index.locator(".cm-plot").press("Control+Home")
    index.locator(".cm-plot").press("ArrowRight")
    row, column = (evaluation.class_names[place] for place in cell(index))
    assert index.locator(".cm-rows .is-on").all_text_contents() == [row]
    assert index.locator(".cm-head .is-on").all_text_contents() == [column]


# ---- Where it leads


def test_enter_opens_the_images_behind_a_cell_and_the_way_back_finds_the_cell(index: Page, site: Path):
    plot = index.locator(".cm-plot")
    plot.press("Control+Home")
    plot.press("Shift+ArrowRight")
    row, column = cell(index)
    link = index.locator(".cm-actions a").get_attribute("href")
    assert (site / link.split("#")[0]).is_file()
    assert link == f"{link.split('#')[0]}#as={column}"
    assert Path(link).name.startswith(f"{row:03d}")
    plot.press("Enter")
    index.wait_for_url(f"**/{link}")
    index.go_back()
    assert f"m.cell={row},{column}" in index.url
    assert cell(index) == (row, column)


def test_a_click_opens_the_images_behind_a_cell(index: Page, by_superclass: list[int], found: Findings):
    mistakes = mistakes_of(found.confusion)[np.ix_(by_superclass, by_superclass)]
    row, column = np.argwhere(mistakes == mistakes.max())[0].tolist()
    index.locator(".cm-plot").click(position=point(index, row, column))
    index.wait_for_url(re.compile(rf"classes/{by_superclass[row]:03d}.*#as={by_superclass[column]}$"))


def test_an_empty_cell_leads_nowhere(index: Page, by_superclass: list[int], found: Findings):
    mistakes = found.confusion[np.ix_(by_superclass, by_superclass)]
    row, column = np.argwhere(mistakes == 0)[0].tolist()
    index.locator(".cm-plot").click(position=point(index, row, column))
    assert cell(index) == (by_superclass[row], by_superclass[column])
    expect(index.locator(".cm-actions a")).to_have_count(0)
    assert index.url.split("#")[0].endswith("index.html")


def test_first_tap_shows_a_cell_and_the_second_opens_it(open_page: OpenPage, by_superclass: list[int], found: Findings):
    page = open_page("index.html", has_touch=True)
    mistakes = mistakes_of(found.confusion)[np.ix_(by_superclass, by_superclass)]
    row, column = np.argwhere(mistakes > 0)[-1].tolist()
    plot = page.locator(".cm-plot")
    plot.tap(position=point(page, row, column))
    assert cell(page) == (by_superclass[row], by_superclass[column])
    assert "index.html" in page.url
    plot.tap(position=point(page, row, column))
    page.wait_for_url(f"**/classes/{by_superclass[row]:03d}*")


def test_most_frequent_errors_link_to_their_images(index: Page, found: Findings, evaluation: EvaluationCache):
    items = index.locator(".cm-largest a")
    pair = found.pairs[0]
    assert items.first.locator(".n").text_content() == count_text(pair.share.count)
    assert items.first.get_attribute("href").endswith(f"#as={pair.predicted_index}")
    assert evaluation.class_names[pair.true_index] in items.first.text_content()
    items.nth(2).hover()
    assert items.nth(2).get_attribute("href").endswith(f"#as={cell(index)[1]}")


def test_a_block_of_superclasses_opens_its_classes_and_there_is_a_way_back(index: Page, evaluation: EvaluationCache):
    choose(index, "level", "superclasses")
    plot = index.locator(".cm-plot")
    plot.press("Control+Home")
    plot.press("ArrowRight")
    plot.press("Enter")
    of = evaluation.superclasses.superclass_of
    both = [*np.flatnonzero(of == 0), *np.flatnonzero(of == 1)]
    assert index.locator(".cm-rows .cm-name").all_text_contents() == [evaluation.class_names[i] for i in both]
    expect(plot).to_be_focused()
    index.locator(".cm-back").click()
    assert index.locator(".cm-rows .cm-name").count() == 3
    assert cell(index) == (0, 1)
    plot.press("Control+Home")
    plot.press("Enter")
    assert index.locator(".cm-rows .cm-name").count() == int((of == 0).sum())
    plot.press("Escape")
    assert index.locator(".cm-rows .cm-name").count() == 3


def test_the_section_on_superclasses_leads_to_their_matrix(index: Page):
    index.locator("[data-matrix-level]").click()
    expect(index.locator('input[value="superclasses"]')).to_be_checked()
    expect(index.locator(".cm-plot")).to_be_focused()


def test_zoom_follows_the_cursor(open_page: OpenPage, wide_site: Path):
    page = open_page("index.html", folder=wide_site)
    assert page.locator(".cm-rows .cm-name").count() < 60
    page.get_by_role("button", name="Zoom in").click()
    assert page.locator(".cm-rows .cm-name").count() == 30
    plot = page.locator(".cm-plot")
    expect(plot).to_be_focused()
    seen = set()
    plot.press("Control+Home")
    for _ in range(60):
        seen.add(cell(page)[0])
        plot.press("ArrowDown")
    assert seen == set(range(60))
    page.locator(".cm-back").click()
    assert pixels(page).shape[:2] == (60, 60)


def test_click_on_a_tiny_cell_zooms_in_first(open_page: OpenPage, wide_site: Path):
    page = open_page("index.html", folder=wide_site, width=360)
    plot = page.locator(".cm-plot")
    plot.click(position={"x": 100, "y": 100})
    assert "index.html" in page.url
    assert pixels(page).shape[:2] == (12, 12)


@pytest.mark.parametrize(
    "state", ["m.level=superclasses", "m.level=superclasses&m.open=0,2", "m.show=row&m.diagonal=on"]
)
def test_axe_finds_nothing_in_any_state(open_page: OpenPage, find_violations: Callable[[Page], list[str]], state: str):
    assert find_violations(open_page(f"index.html#{state}", scheme="dark", bypass_csp=True)) == []


@pytest.mark.parametrize("state", ["m.level=superclasses", "m.level=superclasses&m.open=0,2", "m.zoom=20,20"])
def test_no_state_makes_a_narrow_page_scroll_sideways(open_page: OpenPage, wide_site: Path, site: Path, state: str):
    page = open_page(f"index.html#{state}", folder=wide_site if "zoom" in state else site, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
