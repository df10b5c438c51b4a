"""The tables of the first page with scripts: sorting, filtering, and the search for a class."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from reportgen.analysis.findings import Findings
from reportgen.cache import EvaluationCache

OpenPage = Callable[..., Page]


@pytest.fixture
def index(open_page: OpenPage) -> Page:
    return open_page("index.html")


def names(page: Page) -> list[str]:
    return page.locator("table.classes tbody tr:visible th").all_text_contents()


def test_sorting_by_a_number_starts_descending_and_reverses(index: Page, evaluation: EvaluationCache, found: Findings):
    recalls = {evaluation.class_names[c.class_index]: c.recall.value for c in found.classes if c.recall.total}
    header = index.locator("table.classes th", has_text="recall")
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    shown = [recalls[name] for name in names(index) if name in recalls]
    assert shown == sorted(recalls.values(), reverse=True)
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    shown = [recalls[name] for name in names(index) if name in recalls]
    assert shown == sorted(recalls.values())


def test_undefined_values_stay_at_the_end(index: Page, evaluation: EvaluationCache, found: Findings):
    empty = [evaluation.class_names[c.class_index] for c in found.classes if not c.recall.total]
    assert empty
    button = index.locator("table.classes th", has_text="recall").locator("button")
    for _ in range(2):
        button.click()
        assert names(index)[-len(empty) :] == empty


def test_only_the_sorted_column_is_marked(index: Page):
    for text in ("recall", "F1"):
        index.locator("table.classes th", has_text=text).locator("button").click()
    assert index.locator("table.classes th[aria-sort]").all_text_contents() == ["F1"]


def test_the_table_of_classes_is_sorted_by_keyboard(index: Page, evaluation: EvaluationCache):
    button = index.locator("table.classes th button").first
    button.focus()
    index.keyboard.press("Enter")
    index.keyboard.press("Enter")
    assert names(index) == sorted(evaluation.class_names, key=str.lower, reverse=True)


def test_filtering_keeps_the_classes_that_hold_the_text(index: Page, evaluation: EvaluationCache):
    wanted = evaluation.class_names[1]
    index.locator("[data-table-filter]").fill(wanted.upper())
    assert wanted in names(index)
    assert len(names(index)) < len(evaluation.class_names)
    status = index.locator(".table-filter [role=status]").text_content()
    assert status == f"{len(names(index))} of {len(evaluation.class_names)} shown"
    index.locator("[data-table-filter]").fill("")
    assert len(names(index)) == len(evaluation.class_names)


def test_a_class_is_found_by_name_from_any_page(open_page: OpenPage, evaluation: EvaluationCache):
    page = open_page("how-to-read.html")
    page.locator("#class-finder").fill(evaluation.class_names[2])
    page.keyboard.press("Enter")
    page.wait_for_url("**/classes/002*.html")
    assert page.locator("h1").text_content() == evaluation.class_names[2]


def test_unknown_class_name_is_reported(index: Page):
    index.locator("#class-finder").fill("no such class")
    index.keyboard.press("Enter")
    assert index.evaluate("document.getElementById('class-finder').validationMessage") == "No class matches this name."


def test_without_scripts_no_control_is_shown(open_page: OpenPage, site: Path):
    page = open_page("index.html", scripts=False)
    assert page.locator("table.classes").is_visible()
    assert page.locator("thead button").count() == 0
    for part in (".table-filter", ".finder"):
        assert not page.locator(part).is_visible()
    assert site.joinpath("index.html").is_file()
