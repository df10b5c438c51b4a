import pytest
import torch
from torch import nn

from reportgen.errors import LayerError, ModelError
from reportgen.evidence.methods.explainers import build_explainer
from reportgen.evidence.methods.map_sources import LayerMaps
from reportgen.settings import ModelSettings


def _images() -> torch.Tensor:
    return torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def _build(network: nn.Module, *, num_classes: int | None = 5, **settings):
    return build_explainer(
        network.requires_grad_(False), _images(), ModelSettings(model="x", **settings), num_classes=num_classes
    )


@pytest.mark.parametrize(
    ("name", "is_linear"), [("pooling", True), ("in place", True), ("mlp", False), ("skip", False)]
)
def test_the_closed_form_is_taken_where_the_head_is_linear(build, name, is_linear):
    (source,) = _build(build(name)).sources
    assert isinstance(source, LayerMaps)
    assert (source.closed_form is not None) == is_linear
    assert source.needs_gradients != is_linear


def test_several_layers_are_differentiated_whatever_the_head(build):
    (source,) = _build(build("pooling"), layers=("stem", "features")).sources
    assert source.closed_form is None


def test_methods_with_forwards_of_their_own_need_no_hook(build):
    assert _build(build("pooling"), methods=("scorecam",)).sources == ()


def test_any_number_of_outputs_will_do_where_no_class_is_known(build):
    _build(build("pooling"), num_classes=None)
    _build(build("pooling"), num_classes=None, methods=("fullgrad",))
    with pytest.raises(ModelError, match="5 outputs"):
        _build(build("pooling"), num_classes=3, methods=("fullgrad",))


def test_a_wrong_layer_is_an_error(build):
    with pytest.raises(LayerError, match="nope"):
        _build(build("pooling"), layers=("features", "nope"))


@pytest.mark.parametrize(("name", "is_coarse"), [("pooling", False), ("skip", False), ("two precisions", True)])
def test_the_head_runs_in_float32_under_bfloat16_wherever_it_can(build, name, is_coarse):
    class TwoPrecisions(nn.Module):
        """What bypasses the features is multiplied with them by an operation that takes one precision only."""

        def __init__(self) -> None:
            super().__init__()
            self.network = build("skip")

        def forward(self, x):
            net = self.network
            aside = net.around(x.mean((2, 3)))
            pooled = net.features(torch.relu(net.bn(net.stem(x)))).mean((2, 3))
            return net.head(pooled) + torch.matmul(pooled[:, None], aside[:, :, None])[:, 0]

    network = TwoPrecisions() if name == "two precisions" else build(name)
    with _build(network, precision="bf16") as explainer:
        logits = explainer.run(_images())
    assert logits.dtype == torch.float32
    assert torch.equal(logits, logits.bfloat16().float()) == is_coarse


def test_an_opaque_networks_own_message_is_left_as_it_is():
    class Program(nn.Module):
        def forward(self, _x):
            raise ModelError("The program takes images of 8×8 pixels.", hint="Give --resize 8.")

    settings = ModelSettings(model="x")
    with pytest.raises(ModelError) as caught:
        build_explainer(Program(), _images(), settings, num_classes=5, is_opaque=True)
    assert caught.value.message == "The program takes images of 8×8 pixels."
    assert caught.value.hint == "Give --resize 8."
