"""Networks for images of one channel, and for volumes."""

import pytest
import torch
from torch import nn

from reportgen.errors import ModelError
from reportgen.evidence.outputs.reader import reading_logits
from reportgen.settings import ModelSettings

IMAGES = torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def make(conv: nn.Module) -> nn.Module:
    pool = nn.AdaptiveAvgPool3d(1) if isinstance(conv, nn.Conv3d) else nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(conv, nn.ReLU(), pool, nn.Flatten(), nn.Linear(8, 5)).eval()


def test_a_network_of_one_channel_gets_the_luminance():
    torch.manual_seed(0)
    network = make(nn.Conv2d(1, 8, 3))
    red, green, blue = IMAGES.unbind(1)
    with torch.no_grad():
        expected = network((0.299 * red + 0.587 * green + 0.114 * blue)[:, None])
    with reading_logits(network, IMAGES, ModelSettings(), num_classes=5, is_opaque=False) as reading:
        torch.testing.assert_close(network(IMAGES), expected)
    assert reading.num_channels == 1
    assert "The network takes images of one channel; it gets the luminance of each image." in reading.describe()
    with pytest.raises(RuntimeError, match="channels"):
        network(IMAGES)  # as it was before


def test_a_network_of_three_channels_is_left_alone():
    network = make(nn.Conv2d(3, 8, 3))
    with reading_logits(network, IMAGES, ModelSettings(), num_classes=5, is_opaque=False) as reading:
        assert reading.num_channels == 3
        assert not network._forward_pre_hooks


@pytest.mark.parametrize(
    ("conv", "problem"), [(nn.Conv3d(1, 8, 3), "takes volumes"), (nn.Conv2d(5, 8, 3), "to have 5 channels, but got 3")]
)
def test_a_network_for_something_else_is_one_clear_error(conv: nn.Module, problem: str):
    with (
        pytest.raises(ModelError, match=problem),
        reading_logits(make(conv), IMAGES, ModelSettings(), num_classes=5, is_opaque=False),
    ):
        pass
