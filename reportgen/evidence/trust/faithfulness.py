"""Faithfulness tests: do the highlighted regions matter to the model, and do the maps depend on what it learned?

Deletion and insertion (RISE, Petsiuk et al. 2018), removal with imputation (ROAD, Rong et al. 2022), and randomisation
of the model's head (Adebayo et al. 2018), on some examples, in batches, on the device of the pass.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor, nn

from reportgen.cache import BASELINES, EvaluationCache, Faithfulness, RemovalCurves, to_float16
from reportgen.errors import SettingsError, setting
from reportgen.evidence.devices import on_device
from reportgen.evidence.layers.outputs import extract_logits
from reportgen.evidence.methods.explainers import build_explainer, choose_num_probed
from reportgen.evidence.selected_examples import iterate_inputs, subset_examples
from reportgen.evidence.trust.head_shuffle import find_head_weights, shuffled
from reportgen.evidence.trust.removal import NOISE, blur, fill_linearly, rank_pixels
from reportgen.inputs.data.evaluation_set import EvaluationSet
from reportgen.inputs.networks.classifier import Classifier
from reportgen.settings import AnalyzeSettings

log = logging.getLogger(__name__)

NUM_STEPS: Final = 10
"""Pixels are removed in tenths of the picture, as by ROAD."""

_CENTER_SIGMA = 0.25  # of the picture's sides; any other gives the same order of pixels, but for their interpolation
_SAMPLE_SEED = 19
_EXAMPLE_SEED = 23

Probability = Callable[[Tensor, Tensor], Tensor]
"""(pictures (n, 3, H, W), classes int64 (n,)) -> the probability of each one's class, float32 (n,)."""


