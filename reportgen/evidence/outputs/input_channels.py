"""What a network takes: three channels, one, or no images at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor, nn

from reportgen.errors import ModelError, setting
from reportgen.evidence.devices import is_out_of_memory
from reportgen.evidence.layers.outputs import forward_hint

_LUMINANCE: Final = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in ITU-R BT.601, as Pillow converts images to gray."""


@contextmanager
def feeding_channels(network: nn.Module, images: Tensor) -> Iterator[tuple[Any, int]]:
    """Within it, the network takes images of three channels, also if it was built for one.

    Args:
        network: in evaluation mode.
        images: float32 (P, 3, H, W).

    Yields:
        What the network returns for the images, and the number of channels that it takes.

    Raises:
        ModelError: the network fails on the images.
    """
    try:
        with torch.no_grad():
            output = network(images)
    except (Exception, SystemExit) as error:  # user code may raise anything; the last forward below explains it
        if isinstance(error, Exception) and is_out_of_memory(error):
            raise
    else:
        yield output, images.shape[1]
        return
    if any(isinstance(module, nn.Conv3d) for module in network.modules()):
        raise ModelError(
            "The network takes volumes: it has three-dimensional convolutions, and a test set contains flat images.",
            hint=f"Run it yourself, save its outputs, and give them with {setting('arrays', 'FILE.npz')}.",
        )
    with network.register_forward_pre_hook(_to_gray):
        try:
            with torch.no_grad():
                output = network(images)
        except (Exception, SystemExit):  # then channels are not what is wrong
            pass
        else:
            yield output, 1
            return
    with forward_hint(images), torch.no_grad():  # the first error is the one to show
        yield network(images), images.shape[1]


def _to_gray(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    images, *others = inputs
    weights = images.new_tensor(_LUMINANCE).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True), *others
