"""The embedded network: small enough to ship its weights, and shaped like the classifiers that reports are made of.

Its last activations lie on an 8x8 grid, each cell of which sees 21x21 pixels. Global average pooling and one linear
layer follow, so that a class activation map of that grid plus the bias sums up to the logit.
"""

from pathlib import Path
from typing import Final

from torch import Tensor, nn

# Of the training pictures, scaled to [0, 1].
MEAN: Final = (0.457, 0.431, 0.387)
STD: Final = (0.273, 0.255, 0.246)
WEIGHTS_PATH: Final = Path(__file__).with_name("weights.safetensors")


class DemoNet(nn.Module):
    """A plain convolutional network from float32 (B, 3, 32, 32) to logits (B, 100).

    A number is its tens digit and its units digit, so the average over the grid can add up the evidence for both; which
    of the two a digit is follows from its surroundings and from the zero padding, which marks the picture's edges.
    """

    def __init__(self, num_classes: int = 100) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _conv_block(3, 16, stride=1),
            _conv_block(16, 32, stride=2),
            _conv_block(32, 32, stride=1),
            _conv_block(32, 64, stride=2),
            _conv_block(64, 64, stride=1),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(64, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 100) of normalised images (B, 3, 32, 32)."""
        pooled: Tensor = self.pool(self.features(images))
        logits: Tensor = self.head(pooled.flatten(1))
        return logits


def build_network() -> nn.Module:
    """The network without its trained weights; those lie in `WEIGHTS_PATH`."""
    return DemoNet()


def _conv_block(num_in: int, num_out: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(num_in, num_out, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(num_out),
        nn.ReLU(),
    )
