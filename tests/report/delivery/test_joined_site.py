"""One file made of several pages: nothing in it refers elsewhere, and every reference means what it meant."""

import base64
import dataclasses
import hashlib
import html
import json
import re
from collections import Counter
from collections.abc import Sequence

import pytest

from reportgen.analysis.findings import Findings
from reportgen.cache import EvaluationCache
from reportgen.errors import SiteError
from reportgen.report.delivery.joined_site import Chapter, join_site
from reportgen.report.delivery.links import find_broken_links
from reportgen.report.delivery.tokens import Tag, parse_tokens
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.settings import RenderSettings

Site = dict[str, bytes]

CHAPTERS = (
    Chapter(path="classes/003-1-1.html", title="=1+1"),
    Chapter(path="classes/002-unicode-tag.html", title="Ünïcode & <tag>"),
    Chapter(path="how-to-read.html", title="How to read this"),
)
STYLE = ".page { margin: 0 }"


def join(site: Site, chapters: Sequence[Chapter] = CHAPTERS) -> str:
    return join_site(site.__getitem__, site.keys(), chapters, note="A part:", style=STYLE).decode()


@pytest.fixture(scope="module")
def site(small_cache: EvaluationCache, small_findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("extras")
    (folder / "notes.md").write_text("See [a page](classes/003-1-1.html#worst) and [a paper](https://example.org/).")
    (folder / "own.css").write_bytes(b"p::after { content: '</style>' }\r\np { color: red }\r\n")
    (folder / "mark.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    settings = RenderSettings(
        notes=folder / "notes.md", extra_css=folder / "own.css", logo=folder / "mark.svg", num_pairs=5
    )
    return dict(render_site(small_cache, small_findings, load_presentation(settings)))


@pytest.fixture(scope="module")
def page(site: Site) -> str:
    return join(site)


def tags(page: str) -> list[Tag]:
    return [token for token in parse_tokens(page) if isinstance(token, Tag)]


def part(page: str, anchor: str) -> str:
    """The article of a chapter."""
    return page.split(f'<article class="page" id="{anchor}"', 1)[1].split('<article class="page"', 1)[0]


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)).split())


def picture(url: str) -> bytes:
    assert url.startswith("data:image/")
    return base64.b64decode(url.split(";base64,", 1)[1], validate=True)


def test_ids_are_unique_and_every_link_and_reference_finds_its_own(page: str):
    ids = Counter(tag.get("id") for tag in tags(page) if tag.has("id"))
    assert not [name for name, count in ids.items() if count > 1]
    assert find_broken_links({"one.html": page.encode()}, ["one.html"]) == []
    for tag in tags(page):
        for name in ("for", "list", "aria-labelledby", "aria-describedby", "aria-controls"):
            assert set(tag.get(name).split()) <= ids.keys(), (tag.name, tag.attributes)
        for value in tag.attributes.values():
            assert set(re.findall(r"url\(#([^)]*)\)", value or "")) <= ids.keys()
    for style in re.findall(r"<style>(.*?)</style>", page, re.DOTALL):
        assert set(re.findall(r"url\(#([^)]*)\)", style)) <= ids.keys()


def test_nothing_is_loaded_from_elsewhere(page: str):
    for tag in tags(page):
        for name in ("href", "src", "xlink:href"):
            url = tag.get(name)
            is_outer_link = tag.name == "a" and tag.get("rel") == "external noreferrer" and url.startswith("https://")
            assert not url or url.startswith(("#", "data:")) or is_outer_link, tag
        assert not {"srcset", "style", "onclick", "onload", "integrity"} & tag.attributes.keys()
        assert tag.name != "link" or tag.get("rel") == "icon"


