"""Networks that can have no maps: the report does without them, and says why."""

import pytest
import torch
from torch import nn

from reportgen.errors import LayerError


class Undifferentiable(nn.Module):
    """A convolutional network that computes everything without recording it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, 5)

    def forward(self, x):
        """Logits (B, 5)."""
        with torch.no_grad():
            return self.head(self.conv(x).relu().mean((2, 3)))


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 12, 5)), "None of the network's layers has a spatial grid."),
        (Undifferentiable(), "The outputs of the network cannot be differentiated."),
    ],
)
def test_predictions_are_reported_without_maps(make_set, run_pass, network: nn.Module, reason: str):
    cache = run_pass(network, make_set(9, size=12))
    assert cache.logits.shape == (9, 5)
    assert cache.cams == {}
    assert cache.provenance.no_maps_reason == reason


def test_images_that_are_too_small_are_still_an_error(make_set, run_pass):
    """A larger image would give maps, so that a report without them would be a loss that nobody asked for."""
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
    )
    with pytest.raises(LayerError, match="has a grid of 4×4 cells or more"):
        run_pass(network, make_set(9, size=12))
