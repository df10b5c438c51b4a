import pytest
import torch
from torch import nn

from reportgen.evidence.layers.layer_survey import survey_layers


def _images(side: int = 16) -> torch.Tensor:
    return torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(0))


def _only(module: nn.Module, side: int = 16):
    outputs, _ = survey_layers(nn.Sequential(module), _images(side))
    return outputs[-1]


def test_a_module_that_makes_more_cells_than_it_gets_upsamples():
    assert _only(nn.AdaptiveAvgPool2d(24)).upsamples
    assert not _only(nn.AdaptiveAvgPool2d(8)).upsamples


def test_layers_that_put_out_the_same_tensor_share_a_group():
    block = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True))
    network = nn.Sequential(block, nn.Identity(), nn.Dropout(), nn.AdaptiveAvgPool2d(16), nn.Flatten()).eval()
    outputs, _ = survey_layers(network, _images())
    groups = {output.name: output.group for output in outputs}
    assert groups["0.1"] == groups["0"] == groups["1"] == groups["2"] == groups["3"]
    assert groups["0.0"] < groups["0"] < groups["4"]  # the ReLU has changed the convolution's tensor


def test_calls_of_a_shared_module_are_told_apart():
    relu = nn.ReLU()
    outputs, _ = survey_layers(nn.Sequential(nn.Conv2d(3, 4, 3), relu, nn.Conv2d(4, 4, 3), relu), _images())
    assert [(o.name, o.call, o.shape) for o in outputs if o.module is relu] == [
        ("1", 0, "4×14×14"),
        ("1", 1, "4×12×12"),
    ]


def test_the_survey_takes_its_hooks_away_also_after_an_exception():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(5, 4, 3))
    with pytest.raises(RuntimeError):
        survey_layers(network, _images())
    assert not any(module._forward_hooks for module in network.modules())


class Block(nn.Module):
    """Queries and keys from one tensor, and a dropout that hands it on."""

    def __init__(self) -> None:
        super().__init__()
        self.drop, self.norm = nn.Dropout(), nn.GroupNorm(1, 4)
        self.query, self.key = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        y = self.norm(self.drop(x))
        return x + self.query(y) * self.key(y)


def test_layers_that_are_fed_the_same_tensor_share_a_source():
    outputs, _ = survey_layers(nn.Sequential(nn.Conv2d(3, 4, 3), Block(), Block()).eval(), _images())
    sources = {output.name: output.source for output in outputs}
    assert sources["1.query"] == sources["1.key"] != sources["2.query"] == sources["2.key"]
    assert sources["1"] == sources["1.norm"] != sources["1.query"]
    assert sources["1.drop"] is None
    assert len({sources[name] for name in ("0", "1", "1.query", "2", "2.query")}) == 5


def test_a_source_is_not_taken_for_another_at_the_same_address():
    class Churn(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            for _ in range(20):
                self.conv(x + 1)
            return self.conv(x)

    outputs, _ = survey_layers(nn.Sequential(Churn()), _images())
    assert len({output.source for output in outputs if output.name == "0.conv"}) == 21
