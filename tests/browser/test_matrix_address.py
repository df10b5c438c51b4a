"""The confusion matrix's choices and cursor in the page's address."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]


def choose(page: Page, name: str, value: str) -> None:
    page.locator(f'input[name="cm-{name}"][value="{value}"]').check(force=True)


def chosen(page: Page, name: str) -> str | None:
    return page.locator(f'input[name="cm-{name}"]:checked').get_attribute("value")


def cell(page: Page) -> str | None:
    return page.locator(".cm-plot").get_attribute("data-cell")


def test_choices_are_written_to_the_address(open_page: OpenPage):
    page = open_page("index.html")
    choose(page, "order", "name")
    choose(page, "diagonal", "on")
    page.locator(".cm-plot").press("Control+Home")
    expect(page).to_have_url(re.compile(f"m\\.cell={cell(page)}$"))
    state = dict(part.split("=") for part in page.url.split("#")[1].split("&"))
    assert state == {"m.order": "name", "m.diagonal": "on", "m.cell": cell(page)}


def test_the_address_restores_the_choices(open_page: OpenPage):
    page = open_page("index.html#m.order=name&m.show=row&m.scale=log&m.cell=3,4")
    assert [chosen(page, name) for name in ("order", "show", "scale")] == ["name", "row", "log"]
    assert cell(page) == "3,4"
    assert page.locator(".cm-plot").evaluate("plot => plot.getBoundingClientRect().top < innerHeight")


def test_a_new_address_on_the_open_page_is_followed(open_page: OpenPage):
    page = open_page("index.html")
    page.evaluate("location.hash = '#m.level=superclasses&m.cell=2,1'")
    expect(page.locator(".cm-plot")).to_have_attribute("data-cell", "2,1")
    assert chosen(page, "level") == "superclasses"


def test_an_address_that_makes_no_sense_is_ignored(open_page: OpenPage):
    page = open_page("index.html#m.order=tastiness&m.cell=99,1&m.open=7,7&m.zoom=a,length&m.level=")
    assert [chosen(page, name) for name in ("order", "level")] == ["superclass", "classes"]
    assert page.locator(".cm-pixels").evaluate("canvas => [canvas.width, canvas.height]") == [12, 12]


def test_other_state_in_the_address_is_kept(open_page: OpenPage):
    page = open_page("index.html#sort=recall")
    choose(page, "order", "name")
    expect(page).to_have_url(re.compile("#sort=recall&m.order=name"))
