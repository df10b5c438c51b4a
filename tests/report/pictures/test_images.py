import io

import numpy as np
import pytest
from PIL import Image

from reportgen.report.pictures import colormaps, images


def read_webp(data: bytes) -> np.ndarray:
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "WEBP"
    return np.asarray(picture)


def read_png(data: bytes) -> np.ndarray:
    assert data.startswith(b"\x89PNG")
    return np.asarray(Image.open(io.BytesIO(data)))


def random_maps(n: int = 7, height: int = 8, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, height, width)).astype(np.float16)


def test_a_pair_of_maps_shares_the_larger_peak():
    true = np.array([[[0.5, -1.0]], [[-2.0, -1.0]], [[0.0, 0.0]]])
    predicted = np.array([[[0.25, 0.0]], [[-3.0, 4.0]], [[-1.0, -5.0]]])
    scale = images.common_scale(true, predicted)
    np.testing.assert_array_equal(scale, [0.5, 4.0, 0.0])
    np.testing.assert_array_equal(images.evidence(true, scale), [[[1.0, 0.0]], [[0.0, 0.0]], [[0.0, 0.0]]])
    np.testing.assert_array_equal(images.evidence(predicted, scale), [[[0.5, 0.0]], [[0.0, 1.0]], [[0.0, 0.0]]])


def test_peaks_of_half_precision_maps_are_exact():
    maps = random_maps()
    np.testing.assert_array_equal(images.peaks(maps), [max(0.0, float(one.max())) for one in maps])


@pytest.mark.parametrize("n", [1, 3, 4, 5, 12])
def test_every_thumbnail_lies_unchanged_where_the_layout_says(n):
    thumbnails = np.random.default_rng(n).integers(0, 256, (n, 5, 6, 3), dtype=np.uint8)
    layout = images.sprite_layout(n, 5, 6, columns=4)
    sprite = read_webp(images.thumbnail_sprite(thumbnails, columns=4))
    assert (sprite.shape[1], sprite.shape[0]) == layout.size
    for cell in range(n):
        x, y = layout.offset(cell)
        np.testing.assert_array_equal(sprite[y : y + 5, x : x + 6], thumbnails[cell])
        np.testing.assert_array_equal(sprite[y - 1, x : x + 6], thumbnails[cell][0])
        np.testing.assert_array_equal(sprite[y : y + 5, x + 6], thumbnails[cell][:, -1])


@pytest.mark.parametrize("m", [1, 4, 9])
def test_every_map_lies_where_the_layout_says_inside_a_replica_of_its_edge(m):
    maps = np.random.default_rng(m).random((m, 3, 4))
    layout = images.sprite_layout(m, 3, 4, columns=4)
    sprite = read_png(images.map_sprite(maps, columns=4))
    assert sprite.dtype == np.uint8
    assert (sprite.shape[1], sprite.shape[0]) == layout.size
    for cell in range(m):
        x, y = layout.offset(cell)
        levels = np.round(maps[cell] * 255)
        np.testing.assert_array_equal(sprite[y : y + 3, x : x + 4], levels)
        np.testing.assert_array_equal(sprite[y - 1, x : x + 4], levels[0])
        np.testing.assert_array_equal(sprite[y : y + 3, x + 4], levels[:, -1])
        assert sprite[y + 3, x - 1] == levels[-1, 0]


def test_a_view_box_crops_the_cell():
    layout = images.sprite_layout(25, 8, 8)
    assert layout.view_box(0) == "1 1 8 8"
    assert layout.view_box(13) == "31 11 8 8"
    assert layout.size == (100, 30)


def test_the_layout_of_nothing_is_one_empty_cell():
    assert images.sprite_layout(0, 32, 32).size == (34, 34)
    assert read_webp(images.thumbnail_sprite(np.zeros((0, 4, 4, 3), np.uint8))).shape == (6, 6, 3)


def test_the_confusion_picture_shows_mistakes_only_by_the_root_of_their_count():
    confusion = np.array([[90, 4, 0], [1, 50, 16], [0, 0, 7]])
    picture = read_png(images.confusion_picture(confusion, np.array([0, 1, 2])))
    np.testing.assert_array_equal(picture, [[0, 128, 0], [64, 0, 255], [0, 0, 0]])
    assert images.max_errors(confusion) == 16


def test_the_confusion_picture_follows_the_order_of_the_classes():
    confusion = np.arange(16).reshape(4, 4)
    order = np.array([2, 0, 3, 1])
    picture = read_png(images.confusion_picture(confusion, order))
    plain = read_png(images.confusion_picture(confusion, np.arange(4)))
    for row in range(4):
        for column in range(4):
            assert picture[row, column] == plain[order[row], order[column]]


def test_a_single_mistake_is_seen_beside_a_million():
    confusion = np.array([[0, 1_000_000], [1, 0]])
    np.testing.assert_array_equal(images.confusion_levels(confusion), [[0, 255], [1, 0]])


def test_a_perfect_model_has_an_empty_picture():
    assert images.confusion_levels(np.diag([3, 4, 5])).max() == 0


def test_the_overlay_is_the_arithmetic_of_source_over():
    photo = np.full((1, 256, 3), (200, 120, 40), np.uint8)
    levels = np.linspace(0, 1, 256)[None]
    blended = images.overlay(photo, levels)
    alpha = np.interp(levels[0], np.linspace(0, 1, 6), (0, 0.35, 0.6, 0.78, 0.85, 0.9))[:, None]
    expected = alpha * colormaps.color_levels("inferno") + (1 - alpha) * photo[0]
    assert np.abs(blended[0] - expected).max() <= 0.5 + 1e-6
    np.testing.assert_array_equal(blended[0, 0], photo[0, 0])


def test_a_blank_map_leaves_the_photo_as_it_is():
    photo = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(images.overlay(photo, np.zeros((8, 8))), photo)


def test_a_map_alone_runs_through_the_whole_colormap():
    colored = images.colored_map(np.array([[0.0, 1.0]]))
    np.testing.assert_array_equal(colored, colormaps.color_levels("inferno")[[0, 255]][None])


def test_equal_pixels_give_equal_bytes_without_metadata():
    thumbnails = np.random.default_rng(2).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    first, second = (images.thumbnail_sprite(thumbnails.copy()) for _ in range(2))
    assert first == second
    assert not {"exif", "icc_profile", "xmp"} & Image.open(io.BytesIO(first)).info.keys()
    assert Image.open(io.BytesIO(images.encode_png(thumbnails[0, ..., 0]))).info == {}
