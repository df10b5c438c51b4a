"""The single file: one page with the functions of the site, under a policy of its own."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from reportgen.cache import EvaluationCache
from reportgen.report.delivery.single_file import write_single_file
from reportgen.settings import RenderSettings

OpenPage = Callable[..., Page]
FindViolations = Callable[[Page], list[str]]

CHOSEN = (0, 5, 3)
ARTICLES = ("classes-000-maple-tree", "classes-005-unicode-tag", "classes-003-con", "how-to-read")


@pytest.fixture(scope="session")
def mailed(evaluation: EvaluationCache, site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the file."""
    folder = tmp_path_factory.mktemp("mailed")
    write_single_file(evaluation, CHOSEN, RenderSettings(out=site, single_file=folder / "report.html"))
    return folder


@pytest.fixture
def open_report(open_page: OpenPage, mailed: Path) -> OpenPage:
    return lambda path="report.html", **options: open_page(path, folder=mailed, **options)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    open_report: OpenPage, find_violations: FindViolations, mailed: Path, scheme: str, scripts: bool
):
    path = "report.html"
    if not scripts:  # axe is a script itself: the page without scripts is one from which they are taken
        source = (mailed / path).read_text()
        path = "without-scripts.html"
        (mailed / path).write_text(re.sub(r"<script>.*?</script>", "", source, flags=re.DOTALL))
    assert find_violations(open_report(path, scheme=scheme, bypass_csp=True)) == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_opens_under_its_own_policy_and_loads_nothing(open_report: OpenPage, scripts: bool, width: int):
    page = open_report(scripts=scripts, width=width)
    assert page.locator("h1").first.is_visible()
    for anchor in ARTICLES:
        assert page.locator(f"#{anchor} h1").is_visible()
    assert page.locator("article.page").count() == len(ARTICLES)


@pytest.mark.parametrize("width", [360, 800, 2560])
def test_it_does_not_scroll_sideways(open_report: OpenPage, width: int):
    assert open_report(width=width).evaluate("document.documentElement.scrollWidth") <= width


def test_every_picture_is_there(open_report: OpenPage):
    page = open_report()
    assert page.evaluate(
        """async () => {
          for (const image of document.images) await image.decode();
          const sprites = [...document.querySelectorAll("image")];
          return Promise.all(sprites.map((image) => image.decode ? image.decode() : null)).then(() => sprites.length);
        }"""
    ) >= 2 * len(CHOSEN)
    empty = """() => [...document.querySelectorAll("use")].filter((use) => {
      const target = document.getElementById(use.getAttribute("href").slice(1));
      return !(target instanceof SVGImageElement) || !target.width.baseVal.value;
    }).length"""
    assert page.evaluate(empty) == 0


def test_a_choice_about_maps_applies_to_every_class_without_scripts(open_report: OpenPage):
    page = open_report(scripts=False)
    page.locator('[data-map-controls] input[value="viridis"]').locator("xpath=..").click()
    for anchor in ARTICLES[:2]:
        evidence = page.locator(f"#{anchor} .photo ~ .evidence").first
        assert "#viridis-overlay" in evidence.evaluate("element => getComputedStyle(element).filter")


def test_links_lead_to_the_classes_that_it_holds(open_report: OpenPage):
    page = open_report()
    page.locator("table.classes").get_by_role("link", name="Ünïcode & <tag>", exact=True).first.click()
    assert page.url.endswith("#classes-005-unicode-tag")
    place = page.locator("#classes-005-unicode-tag h1").evaluate("element => element.getBoundingClientRect().top")
    assert 0 <= place < 900
    assert page.locator("table.classes a", has_text="oak_tree").first.get_attribute("href") is None


def test_the_finder_knows_the_classes_that_it_holds(open_report: OpenPage):
    page = open_report()
    finder = page.locator("[data-class-finder] input")
    finder.fill("con")
    finder.press("Enter")
    assert page.url.endswith("#classes-003-con")
    finder.fill("oak_tree")
    finder.press("Enter")
    assert page.url.endswith("#classes-003-con")
    assert finder.evaluate("element => element.validationMessage")


def test_tables_sort(open_report: OpenPage):
    page = open_report()
    header = page.locator("table.classes thead th", has_text="images").first
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "descending"


def test_the_matrix_opens_a_class_that_it_holds_and_no_other(open_report: OpenPage):
    page = open_report()
    links = page.locator(".cm-largest a")
    assert links.count() > 0
    for link in links.all():
        holds = re.match(r"maple_tree|con|Ünïcode", link.inner_text()) is not None
        assert (link.get_attribute("href") is not None) == holds
        assert not holds or link.get_attribute("href").removeprefix("#") in ARTICLES
