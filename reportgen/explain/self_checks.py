"""Two independent computations that every run compares its maps with, at next to no cost."""

import copy
import logging
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reportgen.cache import SelfCheck
from reportgen.explain.cam import CamMethod
from reportgen.explain.devices import uses_tf32
from reportgen.explain.head_tap import HeadTap, extract_logits
from reportgen.explain.model_state import borrowed
from reportgen.explain.target_layers import TargetLayer
from reportgen.inputs.preprocessing import Preprocessing

log = logging.getLogger(__name__)

MAX_RECOMPUTED: Final = 16

_EXAMPLES_PER_RECOMPUTED = 500  # keeps the price near 1 % of the pass: float64 costs some ten times float32
_MIN_RECOMPUTED = 2

Arithmetic = Literal["fp32", "tf32", "bf16"]

SUM_TOLERANCES: Final[dict[Arithmetic, float]] = {"fp32": 1e-5, "tf32": 1e-3, "bf16": 1e-3}
LINEAR_HEAD_TOLERANCES: Final[dict[Arithmetic, float]] = {"fp32": 1e-3, "tf32": 1e-2, "bf16": 2e-1}
OTHER_HEAD_TOLERANCES: Final[dict[Arithmetic, float]] = {"fp32": 5e-2, "tf32": 1e-1, "bf16": 2e-1}
"""For the recomputed maps. Measured with random weights on 20 architectures: float32 2e-5, bfloat16 6e-2; but a ReLU in
the head whose input is next to 0 may fall on its other side, which moves a map by up to 1e-2 in float32."""

_LINEAR_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class RecomputeSample:
    """The examples whose maps are recomputed, with the maps of the pass before they were rounded. `M` examples.

    Attributes:
        positions: the M positions in the evaluation set.
        views: uint8 (M, H, W, 3), what the model saw.
        classes: int64 (M, 2), the true and the predicted class.
        maps: float32 (M, 2, h, w), their maps.
    """

    positions: NDArray[np.int64]
    views: NDArray[np.uint8]
    classes: NDArray[np.int64]
    maps: NDArray[np.float32]