def measure_faithfulness(
    classifier: Classifier,
    evaluation_set: EvaluationSet,
    settings: AnalyzeSettings,
    cache: EvaluationCache,
    *,
    progress: Callable[[int], None] | None = None,
) -> Faithfulness:
    """Faithfulness of the maps of the predicted class, on a stratified sample of the examples.

    All methods that have a map of every example are tested, and two baselines at the grid of the first: `random`, a map
    of random values, and `centre`, a blob in the middle of the picture. Each example's pixels are ranked by its signed
    map, scaled to the picture; then pixels are removed or restored in that order, exactly a tenth of them at a time,
    and the network gives the probability of the class that it predicts for the whole image.

    It costs 4 forwards of each example and 36 for each method and baseline, of which 18 take a linear system to be
    solved first (on one processor 1 to 2 ms at 32 pixels, 70 to 300 ms at 224); then one forward and
    backward of each with shuffled weights. Never more pictures than a batch (or 9) are held.
    The network is left as it was found.

    Args:
        classifier: the network and its preprocessing.
        evaluation_set: the N examples.
        settings: number of examples, layers, device, precision, batch size and workers.
        cache: what the pass found in these examples.
        progress: called with the number of examples done since the last call.

    Raises:
        DataError: an image cannot be read.
        SettingsError: there is no map to test, or no such device, or its memory does not suffice.
    """
    methods = [method for method, cam in cache.cams.items() if cam.positions is None]
    if not methods or classifier.is_opaque:
        raise SettingsError(
            f"{setting('faithfulness', settings.faithfulness)} tests maps, but there are none.",
            hint=f"Omit {setting('faithfulness')}, or give a network that supports hooks and gradients.",
        )
    predicted = cache.logits.argmax(axis=1)
    positions = choose_tested(cache.labels, predicted == cache.labels, settings.faithfulness)
    chosen = subset_examples(evaluation_set, positions)
    maps = {method: cache.cams[method].predicted[positions].astype(np.float32) for method in methods}
    seeds = chosen.example_index.tolist()
    explanations = {**maps, **_make_baselines(seeds, maps[methods[0]].shape[1:])}
    network = classifier.module
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in explanations}
    with on_device(network, settings) as device:
        chunk = max(1, settings.batch_size // (NUM_STEPS - 1))
        inputs = iterate_inputs(chosen, classifier.preprocessing, device, batch_size=chunk, workers=settings.workers)
        probability = _Probability(network, settings.batch_size, settings.precision)
        start = 0
        for images in inputs:
            rows = slice(start, start + len(images))
            noise = _make_noise(seeds[rows], (3, images.shape[2], images.shape[3])).to(device)
            own = {name: torch.from_numpy(cams[rows]).to(device) for name, cams in explanations.items()}
            classes = torch.from_numpy(predicted[positions[rows]]).to(device)
            for name, curves in _trace_curves(probability, images, classes, noise, own).items():
                found[name].append(curves)
            if progress is not None:
                progress(len(images))
            start += len(images)
        randomized = _compare_randomized(classifier, chosen, predicted[positions], settings, maps, device=device)
    return Faithfulness(
        positions=positions,
        fractions=np.linspace(0, 1, NUM_STEPS + 1, dtype=np.float32),
        curves={name: _to_record(np.concatenate(parts)) for name, parts in found.items()},
        randomized=randomized,
    )


def choose_tested(labels: NDArray[np.int64], is_correct: NDArray[np.bool_], number: int) -> NDArray[np.int64]:
    """A seeded sample of the N examples, stratified by class and by whether the prediction is correct.

    A systematic sample of the examples in the order of these strata, in random order within each (Madow 1949): each
    example is as likely to be taken as any other, and each stratum gives its share of the sample, rounded up or down.

    Args:
        labels: int64 (N,), true class index.
        is_correct: bool (N,).
        number: how many; all where there are no more.

    Returns:
        int64 (M,), ascending positions.
    """
    total = len(labels)
    if number >= total:
        return np.arange(total, dtype=np.int64)
    rng = np.random.default_rng(_SAMPLE_SEED)
    order = np.lexsort((rng.permutation(total), is_correct, labels))
    picked = ((np.arange(number) + rng.random()) * total / number).astype(np.int64)
    return np.sort(order[picked]).astype(np.int64)


def _make_baselines(seeds: Sequence[int], grid: tuple[int, ...]) -> dict[str, NDArray[np.float32]]:
    """Baseline maps: float32 (M, h, w) of random values, and of a blob in the center."""
    random = [np.random.default_rng([_EXAMPLE_SEED, seed]).random(grid, dtype=np.float32) for seed in seeds]
    y, x = ((np.arange(length) + 0.5) / length - 0.5 for length in grid)
    blob = np.exp(-(y[:, np.newaxis] ** 2 + x**2) / (2 * _CENTER_SIGMA**2)).astype(np.float32)
    centre = np.broadcast_to(blob, (len(seeds), *blob.shape)).copy()
    return dict(zip(BASELINES, (np.stack(random), centre), strict=True))


def _make_noise(seeds: Sequence[int], shape: tuple[int, int, int]) -> Tensor:
    """Noise for imputed pixels, the same in all images of an example, so that they can be compared."""
    noise = [np.random.default_rng([_EXAMPLE_SEED, seed, 1]).standard_normal(shape, np.float32) for seed in seeds]
    return NOISE * torch.from_numpy(np.stack(noise))


class _Probability:
    """The probability that a network gives to a class, in batches."""

    def __init__(self, network: nn.Module, batch_size: int, precision: str) -> None:
        self._network = network
        self._batch_size = batch_size
        self._is_bf16 = precision == "bf16"

    def __call__(self, pictures: Tensor, classes: Tensor) -> Tensor:
        with torch.no_grad(), torch.autocast(pictures.device.type, torch.bfloat16, enabled=self._is_bf16):
            parts = [extract_logits(self._network(part)).float() for part in torch.split(pictures, self._batch_size)]
        return torch.cat(parts).softmax(dim=1).gather(1, classes[:, None])[:, 0]


def _trace_curves(
    probability: Probability, images: Tensor, classes: Tensor, noise: Tensor, maps: Mapping[str, Tensor]
) -> dict[str, NDArray[np.float32]]:
    """The curves of some examples by each explanation.

    Args:
        probability: of the network.
        images: float32 (B, 3, H, W), normalised, so that 0 is the data's mean.
        classes: int64 (B,), the predicted class.
        noise: float32 (B, 3, H, W), for imputed pixels.
        maps: by explanation, float32 (B, h, w).

    Returns:
        By explanation, float32 (B, F, 4): deletion, insertion, ROAD with the most, and with the least important first.
    """
    height, width = images.shape[2:]
    blurred = blur(images)
    whole, blank, empty = (probability(pictures, classes) for pictures in (images, blurred, torch.zeros_like(images)))
    imputed = probability(noise, classes)
    first = torch.stack([whole, blank, whole, whole], dim=1)  # (B, 4), the same for every explanation
    last = torch.stack([empty, whole, imputed, imputed], dim=1)
    num_pixels = height * width
    counts = torch.tensor([round(step * num_pixels / NUM_STEPS) for step in range(1, NUM_STEPS)], device=images.device)
    many_classes = classes.repeat(NUM_STEPS - 1)

    def ask(pictures: Tensor) -> Tensor:
        """(F - 2, B, 3, H, W) -> (F - 2, B)."""
        return probability(pictures.flatten(0, 1), many_classes).view(NUM_STEPS - 1, -1)

    def impute(is_missing: Tensor) -> Tensor:
        many = images.expand(NUM_STEPS - 1, *images.shape)
        filled = fill_linearly(many.flatten(0, 1), is_missing.flatten(0, 1)).view(many.shape)
        return torch.where(is_missing, filled + noise, images)

    curves = {}
    for name, cams in maps.items():
        ranks = rank_pixels(cams, (height, width))[None, :, None]  # (1, B, 1, H, W)
        most = ranks < counts.view(-1, 1, 1, 1, 1)  # (F - 2, B, 1, H, W)
        least = num_pixels - 1 - ranks < counts.view(-1, 1, 1, 1, 1)
        inner = torch.stack(
            [
                ask(torch.where(most, torch.zeros_like(images), images)),
                ask(torch.where(most, images, blurred)),
                ask(impute(most)),
                ask(impute(least)),
            ],
            dim=2,
        )
        curves[name] = torch.cat([first[None], inner, last[None]]).transpose(0, 1).cpu().numpy()
    return curves


def _to_record(curves: NDArray[np.float32]) -> RemovalCurves:
    deletion, insertion, most, least = np.moveaxis(curves, 2, 0)
    return RemovalCurves(
        deletion=np.ascontiguousarray(deletion),
        insertion=np.ascontiguousarray(insertion),
        road=np.stack([most, least], axis=2),
    )


def _compare_randomized(
    classifier: Classifier,
    examples: EvaluationSet,
    classes: NDArray[np.int64],
    settings: AnalyzeSettings,
    maps: Mapping[str, NDArray[np.float32]],
    *,
    device: torch.device,
) -> dict[str, NDArray[np.float32]]:
    """By method, the rank correlation of each map with that of the same class by the network with a shuffled head.

    Args:
        classifier: the network, frozen on its device.
        examples: the M tested examples.
        classes: int64 (M,), the predicted classes.
        settings: methods' options, layers, precision, batch size and workers.
        maps: by method, float32 (M, h, w), of these classes.
        device: where the network is.
    """
    network, num_classes = classifier.module, len(examples.class_names)
    load = partial(iterate_inputs, examples, classifier.preprocessing, device, batch_size=settings.batch_size)
    first = next(load(workers=0))
    weights = find_head_weights(network, first[:1], num_classes)
    if not weights:
        log.info("no head was shuffled: the network does not end in a linear layer")
        return {}
    found: dict[str, list[NDArray[np.float16]]] = {method: [] for method in maps}
    with shuffled(weights):
        probed = first[: choose_num_probed(settings.batch_size)]
        explainer = build_explainer(network, probed, replace(settings, methods=tuple(maps)), num_classes=num_classes)
        with explainer:
            for inputs, of in zip(load(workers=settings.workers), _split(classes, settings.batch_size), strict=True):
                explained = explainer.explain(explainer.run(inputs), (torch.from_numpy(of).to(device),))
                for method, (own,) in explained.items():
                    found[method].append(to_float16(own.float().cpu().numpy()))
    return {method: correlate_ranks(cams, np.concatenate(found[method])) for method, cams in maps.items()}


def _split(values: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def correlate_ranks(
    first: NDArray[np.float32] | NDArray[np.float16], second: NDArray[np.float32] | NDArray[np.float16]
) -> NDArray[np.float32]:
    """Spearman's correlation of each of M pairs of maps (M, h, w), equal values at their mean rank.

    Returns:
        float32 (M,); NaN where a map is the same everywhere.
    """
    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (first, second)]
    centered = [own - own.mean(axis=1, keepdims=True) for own in ranks]
    lengths = [np.sqrt(np.einsum("mc,mc->m", own, own)) for own in centered]
    product = lengths[0] * lengths[1]
    product[product == 0] = np.nan
    correlations: NDArray[np.float64] = np.einsum("mc,mc->m", *centered) / product
    return correlations.astype(np.float32)
