import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.analysis.scaling import scale_maps


def random_maps(n: int = 7, height: int = 8, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, height, width)).astype(np.float16)


@pytest.mark.parametrize(
    ("grid", "size"),
    [
        ((8, 8), (32, 32)),
        ((8, 8), (96, 96)),
        ((7, 7), (224, 224)),
        ((4, 6), (33, 50)),
        ((1, 5), (9, 9)),
        ((8, 8), (5, 3)),
    ],
)
def test_maps_are_scaled_as_torch_does_with_half_pixel_centres(grid, size):
    torch = pytest.importorskip("torch")
    maps = random_maps(3, *grid).astype(np.float64)
    reference = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[None], size=size, mode="bilinear", align_corners=False
    )[0].numpy()
    np.testing.assert_allclose(scale_maps(maps, size), reference, rtol=0, atol=1e-12)


def test_scaling_to_the_same_size_changes_nothing():
    maps = random_maps()
    np.testing.assert_array_equal(scale_maps(maps, (8, 8)), maps.astype(np.float64))


@given(st.integers(1, 9), st.integers(1, 40), st.integers(0, 99))
def test_scaling_never_leaves_the_range_of_the_map(cells, pixels, seed):
    maps = random_maps(2, cells, cells, seed)
    scaled = scale_maps(maps, (pixels, pixels))
    for one, many in zip(maps, scaled, strict=True):
        assert many.min() >= one.min() - 1e-9
        assert many.max() <= one.max() + 1e-9
