"""The CAM methods, on the activations and gradients of one batch: where in the image is the evidence for one logit?

A method is a plain function. All of them share one contract, so that a further one is one more entry of `METHODS`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

CamMethod = Callable[[Tensor, Tensor], Tensor]
"""(activations (B, C, h, w), gradients (B, C, h, w)) -> maps (B, h, w), signed, unnormalised, in units of the logit."""


def compute_gradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM: the channels, each weighted by its mean gradient (Selvaraju et al. 2017, equations 1 and 2).

    The rectification of equation 2 is left to the display, so that evidence against the class stays visible.

    Args:
        activations: float (B, C, h, w), output of the target layer.
        gradients: float (B, C, h, w), derivative of the explained logit of each example with respect to them.

    Returns:
        float (B, h, w), in units of the logit.
    """
    weights = gradients.mean(dim=(2, 3))  # (B, C)
    return torch.einsum("bc,bchw->bhw", weights, activations)


METHODS: Final[Mapping[str, CamMethod]] = MappingProxyType({"gradcam": compute_gradcam})
