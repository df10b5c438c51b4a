import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.errors import SettingsError
from reportgen.report.delivery.links import find_broken_links
from reportgen.report.pages.notes import MAX_BYTES, load_notes, render_notes

ELEMENTS = {
    *("p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "div"),
}
ATTRIBUTES = {"rel", "href", "title", "class", "start", "tabindex", "role", "aria-label"}


def render(text: str) -> str:
    return str(render_notes(text, name="notes.md"))


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(html)
    return parser.found


def test_paragraphs_emphasis_and_lists_become_html():
    assert render("The *maps* are **plausible**.") == "<p>The <em>maps</em> are <strong>plausible</strong>.</p>\n"
    assert "<ol>\n<li>first</li>" in render("1. first\n2. second")


def test_raw_html_is_shown_as_typed():
    html = render('<script>alert(1)</script>\n\n<b onclick="x()">bold</b> <!-- hidden -->')
    assert "<script" not in html
    assert "<b" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "&lt;!-- hidden --&gt;" in html


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("# a\n## b\n### c\n# d", [3, 4, 5, 3]),
        ("### a\n##### b\n## c\n### d", [3, 4, 3, 4]),
        ("# a\n## b\n### c\n#### d\n##### e\n###### f", [3, 4, 5, 6, 6, 6]),
        ("a\n===\n\nb\n---", [3, 4]),
    ],
)
def test_headings_stand_below_the_sections_own_without_gaps(text: str, levels: list[int]):
    html = render(text)
    assert [int(level) for level in re.findall(r"<h(\d)>", html)] == levels
    assert re.findall(r"<h(\d)>", html) == re.findall(r"</h(\d)>", html)


@pytest.mark.parametrize(
    "url", ["classes/042.html", "#pairs", "classes/042.html#image=3", "https://example.org/a?b=c", "mailto:a@b.example"]
)
def test_links_into_the_report_to_https_and_to_mail_are_kept(url: str):
    found = [attributes for tag, attributes in tags(render(f"[text]({url})")) if tag == "a"]
    assert [attributes["href"] for attributes in found] == [url]
    assert ("rel" in found[0]) == (":" in url)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "&#106;avascript:alert(1)",
        "data:text/html,x",
        "http://example.org",
        "ftp://example.org",
        "//example.org/x",
        "/etc/passwd",
        "file:///etc/passwd",
        "vbscript:x",
        "https:",
        "https://[::1",
        "",
    ],
)
@pytest.mark.parametrize("form", ["[text]({})", "[text][there]\n\n[there]: <{}>"])
def test_other_links_are_refused_with_their_line(url: str, form: str):
    with pytest.raises(SettingsError, match=r"notes\.md, line 3, link to"):
        render("first\n\n" + form.format(url))


def test_autolinks_are_judged_like_other_links():
    assert 'href="https://example.org"' in render("<https://example.org>")
    assert 'href="mailto:a@b.example"' in render("<a@b.example>")
    with pytest.raises(SettingsError):
        render("<javascript:alert(1)>")


@pytest.mark.parametrize("text", ["![alt](picture.png)", "![alt](https://e.org/p.png)", "[![alt](p.png)](#pairs)"])
def test_pictures_are_refused_with_their_line(text: str):
    with pytest.raises(SettingsError, match=r"line 2, contain the image"):
        render(f"\n{text}")


def test_tables_scroll_and_carry_no_inline_style():
    html = render("|class|recall|\n|:-|-:|\n|otter|41%|\n\n|a|\n|-|\n|b|")
    assert "style" not in html
    assert html.count('<td class="n">41%</td>') == 1
    labels = re.findall(r'<div class="scroll" tabindex="0" role="region" aria-label="([^"]*)">', html)
    assert len(labels) == len(set(labels)) == html.count("</div>") == 2


def test_links_out_of_the_report_pass_the_sites_check_and_others_do_not():
    page = render("[a](https://example.org) [b](gone.html) <https://e.org/?a=1&b=2>").encode()
    assert find_broken_links({"index.html": page}, ["index.html"]) == [("index.html", "gone.html")]
    unmarked = b'<a href="https://example.org">x</a><img rel="external noreferrer" src="https://example.org">'
    assert len(find_broken_links({"index.html": unmarked}, ["index.html"])) == 1  # one address, twice
    assert find_broken_links({"index.html": b'<a rel="external noreferrer" href="http://e.org">'}, ["index.html"])


MARKDOWN = st.lists(
    st.sampled_from(
        [*"[]()<>!&;:/\\#*_-`~|\"'=\n\t ", "a", "x", "1", "javascript:", "https://e.org", "&#58;", "\0", "é"]
    ),
    max_size=40,
).map("".join)


@given(MARKDOWN)
def test_no_text_whatever_gives_more_than_text_and_links(text: str):
    try:
        html = render(text)
    except SettingsError:
        return
    for tag, attributes in tags(html):
        assert tag in ELEMENTS
        assert attributes.keys() <= ATTRIBUTES
        assert not re.match(r"\s*(/|javascript|data|http:)", attributes.get("href") or "", re.IGNORECASE)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"caf\xe9", "byte 3"),
        (b"x" * (MAX_BYTES + 1), "65,537 bytes"),
        (None, "No such file"),
    ],
    ids=["empty", "blank", "not UTF-8", "oversized", "missing"],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, content: bytes | None, named: str):
    path = tmp_path / "review.md"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"review\.md") as caught:
        load_notes(path)
    assert named in caught.value.message
    assert caught.value.hint


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path):
    (tmp_path / "notes.md").write_bytes(b"\xef\xbb\xbf# Review")
    assert load_notes(tmp_path / "notes.md") == "<h3>Review</h3>\n"
