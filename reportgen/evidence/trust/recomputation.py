"""The maps of some examples, recomputed by a full float64 forward and backward through a copy of the network."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reportgen.evidence.methods.explained_batch import Explainer
from reportgen.evidence.methods.map_sources import LayerMaps, MapSource
from reportgen.evidence.model_state import frozen
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.methods import find_method

MAX_RECOMPUTED: Final = 16

_EXAMPLES_PER_RECOMPUTED = 500  # keeps the cost near 1% of the pass: float64 takes about ten times as long as float32
_MIN_RECOMPUTED = 2
_NUM_DISTURBANCES = 4


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class RecomputeSample:
    """The examples whose maps are recomputed, with the maps of the pass before they were rounded. `M` examples.

    Attributes:
        positions: the M positions in the evaluation set.
        views: uint8 (M, H, W, 3), what the model saw.
        classes: int64 (M, 2), the true and the predicted class.
        maps: by method, float32 (M, 2, h, w), their maps.
    """

    positions: NDArray[np.int64]
    views: NDArray[np.uint8]
    classes: NDArray[np.int64]
    maps: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecomputeErrors:
    """How far the pass is from the recomputation.

    Attributes:
        maps: by method, for each map the largest difference, relative to the map's largest |value|; of ill-conditioned
            methods also to the map's condition number.
        gradients: for each map the largest difference of the closed form's gradient, relative to the largest
            |gradient|; none where there is no closed form.
    """

    maps: dict[str, list[float]]
    gradients: list[float] = field(default_factory=list)


def choose_positions(num_examples: int) -> NDArray[np.int64]:
    """A seeded random choice of the positions to recompute, ascending: 2 to 16 of them, more in a larger set."""
    wanted = min(MAX_RECOMPUTED, max(_MIN_RECOMPUTED, num_examples // _EXAMPLES_PER_RECOMPUTED))
    count = min(wanted, num_examples)
    return np.sort(np.random.default_rng(0).choice(num_examples, count, replace=False)).astype(np.int64)


def recompute_maps(
    explainer: Explainer, preprocessing: Preprocessing, sample: RecomputeSample, *, disturbance: float
) -> RecomputeErrors:
    """The differences of a sample's maps from those by plain float64 autograd.

    Some maps are ill-conditioned: if two principal components are about equally strong, rounding can swap them; if
    positive and negative activations cancel, a method that divides by their sum is unstable. A difference there does
    not mean an error of the pass. For ill-conditioned methods it is therefore divided by the map's condition number:
    the relative change of the map over the relative change of values and gradients that causes it. (A forward error
    over the condition number is the backward error, the change of the values that would explain it.) A wrong component
    or sign still stands out in every well-conditioned map.

    Args:
        explainer: what made the maps; its network is in evaluation mode, and is copied.
        preprocessing: makes the network's input.
        sample: some examples with the maps of the pass.
        disturbance: relative size of the disturbances that measure the condition.

    Raises:
        Exception: any error of a network that cannot be copied, or does not run in float64.
    """
    device = float64_device(explainer.network)
    double = copy.deepcopy(explainer.network).to(device).double().to(memory_format=torch.contiguous_format)
    errors = RecomputeErrors(maps={method: [] for method in sample.maps})
    with frozen(double), Explainer(double, [source.on(double) for source in explainer.sources]) as exact:
        for slot, view in enumerate(sample.views):
            # The image requires a gradient, so everything is recorded, not only the head.
            image = preprocessing.normalise(torch.from_numpy(view[None]).to(device)).double().requires_grad_()
            logits = exact.run(image)
            for place, index in enumerate(sample.classes[slot].tolist()):
                classes = torch.tensor([index], device=device)
                all_gradients = exact.differentiate(logits, classes, is_last=False)
                for source, own, gradients in zip(explainer.sources, exact.sources, all_gradients, strict=True):
                    make = partial(_make_all, own, classes)
                    expected = make(own.values(), gradients)
                    conditions = _measure_conditions(make, own.values(), gradients, expected, disturbance)
                    for method, exact_maps in expected.items():
                        computed = torch.from_numpy(sample.maps[method][slot, place]).to(device)
                        error = relative_error(computed, exact_maps[0]) / conditions.get(method, 1.0)
                        errors.maps[method].append(error)
                    errors.gradients.extend(_closed_form_error(source, gradients, index))
    return errors


def relative_error(computed: Tensor, expected: Tensor) -> float:
    """The largest |difference|, relative to the largest |value| that is expected."""
    return float((computed - expected).abs().max() / expected.abs().max().clamp_min(1e-12))


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


_Make = Callable[[Sequence[Tensor], Sequence[Tensor]], dict[str, Tensor]]


def _make_all(
    source: MapSource, classes: Tensor, values: Sequence[Tensor], gradients: Sequence[Tensor]
) -> dict[str, Tensor]:
    return source.make_agnostic_maps(values) | source.make_maps(values, gradients, classes)


def _measure_conditions(
    make: _Make,
    values: Sequence[Tensor],
    gradients: Sequence[Tensor],
    expected: Mapping[str, Tensor],
    size: float,
) -> dict[str, float]:
    """The condition number of each ill-conditioned method's map, 1 or more: the largest of some seeded disturbances."""
    conditions = {method: 1.0 for method in expected if find_method(method).is_ill_conditioned}
    if not conditions:
        return {}
    generator = torch.Generator().manual_seed(0)

    def disturb(tensors: Sequence[Tensor]) -> list[Tensor]:
        return [tensor * (1 + size * _make_noise(tensor, generator)) for tensor in tensors]

    for _ in range(_NUM_DISTURBANCES):
        moved = make(disturb(values), disturb(gradients))
        for method, condition in conditions.items():
            conditions[method] = max(condition, relative_error(moved[method], expected[method]) / size)
    return conditions


def _make_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Normal noise of standard deviation 1: of each value, and of whole channels at once, whichever axis they are.

    Noise of single values averages out in a strong component, that of a channel does not.
    """
    axes_of = (range(like.ndim), (1,), (like.ndim - 1,))
    shapes = [[n if axis in axes else 1 for axis, n in enumerate(like.shape)] for axes in axes_of]
    noises = [torch.randn(shape, generator=generator, dtype=like.dtype).to(like.device) for shape in shapes]
    return (noises[0] + noises[1] + noises[2]) / math.sqrt(3)


def _closed_form_error(source: MapSource, gradients: Sequence[Tensor], index: int) -> list[float]:
    """How far the closed form's gradient of one class is from that of an example, where there is a closed form."""
    if not isinstance(source, LayerMaps) or source.closed_form is None or not gradients:
        return []
    (target,), (gradient,), form = source.targets, gradients, source.closed_form
    claimed = form.gradients(torch.tensor([index], device=form.weights.device))
    return [relative_error(claimed.to(gradient.device), target.to_nchw(gradient))]


def float64_device(network: nn.Module) -> torch.device:
    """Where the network is, or the CPU where that has no float64."""
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    return torch.device("cpu") if device.type == "mps" else device
