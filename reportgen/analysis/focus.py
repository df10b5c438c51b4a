"""Map statistics: where the evidence lies in correct predictions and in errors, and how far two maps overlap.

Only positive evidence counts: negative values of a map speak against its class, wherever they lie.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit, xlogy

from reportgen.analysis.intervals import CONFIDENCE_LEVEL, Estimate, Proportion, difference_within, mean_estimate
from reportgen.analysis.predictions import Predictions, row_blocks
from reportgen.cache import CamPair

BORDER_WIDTH = 1 / 8
"""Width of the border, as a fraction of the image's height and width."""

UNIFORM_BORDER_SHARE = 1 - (1 - 2 * BORDER_WIDTH) ** 2
"""Fraction of a uniform map that lies in the border: 0.4375."""

HIGH_OVERLAP_SHARE = 0.95
"""Quantile of the overlap of unrelated maps above which two maps highlight the same region."""

_NUM_UNRELATED_PAIRS = 20_000
_UNRELATED_SEED = 8


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class MapStatistics:
    """Statistics of one map of each example. NaN where a map is blank; none depends on the scale of a map.

    Attributes:
        border_share: float64 (N,), fraction in [0, 1] of the evidence in the border. A cell that the border cuts counts
            in proportion to its area, so that grids of any size are comparable.
        spread: float64 (N,), effective fraction in (0, 1] of the image area that holds the evidence: exp of the entropy
            over cells, divided by their number. 1 for a uniform map, 1 / cells for a single cell.
        center_distance: float64 (N,), from the center of the evidence to the center of the image, in units of the image
            sides: 0 for a uniform map, 0.5 at the middle of an edge, less than 0.708.
        is_blank: bool (N,), whether the map has no positive evidence.
    """

    border_share: NDArray[np.float64]
    spread: NDArray[np.float64]
    center_distance: NDArray[np.float64]
    is_blank: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusStatistic:
    """The mean of one statistic over groups of examples, without blank maps.

    Attributes:
        overall: of the predicted class's map, over all examples.
        correct: of the predicted class's map, over correct predictions.
        misclassified: of the predicted class's map, over errors.
        misclassified_true: of the true class's map, over errors; equal to `misclassified` for class-agnostic maps.
        difference: errors - correct predictions, among examples with the same predicted class, so that it does not
            reflect which classes have more errors; it may differ from the difference of the two means.
        uniform: value of a uniform map.
    """

    overall: Estimate
    correct: Estimate
    misclassified: Estimate
    misclassified_true: Estimate
    difference: Estimate
    uniform: float


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class MapComparison:
    """How the maps of the true and the predicted class differ; only for class-specific methods.

    Attributes:
        true: statistics of the true class's map.
        overlap: float64 (N,), cosine in [0, 1] of the positive parts of both maps: 1 where they are proportional, as
            for correct predictions, 0 where no cell supports both classes. NaN where a map is blank.
        blank_true: examples with a blank map of the true class, out of all.
        blank_true_misclassified: the same among errors.
        overlap_misclassified: mean overlap over errors.
        overlap_unrelated: mean overlap of the true class's map of one error with the predicted class's map of another,
            over random pairs: the overlap that says nothing about an image. High in a model that mostly uses the image
            center.
        unrelated_median: median overlap of those pairs; NaN with fewer than two errors.
        unrelated_high: `HIGH_OVERLAP_SHARE` quantile of the same.
    """

    true: MapStatistics
    overlap: NDArray[np.float64]
    blank_true: Proportion
    blank_true_misclassified: Proportion
    overlap_misclassified: Estimate
    overlap_unrelated: Estimate
    unrelated_median: float
    unrelated_high: float


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class FocusStatistics:
    """Statistics of the maps of N examples.

    Attributes:
        predicted: of the predicted class's map.
        high_confidence_spread: mean spread of the predicted class's map over the third with the highest confidence.
        low_confidence_spread: the same over the third with the lowest confidence.
        spread_difference: low - high confidence, among examples with the same predicted class.
        comparison: `None` for class-agnostic maps.
    """

    predicted: MapStatistics
    border_share: FocusStatistic
    spread: FocusStatistic
    center_distance: FocusStatistic
    high_confidence_spread: Estimate
    low_confidence_spread: Estimate
    spread_difference: Estimate
    comparison: MapComparison | None


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class MeanMaps:
    """The mean of both maps over a group of examples.

    Attributes:
        true: float64 (h, w) in [0, 1], of the true class.
        predicted: float64 (h, w) in [0, 1], of the predicted class.
        n: number of examples with positive evidence; both maps are 0 if there is none.
    """

    true: NDArray[np.float64]
    predicted: NDArray[np.float64]
    n: int


