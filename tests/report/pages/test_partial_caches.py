"""Reports of caches that hold less, or more, than a photo and two maps of each example by one method."""

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reportgen.analysis.findings import compute_findings
from reportgen.cache import CamPair, EvaluationCache
from reportgen.report.delivery.joined_site import Chapter, join_site
from reportgen.report.delivery.links import find_broken_links
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.report.urls import method_slug
from reportgen.report.words.text import peak_text
from reportgen.settings import RenderSettings

Site = dict[str, bytes]
Change = Callable[[EvaluationCache], dict[str, object]]

CON = "classes/000-con.html"
REASON = "The program cannot be hooked."
COVERED = np.arange(0, 60, 3)


def without_maps(cache: EvaluationCache) -> dict[str, object]:
    provenance = dataclasses.replace(cache.provenance, target_layer="", no_maps_reason=REASON)
    return {"cams": {}, "provenance": provenance, "checks": ()}


def agnostic(cache: EvaluationCache) -> CamPair:
    maps = np.abs(cache.cams["gradcam"].predicted[:, :6, :6]) / 50
    return CamPair(true=maps, predicted=maps, is_class_agnostic=True)


def three_methods(cache: EvaluationCache) -> dict[str, object]:
    first = cache.cams["gradcam"]
    plus = CamPair(true=first.true * np.float16(0.5), predicted=first.predicted * np.float16(0.25))
    some = CamPair(true=first.true[COVERED], predicted=first.predicted[COVERED], positions=COVERED)
    return {"cams": {"gradcam": first, "gradcam++": plus, "scorecam": some}}


def with_columns(cache: EvaluationCache) -> dict[str, object]:
    n = cache.num_examples
    return {
        "columns": {
            "light & shade": np.resize(["day", "night", ""], n),
            "Light, shade": np.resize(["<x>", "y"], n),
            "id": np.array([f"#{i}" for i in range(n)]),
        }
    }


VARIANTS: dict[str, Change] = {
    "no maps": without_maps,
    "no images": lambda _: {"thumbnails": None},
    "neither": lambda cache: {**without_maps(cache), "thumbnails": None},
    "no class": lambda cache: {"cams": {"rollout": agnostic(cache)}},
    "no class, no images": lambda cache: {"cams": {"rollout": agnostic(cache)}, "thumbnails": None},
    "no class first": lambda cache: {"cams": {"eigencam": agnostic(cache), **cache.cams}},
    "three methods": three_methods,
    "three methods, no images": lambda cache: {**three_methods(cache), "thumbnails": None},
    "columns": with_columns,
}


def vary(cache: EvaluationCache, name: str) -> EvaluationCache:
    return dataclasses.replace(cache, **VARIANTS[name](cache))


@pytest.fixture(scope="module")
def sites(small_cache: EvaluationCache) -> Callable[[str], Site]:
    made: dict[str, Site] = {}

    def site(name: str) -> Site:
        if name not in made:
            cache = vary(small_cache, name)
            made[name] = dict(
                render_site(cache, compute_findings(cache), load_presentation(RenderSettings(num_pairs=4)))
            )
        return made[name]

    return site


def pages_of(site: Site) -> dict[str, str]:
    return {path: page.decode() for path, page in site.items() if path.endswith(".html") and "charts/" not in path}


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<(script|template).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL).split())


