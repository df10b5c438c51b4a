"""Outputs of every kind: recognized by their values, and read as the logits of the same network without its ending."""

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from reportgen.errors import ModelError
from reportgen.evidence.layers.outputs import extract_logits
from reportgen.evidence.outputs.probing import fill_with_noise
from reportgen.evidence.outputs.reader import reading_logits
from reportgen.settings import ModelSettings

NUM_CLASSES = 5
IMAGES = torch.randn((16, 3, 8, 8), generator=torch.Generator().manual_seed(3))


def _bare() -> nn.Module:
    torch.manual_seed(0)
    head = nn.Linear(6, NUM_CLASSES)
    nn.init.normal_(head.weight, std=3)
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head).eval()


class Then(nn.Module):
    """A network with a function behind it."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.network, self.function = _bare(), function

    def forward(self, images: Tensor) -> Any:
        return self.function(self.network(images))


class Scaled(Then):
    """No module of it has the logits: they are three times what the last one returns."""

    def forward(self, images: Tensor) -> Any:
        return self.function(3 * self.network(images))


ENDINGS: dict[str, tuple[Callable[[Tensor], Tensor], str, str]] = {
    "nothing": (lambda logits: logits, "logits", "none"),
    "softmax": (lambda logits: logits.softmax(1), "probabilities", "logarithm"),
    "log-softmax": (lambda logits: logits.log_softmax(1), "log-probabilities", "none"),
    "sigmoid": (torch.sigmoid, "sigmoid", "inverse sigmoid"),
    "sigmoid in place": (lambda logits: logits.sigmoid_(), "sigmoid", "inverse sigmoid"),
    "softmax in bfloat16": (lambda logits: logits.softmax(1).bfloat16(), "probabilities", "logarithm"),
}


def _read(network: nn.Module, *, num_classes: int | None = NUM_CLASSES, is_opaque: bool = False, **wishes: str) -> Any:
    settings = ModelSettings(model="m.py:f", **wishes)
    with reading_logits(network, IMAGES, settings, num_classes=num_classes, is_opaque=is_opaque) as reading:
        return reading, network(IMAGES)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_networks_own_logits_are_read(ending):
    function, kind, _ = ENDINGS[ending]
    reading, logits = _read(Then(function))
    assert (reading.kind, reading.conversion) == (kind, "none" if ending == "nothing" else "inner logits")
    torch.testing.assert_close(logits, _bare()(IMAGES), rtol=0, atol=0)


@pytest.mark.parametrize("ending", ["softmax", "log-softmax", "sigmoid", "nothing"])
@pytest.mark.parametrize("is_opaque", [False, True])
def test_logits_that_no_module_returns_are_computed(ending, is_opaque):
    function, kind, conversion = ENDINGS[ending]
    reading, logits = _read(Scaled(function), is_opaque=is_opaque)
    assert (reading.kind, reading.conversion) == (kind, conversion)
    expected = 3 * _bare()(IMAGES).double()
    torch.testing.assert_close(logits.double().softmax(1), expected.softmax(1), rtol=1e-4, atol=1e-5)


def test_the_network_is_left_as_it_was():
    network = Then(torch.sigmoid)
    before = network(IMAGES)
    _read(network)
    torch.testing.assert_close(network(IMAGES), before, rtol=0, atol=0)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_a_copy_of_the_network_reads_its_own_logits():
    network = nn.Sequential(_bare(), nn.Softmax(dim=1))
    with reading_logits(network, IMAGES, ModelSettings(model="m.py:f"), num_classes=NUM_CLASSES, is_opaque=False):
        double = copy.deepcopy(network).double()
        logits = double(IMAGES.double())
    assert logits.dtype == torch.float64
    torch.testing.assert_close(logits, _bare().double()(IMAGES.double()))


@pytest.mark.parametrize(
    ("function", "element"),
    [
        (lambda logits: (logits.softmax(1), logits), "1"),
        (lambda logits: {"probabilities": logits.softmax(1), "scores": logits}, "scores"),
        (lambda logits: SimpleNamespace(logits=logits), "logits"),
        (lambda logits: [logits[:, :2], logits], "1"),
        (lambda logits: {"features": 3 * logits, "logits": logits}, "logits"),
    ],
)
def test_of_several_outputs_the_logits_are_read(function, element):
    reading, logits = _read(Then(function))
    assert (reading.element, reading.kind) == (element, "logits")
    torch.testing.assert_close(extract_logits(logits), _bare()(IMAGES))


@pytest.mark.parametrize("wanted", ["aux", "1"])
def test_an_output_can_be_chosen(wanted):
    reading, logits = _read(Then(lambda logits: {"main": logits, "aux": -logits}), output=wanted)
    assert reading.elements == ("main", "aux")
    assert "output aux" in reading.describe()[0]
    torch.testing.assert_close(logits, -_bare()(IMAGES))


def test_an_unknown_output_is_refused_with_those_there_are():
    with pytest.raises(ModelError, match="no output x") as stop:
        _read(Then(lambda logits: {"main": logits, "aux": -logits}), output="x")
    assert "main, aux" in stop.value.hint


def test_small_positive_logits_are_no_sigmoid():
    """Without a sigmoid's logits inside the network, values in [0, 1] have to reach near both ends."""
    largest = _bare()(IMAGES).abs().max().detach()
    for function in (lambda logits: logits.softmax(1) * 0.4, lambda logits: (logits / largest).relu()):
        reading, logits = _read(Then(function))
        assert (reading.kind, reading.conversion) == ("logits", "none")
        torch.testing.assert_close(logits, function(_bare()(IMAGES)))


