"""Outputs that depend on more, or on less, than their own image."""

import pytest
import torch
from torch import Tensor, nn

from reportgen.errors import ModelError
from reportgen.evidence.outputs.reader import reading_logits
from reportgen.settings import ModelSettings

IMAGES = torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """A small network whose features go through a function before the last layer."""

    def __init__(self, change) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.head = nn.Conv2d(3, 16, 3), nn.Linear(16, 5)
        self.change = change

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, 5)."""
        return self.head(self.change(self.conv(x).relu().mean((2, 3))))


def read(network: nn.Module):
    with reading_logits(network.eval(), IMAGES, ModelSettings(), num_classes=5, is_opaque=False) as reading:
        return reading


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda x: nn.functional.dropout(x, 0.3, training=True), "Two passes over the same images"),
        (lambda x: x + 0.1 * torch.rand_like(x), "Two passes over the same images"),
        (lambda x: nn.functional.batch_norm(x, None, None, training=True), "depend on the other images of its batch"),
        (lambda x: x - x.mean(dim=0), "depend on the other images of its batch"),
        (lambda x: 0 * x, "the same outputs for every image"),
    ],
)
def test_outputs_that_are_not_those_of_their_image_are_refused(change, problem: str):
    with pytest.raises(ModelError, match=problem):
        read(Net(change))


@pytest.mark.parametrize("change", [lambda x: x, nn.functional.dropout, lambda x: (x.bfloat16() * 3).float()])
def test_outputs_that_are_steady_are_taken(change):
    network = Net(change if change is not nn.functional.dropout else nn.Dropout(0.5))
    assert read(network).kind == "logits"


def test_outputs_of_minus_infinity_are_compared_as_well():
    def mask(x: Tensor) -> Tensor:
        return torch.where(torch.arange(16) < 3, x, 0)

    network = Net(mask)
    network.head.bias.data[2] = -torch.inf
    assert read(network).kind == "logits"
