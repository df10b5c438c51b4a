"""The pages as files: what they say, that every link resolves, and that nothing comes from elsewhere."""

import dataclasses
import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from reportgen.analysis.findings import Findings, compute_findings
from reportgen.cache import EvaluationCache
from reportgen.report.delivery.links import find_broken_links
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.report.templating import find_templates, make_environment
from reportgen.report.words.text import percent_interval_text, percent_text
from reportgen.settings import RenderSettings

Site = dict[str, bytes]

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


def render(cache: EvaluationCache, **settings: object) -> Site:
    options = RenderSettings(**settings)
    return dict(render_site(cache, compute_findings(cache, options), load_presentation(options)))


@pytest.fixture(scope="module")
def site(small_cache: EvaluationCache, small_findings: Findings) -> Site:
    return dict(render_site(small_cache, small_findings, load_presentation(RenderSettings())))


@pytest.fixture(scope="module")
def pages(site: Site) -> dict[str, str]:
    return {path: content.decode() for path, content in site.items() if path.endswith(".html")}


@pytest.fixture(scope="module")
def own_pages(pages: dict[str, str]) -> dict[str, str]:
    """All pages but the Plotly ones, whose library sets inline styles."""
    return {path: page for path, page in pages.items() if not path.startswith("charts/")}


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<(script|style|svg).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)).split())


