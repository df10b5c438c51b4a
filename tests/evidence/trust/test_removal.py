"""Ranking, blurring and filling: against plain loops, a dense solve and pytorch-grad-cam's own imputation."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_grad_cam.metrics.road import NoisyLinearImputer
from scipy.ndimage import gaussian_filter

from reportgen.evidence.trust.removal import BLUR_SIDES, blur, fill_linearly, rank_pixels


def _ranks_by_sorting(values: list[float]) -> list[int]:
    order = sorted(range(len(values)), key=lambda place: (-values[place], place))
    return [order.index(place) for place in range(len(values))]


def test_pixels_rank_by_the_signed_map_and_ties_by_reading_order():
    maps = torch.tensor([[[0.0, 2.0, 0.0], [-1.0, 2.0, 0.5]]])
    assert rank_pixels(maps, (2, 3)).tolist() == [[[3, 0, 4], [5, 1, 2]]]


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(0, 1000))
def test_every_place_is_taken_once_in_the_order_of_the_scaled_map(batch, height, width, seed):
    maps = torch.from_numpy(np.random.default_rng(seed).integers(-2, 3, (batch, height, width))).float()
    ranks = rank_pixels(maps, (2 * height, 2 * width))
    scaled = torch.nn.functional.interpolate(maps[:, None], scale_factor=2, mode="bilinear")[:, 0]
    for own, values in zip(ranks, scaled, strict=True):
        assert own.flatten().tolist() == _ranks_by_sorting(values.flatten().tolist())


def test_pixels_that_differ_by_rounding_alone_rank_in_reading_order():
    row = torch.tensor([0.1, 0.7, 0.3, 0.7, 0.1])
    noise = torch.tensor([0, 0, 0, 1e-7, 1e-8])
    assert rank_pixels((row + noise).view(1, 1, 5), (1, 5)).tolist() == [[[3, 0, 2, 1, 4]]]


def test_a_map_is_scaled_with_half_pixel_centres():
    # 0 1 0 2 at eight places: 0, 1/4, 3/4, 3/4, 1/4, 1/2, 3/2, 2
    ranks = rank_pixels(torch.tensor([[[0.0, 1.0, 0.0, 2.0]]]), (1, 8))
    assert ranks.flatten().tolist() == [7, 5, 2, 3, 6, 4, 1, 0]


def test_the_blur_is_scipys_gaussian():
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 32, 48))).float()
    sigma = BLUR_SIDES * 32
    expected = gaussian_filter(
        image.numpy(), (0, 0, sigma, sigma), radius=(0, 0, *[math.ceil(3 * sigma)] * 2), mode="nearest"
    )
    np.testing.assert_allclose(blur(image), expected, atol=1e-5)


def _solve_plainly(image: np.ndarray, is_missing: np.ndarray) -> np.ndarray:
    """One equation a missing pixel, pixel by pixel, solved by elimination in float64."""
    height, width = is_missing.shape
    places = [(y, x) for y in range(height) for x in range(width) if is_missing[y, x]]
    number = {place: at for at, place in enumerate(places)}
    left, right = np.zeros((len(places), len(places))), np.zeros((len(places), len(image)))
    for (y, x), at in number.items():
        neighbours = [
            ((y + dy, x + dx), 1 / 6 if 0 in (dy, dx) else 1 / 12)
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            if (dy, dx) != (0, 0) and 0 <= y + dy < height and 0 <= x + dx < width
        ]
        left[at, at] = sum(weight for _, weight in neighbours)
        for place, weight in neighbours:
            if place in number:
                left[at, number[place]] -= weight
            else:
                right[at] += weight * image[:, place[0], place[1]]
    filled = image.astype(np.float64).copy()
    filled[:, is_missing] = np.linalg.solve(left, right).T
    return filled


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("kind", ["scattered", "in one piece"])
def test_a_hole_is_filled_as_by_a_plain_dense_solve(kind, share):
    rng = np.random.default_rng(2)
    height, width = 13, 18
    images = torch.from_numpy(rng.normal(size=(3, 3, height, width))).float()
    maps = torch.from_numpy(rng.normal(size=(3, height, width) if kind == "scattered" else (3, 2, 2))).float()
    is_missing = (rank_pixels(maps, (height, width)) < round(share * height * width))[:, None]
    found = fill_linearly(images, is_missing)
    for image, hole, own in zip(images.numpy(), is_missing[:, 0].numpy(), found, strict=True):
        np.testing.assert_allclose(own, _solve_plainly(image, hole), atol=1e-4)


@pytest.mark.filterwarnings("ignore:__array_wrap__")  # the library hands a tensor to numpy
def test_a_large_hole_is_filled_as_by_the_library():
    generator = torch.Generator().manual_seed(0)
    images = torch.nn.functional.avg_pool2d(torch.randn(1, 3, 96, 96, generator=generator), 5, 1, 2) * 5
    ranks = rank_pixels(torch.randn(1, 6, 6, generator=generator), (96, 96))
    is_missing = (ranks < round(0.9 * 96 * 96))[:, None]
    expected = NoisyLinearImputer(noise=0)(images[0], (~is_missing[0, 0]).float())
    assert (fill_linearly(images, is_missing)[0] - expected).abs().max() < 3e-3  # noise is 0.01


def test_nothing_missing_changes_nothing_and_all_missing_gives_the_mean():
    images = torch.randn(2, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    is_missing = torch.zeros(2, 1, 9, 7, dtype=torch.bool)
    is_missing[1] = True
    found = fill_linearly(images, is_missing)
    assert torch.equal(found[0], images[0])
    assert not found[1].any()


def test_pictures_of_a_batch_do_not_touch_each_other():
    generator = torch.Generator().manual_seed(0)
    images, maps = torch.randn(4, 3, 12, 12, generator=generator), torch.randn(4, 3, 3, generator=generator)
    is_missing = (rank_pixels(maps, (12, 12)) < 100)[:, None]
    alone = [fill_linearly(images[i : i + 1], is_missing[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(fill_linearly(images, is_missing), torch.cat(alone), atol=1e-4, rtol=0)