def choose_positions(num_examples: int) -> NDArray[np.int64]:
    """A seeded random choice of the positions to recompute, ascending: 2 to 16 of them, more in a larger set."""
    wanted = min(MAX_RECOMPUTED, max(_MIN_RECOMPUTED, num_examples // _EXAMPLES_PER_RECOMPUTED))
    count = min(wanted, num_examples)
    return np.sort(np.random.default_rng(0).choice(num_examples, count, replace=False)).astype(np.int64)


def find_pooling_bias(network: nn.Module, images: Tensor, target: TargetLayer) -> Tensor | None:
    """The bias (K,) of a head that is global average pooling and one linear layer; `None` for any other head.

    It is told by numbers: for such a head, and only for it, a gradient is the same at every place, for every image and
    for activations of another size, and nothing else moves the logits. They are the bias where the activations are 0.

    Args:
        network: in evaluation mode, frozen.
        images: float32 (P, 3, H, W), some normalised images.
        target: where the head begins.
    """
    if target.is_bypassed:
        return None
    with HeadTap(target.module, target.call) as tap:
        logits, activations = tap.run(network, images)
        weights = torch.randn(logits.shape[1], generator=torch.Generator().manual_seed(0)).to(logits)
        gradients = [_mixed_gradient(logits, weights, activations)]
        # Positive, so that a ReLU that changes the layer's output in place lets it through; large, so that a smooth
        # function such as a hard swish, which is nearly linear next to 0, shows that it isn't.
        noise = torch.rand(activations.shape, generator=torch.Generator().manual_seed(1)).to(activations)
        other = noise * (10 + 10 * activations.detach().abs().mean())
        logits, activations = tap.run(network, images, substitute=other)
        gradients.append(_mixed_gradient(logits, weights, activations))
        bias, _ = tap.run(network, images, substitute=torch.zeros_like(other))
    gradient = target.to_nchw(torch.cat(gradients))  # (2P, C, h, w)
    is_constant = (gradient - gradient.mean(dim=(0, 2, 3), keepdim=True)).abs().max()
    return bias[0].detach() if is_constant <= _LINEAR_TOLERANCE * gradient.abs().max() else None


def _mixed_gradient(logits: Tensor, weights: Tensor, activations: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad((logits * weights).sum(), activations)
    return gradient


def compute_sum_errors(maps: Tensor, bias: Tensor, logits: Tensor, classes: Tensor) -> Tensor:
    """How far the sum of each map plus the bias is from its logit, relative to the largest |logit| of the example.

    Args:
        maps: float32 (B, h, w).
        bias: float32 (K,).
        logits: float32 (B, K).
        classes: int64 (B,), the class that each map explains.

    Returns:
        float32 (B,).
    """
    explained = logits.gather(1, classes[:, None])[:, 0]
    return (maps.sum(dim=(1, 2)) + bias[classes] - explained).abs() / logits.abs().amax(dim=1).clamp_min(1e-12)


def run_self_checks(
    network: nn.Module,
    target: TargetLayer,
    method: CamMethod,
    preprocessing: Preprocessing,
    sample: RecomputeSample,
    *,
    worst_sum_error: float | None,
    num_examples: int,
    arithmetic: Arithmetic,
) -> tuple[tuple[SelfCheck, ...], tuple[str, ...]]:
    """Both checks of a pass, and warnings where one could not be made. One that fails is logged.

    Args:
        network: in evaluation mode; it is copied.
        target: where the maps come from.
        method: the CAM method.
        preprocessing: makes the network's input.
        sample: some examples with the maps of the pass.
        worst_sum_error: the largest of `compute_sum_errors` over both maps of every example; `None` where the head is
            no global average pooling with one linear layer.
        num_examples: N.
        arithmetic: what the pass was computed in, which decides the tolerances.
    """
    summed = SelfCheck(
        name="map sum + bias = logit",
        num_checked=0 if worst_sum_error is None else 2 * num_examples,
        worst_error=worst_sum_error or 0.0,
        tolerance=SUM_TOLERANCES[arithmetic],
        measure="relative to the example's largest |logit|",
    )
    errors, warnings = _recompute(network, target, method, preprocessing, sample)
    recomputed = SelfCheck(
        name="full float64 forward and backward",
        num_checked=len(errors),
        worst_error=max(errors, default=0.0),
        tolerance=(OTHER_HEAD_TOLERANCES if worst_sum_error is None else LINEAR_HEAD_TOLERANCES)[arithmetic],
        measure=f"relative to the map's largest |value|, after a pass in {arithmetic}",
    )
    checks = (summed, recomputed)
    for check in checks:
        if not check.passed:
            log.warning("%s: the error %.2g exceeds %.2g", check.name, check.worst_error, check.tolerance)
    return checks, warnings


def _recompute(
    network: nn.Module, target: TargetLayer, method: CamMethod, preprocessing: Preprocessing, sample: RecomputeSample
) -> tuple[list[float], tuple[str, ...]]:
    try:
        return _recompute_errors(network, target, method, preprocessing, sample), ()
    except Exception as error:  # whatever it is, what the pass has found must not be lost for it
        log.debug("no float64 copy of the network runs", exc_info=True)
        reason = f"{type(error).__name__}: {error}"
        return [], (f"No map could be recomputed in float64, as no copy of the network runs in it ({reason}).",)


def _recompute_errors(
    network: nn.Module, target: TargetLayer, method: CamMethod, preprocessing: Preprocessing, sample: RecomputeSample
) -> list[float]:
    double = copy.deepcopy(network).to(_float64_device(network)).double().to(memory_format=torch.contiguous_format)
    layer = double.get_submodule(target.name)
    device = _float64_device(network)
    captured: list[Tensor] = []
    layer.register_forward_hook(lambda _layer, _inputs, output: captured.append(output))
    errors = []
    with borrowed(double):
        for view, classes, maps in zip(sample.views, sample.classes, sample.maps, strict=True):
            captured.clear()
            image = preprocessing.normalise(torch.from_numpy(view[None]).to(device)).double().requires_grad_()
            logits = extract_logits(double(image))
            activations = captured[target.call]
            for index, computed in zip(classes.tolist(), maps, strict=True):
                (gradient,) = torch.autograd.grad(logits[0, index], activations, retain_graph=True)
                expected = method(target.to_nchw(activations.detach()), target.to_nchw(gradient))[0].cpu().numpy()
                errors.append(_relative_error(computed, expected))
    return errors


def _relative_error(computed: NDArray[np.float32], expected: NDArray[np.float64]) -> float:
    peak = float(np.abs(expected).max())
    return float(np.abs(computed - expected).max()) / max(peak, 1e-12)


def _float64_device(network: nn.Module) -> torch.device:
    """Where the network is, or the CPU where that has no float64."""
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    return torch.device("cpu") if device.type == "mps" else device


def name_arithmetic(precision: str, device: torch.device) -> Arithmetic:
    """What a network is really computed in; the precision `fp32` may mean TF32 on CUDA."""
    if precision == "bf16":
        return "bf16"
    return "tf32" if uses_tf32(device) else "fp32"