def compute_focus(cam: CamPair, predictions: Predictions) -> FocusStatistics:
    """The statistics of the maps of N examples. Memory: that of the result, and of the maps of the errors."""
    predicted = compute_map_statistics(cam.predicted)
    true = predicted if cam.is_class_agnostic else compute_map_statistics(cam.true)
    is_low, is_confident = _outer_thirds(predictions.confidence)
    compared = (is_low | is_confident) & ~predicted.is_blank
    return FocusStatistics(
        predicted=predicted,
        border_share=_focus(true.border_share, predicted.border_share, predictions, 1.0, UNIFORM_BORDER_SHARE),
        spread=_focus(true.spread, predicted.spread, predictions, 1.0, 1.0),
        center_distance=_focus(true.center_distance, predicted.center_distance, predictions, math.sqrt(0.5), 0.0),
        high_confidence_spread=mean_estimate(predicted.spread[compared & is_confident], within=(0, 1)),
        low_confidence_spread=mean_estimate(predicted.spread[compared & is_low], within=(0, 1)),
        spread_difference=difference_within(
            predicted.spread[compared], is_low[compared], predictions.predicted[compared]
        ),
        comparison=None if cam.is_class_agnostic else _compare_maps(cam, true, predictions),
    )


def _compare_maps(cam: CamPair, true: MapStatistics, predictions: Predictions) -> MapComparison:
    overlap, is_misclassified = compute_overlap(cam), ~predictions.is_correct
    is_overlap = ~np.isnan(overlap)
    unrelated, median, high = _compare_unrelated(cam, np.flatnonzero(is_misclassified & is_overlap))
    num_blank, num_blank_misclassified = (
        int(np.count_nonzero(true.is_blank & group)) for group in (True, is_misclassified)
    )
    return MapComparison(
        true=true,
        overlap=overlap,
        blank_true=Proportion(count=num_blank, total=len(overlap)),
        blank_true_misclassified=Proportion(
            count=num_blank_misclassified, total=int(np.count_nonzero(is_misclassified))
        ),
        overlap_misclassified=mean_estimate(overlap[is_misclassified & is_overlap], within=(0, 1)),
        overlap_unrelated=unrelated,
        unrelated_median=median,
        unrelated_high=high,
    )


def mean_maps(cam: CamPair, positions: NDArray[np.intp]) -> MeanMaps:
    """The mean of both maps over some examples, such as the correct ones of a class.

    The positive parts of an example's maps are divided by the maximum of the pair, as on the pages: no example
    dominates, and little evidence for the true class stays little.

    Args:
        cam: both maps of N examples.
        positions: int (n,), in 0..N-1.
    """
    true, predicted = (np.maximum(maps[positions].astype(np.float64), 0) for maps in (cam.true, cam.predicted))
    peaks = np.maximum(true.max(axis=(1, 2), initial=0), predicted.max(axis=(1, 2), initial=0))
    shown = peaks > 0
    weights = 1 / (peaks[shown] * max(np.count_nonzero(shown), 1))
    return MeanMaps(
        true=np.einsum("nhw,n->hw", true[shown], weights),
        predicted=np.einsum("nhw,n->hw", predicted[shown], weights),
        n=int(np.count_nonzero(shown)),
    )


def compute_map_statistics(maps: NDArray[np.float16]) -> MapStatistics:
    """Where the positive evidence of each of N signed maps (N, h, w) lies."""
    n, height, width = maps.shape
    inner = np.outer(_inner_shares(height), _inner_shares(width)).ravel()
    y, x = ((np.arange(size) + 0.5) / size - 0.5 for size in (height, width))
    moments = np.stack([inner, np.repeat(y, width), np.tile(x, height)], axis=1)
    sums, entropy = np.empty((n, 3)), np.empty(n)
    is_blank = np.empty(n, dtype=np.bool_)
    for block in row_blocks(n, height * width):
        evidence = _positive(maps[block])
        total = evidence.sum(axis=1)
        is_blank[block] = total == 0
        total[total == 0] = np.nan
        sums[block] = (evidence @ moments) / total[:, np.newaxis]
        entropy[block] = np.log(total) - xlogy(evidence, evidence).sum(axis=1) / total
    return MapStatistics(
        border_share=np.clip(1 - sums[:, 0], 0, 1),
        spread=np.clip(np.exp(entropy) / (height * width), 0, 1),
        center_distance=np.hypot(sums[:, 1], sums[:, 2]),
        is_blank=is_blank,
    )


