"""Outlines of annotations on pages: position, accessibility, narrow screens."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from reportgen.analysis.findings import compute_findings
from reportgen.cache import Annotations, EvaluationCache
from reportgen.report.delivery.single_file import write_single_file
from reportgen.report.delivery.site import write_site
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.settings import RenderSettings

OpenPage = Callable[..., Page]

PAGES = ("index.html", "classes/000-maple-tree.html", "how-to-read.html")
LEFT, TOP, RIGHT, BOTTOM = 4, 2, 12, 10  # of 16 pixels


@pytest.fixture(scope="module")
def annotated(evaluation: EvaluationCache, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose every other image is annotated by the same rectangle."""
    positions = np.arange(0, evaluation.num_examples, 2)
    masks = np.zeros((len(positions), 16, 16), bool)
    masks[:, TOP:BOTTOM, LEFT:RIGHT] = True
    cache = replace(evaluation, annotations=Annotations(positions=positions, masks=masks, source="LabelMe"))
    folder = tmp_path_factory.mktemp("annotated") / "site"
    settings = RenderSettings(out=folder, single_file=folder.parent / "report.html")
    write_site(folder, render_site(cache, compute_findings(cache), load_presentation(settings)))
    write_single_file(cache, (0, 1), settings)
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(open_page: OpenPage, find_violations, annotated: Path, path: str, scheme: str):
    assert find_violations(open_page(path, folder=annotated, scheme=scheme, bypass_csp=True)) == []


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("path", PAGES)
def test_pages_do_not_scroll_sideways(open_page: OpenPage, annotated: Path, path: str, width: int):
    page = open_page(path, folder=annotated, width=width)

    assert page.evaluate("document.documentElement.scrollWidth") <= width


def assert_covers(picture: dict[str, float], outline: dict[str, float]) -> None:
    """The outline lies around the marked part of a picture; its box holds the stroke too, a few pixels wide."""
    scale = picture["width"] / 16
    for start, side, low, high in (("x", "width", LEFT, RIGHT), ("y", "height", TOP, BOTTOM)):
        center = outline[start] + outline[side] / 2
        assert center == pytest.approx(picture[start] + (low + high) / 2 * scale, abs=1)
        assert (high - low) * scale <= outline[side] <= (high - low) * scale + 8


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_outline_surrounds_the_annotation(open_page: OpenPage, annotated: Path, scripts: bool):
    page = open_page(PAGES[1], folder=annotated, scripts=scripts)
    pictures = page.locator("#annotations .picture:has(.outline)")

    assert pictures.count() >= 6
    for place in range(pictures.count()):
        picture = pictures.nth(place).bounding_box()
        outline = pictures.nth(place).locator(".outline use").bounding_box()
        assert picture
        assert outline
        assert_covers(picture, outline)


def test_outlines_surround_the_annotations_in_the_single_file(open_page: OpenPage, annotated: Path):
    page = open_page("report.html", folder=annotated.parent)
    picture = page.locator(".picture:has(.outline)").first
    box, outline = picture.bounding_box(), picture.locator(".outline use").bounding_box()

    assert box
    assert outline
    assert_covers(box, outline)


def test_outlines_do_not_depend_on_the_chosen_map(open_page: OpenPage, annotated: Path):
    page = open_page(PAGES[1], folder=annotated)
    outline = page.locator("#annotations .overlay .outline").first
    evidence = page.locator("#annotations .overlay .evidence").first
    assert evidence.is_visible()

    page.locator('label:has([name="map"][value="none"])').click()

    assert not evidence.is_visible()
    assert outline.is_visible()