def test_the_policy_allows_the_very_styles_and_scripts_and_nothing_else(page: str):
    policy = next(tag.get("content") for tag in tags(page) if tag.get("http-equiv") == "Content-Security-Policy")
    rules = {name: values.split() for name, _, values in (rule.strip().partition(" ") for rule in policy.split(";"))}
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
    assert rules["img-src"] == ["data:"]
    assert rules.keys() == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    for kind, directive in (("script", "script-src"), ("style", "style-src")):
        sources = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        assert len(sources) == len(re.findall(rf"<{kind}\b", page)) > 2
        digests = [base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() for source in sources]
        assert rules[directive] == [f"'sha256-{digest}'" for digest in digests]
    assert "\r" not in page  # a browser turns it into a line feed before it compares digests
    assert page.index("Content-Security-Policy") < min(page.index("<style>"), page.index("<script>"))
    assert page.count("<meta charset") == page.count('http-equiv="Content-Security-Policy"') == 1


def test_styles_come_in_order_and_the_users_last(page: str, site: Site):
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert styles[0] == site["assets/report.css"].decode()
    assert len(set(styles)) == len(styles)
    assert sum("content: '<" in style for style in styles) == 1
    assert styles[-2:] == [STYLE, "p::after { content: '<\\/style>' }\np { color: red }\n"]


def test_each_chapter_shows_the_pictures_of_its_own_page(page: str, site: Site):
    images = {tag.get("id"): picture(tag.get("href")) for tag in tags(page) if tag.name == "image"}
    for anchor, path in (
        ("classes-003-1-1", "classes/003-1-1.html"),
        ("classes-002-unicode-tag", "classes/002-unicode-tag.html"),
    ):
        uses = {tag.get("href") for tag in tags(part(page, anchor)) if tag.name == "use"}
        assert f"#{anchor}-p" in uses
        assert uses <= {f"#{name}" for name in images if name.startswith(f"{anchor}-")}
        sprites = {tag.get("id"): tag.get("href") for tag in tags(site[path].decode()) if tag.name == "image"}
        assert sprites.keys() >= {"p", "m"}
        for name, url in sprites.items():
            assert images[f"{anchor}-{name}"] == site[url.removeprefix("../")]


def test_figures_of_the_first_page_stand_in_the_file_and_links_lead_to_them(page: str, site: Site):
    section = page.split('id="figures"', 1)[1].split("</section>", 1)[0]
    shown = [picture(tag.get("src")) for tag in tags(section) if tag.name == "img"]
    linked = [tag.get("href") for tag in tags(site["index.html"].decode()) if tag.get("href").endswith(".png")]
    linked = [url for url in dict.fromkeys(linked) if url.startswith("figures/")]
    assert len(linked) > 2
    assert shown == [site[url] for url in linked]
    assert all(tag.get("alt") and int(tag.get("width")) > 100 for tag in tags(section) if tag.name == "img")
    downloads = page.split('class="downloads"', 1)[1].split("</ul>", 1)[0]
    assert re.findall(r'href="#(figure-\d+)"', downloads) == [f"figure-{i + 1}" for i in range(len(linked))]


def test_links_to_chapters_become_fragments_and_others_keep_their_text(page: str, site: Site):
    rows = page.split('class="classes"', 1)[1].split("</table>", 1)[0]
    assert '<a href="#classes-003-1-1">=1+1</a>' in rows
    assert '<a href="#classes-002-unicode-tag">Ünïcode &amp; &lt;tag&gt;</a>' in rows
    assert "<a>con</a>" in rows
    assert text_of(rows) == text_of(site["index.html"].decode().split('class="classes"', 1)[1].split("</table>", 1)[0])
    bar = page.split("</header>", 1)[0]
    assert 'href="#matrix"' in bar
    assert 'href="#how-to-read"' in bar


def test_links_to_an_image_lead_to_its_place_in_the_gallery(page: str):
    article = part(page, "classes-003-1-1")
    cards = re.findall(r'<p class="id"><a href="#([^"]*)"', article)
    assert cards
    assert set(cards) <= {tag.get("id") for tag in tags(article) if tag.name == "li"}


def test_counts_of_confusions_lead_to_the_first_image_that_they_count(page: str):
    article = part(page, "classes-003-1-1")
    links = re.findall(r'<td class="n"><a href="#([^"]*)"', article)
    assert "classes-003-1-1-as%3D4" in links
    assert 'id="classes-003-1-1-as=4"' in article