def test_the_kind_can_be_given():
    reading, logits = _read(Scaled(torch.sigmoid), outputs="logits")
    assert (reading.kind, reading.conversion, reading.is_given) == ("logits", "none", True)
    torch.testing.assert_close(logits, (3 * _bare()(IMAGES)).sigmoid())


@pytest.mark.parametrize("is_flat", [False, True])
@pytest.mark.parametrize("is_probability", [False, True])
def test_one_output_is_two_classes(is_flat, is_probability):
    def function(logits: Tensor) -> Tensor:
        logit = logits[:, :1] - logits[:, 1:].amax(1, keepdim=True)
        logit = logit[:, 0] if is_flat else logit
        return logit.sigmoid() if is_probability else logit

    reading, logits = _read(Then(function), num_classes=2)
    plain = _bare()(IMAGES)
    expected = (plain[:, 0] - plain[:, 1:].amax(1)).sigmoid()
    assert reading.num_outputs == 1
    assert logits.shape == (16, 2)
    torch.testing.assert_close(logits.softmax(1)[:, 1], expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(logits[:, 0], -logits[:, 1])
    assert "one output" in reading.describe()[0]


def test_masked_probabilities_stay_finite():
    def function(logits: Tensor) -> Tensor:
        return logits.masked_fill(torch.arange(NUM_CLASSES) == 2, -torch.inf).softmax(1)

    _, logits = _read(Scaled(function))
    assert logits.isfinite().all()
    assert (logits[:, 2] < -80).all()


def test_outputs_that_are_not_numbers_are_refused():
    with pytest.raises(ModelError, match="not finite"):
        _read(Then(lambda logits: logits * torch.nan))


def test_outputs_that_fit_nothing_are_left_to_the_pass():
    reading, output = _read(Then(lambda logits: logits[:, :3]))
    assert reading is None
    assert output.shape == (16, 3)


def test_few_images_are_joined_by_noise():
    filled = fill_with_noise(IMAGES[:3])
    assert filled.shape == (8, 3, 8, 8)
    assert torch.equal(filled[:3], IMAGES[:3])
    assert fill_with_noise(IMAGES) is IMAGES
