"""Maps by several methods: the choice of one, its address, and loading on demand."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page

from reportgen.analysis.findings import Findings, compute_findings
from reportgen.cache import Annotations, CamPair, EvaluationCache
from reportgen.report.delivery.site import write_site
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.report.words.text import peak_text
from reportgen.settings import RenderSettings

OpenPage = Callable[..., Page]

COVERED = np.arange(0, 440, 2)
"""Positions of the examples that ScoreCAM has maps of."""


@pytest.fixture(scope="session")
def cache(evaluation: EvaluationCache) -> EvaluationCache:
    """Four methods, one class-agnostic, one with maps of some examples only; two metadata columns, and annotations."""
    first = evaluation.cams["gradcam"]
    looked = np.abs(first.true[:, ::2, ::2])
    cams = {
        "gradcam": first,
        "gradcam++": CamPair(true=first.true * np.float16(3), predicted=first.predicted * np.float16(7)),
        "rollout": CamPair(true=looked, predicted=looked, is_class_agnostic=True),
        "scorecam": CamPair(true=first.true[COVERED], predicted=first.predicted[COVERED], positions=COVERED),
    }
    n = evaluation.num_examples
    columns = {"camera": np.resize(["phone", "scanner", ""], n), "patient": np.arange(n).astype(str)}
    masks = np.zeros((40, 16, 16), np.bool_)
    masks[:, 4:9, 3:12] = True
    annotations = Annotations(positions=np.arange(0, 80, 2), masks=masks, source="boxes")
    return dataclasses.replace(evaluation, cams=cams, columns=columns, annotations=annotations)


@pytest.fixture(scope="session")
def folder(cache: EvaluationCache, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("methods") / "site"
    write_site(folder, render_site(cache, compute_findings(cache), load_presentation(RenderSettings(out=folder))))
    return folder


@pytest.fixture
def open_class(open_page: OpenPage, folder: Path) -> OpenPage:
    """Opens the page of the first class: `open_class("#method=rollout")`."""
    path = next(page.relative_to(folder).as_posix() for page in folder.glob("classes/000-*.html"))
    return lambda fragment="", **options: open_page(f"{path}{fragment}", folder=folder, **options)


def choose(page: Page, value: str) -> None:
    page.locator(f'input[name="method"][value="{value}"]').check(force=True)


def first_card(page: Page) -> str:
    return " ".join(page.locator("#worst .card").first.inner_text().split())


@pytest.fixture
def wrong(cache: EvaluationCache, found: Findings) -> int:
    """Position of the first class's most confident error."""
    return found.selections[0].worst[0]


def test_choosing_a_method_changes_maps_peaks_and_unit(open_class: OpenPage, cache: EvaluationCache, wrong: int):
    page = open_class()
    before = first_card(page)
    for method, value, unit in (
        ("gradcam++", "gradcam-plus-plus", "arbitrary units of Grad-CAM++"),
        ("gradcam", "gradcam", "units of the logit"),
    ):
        choose(page, value)
        for maps in (cache.cams[method].true, cache.cams[method].predicted):
            assert f"peak {peak_text(float(maps[wrong].max()))}" in first_card(page)
        assert unit in page.locator(".legend").first.inner_text()
    assert first_card(page) == before
    assert urlsplit(page.url).fragment == ""


def test_every_picture_refers_to_a_sprite_of_the_chosen_method(open_class: OpenPage):
    page = open_class()
    for value in ("gradcam-plus-plus", "rollout", "scorecam", "gradcam"):
        choose(page, value)
        used = page.evaluate(
            """() => [...document.querySelectorAll("main :not(.marked *) > .evidence use")].map((use) => {
              const image = document.getElementById(use.getAttribute("href").slice(1));
              return image instanceof SVGImageElement ? image.href.baseVal : "nothing";
            })"""
        )
        assert used
        if value == "gradcam":
            assert not [url for url in used if "plus-plus" in url or "rollout" in url or "scorecam" in url]
        else:
            assert all(url.endswith(f"-{value}.png") for url in used), (value, set(used))


def test_sprites_of_a_method_are_loaded_when_it_is_chosen(open_class: OpenPage):
    page = open_class()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[1]))
    page.reload()
    page.wait_for_load_state("load")
    assert not [name for name in asked if "plus-plus" in name]
    with page.expect_request(lambda request: "maps-gradcam-plus-plus" in request.url or "m-gradcam" in request.url):
        choose(page, "gradcam-plus-plus")


def test_address_restores_the_method(open_class: OpenPage):
    page = open_class()
    choose(page, "rollout")
    assert parse_qs(urlsplit(page.url).fragment) == {"method": ["rollout"]}
    other = open_class(f"#{urlsplit(page.url).fragment}")
    assert first_card(other) == first_card(page)
    assert "for all classes" in first_card(other)
    assert other.locator('input[name="map"][value="difference"]').is_disabled()
    choose(other, "gradcam")
    assert other.locator('input[name="map"][value="difference"]').is_enabled()


