import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reportgen.report.pictures.outlines import outline_path


def corners_of(path: str) -> list[list[tuple[int, int]]]:
    """The corners (x, y) of each loop, read as a browser does; `z` closes it."""
    loops = []
    for x, y, steps in re.findall(r"M(\d+) (\d+)((?:[hv]-?\d+)*)z", path):
        corners = [(int(x), int(y))]
        for way, length in re.findall(r"([hv])(-?\d+)", steps):
            last_x, last_y = corners[-1]
            corners.append((last_x + int(length), last_y) if way == "h" else (last_x, last_y + int(length)))
        loops.append(corners)
    return loops


def fill(path: str, shape: tuple[int, int]) -> np.ndarray:
    """What lies within the loops: a ray to the left crosses an odd number of their vertical edges."""
    inside = np.zeros(shape, bool)
    for corners in corners_of(path):
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
            assert (x0 == x1) != (y0 == y1)
            if x0 == x1:
                inside[min(y0, y1) : max(y0, y1), x0:] ^= True
    return inside


@given(hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_an_outline_encloses_what_is_marked(mask):
    np.testing.assert_array_equal(fill(outline_path(mask), mask.shape), mask)


def test_a_rectangle_has_four_corners():
    mask = np.zeros((5, 6), bool)
    mask[1:4, 2:5] = True

    assert outline_path(mask) == "M2 1h3v3h-3z"


def test_a_hole_has_an_outline_of_its_own_the_other_way_round():
    mask = np.ones((3, 4), bool)
    mask[1, 1:3] = False

    assert outline_path(mask) == "M0 0h4v3h-4zM1 1v1h2v-1z"


def test_pixels_that_touch_at_a_corner_are_outlined_apart():
    assert outline_path(np.eye(2, dtype=bool)) == "M0 0h1v1h-1zM1 1h1v1h-1z"
