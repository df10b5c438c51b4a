import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.report.delivery.tokens import EndTag, Tag, join_tokens, parse_tokens, split_tokens

PAGE = """<!doctype html>
<html lang="en"><head><title>a &amp; b</title></head>
<body data-root=""><!-- a comment --><p class="x">caf&eacute; &#8211; &lt;b&gt;</p>
<svg viewBox="0 0 1 1"><use href="#a" opacity="0.5"/><linearGradient id="a"></linearGradient></svg>
<input type=radio checked><a href='x?a=1&amp;b="2"'>text</a></body></html>
"""


def test_a_page_keeps_its_meaning():
    tokens = parse_tokens(PAGE)
    assert parse_tokens(join_tokens(tokens)) == tokens
    assert "comment" not in join_tokens(tokens)
    assert join_tokens(tokens).startswith("<!doctype html>\n<html lang")
    assert "caf&eacute; &#8211; &lt;b&gt;</p>" in join_tokens(tokens)


def test_tags_know_their_attributes_and_whether_they_end():
    tags = {token.name: token for token in parse_tokens(PAGE) if isinstance(token, Tag)}
    assert tags["use"].is_leaf
    assert tags["input"].is_leaf
    assert not tags["p"].is_leaf
    assert tags["input"].has("checked")
    assert tags["input"].get("checked") == tags["input"].get("missing") == ""
    assert tags["a"].get("href") == 'x?a=1&b="2"'


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20))
def test_attribute_values_survive_whatever_they_are(value: str):
    tag = Tag(name="p", attributes={"title": value, "hidden": None}, is_leaf=False)
    assert parse_tokens(join_tokens([tag])) == [tag]


@pytest.mark.parametrize(
    ("page", "outside", "chosen"),
    [
        ("a<i>b</i>c", "ac", ["<i>b</i>"]),
        ("<i>a<b><i>b</i></b></i><i/>", "", ["<i>a<b><i>b</i></b></i>", "<i/>"]),
        ("<b>a<br><i>b<br>c</i></b>", "<b>a<br></b>", ["<i>b<br>c</i>"]),
        ("<b>a</b>", "<b>a</b>", []),
    ],
)
def test_elements_are_taken_out_whole(page: str, outside: str, chosen: list[str]):
    rest, found = split_tokens(parse_tokens(page), lambda tag: tag.name == "i")
    assert join_tokens(rest) == outside
    assert [join_tokens(each) for each in found] == chosen


def test_end_tags_are_equal_by_name():
    assert parse_tokens("<p></p>")[-1] == EndTag("p")
