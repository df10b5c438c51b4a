"""Layers that return tuples count by their first tensor: the one that the next layer reads."""

from collections import namedtuple

import pytest
import torch
from torch import nn

from reportgen.evidence.layers.head_tap import HeadTap
from reportgen.evidence.layers.target_layers import find_target_layers

Pair = namedtuple("Pair", "features weights")
KINDS = {"tuple": lambda a, b: (a, b), "list": lambda a, b: [a, b], "named tuple": Pair}


class Block(nn.Module):
    """A residual block that returns its branch's weights as well."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(8, 16, 1), nn.GELU(), nn.Conv2d(16, 8, 3, padding=1))
        self.make = KINDS[kind]

    def forward(self, x):
        """Features (B, 8, H, W), and something else."""
        return self.make(x + self.branch(x), x.mean())


class Net(nn.Module):
    """A stem, two such blocks and a head of two layers, so that the gradient is not the same everywhere."""

    def __init__(self, kind: str = "tuple") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.blocks = nn.Conv2d(3, 8, 3, padding=1), nn.ModuleList(Block(kind) for _ in range(2))
        self.neck, self.head = nn.Linear(8, 12), nn.Linear(12, 4)

    def forward(self, x):
        """Logits (B, 4)."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)[0]
        return self.head(self.neck(x.mean((2, 3))).tanh())


@pytest.mark.parametrize("kind", KINDS)
def test_the_block_is_found_and_its_gradient_is_that_of_autograd(kind: str):
    network = Net(kind).eval().requires_grad_(requires_grad=False)
    images = torch.randn(3, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    (target,) = find_target_layers(network, images)
    assert (target.name, target.grid) == ("blocks.1", (12, 12))
    with HeadTap(target.module, target.call) as tap:
        logits, activations = tap.run(network, images)
        (gradient,) = torch.autograd.grad(logits[:, 2].sum(), activations)
    exact = network.double()
    with torch.no_grad():
        features = exact.blocks[0](exact.stem(images.double()))[0]
        features = exact.blocks[1](features)[0]
    features.requires_grad_()
    expected = exact.head(exact.neck(features.mean((2, 3))).tanh())
    (wanted,) = torch.autograd.grad(expected[:, 2].sum(), features)
    torch.testing.assert_close(activations.double(), features, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient.double(), wanted, rtol=1e-5, atol=1e-8)


def test_a_layer_that_returns_a_tuple_can_be_named():
    network = Net().eval()
    (target,) = find_target_layers(network, torch.randn(2, 3, 12, 12), ["blocks.0"])
    assert target.name == "blocks.0"
