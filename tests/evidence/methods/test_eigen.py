import numpy as np
import pytest
import torch
from torch import Tensor

from reportgen.evidence.methods.eigen import project_on_first_component


def _values(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).relu()


def _by_svd(values: Tensor) -> np.ndarray:
    maps = []
    for example in values.numpy():
        rows = example.reshape(len(example), -1).T  # (P, C)
        rows = rows - rows.mean(0)
        direction = np.linalg.svd(rows, full_matrices=False)[2][0]
        maps.append((rows @ direction * np.sign(direction.sum())).reshape(example.shape[1:]))
    return np.stack(maps)


@pytest.mark.parametrize("shape", [(4, 30, 4, 4), (4, 3, 6, 5), (2, 16, 4, 4), (3, 1, 4, 4)])
def test_the_projection_equals_that_of_a_singular_value_decomposition(shape):
    values = _values(*shape)
    np.testing.assert_allclose(project_on_first_component(values), _by_svd(values), rtol=1e-6, atol=1e-6)


def test_two_places_worked_out_by_hand():
    # Less their means the channels are -3 3 and -4 4: along the direction (0.6, 0.8) the places lie at -5 and 5.
    values = torch.tensor([[[[0.0, 6.0]], [[1.0, 9.0]]]])
    torch.testing.assert_close(project_on_first_component(values), torch.tensor([[[-5.0, 5.0]]]))


def test_the_map_rises_with_the_sum_over_the_channels():
    values = _values(50, 6, 4, 4) - 0.4
    maps = project_on_first_component(values)
    assert ((maps * values.sum(1)).sum((1, 2)) > 0).all()
    torch.testing.assert_close(project_on_first_component(-values), -maps)


def test_the_places_sum_to_zero():
    torch.testing.assert_close(project_on_first_component(_values(3, 6, 4, 4)).sum((1, 2)), torch.zeros(3).double())


def test_what_is_added_to_a_channel_everywhere_does_not_matter():
    values = _values(3, 6, 4, 4)
    moved = values + torch.arange(6.0)[:, None, None]
    torch.testing.assert_close(project_on_first_component(moved), project_on_first_component(values))


@pytest.mark.parametrize("scale", [1e-25, 1e12])
def test_the_map_grows_with_the_values_however_small_or_large(scale):
    values = _values(3, 6, 4, 4).float()
    maps = project_on_first_component(values * scale)
    torch.testing.assert_close(maps / scale, project_on_first_component(values), rtol=1e-4, atol=1e-5)


def test_values_without_any_variation_give_a_blank_map():
    values = torch.ones(2, 6, 4, 4)
    values[1] = _values(1, 6, 4, 4)[0]
    blank, other = project_on_first_component(values)
    assert not blank.any()
    assert other.any()


def test_directions_that_are_almost_equally_strong_are_told_apart():
    left, right = torch.zeros(2, 1, 4, 4, dtype=torch.float64)
    left[:, :, 0], right[:, :, 3] = 1.0, 1.0 + 1e-4
    left, right = left - left.mean(), right - right.mean()
    right -= (left * right).sum() / (left * left).sum() * left  # orthogonal patterns
    values = torch.cat([left, right])[None] / torch.tensor([left.norm(), right.norm() / 1.0001])[:, None, None]
    np.testing.assert_allclose(project_on_first_component(values), _by_svd(values), atol=1e-6)