class Outline(HTMLParser):
    """Collects what a page's structure has to hold."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.problems: list[str] = []
        self.unnamed: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if "id" in values:
            self.ids.append(values["id"] or "")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if values.get("role") == "img" and not values.get("aria-label"):
            self.unnamed.append(tag)
        if "style" in values or any(name.startswith("on") for name in values):
            self.problems.append(f"<{tag}> with inline style or script")

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack[-1] != tag:
            self.problems.append(f"</{tag}> closes {self.stack[-1:]}")
        else:
            self.stack.pop()


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    parser.close()
    return parser


def test_site_holds_a_page_for_every_class(site: Site):
    assert sorted(path for path in site if path.startswith("classes/")) == [
        "classes/000-con.html",
        "classes/001-a-b.html",
        "classes/002-unicode-tag.html",
        "classes/003-1-1.html",
        "classes/004.html",
        "classes/005-no-images.html",
    ]
    for path in site:
        assert re.fullmatch(r"[a-z0-9_./-]+", path), path


def test_every_link_resolves(site: Site):
    assert find_broken_links({path: page for path, page in site.items() if path.endswith(".html")}, site) == []


def test_elements_are_closed_ids_unique_and_headings_in_order(own_pages: dict[str, str]):
    for path, page in own_pages.items():
        found = outline(page)
        assert not found.problems, (path, found.problems)
        assert not found.stack, (path, found.stack)
        assert len(set(found.ids)) == len(found.ids), path
        assert found.headings[0] == 1, path
        assert found.headings.count(1) == 1, path
        assert all(b - a <= 1 for a, b in zip(found.headings, found.headings[1:], strict=False)), (path, found.headings)
        assert not found.unnamed, path


def test_the_outline_check_notices_what_it_looks_for():
    assert outline("<p><b></p>").problems
    assert outline('<p style="color:red"></p>').problems
    assert outline('<p onclick="x()"></p>').problems
    assert outline('<div role="img"></div>').unnamed


def test_pages_carry_the_strict_policy_and_no_inline_code(own_pages: dict[str, str]):
    policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"
    for path, page in own_pages.items():
        assert f'content="{policy}"' in page, path
        assert not re.search(r"<style|<script(?![^>]*(src=|application/json))", page), path


def test_nothing_refers_to_the_network_or_to_a_machine(site: Site):
    for path, content in site.items():
        if path.endswith((".html", ".css", ".js")) and "plotly" not in path:
            urls = set(re.findall(rb"https?://[^\s\"'<>)]+", content)) - {b"http://www.w3.org/2000/svg"}
            assert not urls, (path, urls)
            assert str(Path.home()).encode() not in content
            assert b"file:" not in content


def test_names_are_escaped_everywhere(pages: dict[str, str]):
    for path, page in pages.items():
        assert "<tag>" not in page, path
        assert "<such>" not in page, path
    assert "Ünïcode &amp; &lt;tag&gt;" in pages["index.html"]


def test_index_says_the_headline_numbers_with_their_intervals(pages: dict[str, str], small_findings: Findings):
    text = text_of(pages["index.html"])
    top1, top5 = small_findings.overall.top1, small_findings.overall.top5
    for measured in (top1, top5):
        assert f"{percent_text(measured.value)} 95% CI {percent_interval_text(measured)}" in text
    assert f"n = {top1.total}" in text
    assert f"{percent_text(small_findings.calibration.error.value)} calibrated model: ≤" in text


def test_index_names_the_run(pages: dict[str, str], small_cache: EvaluationCache):
    text = text_of(pages["index.html"])
    provenance = small_cache.provenance
    for part in (provenance.target_layer, provenance.model_name, provenance.data_name, provenance.created):
        assert part in text
    assert small_cache.key.weights_digest[:16] in text
    for check in small_cache.checks:
        assert check.name in text


def test_index_lists_every_rule_fired_or_not(pages: dict[str, str], small_findings: Findings):
    for recommendation in small_findings.recommendations:
        assert f'id="finding-{recommendation.rule}"' in pages["index.html"]


def test_class_page_counts_agree_with_the_confusion_matrix(pages: dict[str, str], small_findings: Findings):
    confusion = small_findings.confusion
    text = text_of(pages["classes/000-con.html"])
    wrong = int(confusion[0].sum() - confusion[0, 0])
    assert f"{wrong} of {confusion[0].sum()} images are misclassified." in text
    assert (
        f"{confusion[:, 0].sum() - confusion[0, 0]} of {confusion[:, 0].sum()} images predicted as this class" in text
    )


def test_a_misclassified_example_shows_four_pictures_on_one_scale(
    pages: dict[str, str], small_cache: EvaluationCache, small_findings: Findings
):
    card = re.search(r'<article class="card wrong">.*?</article>', pages["classes/000-con.html"], re.DOTALL)
    assert card
    kinds = re.findall(r'<figure class="(\w+)">', card[0])
    assert kinds == ["photo", "overlay", "overlay", "map"]
    position = small_findings.selections[0].worst[0]
    pair = small_cache.cams["gradcam"]
    true, predicted = (max(0.0, float(maps[position].max())) for maps in (pair.true, pair.predicted))
    assert f"peak {true:.2f}" in card[0]
    assert f"peak {predicted:.2f}" in card[0]
    strengths = [float(value) for value in re.findall(r'<use href="#m" opacity="([^"]+)"/>', card[0])]
    ratio = min(true, predicted) / max(true, predicted)
    assert strengths
    assert strengths == pytest.approx([ratio] * len(strengths), rel=6e-3)


def test_a_correct_example_shows_three_pictures(pages: dict[str, str]):
    cards = re.findall(r'<article class="card right">.*?</article>', pages["classes/000-con.html"], re.DOTALL)
    assert cards
    for card in cards:
        assert re.findall(r'<figure class="(\w+)">', card) == ["photo", "overlay", "map"]


def test_a_blank_map_is_said_in_words_and_not_drawn(pages: dict[str, str], small_cache: EvaluationCache):
    maps = small_cache.cams["gradcam"].true
    position = int((maps.max(axis=(1, 2)) <= 0).argmax())
    number = small_cache.example_index[position]
    name = small_cache.class_names[small_cache.labels[position]]
    page = next(page for page in pages.values() if f'id="e{number}"' in page)
    item = re.search(rf'<li id="e{number}".*?</li>', page, re.DOTALL)
    assert item
    assert "evidence t" not in item[0]
    assert f"Blank map: no evidence for {html.escape(name)}" in page
    assert "blank map" in page


def test_gallery_holds_every_image_of_the_class_once(
    pages: dict[str, str], small_cache: EvaluationCache, small_findings: Findings
):
    for class_index, (_, page) in enumerate(sorted(item for item in pages.items() if item[0].startswith("classes/"))):
        numbers = [int(number) for number in re.findall(r'<li id="e(\d+)"', page)]
        assert sorted(numbers) == sorted(small_cache.example_index[small_cache.labels == class_index])
        shown = [small_cache.example_index[position] for position in small_findings.selections[class_index].gallery]
        assert numbers == shown


def test_details_hold_the_five_most_probable_classes(pages: dict[str, str], small_cache: EvaluationCache):
    page = pages["classes/000-con.html"]
    details = json.loads(re.search(r'id="details">(.*?)</script>', page, re.DOTALL)[1])
    assert details
    for number, example_id, _, _, top, _ in details:
        position = int(np.flatnonzero(small_cache.example_index == int(number))[0])
        logits = small_cache.logits[position].astype(np.float64)
        assert example_id == small_cache.example_id[position]
        assert [index for index, _ in top] == np.argsort(-logits, kind="stable")[:5].tolist()
        probabilities = np.exp(logits) / np.exp(logits).sum()
        assert [text for _, text in top] == [percent_text(probabilities[index]) for index, _ in top]


def test_a_class_without_images_has_a_page_that_says_so(pages: dict[str, str]):
    text = text_of(pages["classes/005-no-images.html"])
    assert "The test set has no images of no, images." in text
    assert "–" in text


def test_two_renders_are_the_same_bytes(site: Site, small_cache: EvaluationCache):
    assert render(small_cache) == site


def test_numbers_of_shown_examples_follow_the_settings(small_cache: EvaluationCache):
    shown = render(small_cache, num_worst=1, num_best=0, num_mistaken=0, num_pairs=2)
    page = shown["classes/000-con.html"].decode()
    assert page.count("<article") == 1
    rows = re.search(r'<table class="pairs">.*?</table>', shown["index.html"].decode(), re.DOTALL)
    assert rows
    assert rows[0].count("<tr>") == 3
    assert render(small_cache, num_pairs=0)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: {"superclasses": None},
        lambda cache: {"logits": np.eye(cache.num_classes, dtype=np.float32)[cache.labels] * 9},
        lambda cache: {"logits": np.roll(np.eye(cache.num_classes, dtype=np.float32)[cache.labels], 1, axis=1)},
        lambda cache: {"thumbnails": np.zeros((cache.num_examples, 7, 12, 3), np.uint8)},
    ],
    ids=["no superclasses", "no mistake", "no right answer", "oblong pictures"],
)
def test_degenerate_evaluations_give_whole_sites(
    small_cache: EvaluationCache, change: Callable[[EvaluationCache], dict[str, object]]
):
    site = render(dataclasses.replace(small_cache, **change(small_cache)))
    assert find_broken_links({path: page for path, page in site.items() if path.endswith(".html")}, site) == []
    for path, page in site.items():
        if path.endswith(".html"):
            assert not re.search(r"\bnan\b", text_of(page.decode())), path


def test_a_title_replaces_the_headline(small_cache: EvaluationCache):
    index = render(small_cache, title="Quarterly review")["index.html"].decode()
    assert "<h1>Quarterly review</h1>" in index
    assert "<title>Quarterly review</title>" in index


def test_templates_are_found_beside_the_package():
    assert (find_templates() / "base.html.j2").is_file()


def test_a_users_template_wins_and_may_extend_the_builtin_one(tmp_path: Path):
    (tmp_path / "class.html.j2").write_text('{% extends "builtin/class.html.j2" %}')
    environment = make_environment(tmp_path)
    assert environment.get_template("class.html.j2").filename == str(tmp_path / "class.html.j2")
    assert environment.get_template("index.html.j2").filename == str(find_templates() / "index.html.j2")
    assert environment.autoescape is True


def test_findings_lead_to_the_pages_that_show_them(pages: dict[str, str], small_findings: Findings):
    fired = [item for item in small_findings.recommendations if item.fired]
    assert fired
    for recommendation in fired:
        item = re.search(rf'id="finding-{recommendation.rule}".*?</li>', pages["index.html"], re.DOTALL)
        assert item
        if any(evidence.class_index is not None or evidence.pair for evidence in recommendation.measurements):
            assert re.search(r'href="(classes|pairs)/', item[0]), recommendation.rule


def test_pair_pages_stand_once_for_both_directions(pages: dict[str, str], small_findings: Findings):
    pairs = {frozenset((pair.true_index, pair.predicted_index)) for pair in small_findings.pairs}
    shown = [path for path in pages if path.startswith("pairs/")]
    assert {frozenset(map(int, re.findall(r"(?:/|--)(\d{3})", path))) for path in shown} == pairs
    assert len(shown) == len(pairs)


def test_pair_page_says_both_directions_and_both_baselines(pages: dict[str, str], small_findings: Findings):
    pair, focus = small_findings.pairs[0], small_findings.pair_focus[0]
    low, high = sorted((pair.true_index, pair.predicted_index))
    path = next(p for p in pages if re.match(rf"pairs/{low:03d}.*--{high:03d}", p))
    text = text_of(pages[path])
    assert f"{pair.share.count} of {pair.share.total}: {percent_text(pair.share.value)}" in text
    assert f"{pair.reverse.count} of {pair.reverse.total}: {percent_text(pair.reverse.value)}" in text
    assert f"Mean overlap of the two maps {focus.both.value:.2f}" in text
    assert f"Mean overlap, unrelated images {small_findings.focus.comparison.overlap_unrelated.value:.2f}" in text
    number_of_cards = pages[path].count("<article")
    assert number_of_cards == pair.share.count + pair.reverse.count


def test_a_small_peak_is_not_shown_as_no_evidence(small_cache: EvaluationCache):
    pair = small_cache.cams["gradcam"]
    weak = {
        "gradcam": dataclasses.replace(
            pair, true=pair.true * np.float16(0.001), predicted=pair.predicted * np.float16(0.001)
        )
    }
    page = render(dataclasses.replace(small_cache, cams=weak))["classes/000-con.html"].decode()
    assert "peak 0.00<" not in page
    details = json.loads(re.search(r'id="details">(.*?)</script>', page, re.DOTALL)[1])
    assert all(float(peak) > 0 for _, _, true, predicted, *_ in details for peak in (true, predicted))


def test_counts_of_confusions_lead_to_the_images_that_they_count(
    pages: dict[str, str], small_cache: EvaluationCache, small_findings: Findings
):
    page = pages["classes/000-con.html"]
    links = re.findall(r'<td class="n"><a href="([^"]*)" aria-label="([^"]*)">(\d+)</a></td>', page)
    urls = {url: (html.unescape(label), int(count)) for url, label, count in links}
    assert urls["#as=1"] == ("2 images of con predicted as a/b", 2)
    assert urls["../classes/001-a-b.html#as=0"] == ("4 images of a/b predicted as con", 4)
    predicted = small_findings.predictions.predicted
    first = next(p for p in small_findings.selections[0].gallery if predicted[p] == 1)
    item = page[page.index(f'<li id="e{small_cache.example_index[first]}"') :].split("</li>", 1)[0]
    assert '<b id="as=1">a/b</b>' in item
    assert page.count('id="as=1"') == 1


def test_a_count_whose_images_are_not_in_the_gallery_is_no_link(small_cache: EvaluationCache):
    findings = compute_findings(small_cache, RenderSettings(num_gallery=0))
    site = dict(render_site(small_cache, findings, load_presentation(RenderSettings())))
    assert "#as=" not in site["classes/000-con.html"].decode()
