"""Class pages with scripts: choices about maps, filters, the detail view, and the address."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page

from reportgen.analysis.findings import Findings
from reportgen.cache import EvaluationCache
from reportgen.report.words.text import percent_text

OpenPage = Callable[..., Page]

FIRST = "classes/000"


@pytest.fixture
def path(site: Path) -> str:
    return next(page.relative_to(site).as_posix() for page in sorted(site.glob(f"{FIRST}-*.html")))


@pytest.fixture
def page(open_page: OpenPage, path: str) -> Page:
    return open_page(path)


def choose(page: Page, name: str, value: str) -> None:
    page.locator(f'input[name="{name}"][value="{value}"]').check(force=True)


def state(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).fragment)


def visible_numbers(page: Page) -> list[int]:
    return page.evaluate(
        """() => [...document.querySelectorAll(".gallery > li")]
             .filter((item) => item.offsetParent !== null).map((item) => Number(item.id.slice(1)))"""
    )


def shown_maps(page: Page, number: int) -> set[str]:
    return set(
        page.evaluate(
            """(id) => [...document.getElementById(id).querySelectorAll(".evidence")]
                 .filter((map) => getComputedStyle(map).display !== "none").flatMap((map) => [...map.classList])""",
            f"e{number}",
        )
    ) - {"evidence"}


@pytest.fixture
def mistake(evaluation: EvaluationCache, found: Findings) -> int:
    """Number of the first class's most confident error."""
    return int(evaluation.example_index[found.selections[0].gallery[0]])


@pytest.mark.parametrize(
    ("value", "expected"), [("predicted", {"p"}), ("true", {"t"}), ("difference", {"difference"}), ("none", set())]
)
def test_the_gallery_shows_the_map_that_is_chosen(page: Page, mistake: int, value: str, expected: set[str]):
    choose(page, "map", value)
    assert shown_maps(page, mistake) == expected


def test_choices_work_without_scripts(open_page: OpenPage, path: str, mistake: int):
    page = open_page(path, scripts=False)
    page.locator('input[name="map"][value="true"]').check(force=True)
    item = page.locator(f"#e{mistake}")
    assert item.locator(".evidence.t").is_visible()
    assert not item.locator(".evidence.p").is_visible()
    page.locator('input[name="only"][value="right"]').check(force=True)
    assert not item.is_visible()


def test_colors_scale_and_cells_are_applied_to_every_map(page: Page, mistake: int):
    read = """(id) => {
      const map = document.getElementById(id).querySelector(".evidence.p");
      const use = map.querySelector("use");
      const style = getComputedStyle(map);
      return [style.filter, style.imageRendering, getComputedStyle(use).opacity];
    }"""
    filter_name, rendering, _ = page.evaluate(read, f"e{mistake}")
    assert "inferno-overlay" in filter_name
    assert rendering == "auto"
    for name, value in (("colors", "viridis"), ("cells", "true"), ("scale", "own")):
        choose(page, name, value)
    filter_name, rendering, opacity = page.evaluate(read, f"e{mistake}")
    assert "viridis-overlay" in filter_name
    assert rendering == "pixelated"
    assert opacity == "1"


def test_address_restores_every_choice(page: Page, open_page: OpenPage, path: str, mistake: int):
    choose(page, "map", "difference")
    choose(page, "colors", "jet")
    choose(page, "only", "wrong")
    page.locator('input[name="opacity"]').fill("40")
    assert state(page) == {"map": ["difference"], "colors": ["jet"], "only": ["wrong"], "opacity": ["40"]}
    other = open_page(f"{path}#{urlsplit(page.url).fragment}")
    assert shown_maps(other, mistake) == {"difference"}
    assert other.locator('input[name="colors"]:checked').input_value() == "jet"
    assert other.evaluate("document.documentElement.style.getPropertyValue('--overlay-opacity')") == "0.4"
    assert visible_numbers(other) == visible_numbers(page)


def test_address_is_empty_by_default(page: Page):
    choose(page, "colors", "jet")
    choose(page, "colors", "inferno")
    assert urlsplit(page.url).fragment == ""


def test_filters_show_and_count_the_images(page: Page, evaluation: EvaluationCache, found: Findings):
    predictions, members = found.predictions, found.selections[0].gallery
    numbers = evaluation.example_index
    choose(page, "only", "wrong")
    wrong = [position for position in members if not predictions.is_correct[position]]
    assert visible_numbers(page) == [numbers[position] for position in wrong]
    called = int(predictions.predicted[wrong[0]])
    page.locator('select[name="as"]').select_option(str(called))
    expected = [numbers[position] for position in wrong if predictions.predicted[position] == called]
    assert visible_numbers(page) == expected
    assert page.locator("[data-gallery-count]").text_content() == f"{len(expected)} of {len(members)} shown"
    choose(page, "only", "all")
    page.locator('select[name="as"]').select_option("")
    page.locator('input[name="sure"]').fill("50")
    sure = [position for position in members if predictions.confidence[position] >= 0.5]
    assert visible_numbers(page) == [numbers[position] for position in sure]


def test_a_link_from_the_matrix_shows_the_images_behind_its_cell(
    open_page: OpenPage, path: str, evaluation: EvaluationCache, found: Findings
):
    wrong = [p for p in found.selections[0].gallery if not found.predictions.is_correct[p]]
    called = int(found.predictions.predicted[wrong[0]])
    page = open_page(f"{path}#as={called}")
    expected = [
        evaluation.example_index[p] for p in found.selections[0].gallery if found.predictions.predicted[p] == called
    ]
    assert visible_numbers(page) == expected


