"""Heads with a known gradient: global average pooling and one linear layer, recognized numerically, not by name."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from reportgen.evidence.devices import uses_tf32
from reportgen.evidence.layers.head_tap import HeadTap
from reportgen.evidence.layers.target_layers import TargetLayer

_TOLERANCE: Final = 1e-4
_TF32_TOLERANCE: Final = 2e-3


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ClosedForm:
    """The logits as a linear function of the mean activation: logits = weights · mean over the places + bias.

    Attributes:
        weights: float32 (K, C).
        bias: float32 (K,).
        num_places: number of cells of the layer's grid.
        num_probed: number of gradients and logits that it was compared with.
        worst_error: the largest difference, relative to the largest gradient or logit.
    """

    weights: Tensor
    bias: Tensor
    num_places: int
    num_probed: int
    worst_error: float

    def gradients(self, classes: Tensor) -> Tensor:
        """The derivative of each example's logit by the activations: (B, C, 1, 1), the same at every place.

        Args:
            classes: int64 (B,).
        """
        return (self.weights[classes] / self.num_places)[:, :, None, None]


def find_closed_form(network: nn.Module, images: Tensor, target: TargetLayer) -> ClosedForm | None:
    """The closed form of the head behind a layer, where it is global average pooling and one linear layer.

    The weights are the gradients of all logits at one image. The head is of that form if these give the gradients (of a
    random mixture of the classes, at every place) and the logits at all other images too, and at activations of another
    size, and if nothing bypasses the layer.

    Args:
        network: in evaluation mode, frozen.
        images: float32 (P, 3, H, W), some normalised images.
        target: where the head begins.

    Returns:
        The closed form; `None` for any other head.
    """
    if target.is_bypassed:  # a few images may not reveal it
        return None
    with HeadTap(target.module, target.call) as tap:
        logits, activations = tap.run(network, images)
        mixture = torch.randn(logits.shape[1], generator=torch.Generator().manual_seed(0)).to(logits)
        probes = [(logits.detach(), *_differentiate(logits, mixture, activations, target))]
        # Positive, so that it passes an in-place ReLU; large, so that a smooth function such as a hard swish, which is
        # nearly linear close to 0, is recognized as nonlinear.
        noise = torch.rand(activations.shape, generator=torch.Generator().manual_seed(1)).to(activations)
        other = noise * (10 + 10 * activations.detach().abs().mean())
        logits, activations = tap.run(network, images, substitute=other)
        probes.append((logits.detach(), *_differentiate(logits, mixture, activations, target)))
        tolerance = _TF32_TOLERANCE if uses_tf32(images.device) else _TOLERANCE
        if not _is_constant(torch.cat([gradients for _, gradients, _ in probes]), tolerance):
            return None
        bias = tap.run(network, images[:1], substitute=torch.zeros_like(other[:1]))[0][0].detach()
        weights = _find_weights(tap, network, images[:1], target)
    num_places = target.grid[0] * target.grid[1]
    errors = []
    for logits, gradients, means in probes:
        errors.append(_relative(gradients - (mixture @ weights / num_places)[:, None, None], gradients))
        errors.append(_relative(logits - torch.addmm(bias, means, weights.T), logits))
    worst_error = float(torch.stack(errors).max())
    if not worst_error <= tolerance:
        return None
    return ClosedForm(
        weights=weights,
        bias=bias,
        num_places=num_places,
        num_probed=2 * len(images) * len(probes),
        worst_error=worst_error,
    )


def _differentiate(logits: Tensor, mixture: Tensor, activations: Tensor, target: TargetLayer) -> tuple[Tensor, Tensor]:
    """The gradient (P, C, h, w) of the logits' mixture, and the mean activations (P, C)."""
    (gradients,) = torch.autograd.grad((logits * mixture).sum(), activations)
    return target.to_nchw(gradients), target.to_nchw(activations.detach()).mean(dim=(2, 3))


def _is_constant(gradients: Tensor, tolerance: float) -> bool:
    """Whether the gradients (P, C, h, w) are the same at every place of every image."""
    return bool(_relative(gradients - gradients.mean(dim=(0, 2, 3), keepdim=True), gradients) <= tolerance)


def _find_weights(tap: HeadTap, network: nn.Module, image: Tensor, target: TargetLayer) -> Tensor:
    """The weights (K, C): gradients of each logit at one image (1, 3, H, W), summed over the places.

    One class after the other: only the head is differentiated, of one image, and not every operation can be batched.
    """
    (logits,), activations = tap.run(network, image)
    rows = []
    for logit in logits:
        (gradients,) = torch.autograd.grad(logit, activations, retain_graph=True)
        rows.append(target.to_nchw(gradients).sum(dim=(2, 3))[0])
    return torch.stack(rows)


def _relative(difference: Tensor, reference: Tensor) -> Tensor:
    return difference.abs().max() / reference.abs().max().clamp_min(1e-12)