def test_the_detail_view_follows_the_method(open_class: OpenPage, cache: EvaluationCache, wrong: int):
    number = int(cache.example_index[wrong])
    page = open_class(f"#method=gradcam-plus-plus&image={number}")
    peak = peak_text(float(cache.cams["gradcam++"].predicted[wrong].max()))
    assert f"peak {peak}" in page.locator("dialog.image").inner_text()
    page = open_class(f"#method=rollout&image={number}")
    text = page.locator("dialog.image").inner_text()
    assert "for all classes" in text
    assert "difference" not in text
    assert "patient" in text


def test_an_example_without_a_map_by_the_method_says_so(open_class: OpenPage, cache: EvaluationCache, found: Findings):
    missing = next(p for p in found.selections[0].gallery if p not in COVERED)
    page = open_class(f"#method=scorecam&image={int(cache.example_index[missing])}")
    assert "no map" in page.locator("dialog.image").inner_text()
    page.keyboard.press("Escape")
    shown = [*found.selections[0].worst, *found.selections[0].best, *found.selections[0].mistaken]
    num_missing = sum(p not in COVERED for p in shown)
    assert page.locator(".card .blank", has_text="ScoreCAM covers 220 of 440 images").count() == num_missing


def test_without_scripts_the_first_method_is_shown(open_class: OpenPage):
    page = open_class("#method=rollout", scripts=False)
    assert not page.locator('input[name="method"]').first.is_visible()
    assert "for all classes" not in first_card(page)


def test_a_hostile_method_changes_nothing(open_class: OpenPage):
    page = open_class('#method="]<b>')
    assert "for all classes" not in first_card(page)
    assert page.locator("[data-gallery-count]").inner_text() == "40 of 40 shown"


def test_pair_pages_have_the_same_choice(open_page: OpenPage, folder: Path):
    path = min(folder.glob("pairs/*.html")).relative_to(folder).as_posix()
    page = open_page(f"{path}#method=rollout", folder=folder)
    assert "for all classes" in page.locator(".card").first.inner_text()
    assert "for all classes" in page.locator(".means").inner_text()


def test_metadata_column_filters_the_gallery_and_is_in_the_address(
    open_class: OpenPage, cache: EvaluationCache, found: Findings
):
    page = open_class()
    page.locator('select[name="column-camera"]').select_option(label="scanner")
    expected = [
        int(cache.example_index[p]) for p in found.selections[0].gallery if cache.columns["camera"][p] == "scanner"
    ]
    visible = """() => [...document.querySelectorAll(".gallery > li")]
      .filter((item) => item.offsetParent !== null).map((item) => Number(item.id.slice(1)))"""
    assert page.evaluate(visible) == expected
    fragment = urlsplit(page.url).fragment
    assert set(parse_qs(fragment)) == {"column-camera"}
    assert open_class(f"#{fragment}").evaluate(visible) == expected


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("value", ["gradcam-plus-plus", "rollout", "scorecam"])
def test_axe_finds_nothing_whichever_method_is_shown(
    open_class: OpenPage, find_violations: Callable[[Page], list[str]], value: str, scheme: str
):
    page = open_class(f"#method={value}", scheme=scheme, bypass_csp=True)
    assert find_violations(page) == []
    page = open_class(f"#method={value}", width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


PARTIAL = {"no maps": {"cams": {}, "checks": ()}, "no images": {"thumbnails": None, "annotations": None}}
PARTIAL["neither"] = PARTIAL["no maps"] | PARTIAL["no images"]


@pytest.fixture(scope="session", params=PARTIAL)
def partial_site(
    request: pytest.FixtureRequest, cache: EvaluationCache, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("partial") / "site"
    partial = dataclasses.replace(cache, **PARTIAL[request.param])
    write_site(folder, render_site(partial, compute_findings(partial), load_presentation(RenderSettings(out=folder))))
    return folder


@pytest.mark.parametrize("kind", ["index.html", "classes/000-*.html", "pairs/*.html", "how-to-read.html"])
def test_axe_finds_nothing_on_partial_reports(
    open_page: OpenPage, find_violations: Callable[[Page], list[str]], partial_site: Path, kind: str
):
    path = min(partial_site.glob(kind)).relative_to(partial_site).as_posix()
    assert find_violations(open_page(path, folder=partial_site, bypass_csp=True)) == []
    page = open_page(path, folder=partial_site, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_detail_view_opens_without_images_or_maps(open_page: OpenPage, partial_site: Path):
    path = min(partial_site.glob("classes/000-*.html")).relative_to(partial_site).as_posix()
    page = open_page(path, folder=partial_site)
    page.locator(".gallery a").first.click()
    assert "Most probable classes" in page.locator("dialog.image").inner_text()