def test_what_only_a_script_would_open_is_a_picture_with_a_name(page: str):
    items = [tag for tag in tags(part(page, "classes-003-1-1")) if tag.name == "a" and "picture" in tag.get("class")]
    assert items
    for tag in items:
        assert not tag.has("href")
        assert tag.get("role") == "img"
        assert tag.get("aria-label")


def test_choices_about_maps_stand_once_and_before_all_classes(page: str):
    forms = [found.start() for found in re.finditer("<form[^>]*data-map-controls", page)]
    assert len(forms) == 1
    assert forms[0] < page.index('<article class="page"')
    assert not re.search(r"<form[^>]*data-gallery-filter", page)
    radios = [tag for tag in tags(page) if tag.get("name") == "colors"]
    assert [tag.get("value") for tag in radios if tag.has("checked")] == ["inferno"]


def test_notes_lead_into_the_file_and_out_of_it(page: str):
    notes = page.split('id="notes"', 1)[1].split("</section>", 1)[0]
    assert 'href="#classes-003-1-1-worst"' in notes
    assert '<a rel="external noreferrer" href="https://example.org/">a paper</a>' in notes


def test_scripts_learn_where_the_classes_are(page: str):
    listing = json.loads(re.search(r"window\.reportgenClasses = (\[.*\]);", page)[1])
    assert listing[2:4] == [["Ünïcode & <tag>", "#classes-002-unicode-tag"], ["=1+1", "#classes-003-1-1"]]
    assert all(url is None for name, url in listing if name not in {"Ünïcode & <tag>", "=1+1"})


def test_names_cannot_end_a_script(small_cache: EvaluationCache, small_findings: Findings):
    names = ("</script><b>", "<!--<script>", *small_cache.class_names[2:])
    cache = dataclasses.replace(small_cache, class_names=names)
    page = join(dict(render_site(cache, small_findings, load_presentation(RenderSettings()))))
    script = re.search(r"<script>(window\.reportgenClasses.*?)</script>", page, re.DOTALL)[1]
    listing = json.loads(script[script.index("[") : script.rindex("]") + 1].replace("\\!", "!"))
    assert [name for name, _ in listing] == list(names)
    assert "<!--" not in script


def test_what_makes_sense_in_the_site_alone_is_left_out(page: str):
    assert "data-site-only" not in page
    assert "unzip the whole folder" not in page
    assert "To take away: <a" not in page


def test_the_same_site_gives_the_same_bytes(page: str, site: Site):
    assert join(dict(reversed(site.items()))) == page


def test_a_file_without_figures_or_classes_is_whole_too(small_cache: EvaluationCache, small_findings: Findings):
    site = dict(render_site(small_cache, small_findings, load_presentation(RenderSettings())))
    site["index.html"] = re.sub(rb'<a href="figures/[^>]*>', b"<a>", site["index.html"])
    page = join(site, chapters=())
    assert find_broken_links({"one.html": page.encode()}, ["one.html"]) == []
    assert 'id="figures"' not in page


def test_filters_are_named_alike_on_all_pages_and_everything_else_by_its_page(site: Site):
    path = CHAPTERS[0].path
    picture = b"<main><svg filter='url(#inferno)' mask='url(#grey)'><title>url(#grey)</title></svg>"
    odd = {**site, path: re.sub(rb"<main[^>]*>", picture, site[path])}
    svg = next(tag for tag in tags(part(join(odd), "classes-003-1-1")) if tag.name == "svg" and tag.has("mask"))
    assert svg.get("filter") == "url(#inferno)"
    assert svg.get("mask") == "url(#classes-003-1-1-grey)"


@pytest.mark.parametrize("name", ["head", "main", "body"])
def test_pages_of_another_make_are_refused(site: Site, name: str):
    odd = re.sub(rb"<(/?)%s\b[^>]*>" % name.encode(), rb"<\1div>", site["index.html"])
    with pytest.raises(SiteError, match=rf"index\.html cannot be joined .* <{name}>") as caught:
        join({**site, "index.html": odd})
    assert "builtin/base.html.j2" in caught.value.hint
