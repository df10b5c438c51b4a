import numpy as np
import pytest

from reportgen.demo import plates


def solid_glyphs(num_plates: int, first_column: int = 1, last_column: int = 6) -> np.ndarray:
    glyphs = np.zeros((num_plates, 2, plates.CELLS, plates.CELLS))
    glyphs[..., first_column : last_column + 1] = 1.0
    return glyphs


def test_pictures_are_small_rgb_images():
    images, boxes = plates.compose_plates(solid_glyphs(5), np.random.default_rng(0))

    assert images.shape == (5, 32, 32, 3)
    assert images.dtype == np.uint8
    assert boxes.shape == (5, 2, 4)
    assert boxes.dtype == np.int64


def test_the_same_seed_gives_the_same_bytes():
    first, second = (plates.compose_plates(solid_glyphs(20), np.random.default_rng(3)) for _ in range(2))

    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() == second[1].tobytes()


def test_another_seed_gives_other_pictures():
    images = [plates.compose_plates(solid_glyphs(20), np.random.default_rng(seed))[0] for seed in (3, 4)]

    assert not np.array_equal(*images)


def test_every_digit_lies_inside_the_picture_and_left_of_the_next():
    ink = plates.draw_digits(solid_glyphs(500, 0, 7), np.random.default_rng(1))  # the widest glyphs there can be
    mass = ink.sum(axis=(2, 3))
    centre = (ink.sum(axis=2) * (np.arange(32) + 0.5)).sum(axis=2) / mass

    assert (mass > 50).all()
    assert ink[..., 0].max() < 0.5
    assert ink[..., -1].max() < 0.5
    assert (centre[:, 0] + 5 < centre[:, 1]).all()


def test_an_enlarged_glyph_keeps_its_shape():
    glyphs = np.zeros((50, 2, plates.CELLS, plates.CELLS))
    glyphs[..., 0, 1:7] = 1  # a bar along the top of a stem: a T
    glyphs[..., :, 3:5] = 1

    ink = plates.draw_digits(glyphs, np.random.default_rng(5))

    for digit, (x0, y0, x1, y1) in zip(
        ink.reshape(-1, 32, 32), plates.tight_boxes(ink).reshape(-1, 4).tolist(), strict=True
    ):
        width = digit[y0:y1, x0:x1].sum(axis=1)
        assert width[:3].max() > 1.4 * width[-3:].max()
        left, right = digit[y0:y1, x0:x1].sum(axis=0)[[0, -1]]
        assert abs(left - right) < 2.5


@pytest.mark.parametrize(
    ("rows", "columns", "box"),
    [((3, 9), (10, 12), (10, 3, 12, 9)), ((0, 32), (0, 32), (0, 0, 32, 32)), ((31, 32), (5, 6), (5, 31, 6, 32))],
)
def test_a_tight_box_ends_where_the_ink_ends(rows, columns, box):
    ink = np.zeros((1, 32, 32))
    ink[0, slice(*rows), slice(*columns)] = 0.01

    assert plates.tight_boxes(ink).tolist() == [list(box)]


def test_ground_and_ink_of_every_kind_of_plate_differ_clearly():
    luminance = np.array([0.2126, 0.7152, 0.0722])
    for ground, ink in plates.COLOURS:
        levels = [np.frombuffer(bytes.fromhex(colour), np.uint8) / 255 @ luminance for colour in (ground, ink)]
        assert abs(levels[0] - levels[1]) > 0.3, (ground, ink)
