import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.analysis.intervals import Estimate, Proportion
from reportgen.report.words.text import (
    DASH,
    count_text,
    list_text,
    number_interval_text,
    number_text,
    percent_interval_text,
    percent_number,
    percent_text,
    plural_text,
)


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.6565, "65.7%"),
        (0.9997, ">99.9%"),
        (0.0003, "<0.1%"),
        (0.9995, ">99.9%"),
        (0.99949, "99.9%"),
        (math.nan, DASH),
    ],
)
def test_per_cent_never_rounds_to_an_end(fraction: float, text: str):
    assert percent_text(fraction) == text


@given(st.floats(0, 1), st.integers(0, 3))
def test_an_end_is_printed_only_where_it_is_exact(fraction: float, digits: int):
    text = percent_number(fraction, digits=digits)
    assert (re.fullmatch(r"0(\.0*)?", text) is not None) == (fraction == 0)
    assert (re.fullmatch(r"100(\.0*)?", text) is not None) == (fraction == 1)
    assert abs(float(text.lstrip("<>")) / 100 - fraction) <= 10.0 ** -(digits + 2)


def test_intervals_print_both_bounds():
    assert percent_interval_text(Proportion(count=7000, total=10000)) == "69.1–70.9%"
    assert percent_interval_text(Proportion(count=0, total=0)) == DASH
    assert number_interval_text(Estimate(value=0.0, low=-0.01, high=0.02, n=5)) == "−0.010 to 0.020"
    assert number_interval_text(Estimate(value=1.0, low=math.nan, high=math.nan, n=1)) == DASH


def test_counts_nouns_and_lists_read_as_written():
    assert count_text(10000) == "10,000"
    assert number_text(-1.25, digits=1) == "−1.2"
    assert plural_text(1, "image") == "1 image"
    assert plural_text(0, "class", "classes") == "0 classes"
    assert [list_text(items) for items in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
