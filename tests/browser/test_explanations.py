"""The page of `reportgen explain`: accessibility, narrow screens, no scripts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from explained import make_explanations, make_image
from playwright.sync_api import Page

from reportgen.report.delivery.site import write_site
from reportgen.report.render import render_explanations

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def explanations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained") / "explanations"
    write_site(folder, render_explanations(make_explanations(make_image(), make_image("b/seal, far away.png"))))
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(open_page: OpenPage, find_violations, explanations: Path, scheme: str):
    assert find_violations(open_page("index.html", folder=explanations, scheme=scheme, bypass_csp=True)) == []


@pytest.mark.parametrize("width", [360, 1280, 2560])
def test_page_does_not_scroll_sideways(open_page: OpenPage, explanations: Path, width: int):
    page = open_page("index.html", folder=explanations, width=width)

    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_every_picture_is_shown_at_its_own_proportions(open_page: OpenPage, explanations: Path, scripts: bool):
    page = open_page("index.html", folder=explanations, scripts=scripts, width=500)
    pictures = page.locator("main img")

    assert pictures.count() == 2 * (1 + 2 * 3)
    for place in range(pictures.count()):
        box = pictures.nth(place).bounding_box()
        assert box
        assert box["width"] / box["height"] == pytest.approx(24 / 16, rel=0.01)
