"""The markup of diagrams: escaped, written in one way, and with a text alternative."""

from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from reportgen.report.pictures.svg import decoration, element, group_of_links, number, picture, polyline, titled

HOSTILE = """<script>alert("1")</script> & 'x'"""


def test_text_and_attributes_are_escaped():
    drawn = element("text", HOSTILE, class_=HOSTILE)
    assert "<script>" not in drawn
    parsed = ElementTree.fromstring(drawn)
    assert (parsed.text, parsed.get("class")) == (HOSTILE, HOSTILE)


def test_markup_among_the_children_stays_markup():
    assert element("g", element("path", d="M0 0"), "a < b") == '<g><path d="M0 0"/>a &lt; b</g>'


def test_attributes_are_named_as_svg_names_them_and_absent_ones_are_left_out():
    drawn = element("text", "x", class_="end", text_anchor="middle", viewBox="0 0 1 1", stroke_dasharray=None)
    assert drawn == '<text class="end" text-anchor="middle" viewBox="0 0 1 1">x</text>'


@pytest.mark.parametrize(("value", "text"), [(1, "1"), (1.0, "1"), (-0.04, "-0"), (2.25, "2.2"), (1e6, "1000000")])
def test_numbers_have_at_most_one_decimal(value: float, text: str):
    assert number(value) == text


def test_a_line_runs_through_its_points():
    assert polyline([(0, 1.04), (2.5, -3)]) == "M0 1L2.5 -3"


def test_every_picture_has_a_text_alternative_or_is_hidden():
    for drawn, role in (
        (picture(4, 2, label=HOSTILE), "img"),
        (group_of_links(4, 2, label=HOSTILE, class_="s"), "group"),
    ):
        parsed = ElementTree.fromstring(drawn)
        assert (parsed.get("role"), parsed.get("aria-label"), parsed.get("viewBox")) == (role, HOSTILE, "0 0 4 2")
    assert ElementTree.fromstring(decoration(28, 8, class_="sample")).get("aria-hidden") == "true"


def test_a_title_comes_first_so_that_browsers_show_it():
    parsed = ElementTree.fromstring(titled("g", "a & b", Markup("<path/>"), class_="x"))
    assert [child.tag for child in parsed] == ["title", "path"]
    assert parsed[0].text == "a & b"
