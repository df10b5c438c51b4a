import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reportgen.inputs.annotations.shapes import Bitmap, Outline, circle, draw_shapes, rectangle, view_mask
from reportgen.inputs.preprocessing import Preprocessing, thumbnail


def geometry(**fields) -> Preprocessing:
    return Preprocessing(mean=(0.5,) * 3, std=(0.5,) * 3, source="a test", **fields)


def test_a_rectangle_marks_the_pixels_whose_centres_lie_inside():
    mask = draw_shapes((rectangle("", 2, 1, 5, 3.6),), (6, 8))

    expected = np.zeros((6, 8), bool)
    expected[1:4, 2:5] = True
    np.testing.assert_array_equal(mask, expected)


def test_the_corners_of_a_rectangle_may_come_in_any_order():
    np.testing.assert_array_equal(
        draw_shapes((rectangle("", 5, 3, 2, 1),), (6, 8)), draw_shapes((rectangle("", 2, 1, 5, 3),), (6, 8))
    )


@given(st.integers(3, 9), st.integers(0, 10**6))
def test_an_outline_marks_what_a_ray_from_the_centre_crosses_an_odd_number_of_times(num_corners, seed):
    corners = np.random.default_rng(seed).uniform(-3, 13, (num_corners, 2))
    height, width = 9, 11
    expected = np.zeros((height, width), bool)
    for row in range(height):
        for column in range(width):
            x, y, crossings = column + 0.5, row + 0.5, 0
            for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
                if (ay > y) != (by > y):
                    crossings += ax + (y - ay) / (by - ay) * (bx - ax) < x
            expected[row, column] = crossings % 2

    np.testing.assert_array_equal(draw_shapes((Outline("", corners),), (height, width)), expected)


@pytest.mark.parametrize("radius", [0.0, 0.4, 3.0, 40.0])
def test_a_circle_is_as_large_as_a_circle(radius):
    mask = draw_shapes((circle("", 50, 50, radius),), (100, 100))

    assert mask.sum() == pytest.approx(math.pi * radius**2, rel=0.02, abs=4)
    np.testing.assert_array_equal(mask, mask.T)


def test_shapes_add_up_and_what_lies_outside_the_image_is_left_out():
    shapes = (
        rectangle("", -5, -5, 2, 2),
        Bitmap("", np.ones((4, 4), bool), left=6, top=5),
        rectangle("", 9, 9, 12, 12),
    )

    mask = draw_shapes(shapes, (8, 8))

    expected = np.zeros((8, 8), bool)
    expected[:2, :2] = expected[5:, 6:] = True
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("size", [(8, 8), (9, 12), (5, 7), (13, 6), (6, 11)])
@pytest.mark.parametrize("crop", [None, 6, 7, 8, 10])
def test_a_crop_cuts_the_mask_as_it_cuts_the_image(size, crop):
    mask = np.random.default_rng(3).random(size) < 0.5
    picture = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255
    preprocessing = geometry(crop=crop)
    view = preprocessing.view(picture)

    np.testing.assert_array_equal(view_mask(mask, preprocessing, view.shape[:2]), view[..., 0] > 0)


@pytest.mark.parametrize("fields", [{"resize": 12}, {"resize": 12, "squash": True}, {"resize": 12, "crop": 8}])
@pytest.mark.parametrize("size", [(36, 24), (24, 48), (36, 36)])
def test_a_resize_takes_the_mask_where_it_takes_the_image(fields, size):
    """By a whole factor Pillow's box filter averages the very same areas."""
    mask = np.random.default_rng(4).random(size) < 0.5
    mask = mask.repeat(3, axis=0).repeat(3, axis=1)[: size[0], : size[1]]
    preprocessing = geometry(**fields, interpolation="box")
    view = preprocessing.view(np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255)
    share = view[..., 0] / 255

    seen = view_mask(mask, preprocessing, view.shape[:2])

    is_clear = abs(share - 0.5) > 0.01
    assert is_clear.mean() > 0.5
    np.testing.assert_array_equal(seen[is_clear], share[is_clear] > 0.5)


def test_a_thumbnail_marks_the_cells_that_are_half_covered():
    mask = np.zeros((8, 8), bool)
    mask[0, :4] = True  # half of two cells
    mask[4, 4] = True  # a quarter of one
    mask[6:, 6:] = True  # one cell

    seen = view_mask(mask, geometry(), (4, 4))

    expected = np.zeros((4, 4), bool)
    expected[0, :2] = expected[3, 3] = True
    np.testing.assert_array_equal(seen, expected)


@given(st.integers(0, 10**6))
def test_a_thumbnail_marks_what_area_averaging_shows_at_half_or_more(seed):
    random = np.random.default_rng(seed)
    view = (random.random((random.integers(20, 60), random.integers(20, 60))) < 0.5).repeat(2, axis=0)
    small = thumbnail(np.repeat(view[..., None], 3, axis=2).astype(np.uint8) * 255, 16)
    exact = Image.fromarray(view.astype(np.float32)).resize(small.shape[1::-1], Image.Resampling.BOX)
    share = np.asarray(exact)

    seen = view_mask(view, geometry(), small.shape[:2])

    # Pillow's box filter takes pixels whole or not at all: it may be off where a cell cuts many pixels in two.
    is_clear = abs(share - 0.5) > 0.25
    np.testing.assert_array_equal(seen[is_clear], share[is_clear] > 0.5)
