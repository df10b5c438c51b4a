"""What stands around a confusion matrix: names, superclasses, recall, and the marks of its color scale."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from reportgen.analysis.intervals import Proportion
from reportgen.report.pictures.diagrams.confusion_frame import (
    MatrixCells,
    draw_count_scale,
    draw_framed_matrix,
    draw_matrix,
    scale_ticks,
    spread,
)


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=6).map(sorted),
    st.floats(1, 30),
)
def test_labels_stand_as_near_to_what_they_name_as_their_distance_allows(middles: list[float], spacing: float):
    placed = spread(middles, spacing, 100.0)
    step = min(spacing, 100 / len(middles))
    assert (np.diff(placed) >= step - 1e-9).all()
    assert placed[0] >= step / 2 - 1e-9
    assert placed[-1] <= 100 - step / 2 + 1e-9
    # The problem is a quadratic one with linear bounds: a solver that knows nothing of it finds nothing better.
    reference = minimize(
        lambda places: ((places - middles) ** 2).sum(),
        x0=placed,
        method="SLSQP",
        bounds=[(step / 2, 100 - step / 2)] * len(middles),
        constraints=[
            {"type": "ineq", "fun": lambda places, i=i: places[i + 1] - places[i] - step}
            for i in range(len(middles) - 1)
        ],
    )
    assert ((placed - middles) ** 2).sum() <= reference.fun + 1e-3


def test_labels_with_room_stand_in_the_middle_of_their_rows():
    assert spread([10.0, 50.0, 90.0], 14, 100).tolist() == [10.0, 50.0, 90.0]
    assert spread([], 14, 100).tolist() == []


@pytest.mark.parametrize("max_count", [1, 2, 7, 25, 100, 12_345])
def test_marks_of_the_scale_stand_at_the_root_of_their_count(max_count: int):
    positions, counts = zip(*scale_ticks(max_count), strict=True)
    assert counts[-1] == max_count
    assert positions == pytest.approx([100 * (count / max_count) ** 0.5 for count in counts], abs=0.06)
    assert all(later - earlier >= 8 for earlier, later in pairwise(positions))
    texts = re.findall(r'x="([\d.]+)%"[^>]*text-anchor="(\w+)">([\d,]+)<', draw_count_scale(max_count))
    assert [int(text.replace(",", "")) for _, _, text in texts] == list(counts)
    assert {anchor for _, anchor, _ in texts[:-1]} <= {"middle"}
    assert texts[-1][1] == "end"


def test_a_matrix_without_mistakes_has_no_mark():
    assert scale_ticks(0) == []
    assert "<text" not in draw_count_scale(0)


def test_frame_follows_blocks_and_recalls():
    counts = ((1, 2), (0, 5), (3, 3), (0, 0), (1, 3), (2, 3))
    cells = MatrixCells(
        url="x.png",
        alt="a matrix",
        blocks=[("cats", 2), ("a single one", 1), ("n" * 60, 3)],
        recalls=[Proportion(count=count, total=total) for count, total in counts],
    )
    framed = draw_framed_matrix(cells)
    assert re.findall(r'<path[^>]* d="([^"]*)"', framed) == [
        "M.5 0.2v1.6M.5 3.2v2.6",  # brackets
        "M0 0h2v2h-2zM3 3h3v3h-3z",  # squares of superclasses
        "M0 0.5h50M0 1.5h0M0 2.5h100M0 4.5h33.3M0 5.5h66.7",  # recall
    ]
    assert re.findall(r'y="([\d.]+)%">([^<]*)<', framed) == [
        ("16.67", "cats"),
        ("41.67", "a single one"),
        ("75.00", "n" * 31 + "…"),
    ]
    assert 'class="cm-picture" role="img" aria-label="a matrix"' in framed
    alone = draw_matrix(cells)
    assert 'class="cm-cells" role="img" aria-label="a matrix"' in alone
    assert "<text" not in alone


def test_a_matrix_larger_than_a_screen_is_scaled_smoothly():
    for num_rows, is_large in ((640, False), (641, True)):
        recalls = [Proportion(count=1, total=2)] * num_rows
        assert ("cm-large" in draw_matrix(MatrixCells(url="x.png", alt="", blocks=[], recalls=recalls))) == is_large
