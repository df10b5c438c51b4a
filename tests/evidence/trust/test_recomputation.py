from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from reportgen.evidence.methods.cam import CAM_FUNCTIONS
from reportgen.evidence.trust.recomputation import choose_positions, relative_error
from reportgen.inputs.data.arrays import ArrayImages


class Even(nn.Module):
    """Red and green as two channels of equal strength, with a grid of the image's own size."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.head = nn.Conv2d(3, 2, 1, bias=False), nn.Linear(2, 5)
        with torch.no_grad():
            self.features.weight.zero_()
            self.features.weight[0, 0], self.features.weight[1, 1] = 0.2, 0.25  # undoes the normalisation

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


@pytest.fixture
def even_set(make_set):
    """Pictures whose left half is red and whose upper half is green: two patterns, neither of them stronger."""
    images = np.zeros((12, 16, 16, 3), np.uint8)
    images[:, :, :8, 0], images[:, :8, :, 1] = 255, 255
    return replace(make_set(12), images=ArrayImages(images))


def test_components_of_equal_strength_do_not_fail_the_recomputation(even_set, run_pass, monkeypatch):
    torch.manual_seed(0)

    def tip(activations, gradients):
        """Rounding of the size that float32 has, which decides for one of the two."""
        favoured = 0 if activations.dtype == torch.float32 else 1
        tipped = activations.clone()
        tipped[:, favoured] *= 1 + 3e-5
        return CAM_FUNCTIONS["eigencam"](tipped, gradients)

    monkeypatch.setattr("reportgen.evidence.methods.map_sources.CAM_FUNCTIONS", {**CAM_FUNCTIONS, "eigencam": tip})
    cache = run_pass(Even(), even_set, methods=("eigencam",))
    one = torch.from_numpy(cache.cams["eigencam"].true[:1].astype(np.float64))
    activations = torch.zeros(1, 2, 16, 16, dtype=torch.float64)
    activations[:, 0, :, :8], activations[:, 1, :8] = 1.0, 1.0
    assert relative_error(one, tip(activations, activations)) > 0.9  # another map altogether
    check = cache.checks[-1]
    assert check.num_checked == 4
    assert 0 < check.worst_error < check.tolerance
    assert "condition number" in check.measure


@pytest.mark.parametrize(("num_examples", "count"), [(1, 1), (5, 2), (999, 2), (3000, 6), (10_000, 16), (50_000, 16)])
def test_the_sample_is_small_seeded_ascending_and_without_repeats(num_examples, count):
    positions = choose_positions(num_examples)
    assert len(set(positions.tolist())) == len(positions) == count
    assert (np.diff(positions) > 0).all()
    assert 0 <= positions.min() <= positions.max() < num_examples
    assert (positions == choose_positions(num_examples)).all()
