import pytest
import torch
import torchvision
from one_layer import find_target_layer
from torch import nn

from reportgen.evidence.methods.closed_form import ClosedForm, find_closed_form


def _find(network: nn.Module, images: torch.Tensor, layer: str | None = None) -> ClosedForm | None:
    network.requires_grad_(False)
    return find_closed_form(network, images, find_target_layer(network, images, layer))


@pytest.mark.parametrize("name", ["pooling", "in place", "shared"])
def test_the_weights_and_the_bias_of_a_pooling_head_are_found(build, name):
    network = build(name)
    found = _find(network, torch.randn(2, 3, 16, 16))
    torch.testing.assert_close(found.weights, network.head.weight)
    torch.testing.assert_close(found.bias, network.head.bias)
    assert found.num_places == 64
    assert found.num_probed == 8
    assert 0 < found.worst_error < 1e-5


@pytest.mark.parametrize("num_images", [1, 2])
@pytest.mark.parametrize("name", ["mlp", "conv head", "skip", "channels last"])
def test_another_head_has_no_closed_form(build, name, num_images):
    assert _find(build(name), torch.randn(num_images, 3, 16, 16)) is None


def test_a_head_that_is_linear_but_weighs_places_has_no_closed_form(build):
    network = build("mlp")
    network.classifier = nn.Sequential(nn.Flatten(), nn.Linear(128, 5))
    assert _find(network, torch.randn(2, 3, 16, 16)) is None


@pytest.mark.parametrize("strength", [1.0, 1e-3])
def test_a_linear_head_that_something_else_adds_to_has_no_closed_form(build, strength):
    class Added(nn.Module):
        """The gradients are constant; what bypasses the features shows in the logits alone."""

        def __init__(self) -> None:
            super().__init__()
            self.network = build("pooling")
            self.aside = nn.Linear(3, 5)

        def forward(self, x):
            return self.network(x) + strength * self.aside(x.mean((2, 3)))

    assert _find(Added(), torch.randn(2, 3, 16, 16)) is None


def test_a_one_by_one_convolution_before_the_pooling_counts_as_the_linear_layer():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Sequential(nn.Conv2d(8, 5, 1), nn.AdaptiveAvgPool2d(1)), nn.Flatten()
    )
    found = _find(network, torch.randn(2, 3, 16, 16), "0")
    torch.testing.assert_close(found.weights, network[1][0].weight[:, :, 0, 0])
    torch.testing.assert_close(found.bias, network[1][0].bias)


def test_the_gradients_are_those_of_autograd(build):
    network = build("pooling")
    images, classes = torch.randn(3, 3, 16, 16), torch.tensor([4, 0, 2])
    found = _find(network, images)
    features = network.features(torch.relu(network.bn(network.stem(images)))).detach().requires_grad_()
    logits = network.head(features.mean((2, 3)))
    (expected,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), features)
    torch.testing.assert_close(found.gradients(classes).expand_as(expected), expected)


def test_the_usual_heads_of_torchvision_are_told_apart():
    torch.manual_seed(0)
    images = torch.randn(2, 3, 128, 128)
    resnet = torchvision.models.resnet18(num_classes=4).eval()
    found = _find(resnet, images)
    torch.testing.assert_close(found.weights, resnet.fc.weight)
    torch.testing.assert_close(found.bias, resnet.fc.bias)
    assert _find(torchvision.models.mobilenet_v3_small(num_classes=4).eval(), images[..., :64, :64]) is None
