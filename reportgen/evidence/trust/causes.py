"""Why a self-check failed: the usual causes, each measured on this network and the sample of its maps."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from reportgen.evidence.methods.closed_form import ClosedForm
from reportgen.evidence.methods.explained_batch import Explainer
from reportgen.evidence.methods.map_sources import LayerMaps
from reportgen.evidence.model_state import frozen
from reportgen.evidence.trust.recomputation import (
    RecomputeSample,
    compute_sum_errors,
    float64_device,
    relative_error,
)
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.methods import find_method

_MOST_REPEATED: Final = 1e-5
_MOST_ALONE: Final = 1e-3  # an image alone may be computed in another order than in a batch
_LEAST_PEAK: Final = 1e-4
_EXACT: Final = 1e-9  # what float64 leaves of a sum that is exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Causes:
    """The usual causes of a failed self-check, as relative sizes.

    Attributes:
        repeated: difference of the logits of two passes over the same images.
        alone: difference of the logits of an image alone and in a batch.
        rounding: largest difference of maps, of logits and of sums of maps from those in float64.
        sum_error: error of the sums of the maps in float64; `None` where maps need not sum to the logit.
        peak: smallest peak of a map, relative to the largest |logit| of its example.
        in_place: by layer, the change of its output after it has left the layer.
        type_name: of the numbers that the pass computes in.
    """

    repeated: float
    alone: float
    rounding: float
    sum_error: float | None
    peak: float
    in_place: dict[str, float]
    type_name: str = "float32"

    def describe(self, error: float) -> str:
        """The likely cause of an error, with its size for this network, as a sentence.

        Args:
            error: of the failed check, relative.
        """
        if self.repeated > _MOST_REPEATED:
            return (
                "The likely cause: the network is random, for example by dropout that stays on. Two passes over the "
                f"same images give logits that differ by {self.repeated:.1%}."
            )
        if self.alone > _MOST_ALONE:
            return (
                "The likely cause: the images of a batch affect each other, for example in a batch normalization that "
                f"is in training mode. An image alone gives logits that differ by {self.alone:.1%}."
            )
        if self.in_place and max(self.in_place.values()) > self.rounding:
            layer = max(self.in_place, key=lambda name: self.in_place[name])
            return (
                f"The likely cause: the network changes the output of `{layer}` in place after other layers may have "
                f"read it, by {self.in_place[layer]:.1%} of its largest value. Give another layer."
            )
        is_rounded = self.rounding >= error / 2 or (self.sum_error is not None and self.sum_error < _EXACT)
        if is_rounded and self.peak < _LEAST_PEAK:
            return (
                "The likely cause: the network is saturated, so that its gradients almost vanish and rounding decides. "
                f"The peak of a map is only {self.peak:.1e} of the largest logit."
            )
        if is_rounded:
            in_float64 = "" if self.sum_error is None else f" In float64, their sums agree to {self.sum_error:.0e}."
            return (
                f"The likely cause: rounding. For this network, {self.type_name} and float64 differ by "
                f"{self.rounding:.1e} on the sampled images.{in_float64}"
            )
        return (
            "None of the usual causes explains it: two passes agree, images do not affect each other, and rounding to "
            f"{self.type_name} is {self.rounding:.1e} for this network."
        )


def measure_causes(
    explainer: Explainer,
    preprocessing: Preprocessing,
    sample: RecomputeSample,
    closed_form: ClosedForm | None,
    *,
    type_name: str = "float32",
) -> Causes:
    """The sizes of the usual causes on a sample.

    Args:
        explainer: what made the maps; its network is in evaluation mode, and is copied.
        preprocessing: makes the network's input.
        sample: some examples with the maps of the pass.
        closed_form: that of the head, if there is one.
        type_name: of the numbers that the pass computes in.

    Raises:
        Exception: any error of a network that cannot be copied, or does not run in float64.
    """
    device = next((parameter.device for parameter in explainer.network.parameters()), torch.device("cpu"))
    images = preprocessing.normalise(torch.from_numpy(sample.views).to(device))
    with explainer:
        first, again = explainer.run(images).detach(), explainer.run(images).detach()
        alone = torch.cat([explainer.run(image[None]).detach() for image in images])
    classes = torch.from_numpy(sample.classes[:, 0])
    maps, logits, _ = _compute_in(torch.float32, explainer, images, classes)
    exact_maps, exact_logits, in_place = _compute_in(torch.float64, explainer, images, classes)
    scale = exact_logits.abs().amax(dim=1).clamp_min(1e-12)
    differences = [relative_error(values.detach().cpu().double(), exact_logits) for values in (logits, first)]
    for method, exact in exact_maps.items():
        if not find_method(method).is_ill_conditioned:
            differences += [relative_error(one, other) for one, other in zip(maps[method], exact, strict=True)]
    sum_errors: list[float] = []
    if closed_form is not None:
        sum_errors = _sum_errors(torch.float64, exact_maps, exact_logits, classes, closed_form)
        differences += _sum_errors(torch.float32, maps, logits, classes, closed_form)
    peaks = [float((exact.abs().amax(dim=(1, 2)) / scale).min()) for exact in exact_maps.values()]
    return Causes(
        repeated=relative_error(again, first),
        alone=relative_error(alone, first),
        rounding=max(differences),
        sum_error=max(sum_errors, default=None),
        peak=min(peaks, default=1.0),
        in_place=in_place,
        type_name=type_name,
    )


def _sum_errors(
    dtype: torch.dtype, maps: Mapping[str, Tensor], logits: Tensor, classes: Tensor, closed_form: ClosedForm
) -> list[float]:
    """The largest error of each method's sums that have to give the logit less the bias, computed in a type."""
    bias = closed_form.bias.detach().cpu().to(dtype)
    return [
        float(compute_sum_errors(found.to(dtype), bias, logits.to(dtype), classes).max())
        for method, found in maps.items()
        if find_method(method).sums_to_logit
    ]


def _compute_in(
    dtype: torch.dtype, explainer: Explainer, images: Tensor, classes: Tensor
) -> tuple[dict[str, Tensor], Tensor, dict[str, float]]:
    """The maps (M, h, w) by method, the logits (M, K), both float64 on the CPU, and the changes in place by layer.

    By a full backward through a copy of the network, one image at a time.
    """
    network: nn.Module = copy.deepcopy(explainer.network)
    device = float64_device(network) if dtype == torch.float64 else images.device
    network = network.to(device).to(dtype).to(memory_format=torch.contiguous_format)
    maps: dict[str, list[Tensor]] = {}
    logits, in_place = [], dict[str, float]()
    autocast = explainer.autocast if dtype == torch.float32 else None
    with (
        frozen(network),
        Explainer(network, [source.on(network) for source in explainer.sources], autocast=autocast) as full,
    ):
        for image, label in zip(images, classes, strict=True):
            found = full.run(image[None].to(device, dtype).requires_grad_())
            for source in full.sources:
                changes = source.changes_in_place() if isinstance(source, LayerMaps) else {}
                in_place |= {name: max(size, in_place.get(name, 0.0)) for name, size in changes.items() if size}
            for method, (made,) in full.explain(found, (label[None].to(device),)).items():
                maps.setdefault(method, []).append(made.detach().cpu().double())
            logits.append(found.detach().cpu().double())
    return {method: torch.cat(made) for method, made in maps.items()}, torch.cat(logits), in_place
