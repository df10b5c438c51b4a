"""The links of a site: each address that a browser would load or follow, in whatever form HTML allows."""

import pytest

from reportgen.report.delivery.links import find_broken_links


@pytest.mark.parametrize(
    ("link", "is_broken"),
    [
        ("b.html", False),
        ("b.html#there", False),
        ("b.html#gone", True),
        ("#here", False),
        ("#gone", True),
        ("../index.html", False),
        ("gone.html", True),
        ("../../outside.html", True),
        ("/b.html", True),
        ("//host/b.html", True),
        ("https://host.example/", True),
        ("data:,", False),
        ("b.html?x=1", False),
        ("b%2Ehtml", False),
    ],
)
def test_links_are_resolved_as_a_browser_would(link: str, is_broken: bool):
    pages = {
        "classes/a.html": f'<p id="here"><a href="{link}">x</a>'.encode(),
        "classes/b.html": b'<p id="there">',
        "index.html": b"",
    }
    assert bool(find_broken_links(pages, pages)) == is_broken


@pytest.mark.parametrize(
    ("markup", "link"),
    [
        ("<a href='gone.html'>x</a>", "gone.html"),
        ("<a href=gone.html>x</a>", "gone.html"),
        ("<A HREF = gone.html>x</A>", "gone.html"),
        ('<img/src="gone.png">', "gone.png"),
        ("<img alt='>' src=gone.png>", "gone.png"),
        ('<img srcset="a.png 1x, https://host.example/b.png 2x">', "https://host.example/b.png"),
        ('<a href="a.png" ping="https://host.example/one">x</a>', "https://host.example/one"),
        ('<video poster="https://host.example/v.png"></video>', "https://host.example/v.png"),
        ('<object data="gone.svg"></object>', "gone.svg"),
        ('<form action="https://host.example/"></form>', "https://host.example/"),
        ('<p style="background: u\\72l(https://host.example/x.png)">', "url(https://host.example/x.png)"),
        ("<style>@import 'https://host.example/x.css';</style>", "@import"),
        ('<meta http-equiv="Refresh" content="0; url=https://host.example/">', "https://host.example/"),
        ('<base href="https://host.example/">', "//base"),
        ('<iframe srcdoc="<p>x</p>"></iframe>', "//srcdoc"),
        ('<a href=a.png href="gone.html">x</a><a href="&#104;ttps://host.example/">y</a>', "https://host.example/"),
    ],
)
def test_an_address_in_any_form_is_seen(markup: str, link: str):
    assert find_broken_links({"index.html": markup.encode()}, ["index.html", "a.png"]) == [("index.html", link)]


@pytest.mark.parametrize(
    "markup",
    [
        "<p>href=gone.html is not a link here</p>",
        "<!-- <img src='gone.png'> -->",
        '<img srcset="data:image/png;base64,AAAA 1x, a.png 2x">',
        '<p style="color: red; filter: url(#inferno)">',
        "<script>const src = 'gone.js';</script>",
    ],
)
def test_what_only_looks_like_an_address_is_none(markup: str):
    assert find_broken_links({"index.html": markup.encode()}, ["index.html", "a.png"]) == []