def parts_of(page: str, method: str) -> str:
    """What a page holds of a method other than its first."""
    return re.search(rf'<template data-method="{method}".*?</template>', page, re.DOTALL)[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_a_whole_site(sites, name: str):
    site = sites(name)
    assert find_broken_links({path: page for path, page in site.items() if path.endswith(".html")}, site) == []
    for path, page in pages_of(site).items():
        assert not re.search(r"\bnan\b|\bNone\b", text_of(page)), path
        for url in re.findall(r'<image id="[^"]+" href="([^"]+)"', page):
            assert url.removeprefix("../") in site, (path, url)
        defined = set(re.findall(r'<image id="([^"]+)"', page))
        assert set(re.findall(r'<use href="#([^"]+)"', page)) <= defined, path


@pytest.mark.parametrize("name", ["no maps", "neither"])
def test_without_maps_pages_say_why_and_show_none(sites, name: str):
    pages = pages_of(sites(name))
    for path in ("index.html", CON, "how-to-read.html", next(p for p in pages if p.startswith("pairs/"))):
        assert "There are no maps: the program cannot be hooked." in text_of(pages[path]), path
    for path, page in pages.items():
        assert not re.search(r'class="evidence[ "]', page), path
        assert "data-map-controls" not in page, path
        assert "no evidence" not in text_of(page), path
    assert 'id="focus"' not in pages["index.html"]
    assert not [path for path in sites(name) if path.endswith(("-maps.png", "-means.png"))]
    for rule in ("background-focus", "diffuse-focus", "pairs-same-place", "pairs-elsewhere"):
        item = re.search(rf'id="finding-{rule}".*?</li>', pages["index.html"], re.DOTALL)[0]
        assert "Map statistics cannot be computed. There are no maps: the program cannot be hooked." in text_of(item)
    for name_of_text in ("text/analysis_summary.txt", "text/recommendations.txt"):
        assert "cannot be hooked" in " ".join(sites(name)[name_of_text].decode().split())
    assert json.loads(sites(name)["data/metrics.json"])["focus"] is None


def test_without_maps_cards_show_the_photo_alone(sites):
    page = pages_of(sites("no maps"))[CON]
    cards = re.findall(r'<article class="card.*?</article>', page, re.DOTALL)
    assert cards
    for card in cards:
        assert re.findall(r'<figure class="(\w+)">', card) == ["photo"]
    assert "these examples as one image" in page


def test_without_images_maps_stand_alone(sites):
    page = pages_of(sites("no images"))[CON]
    assert "The cache contains no images" in text_of(page)
    assert 'class="photo"' not in page
    wrong = re.search(r'<article class="card wrong">.*?</article>', page, re.DOTALL)[0]
    assert re.findall(r'<figure class="(\w+)">', wrong) == ["map", "map"]
    right = re.search(r'<article class="card right">.*?</article>', page, re.DOTALL)[0]
    assert re.findall(r'<figure class="(\w+)">', right) == ["map"]
    assert 'name="map" value="none"' not in page
    assert not [path for path in sites("no images") if path.endswith("-thumbnails.webp")]


def test_without_images_and_maps_examples_are_lines(sites, small_cache: EvaluationCache):
    site = sites("neither")
    page = pages_of(site)[CON]
    assert "<figure" not in page
    assert '<ul class="lines">' in page
    lines = re.findall(r'<li class="card (?:wrong|right)">.*?</li>', page, re.DOTALL)
    assert lines
    assert all(re.search(r"\d% \)", text_of(line)) and ".png" in line for line in lines)
    item = re.search(r'<li id="e(\d+)".*?</li>', page, re.DOTALL)
    position = int(np.flatnonzero(small_cache.example_index == int(item[1]))[0])
    assert str(small_cache.example_id[position]) in text_of(item[0])
    assert not [path for path in site if path.startswith(("images/000", "figures/classes/", "figures/confused_pair"))]


def test_class_agnostic_maps_are_shown_once(sites):
    pages = pages_of(sites("no class"))
    page = pages[CON]
    for card in re.findall(r'<article class="card.*?</article>', page, re.DOTALL):
        assert re.findall(r'<figure class="(\w+)">', card) == ["photo", "overlay", "map"]
        assert "for all classes" in text_of(card)
        assert "difference" not in card
    assert "arbitrary units of attention rollout" in text_of(page)
    assert 'value="true"' not in re.search(r"<form.*?data-map-controls.*?</form>", page, re.DOTALL)[0].replace(
        'name="cells" value="true"', ""
    )
    assert set(re.findall(r'<svg class="(evidence[^"]*)"', page)) == {"evidence"}
    pair = next(page for path, page in pages.items() if path.startswith("pairs/"))
    assert "attention rollout are class-agnostic" in text_of(pair)
    assert "Overlap" not in text_of(pair)
    assert "overlap" not in text_of(re.search(r'id="focus".*?</section>', pages["index.html"], re.DOTALL)[0])
    how = text_of(pages["how-to-read.html"])
    assert "Abnar and Zuidema 2020" in how
    assert "units of the logit" not in how
    assert "signed" not in how


def test_only_the_methods_of_the_cache_are_explained(sites):
    how = text_of(pages_of(sites("three methods"))["how-to-read.html"])
    for source in ("Selvaraju", "Chattopadhay", "Wang et al. 2020"):
        assert source in how
    for source in ("Draelos", "Abnar", "Muhammad"):
        assert source not in how
    assert "in units of the logit by Grad-CAM, in arbitrary units" in how
    assert "It was computed for 20 of 60 images." in how


def test_each_further_method_has_its_own_sprites_peaks_and_unit(sites, small_cache: EvaluationCache):
    site = sites("three methods")
    page = pages_of(site)[CON]
    assert re.findall(r'name="method" value="([^"]+)"', page) == ["gradcam", "gradcam-plus-plus", "scorecam"]
    before = page.split("<template", 1)[0]
    assert "gradcam-plus-plus.png" not in before
    parts = parts_of(page, "gradcam-plus-plus")
    assert "../images/000-con-maps-gradcam-plus-plus.png" in parts
    assert "arbitrary units of Grad-CAM++" in parts
    assert "units of the logit" in before
    findings = compute_findings(small_cache)
    position = findings.selections[0].worst[0]
    assert not findings.predictions.is_correct[position]
    cams = three_methods(small_cache)["cams"]["gradcam++"]
    panels = parts.split('<div class="panels">')[1:]
    for maps in (cams.true, cams.predicted):
        assert f"peak {peak_text(float(maps[position].max()))}" in panels[0]
    selection = findings.selections[0]
    assert len(panels) == len(selection.worst) + len(selection.best) + len(selection.mistaken)
    items = re.findall(r'<a class="picture" data-peaks="([^"]*)">', parts)
    assert [item.split() for item in items] == [
        [peak_text(max(0.0, float(maps[at].max()))) for maps in (cams.true, cams.predicted)] for at in selection.gallery
    ]


def test_examples_without_a_map_by_a_method_say_so(sites, small_cache: EvaluationCache):
    page = pages_of(sites("three methods"))[CON]
    parts = parts_of(page, "scorecam")
    findings = compute_findings(vary(small_cache, "three methods"))
    selection = findings.selections[0]
    shown = [*selection.worst, *selection.best, *selection.mistaken]
    missing = [position for position in shown if position not in COVERED]
    assert missing
    assert parts.count("<b>no map</b> ScoreCAM covers 20 of 60 images") == len(missing)
    peaks = re.findall(r'data-peaks="([^"]*)"', parts)
    assert [bool(item.strip()) for item in peaks] == [position in COVERED for position in selection.gallery]
    assert "ScoreCAM maps exist for some images only; no mean map is shown." in text_of(
        parts.replace("template", "div")
    )


def test_a_class_agnostic_first_method_disables_the_choices_that_it_lacks(sites):
    page = pages_of(sites("no class first"))[CON]
    controls = re.search(r"<form.*?data-map-controls.*?</form>", page, re.DOTALL)[0]
    disabled = re.findall(r'name="map" value="(\w+)" disabled', controls)
    assert disabled == ["true", "difference"]
    assert re.findall(r'value="([^"]+)" data-class-agnostic', controls) == ["eigencam"]


def test_methods_in_paths_never_collide():
    assert method_slug("gradcam++") == "gradcam-plus-plus"
    assert method_slug("gradcam") == "gradcam"


def test_columns_filter_the_gallery_and_stand_in_the_detail_view(sites, small_cache: EvaluationCache):
    page = pages_of(sites("columns"))[CON]
    columns = with_columns(small_cache)["columns"]
    assert re.findall(r'<select name="(column-[^"]+)" data-column>', page) == ["column-light-shade", "column-1"]
    options = re.findall(r"data-column>(.*?)</select>", page)
    assert re.findall(r'value="(\d)">([^<]*)<', options[0]) == [("0", "(empty)"), ("1", "day"), ("2", "night")]
    assert re.findall(r'value="(\d)">([^<]*)<', options[1]) == [("0", "&lt;x&gt;"), ("1", "y")]
    places = {"": "0", "day": "1", "night": "2", "<x>": "0", "y": "1"}
    first, second, _ = columns.values()
    for number, codes in re.findall(r'<li id="e(\d+)"[^>]*data-columns="([^"]+)"', page):
        position = int(number) // 2
        assert codes == f"{places[str(first[position])]} {places[str(second[position])]}"
    details = json.loads(re.search(r'id="details">(.*?)</script>', page, re.DOTALL)[1])
    for number, *_, pairs in details:
        assert pairs == [[name, str(column[int(number) // 2])] for name, column in columns.items()]


def test_accuracy_by_a_column_stands_on_the_first_page(sites, small_cache: EvaluationCache):
    text = text_of(pages_of(sites("columns"))["index.html"])
    found = compute_findings(vary(small_cache, "columns")).slices
    assert [column.name for column in found] == ["light & shade", "Light, shade"]
    for column in found:
        for part in column.slices:
            value = {"": "(empty)", "<x>": "&lt;x&gt;"}.get(part.value, part.value)
            assert f"{value} {part.accuracy.total} {100 * part.accuracy.value:.1f}%" in text
    assert "Accuracy by light &amp; shade" in text
    summary = sites("columns")["text/analysis_summary.txt"].decode()
    assert "Accuracy by light & shade" in summary


def test_predictions_carry_every_column(sites, small_cache: EvaluationCache):
    rows = sites("columns")["data/predictions.csv"].decode().splitlines()
    assert rows[0].endswith('true_rank,light & shade,"Light, shade",data.id')
    assert rows[1].endswith(",day,<x>,#0")
    assert len(rows) == small_cache.num_examples + 1


def test_a_single_file_carries_the_first_method_and_says_so(sites):
    site = sites("three methods")
    content = join_site(
        site.__getitem__,
        site.keys(),
        [Chapter(path=CON, title="con")],
        note="A part:",
        style=(Path(__file__).parents[3] / "templates/single-file.css").read_text(),
    ).decode()
    assert "<template" not in content
    assert 'name="method"' not in content
    note = re.search(r"<p[^>]*data-single-file-only[^>]*>(.*?)</p>", content)[1]
    assert note == ("This file contains Grad-CAM maps only; the full report also has Grad-CAM++ and ScoreCAM.")
    assert "[data-single-file-only]" in content
    assert "data-single-file-only" not in pages_of(sites("columns"))["index.html"]