def _inner_shares(num_cells: int) -> NDArray[np.float64]:
    """For each cell of an axis, the fraction of its length outside both borders: float64 (num_cells,)."""
    edges = np.clip(np.arange(num_cells + 1) / num_cells, BORDER_WIDTH, 1 - BORDER_WIDTH)
    return np.diff(edges) * num_cells


def _positive(maps: NDArray[np.float16]) -> NDArray[np.float64]:
    """The positive parts of maps, one row per map: float64 (n, h * w)."""
    return np.maximum(maps.reshape(len(maps), -1).astype(np.float64), 0)


def compute_overlap(cam: CamPair) -> NDArray[np.float64]:
    """Cosine of the positive parts of both maps of each example: float64 (N,); NaN where one is blank."""
    n, height, width = cam.true.shape
    overlap = np.empty(n)
    for block in row_blocks(n, height * width):
        true, predicted = _unit(cam.true[block]), _unit(cam.predicted[block])
        overlap[block] = np.einsum("nc,nc->n", true, predicted)
    return np.minimum(overlap, 1)


def _unit(maps: NDArray[np.float16]) -> NDArray[np.float64]:
    """The positive parts of maps, scaled to length 1: float64 (n, h * w); NaN where blank."""
    evidence = _positive(maps)
    lengths = np.sqrt(np.einsum("nc,nc->n", evidence, evidence))
    lengths[lengths == 0] = np.nan
    evidence /= lengths[:, np.newaxis]
    return evidence


def _focus(
    true: NDArray[np.float64], predicted: NDArray[np.float64], predictions: Predictions, largest: float, uniform: float
) -> FocusStatistic:
    """The means of one statistic of both maps.

    Args:
        true: float64 (N,), of the true class's map; NaN where it is blank.
        predicted: float64 (N,), of the predicted class's map; NaN where it is blank.
        predictions: of the same N examples.
        largest: the largest possible value; the smallest is 0.
        uniform: value of a uniform map.
    """
    is_misclassified, has_predicted = ~predictions.is_correct, ~np.isnan(predicted)
    bounds = (0.0, largest)
    return FocusStatistic(
        overall=mean_estimate(predicted[has_predicted], within=bounds),
        correct=mean_estimate(predicted[has_predicted & ~is_misclassified], within=bounds),
        misclassified=mean_estimate(predicted[has_predicted & is_misclassified], within=bounds),
        misclassified_true=mean_estimate(true[~np.isnan(true) & is_misclassified], within=bounds),
        difference=difference_within(
            predicted[has_predicted], is_misclassified[has_predicted], predictions.predicted[has_predicted]
        ),
        uniform=uniform,
    )


def _outer_thirds(values: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each value lies in the lowest third, and in the highest; equal values are never separated."""
    low, high = np.quantile(values, [1 / 3, 2 / 3])
    return (values <= low) & (values < high), (values >= high) & (values > low)


def _compare_unrelated(cam: CamPair, positions: NDArray[np.intp]) -> tuple[Estimate, float, float]:
    """Overlap of the true class's map of one example with the predicted class's map of another.

    The examples are arranged in a random circle, and each is compared with the next few: with all others if that makes
    at most `_NUM_UNRELATED_PAIRS`. Each example occurs in many pairs, so the variance of the mean is that of the
    examples' own means, once as the first and once as the second of a pair (Hoeffding 1948).

    Args:
        cam: both maps of N examples.
        positions: int (M,), the examples to compare, without blank maps.

    Returns:
        The mean, the median and the `HIGH_OVERLAP_SHARE` quantile; NaN with fewer than two examples.
    """
    m = len(positions)
    if m < 2:
        return Estimate(value=math.nan, low=math.nan, high=math.nan, n=m), math.nan, math.nan
    circle = positions[np.random.default_rng(_UNRELATED_SEED).permutation(m)]
    true, predicted = _unit(cam.true[circle]), _unit(cam.predicted[circle])
    num_shifts = min(m - 1, -(-_NUM_UNRELATED_PAIRS // m))
    overlaps = np.empty((num_shifts, m))
    as_second = np.zeros(m)
    for at in range(num_shifts):
        overlaps[at] = np.einsum("nc,nc->n", true, np.roll(predicted, -(at + 1), axis=0))
        as_second += np.roll(overlaps[at], at + 1)
    mean = float(overlaps.mean())
    influence = overlaps.mean(axis=0) + as_second / num_shifts - 2 * mean
    half = float(stdtrit(m - 1, (1 + CONFIDENCE_LEVEL) / 2) * math.sqrt(influence @ influence / (m * (m - 1))))
    median, high = np.quantile(overlaps, [0.5, HIGH_OVERLAP_SHARE])
    return Estimate(value=mean, low=max(mean - half, 0), high=min(mean + half, 1), n=m), float(median), float(high)
