"""The CAM methods: maps of one logit from the activations and gradients of one batch.

A method is a plain function; all share one contract. The rectification at the end of most papers' formulas is left to
the display, so that evidence against a class stays visible; rectifications before the sum over channels are done here.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

from reportgen.evidence.methods.eigen import project_on_first_component

CamMethod = Callable[[Tensor, Tensor], Tensor]
"""(activations, gradients) -> maps (B, h, w), unnormalised.

Activations, float (B, C, h, w), are the output of the target layer; gradients are the derivative of each example's
explained logit by them: float (B, C, h, w), or (B, C, 1, 1) where it is the same at every place.
"""

# Small numbers that pytorch-grad-cam adds to divisors. If gradients are so small that the first one dominates, its maps
# are effectively those of another method; it is the same here, so that both agree.
_PLUS_PLUS_EPSILON = 1e-6
_XGRAD_EPSILON = 1e-7


def compute_gradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM: the channels, each weighted by its mean gradient (Selvaraju et al. 2017, equations 1 and 2).

    Signed, in units of the logit.
    """
    return _sum_channels(gradients.mean(dim=(2, 3), keepdim=True), activations)


def compute_hirescam(activations: Tensor, gradients: Tensor) -> Tensor:
    """HiResCAM: each value times its own gradient, summed over the channels (Draelos and Carin 2020).

    Signed, in units of the logit.
    """
    return _sum_channels(gradients, activations)


def compute_gradcam_plus_plus(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM++: positive gradients, weighted by what each place adds (Chattopadhay et al. 2018, equation 19).

    The closed form alpha = g² / (2 g² + g³ Σ A), which holds for an exponential of the logit; a channel's weight is the
    sum of alpha · relu(g) (equation 7). Signed, in units of the logit.
    """
    squared = gradients.square()
    sums = activations.sum(dim=(2, 3), keepdim=True)
    alphas = squared / (2 * squared + sums * squared * gradients + _PLUS_PLUS_EPSILON)
    shares = gradients.relu() * alphas
    num_places = activations.shape[2] * activations.shape[3]
    return _sum_channels(shares.mean(dim=(2, 3), keepdim=True) * num_places, activations)


def compute_xgradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """XGrad-CAM: the channels, each weighted by its activation-weighted mean gradient (Fu et al. 2020).

    Signed, in units of the logit.
    """
    sums = activations.sum(dim=(2, 3), keepdim=True)
    weights = (gradients * activations).sum(dim=(2, 3), keepdim=True) / (sums + _XGRAD_EPSILON)
    return _sum_channels(weights, activations)


def compute_layercam(activations: Tensor, gradients: Tensor) -> Tensor:
    """LayerCAM: each value times its own gradient where that is positive (Jiang et al. 2021).

    In units of the logit; negative only where activations are.
    """
    return _sum_channels(gradients.relu(), activations)


def compute_gradcam_elementwise(activations: Tensor, gradients: Tensor) -> Tensor:
    """Each value times its own gradient where the product is positive, summed over the channels: pytorch-grad-cam's.

    In units of the logit, never negative: evidence against the class is left out.
    """
    return (gradients * activations).relu().sum(dim=1)


def compute_eigencam(activations: Tensor, gradients: Tensor) -> Tensor:  # noqa: ARG001
    """Eigen-CAM: the activations along their first principal component (Muhammad and Yeasin 2020).

    Class-agnostic; the gradients are not used. Signed, in units of the activations; sums to 0.
    """
    return project_on_first_component(activations)


def compute_eigengradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Eigen-CAM of the gradients times the activations: pytorch-grad-cam's.

    Signed, in units of the logit; sums to 0.
    """
    return project_on_first_component(gradients * activations)


def _sum_channels(weights: Tensor, activations: Tensor) -> Tensor:
    """The channels' sum (B, h, w), weighted at each place, (B, C, h, w), or everywhere the same, (B, C, 1, 1)."""
    if weights.shape[2:] == (1, 1):
        return torch.einsum("bc,bchw->bhw", weights[:, :, 0, 0], activations)
    return (weights * activations).sum(dim=1)


CAM_FUNCTIONS: Final[Mapping[str, CamMethod]] = MappingProxyType(
    {
        "gradcam": compute_gradcam,
        "hirescam": compute_hirescam,
        "gradcam++": compute_gradcam_plus_plus,
        "xgradcam": compute_xgradcam,
        "layercam": compute_layercam,
        "eigencam": compute_eigencam,
        "eigengradcam": compute_eigengradcam,
        "gradcam-elementwise": compute_gradcam_elementwise,
    }
)