@pytest.fixture
def most_confused(found: Findings) -> tuple[int, list[int]]:
    """The class that the first one is most often predicted as, and the positions of these images in its gallery."""
    other = found.classes[0].mistaken_for[0]
    positions = [p for p in found.selections[0].gallery if found.predictions.predicted[p] == other.class_index]
    assert len(positions) == other.count > 0
    return other.class_index, positions


def test_a_count_of_confusions_opens_the_images_that_it_counts(
    page: Page, open_page: OpenPage, site: Path, evaluation: EvaluationCache, most_confused: tuple[int, list[int]]
):
    other, positions = most_confused
    expected = [int(evaluation.example_index[p]) for p in positions]
    page.locator(f'.counts-table a[href="#as={other}"]').click()
    assert state(page) == {"as": [str(other)]}
    assert visible_numbers(page) == expected
    (from_other,) = (path.relative_to(site).as_posix() for path in site.glob(f"classes/{other:03d}-*.html"))
    page = open_page(from_other)
    page.locator(f'.counts-table a[href$="#as={other}"]').first.click()
    page.wait_for_load_state()
    assert state(page) == {"as": [str(other)]}
    assert page.locator("[data-gallery-count]").text_content() == f"{len(visible_numbers(page))} of" + (
        f" {page.locator('.gallery > li').count()} shown"
    )


def test_a_count_of_confusions_leads_to_the_gallery_without_scripts(
    open_page: OpenPage, path: str, evaluation: EvaluationCache, most_confused: tuple[int, list[int]]
):
    other, positions = most_confused
    page = open_page(path, scripts=False)
    page.locator(f'.counts-table a[href="#as={other}"]').click()
    box = page.locator(f"#e{evaluation.example_index[positions[0]]} b").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < page.viewport_size["height"]


def test_neighbors_and_place_in_the_sequence_share_a_baseline(page: Page):
    bottoms = page.evaluate(
        """() => [...document.querySelectorAll(".walk > *")].map((item) => {
             const range = document.createRange();
             range.selectNodeContents(item);
             return range.getBoundingClientRect().bottom;
           })"""
    )
    assert len(bottoms) == 4
    assert max(bottoms) - min(bottoms) < 0.5


def test_detail_view_lists_the_five_most_probable_classes(
    page: Page, evaluation: EvaluationCache, found: Findings, mistake: int
):
    page.locator(f"#e{mistake} a").click()
    dialog = page.locator("dialog.image")
    assert dialog.is_visible()
    position = int(np.flatnonzero(evaluation.example_index == mistake)[0])
    logits = evaluation.logits[position].astype(np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum()
    expected = [
        f"{evaluation.class_names[k]} {percent_text(probabilities[k])}" for k in np.argsort(-logits, kind="stable")[:5]
    ]
    assert dialog.locator("ol li").all_text_contents() == expected
    assert str(evaluation.example_id[position]) in (dialog.text_content() or "")
    num_wrong = len([p for p in found.selections[0].gallery if not found.predictions.is_correct[p]])
    assert dialog.locator("ul li").first.text_content() == f"error 1 of {num_wrong} by descending confidence"
    assert state(page) == {"image": [str(mistake)]}


def test_detail_view_gives_the_rank_of_a_correct_prediction(
    open_page: OpenPage, path: str, evaluation: EvaluationCache, found
):
    right = [p for p in found.selections[0].gallery if found.predictions.is_correct[p]]
    page = open_page(f"{path}#image={evaluation.example_index[right[1]]}")
    first = page.locator("dialog.image ul li").first
    assert first.text_content() == f"correct prediction 2 of {len(right)} by ascending confidence"


def test_arrow_keys_step_through_the_detail_view_and_focus_returns(page: Page, found: Findings, mistake: int):
    page.locator(f"#e{mistake} a").click()
    second = visible_numbers(page)[1]
    page.keyboard.press("ArrowRight")
    assert state(page) == {"image": [str(second)]}
    page.keyboard.press("Escape")
    assert not page.locator("dialog.image").is_visible()
    assert urlsplit(page.url).fragment == ""
    assert page.evaluate("document.activeElement.closest('li').id") == f"e{second}"


def test_address_of_an_image_opens_it(open_page: OpenPage, path: str, mistake: int):
    page = open_page(f"{path}#image={mistake}")
    assert page.locator("dialog.image").is_visible()


def test_axe_finds_nothing_in_the_detail_view(
    open_page: OpenPage, find_violations: Callable[[Page], list[str]], path: str, mistake: int
):
    for scheme in ("light", "dark"):
        page = open_page(f"{path}#image={mistake}", scheme=scheme, bypass_csp=True)
        assert find_violations(page) == []


def test_hostile_address_changes_nothing(open_page: OpenPage, path: str):
    page = open_page(f"{path}#image=<b>&map=%22%3E&as=99999&opacity=1e9&sure=abc")
    assert not page.locator("dialog.image").is_visible()
    assert re.fullmatch(
        r"0(\.\d+)?|1", page.evaluate("document.documentElement.style.getPropertyValue('--overlay-opacity')")
    )
