"""The filters that color gray pictures: one table for each channel, under the ids that style sheets refer to."""

from xml.etree import ElementTree

from reportgen.report.pictures.colormaps import DIFFERENCE_COLORMAP, filter_tables, opacity_table
from reportgen.report.pictures.filters import define_filters


def test_maps_have_a_filter_for_the_map_alone_and_one_for_the_overlay_and_counts_have_one():
    parsed = ElementTree.fromstring(f"<svg>{define_filters(('inferno', DIFFERENCE_COLORMAP, 'counts-dark'))}</svg>")
    found = {
        item.get("id"): {part.tag: part.get("tableValues") for part in item.find("feComponentTransfer")}
        for item in parsed
    }
    assert list(found) == ["inferno", "inferno-overlay", "difference", "difference-overlay", "counts-dark"]
    tables = filter_tables("inferno")
    colors = {"feFuncR": tables.red, "feFuncG": tables.green, "feFuncB": tables.blue}
    assert found["inferno"] == {**colors, "feFuncA": "1 1"}
    assert found["inferno-overlay"] == {**colors, "feFuncA": opacity_table("inferno")}
    assert found["counts-dark"]["feFuncA"] == opacity_table("counts-dark")
    assert {item.get("color-interpolation-filters") for item in parsed} == {"sRGB"}


def test_a_page_without_pictures_has_no_filter():
    assert define_filters(()) == ""
