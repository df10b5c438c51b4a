"""Every kind of page in both themes, with scripts and without: no error, no request to elsewhere, nothing found by axe.

Errors and requests are watched by `open_page` itself.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

OpenPage = Callable[..., Page]
FindViolations = Callable[[Page], list[str]]

KINDS = {
    "index": r"index\.html",
    "how to read": r"how-to-read\.html",
    "label issues": r"label-issues\.html",
    "pair": r"pairs/.*\.html",
    "class": r"classes/000-.*\.html",
    "class with odd name": r"classes/005-.*\.html",
    "class without images": r"classes/006-.*\.html",
    "chart of recall": r"charts/per_class_accuracy\.html",
    "chart of confusion": r"charts/confusion_matrix\.html",
}
"""A pattern for each kind; the first page that matches stands for all."""

OTHERS = r"classes/.*\.html"

WIDTHS = (360, 800, 1280, 2560)


@pytest.fixture
def open_kind(open_page: OpenPage, site: Path) -> OpenPage:
    """Opens the page that stands for a kind."""
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    return lambda kind, **options: open_page(next(page for page in pages if re.fullmatch(KINDS[kind], page)), **options)


def test_every_page_of_the_site_is_of_a_kind_that_is_tested(site: Path):
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    patterns = [*KINDS.values(), OTHERS]
    assert {page for page in pages if not any(re.fullmatch(pattern, page) for pattern in patterns)} == set()


@pytest.mark.parametrize("scripts", ["scripts", "no scripts"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing(open_kind: OpenPage, find_violations: FindViolations, kind: str, scheme: str, scripts: str):
    # axe is a script itself: a page without scripts is one whose scripts are empty.
    replaced = {"**/*.js": ""} if scripts == "no scripts" else {}
    assert find_violations(open_kind(kind, scheme=scheme, replaced=replaced, bypass_csp=True)) == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("kind", KINDS)
def test_page_opens_under_its_own_policy(open_kind: OpenPage, kind: str, scripts: bool):
    assert open_kind(kind, scripts=scripts).locator("h1").is_visible()


@pytest.mark.parametrize("kind", KINDS)
def test_page_does_not_scroll_sideways(open_kind: OpenPage, kind: str):
    page = open_kind(kind, width=min(WIDTHS))
    needed = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(50)  # scripts lay out anew
        needed[width] = page.evaluate("document.documentElement.scrollWidth")
    assert {width: most for width, most in needed.items() if most > width} == {}


@pytest.mark.parametrize("kind", ["chart of recall", "chart of confusion"])
def test_chart_draws_zooms_and_downloads_under_its_policy(open_kind: OpenPage, kind: str):
    page = open_kind(kind)
    page.locator(".modebar").wait_for(state="attached")
    page.emulate_media(color_scheme="dark")
    page.locator("#chart").hover()
    with page.expect_download() as download:
        page.locator('.modebar-btn[data-title*="ownload"]').click()
    assert download.value.suggested_filename.endswith(".png")
    page.locator('.modebar-btn[data-title="Zoom in"]').click()
    page.locator('.modebar-btn[data-title="Reset axes"]').click()


def test_chart_offers_no_upload(open_kind: OpenPage):
    page = open_kind("chart of recall")
    page.locator(".modebar").wait_for(state="attached")
    names = page.locator(".modebar-btn").evaluate_all("buttons => buttons.map((button) => button.dataset.title)")
    assert any("ownload" in name for name in names)
    assert not any(word in name.lower() for name in names for word in ("share", "cloud", "edit"))


def test_a_request_that_leaves_the_folder_is_noticed(open_page: OpenPage):
    page = open_page("index.html", bypass_csp=True)
    page.evaluate("new Image().src = '../elsewhere.png'")
    page.wait_for_timeout(50)
    assert any("asks for" in problem and "elsewhere.png" in problem for problem in open_page.problems)
    open_page.problems.clear()


def test_policy_violation_is_noticed(open_page: OpenPage):
    page = open_page("index.html")
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    assert any("Content Security Policy" in problem for problem in open_page.problems)
    open_page.problems.clear()


def test_an_error_on_a_page_is_noticed(open_page: OpenPage):
    page = open_page("index.html")
    page.evaluate("setTimeout(() => { throw new Error('lost') })")
    page.evaluate("console.error('found')")
    page.wait_for_timeout(50)
    assert any("lost" in problem for problem in open_page.problems)
    assert any("found" in problem for problem in open_page.problems)
    open_page.problems.clear()
