import numpy as np
import pytest
import torch
from torch import Tensor

from reportgen.analysis import scaling
from reportgen.evidence.methods.aggregation import AGGREGATES, aggregate_maps, resize_maps
from reportgen.settings import AGGREGATES as KNOWN_AGGREGATES


def _maps(*grids: tuple[int, int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(3, *grid, generator=generator, dtype=torch.float64) for grid in grids]


@pytest.mark.parametrize("grid", [(8, 8), (7, 10), (3, 5), (4, 4)])
def test_maps_are_scaled_as_the_report_scales_them(grid):
    (maps,) = _maps((4, 4))
    np.testing.assert_allclose(resize_maps(maps, grid), scaling.scale_maps(maps.numpy(), grid), atol=1e-12)


@pytest.mark.parametrize("how", AGGREGATES)
def test_maps_of_two_layers_equal_plain_numpy_on_the_finest_grid(how):
    coarse, fine = _maps((4, 4), (8, 6))
    scaled = np.stack([scaling.scale_maps(coarse.numpy(), (8, 6)), fine.numpy()])
    evidence = np.stack([np.maximum(layer.numpy(), 0).sum((1, 2)) for layer in (coarse, fine)])
    expected = {
        "mean": scaled.mean(0),
        "max": scaled.max(0),
        "weighted": (scaled * evidence[:, :, None, None]).sum(0) / evidence.sum(0)[:, None, None],
    }[how]
    np.testing.assert_allclose(aggregate_maps([coarse, fine], how), expected, atol=1e-12)


def test_weights_worked_out_by_hand():
    one, other = torch.tensor([[[1.0, 2.0]], [[-1.0, -1.0]]]), torch.tensor([[[4.0, -3.0]], [[-2.0, -3.0]]])
    one_more = torch.tensor([[[-9.0, 1.0]], [[0.0, -2.0]]])
    # evidence 3, 4 and 1 of the first example; none at all of the second
    expected = torch.tensor([[[10 / 8, -5 / 8]], [[-1.0, -2.0]]])
    torch.testing.assert_close(aggregate_maps([one, other, one_more], "weighted"), expected)


def test_the_finest_grid_may_be_no_layers_own():
    assert aggregate_maps(_maps((4, 9), (8, 6)), "mean").shape == (3, 8, 9)


@pytest.mark.parametrize("how", AGGREGATES)
def test_the_maps_of_one_layer_are_left_as_they_are(how):
    (maps,) = _maps((4, 4))
    assert aggregate_maps([maps], how) is maps


def test_the_order_of_the_layers_does_not_matter():
    maps = _maps((4, 4), (8, 8), (5, 5))
    for how in AGGREGATES:
        torch.testing.assert_close(aggregate_maps(maps, how), aggregate_maps(maps[::-1], how))


def test_every_aggregate_that_the_settings_know_is_there():
    assert tuple(AGGREGATES) == KNOWN_AGGREGATES
