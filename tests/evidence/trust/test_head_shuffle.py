import pytest
import torch
from torch import Tensor, nn

from reportgen.evidence.trust.head_shuffle import find_head_weights, shuffled


class TwoHeads(nn.Module):
    """Two linear layers side by side, their mean the logits, behind a layer as wide as there are classes."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 4))
        self.second, self.trunk = (
            nn.Linear(4, 5),
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        )
        self.norm = nn.LayerNorm(4)
        self.first = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.trunk(x) + self.token[0])
        return (self.first(x) + self.second(x)) / 2


class Functional(nn.Module):
    """A head that is no module."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 4, 3)
        self.matrix = nn.Parameter(torch.randn(5, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x).mean((2, 3)) @ self.matrix.T


class Columns(Functional):
    """A matrix of one column a class in a container that is never called, as Keras has it on torch."""

    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.variables = nn.ParameterDict({"kernel": nn.Parameter(torch.randn(4, 5)), "bias": torch.zeros(5)})

        def forward(self, x: Tensor) -> Tensor:
            return x @ self.variables["kernel"] + self.variables["bias"]

    def __init__(self) -> None:
        super().__init__()
        self.matrix = None
        self.dense = self.Dense()

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(self.features(x).mean((2, 3)))


def _names(network: nn.Module) -> list[str]:
    images = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    found = find_head_weights(network.eval(), images, 5)
    return [name for name, parameter in network.named_parameters() if any(parameter is weight for weight in found)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pooling", ["head.weight"]),
        ("mlp", ["classifier.3.weight"]),
        ("conv head", ["head.2.weight"]),
        ("skip", ["head.weight"]),
        ("channels last", ["head.weight"]),
    ],
)
def test_the_last_linear_layer_is_found(build, name, expected):
    assert _names(build(name)) == expected


def test_several_side_by_side_are_found_and_a_matrix_by_columns_too():
    assert _names(TwoHeads()) == ["second.weight", "first.weight"]
    assert _names(Columns()) == ["dense.variables.kernel"]


def test_a_network_that_ends_otherwise_has_none():
    assert _names(Functional()) == []
    assert _names(nn.Sequential(nn.Conv2d(3, 5, 3), nn.Flatten(), nn.MaxPool1d(196), nn.Flatten())) == []


def test_weights_are_shuffled_the_same_way_each_time_and_put_back(build):
    network = build("pooling")
    weight = network.head.weight
    before, storage = weight.detach().clone(), weight.data_ptr()
    seen = []
    for _ in range(2):
        with pytest.raises(RuntimeError, match="stop"), shuffled([weight]):  # noqa: PT012
            seen.append(weight.detach().clone())
            raise RuntimeError("stop")
        assert torch.equal(weight, before)
        assert weight.data_ptr() == storage
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], before)
    assert torch.equal(seen[0].flatten().sort()[0], before.flatten().sort()[0])
