from dataclasses import replace

import numpy as np
import pytest

from reportgen.analysis.scaling import scale_maps
from reportgen.cache import CamPair
from reportgen.report.pictures import images
from reportgen.report.pictures.example_pictures import make_pictures, picture_size


def with_thumbnails(cache, height: int, width: int):
    shape = (cache.num_examples, height, width, 3)
    return replace(cache, thumbnails=np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def first_mistake(cache, findings) -> int:
    return int(np.flatnonzero(~findings.predictions.is_correct)[0])


@pytest.mark.parametrize(
    ("thumbnail", "size"),
    [
        ((32, 32), (128, 128)),
        ((28, 28), (140, 140)),
        ((16, 32), (128, 64)),
        ((128, 96), (96, 128)),
        ((480, 240), (120, 240)),
    ],
)
def test_thumbnails_are_enlarged_by_whole_numbers_or_shrunk_to_fit(small_cache, thumbnail, size):
    cache = with_thumbnails(small_cache, *thumbnail)
    assert picture_size(cache) == size
    picture = make_pictures(cache, [0])[0]
    assert picture.photo.shape == (size[1], size[0], 3)
    assert picture.predicted_map.shape == picture.photo.shape


def test_the_photo_is_the_thumbnail_pixel_by_pixel(small_cache):
    photo = make_pictures(small_cache, [5])[0].photo
    factor = photo.shape[0] // 16
    for row, column in ((0, 0), (7, 12), (15, 15)):
        block = photo[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
        assert (block == small_cache.thumbnails[5, row, column]).all()


@pytest.mark.parametrize(("true_peak", "predicted_peak"), [(1.0, 4.0), (4.0, 1.0), (2.0, 2.0)])
def test_both_maps_of_an_example_share_one_scale(small_cache, small_findings, true_peak, predicted_peak):
    position = first_mistake(small_cache, small_findings)
    true, predicted = (np.zeros((60, 8, 8), np.float16) for _ in range(2))
    true[position], predicted[position] = true_peak, predicted_peak  # even maps, so that each picture has one level
    cache = replace(small_cache, cams={"gradcam": CamPair(true=true, predicted=predicted)})
    picture = make_pictures(cache, [position])[0]
    assert (picture.true_peak, picture.predicted_peak) == (true_peak, predicted_peak)
    whole = np.ones(picture.photo.shape[:2])
    true_share, predicted_share = (
        peak / max(true_peak, predicted_peak) * whole for peak in (true_peak, predicted_peak)
    )
    np.testing.assert_array_equal(picture.predicted_map, images.colored_map(predicted_share))
    np.testing.assert_array_equal(picture.predicted_overlay, images.overlay(picture.photo, predicted_share))
    np.testing.assert_array_equal(picture.true_overlay, images.overlay(picture.photo, true_share))


def test_a_blank_map_is_the_plain_photo(small_cache, small_findings):
    position = first_mistake(small_cache, small_findings)
    negative = -np.ones((60, 8, 8), np.float16)
    cache = replace(small_cache, cams={"gradcam": CamPair(true=negative, predicted=negative)})
    picture = make_pictures(cache, [position])[0]
    assert picture.true_peak == picture.predicted_peak == 0
    for shown in (picture.true_overlay, picture.predicted_overlay, picture.predicted_map):
        np.testing.assert_array_equal(shown, picture.photo)


def test_no_examples_no_pictures(small_cache):
    assert make_pictures(small_cache, []) == []


def test_without_a_photo_each_map_is_drawn_alone(small_cache, small_findings):
    position = first_mistake(small_cache, small_findings)
    picture = make_pictures(replace(small_cache, thumbnails=None), [position])[0]
    assert picture.photo is None
    maps = small_cache.cams["gradcam"]
    true, predicted = (values[[position]].astype(float) for values in (maps.true, maps.predicted))
    peak = max(true.max(), predicted.max())
    for values, drawn in ((true, picture.true_overlay), (predicted, picture.predicted_map)):
        levels = scale_maps(np.clip(values / peak, 0, 1), (120, 120))
        np.testing.assert_array_equal(drawn, images.colored_map(levels)[0])


def test_without_maps_there_is_the_photo(small_cache):
    picture = make_pictures(replace(small_cache, cams={}), [5])[0]
    np.testing.assert_array_equal(picture.photo, make_pictures(small_cache, [5])[0].photo)
    assert picture.true_overlay is picture.predicted_overlay is picture.predicted_map is None
