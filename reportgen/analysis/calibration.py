"""Calibration: reliability, calibration error, and temperature scaling."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.intervals import Estimate, Proportion, mean_estimate
from reportgen.analysis.predictions import Predictions, compute_predictions, row_blocks
from reportgen.analysis.ties import ROUNDING

NUM_BINS = 15
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
"""Bounds of the fit. Without errors the log-loss keeps falling with the temperature; with predictions no better than
chance it keeps falling as the temperature rises.
"""

_NULL_SHARE = 0.95
_NUM_NULL_SETS = 1000
_NUM_SLICES = 16
_NULL_SEED, _SPLIT_SEED = 15, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """The examples with a confidence in (low, high]; the first bin includes 0.

    Attributes:
        mean_confidence: NaN in an empty bin.
    """

    low: float
    high: float
    accuracy: Proportion
    mean_confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationError:
    """An expected calibration error (Guo et al. 2017), and the value that chance alone would reach.

    Attributes:
        value: sum over bins of the fraction of examples times |accuracy - mean confidence|.
        null_high: value that a calibrated model with these confidences exceeds in 5% of test sets.
        n: number of examples.
    """

    value: float
    null_high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureScaling:
    """One temperature, fitted by log-loss on one half of the examples and evaluated on the other half.

    Attributes:
        temperature: divisor of the logits; above 1 for an overconfident model; `MIN_TEMPERATURE` or `MAX_TEMPERATURE`
            if the log-loss has no minimum between them.
        num_fitted: number of examples in the first half.
        before: calibration error of the second half without scaling.
        after: the same with scaling.
        log_loss_before: mean log-loss of the second half without scaling.
        log_loss_after: the same with scaling.
        log_loss_change: mean paired difference, after - before.
    """

    temperature: float
    num_fitted: int
    before: CalibrationError
    after: CalibrationError
    log_loss_before: Estimate
    log_loss_after: Estimate
    log_loss_change: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Agreement of confidence and accuracy.

    Attributes:
        bins: the `NUM_BINS` equal-width bins of confidence.
        error: expected calibration error over those bins.
        adaptive_error: the same over `NUM_BINS` bins with equal numbers of examples; equal confidences are never
            separated.
        gap: mean of confidence - correctness, positive for an overconfident model. Each bound is the wider of Student's
            and of mean confidence minus the exact interval of accuracy.
        temperature: `None` if a half has fewer than 2 examples.
    """

    bins: tuple[ReliabilityBin, ...]
    error: CalibrationError
    adaptive_error: CalibrationError
    gap: Estimate
    temperature: TemperatureScaling | None


def compute_calibration(
    predictions: Predictions, logits: NDArray[np.float32], labels: NDArray[np.int64]
) -> Calibration:
    """Agreement of confidence and accuracy over N examples.

    Args:
        predictions: of N examples.
        logits: float32 (N, K), before softmax.
        labels: int64 (N,).
    """
    confidence, is_correct = predictions.confidence, predictions.is_correct
    return Calibration(
        bins=_reliability_bins(confidence, is_correct),
        error=compute_calibration_error(confidence, is_correct),
        adaptive_error=compute_calibration_error(confidence, is_correct, adaptive=True),
        gap=_gap(confidence, is_correct),
        temperature=_temperature_scaling(predictions, logits, labels),
    )


def bin_index(confidence: NDArray[np.float64]) -> NDArray[np.intp]:
    """The bin b in 0..`NUM_BINS`-1 with b / `NUM_BINS` < confidence <= (b + 1) / `NUM_BINS`; 0 for confidence 0.

    A confidence within rounding of an edge is on it, and belongs to the bin below.
    """
    edges = np.arange(NUM_BINS + 1) / NUM_BINS + ROUNDING
    return np.maximum(np.searchsorted(edges, confidence, side="left") - 1, 0)


def _reliability_bins(confidence: NDArray[np.float64], is_correct: NDArray[np.bool_]) -> tuple[ReliabilityBin, ...]:
    index = bin_index(confidence)
    totals = np.bincount(index, minlength=NUM_BINS).tolist()
    correct = np.bincount(index[is_correct], minlength=NUM_BINS).tolist()
    sums = np.bincount(index, weights=confidence, minlength=NUM_BINS).tolist()
    return tuple(
        ReliabilityBin(
            low=b / NUM_BINS,
            high=(b + 1) / NUM_BINS,
            accuracy=Proportion(count=correct[b], total=totals[b]),
            mean_confidence=sums[b] / totals[b] if totals[b] else math.nan,
        )
        for b in range(NUM_BINS)
    )


def compute_calibration_error(
    confidence: NDArray[np.float64], is_correct: NDArray[np.bool_], *, adaptive: bool = False
) -> CalibrationError:
    """The expected calibration error of n >= 1 examples, and the value that chance alone would reach.

    Args:
        confidence: float64 (n,), in [0, 1].
        is_correct: bool (n,).
        adaptive: whether bins have equal numbers of examples instead of equal widths.
    """
    n = len(confidence)
    order = np.argsort(confidence, kind="stable")
    confidence, is_correct = confidence[order], is_correct[order]
    if adaptive:
        firsts = confidence[np.arange(NUM_BINS) * n // NUM_BINS]
        starts = np.unique(np.searchsorted(confidence, firsts, side="left"))
    else:
        starts = np.flatnonzero(np.diff(bin_index(confidence), prepend=-1))
    value = np.abs(np.add.reduceat(is_correct - confidence, starts)).sum() / n
    return CalibrationError(value=float(value), null_high=_null_high(confidence, starts), n=n)


def _null_high(confidence: NDArray[np.float64], starts: NDArray[np.intp]) -> float:
    """The 95% quantile of the calibration error of a model whose confidences are its probabilities of being correct.

    The number of correct predictions in a bin is a sum of unequal Bernoulli variables. It is drawn as a sum of
    binomials, one for each of up to `_NUM_SLICES` runs of neighboring confidences, with their mean as probability. This
    keeps the mean and overstates the variance by about 1% at most; with fewer examples than slices it is exact.

    Args:
        confidence: float64 (n,), ascending.
        starts: int (B,), first position of each bin, ascending, from 0.
    """
    n = len(confidence)
    ends = np.append(starts[1:], n)
    cuts = starts[:, np.newaxis] + np.arange(_NUM_SLICES) * (ends - starts)[:, np.newaxis] // _NUM_SLICES
    slices = np.unique(cuts)
    sizes = np.diff(slices, append=n)
    means = np.minimum(np.add.reduceat(confidence, slices) / sizes, 1)
    rng = np.random.default_rng(_NULL_SEED)
    drawn = rng.binomial(sizes, means, size=(_NUM_NULL_SETS, len(slices)))
    correct = np.add.reduceat(drawn, np.searchsorted(slices, starts), axis=1)
    errors = np.abs(correct - np.add.reduceat(confidence, starts)).sum(axis=1) / n
    return float(np.quantile(errors, _NULL_SHARE))


def _gap(confidence: NDArray[np.float64], is_correct: NDArray[np.bool_]) -> Estimate:
    """Mean of confidence - correctness.

    Student's interval shrinks to a point if all predictions are correct, or all are errors, at one confidence. The
    exact interval of accuracy does not, but treats the confidences as given. Each is too narrow in some cases, so the
    wider bound is used.
    """
    n = len(confidence)
    paired = mean_estimate(confidence - is_correct, within=(-1, 1))
    accuracy = Proportion(count=int(np.count_nonzero(is_correct)), total=n, exact=True)
    mean = float(np.mean(confidence))
    # A single example has no Student's interval: fmin and fmax pass over NaN.
    low, high = np.fmin(paired.low, mean - accuracy.high), np.fmax(paired.high, mean - accuracy.low)
    return Estimate(value=paired.value, low=float(low), high=float(high), n=n)


def _temperature_scaling(
    predictions: Predictions, logits: NDArray[np.float32], labels: NDArray[np.int64]
) -> TemperatureScaling | None:
    fitted, measured = split_in_halves(len(labels))
    if len(fitted) < 2:
        return None
    temperature = fit_temperature(logits[fitted], labels[fitted])
    scaled = compute_predictions(logits[measured], labels[measured], temperature=temperature)
    is_correct, log_loss = predictions.is_correct[measured], predictions.log_loss[measured]
    return TemperatureScaling(
        temperature=temperature,
        num_fitted=len(fitted),
        before=compute_calibration_error(predictions.confidence[measured], is_correct),
        after=compute_calibration_error(scaled.confidence, is_correct),
        log_loss_before=mean_estimate(log_loss, within=(0, math.inf)),
        log_loss_after=mean_estimate(scaled.log_loss, within=(0, math.inf)),
        log_loss_change=mean_estimate(scaled.log_loss - log_loss),
    )


def split_in_halves(num_examples: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """A fixed random split of the positions 0..N-1: those to choose by and those to measure on, ascending.

    The first half is the smaller one if N is odd.
    """
    order = np.random.default_rng(_SPLIT_SEED).permutation(num_examples)
    chosen, measured = np.split(order, [num_examples // 2])
    return np.sort(chosen), np.sort(measured)


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The temperature that minimizes the log-loss of n examples, to six digits (Guo et al. 2017).

    The log-loss is convex in the inverse temperature: Newton's steps, bisection if one leaves the bracket, and doubling
    as long as there is no upper bound, where Newton's steps would creep along an exponential tail.

    Args:
        logits: float32 (n, K), before softmax.
        labels: int64 (n,).

    Returns:
        A value in [`MIN_TEMPERATURE`, `MAX_TEMPERATURE`]; 1 if nothing can be gained, because all logits are equal or
        no log-loss is left.
    """
    low, high = 0.0, math.inf  # the slope is negative at low and positive at high, once they have been visited
    inverse = 1.0
    for _ in range(100):
        slope, curvature = _log_loss_derivatives(logits, labels, inverse)
        if slope == 0:
            break
        if slope < 0:
            low = inverse
        else:
            high = inverse
        target = inverse - slope / curvature if curvature > 0 else math.copysign(math.inf, -slope)
        if slope < 0 and high == math.inf:
            target = max(target, 2 * inverse)
        step = min(max(target, 1 / MAX_TEMPERATURE), 1 / MIN_TEMPERATURE)
        if abs(step - inverse) <= 1e-6 * inverse:
            inverse = step
            break
        inverse = step if low < step < high else math.sqrt(low * high)
    return 1 / inverse


def _log_loss_derivatives(
    logits: NDArray[np.float32], labels: NDArray[np.int64], inverse_temperature: float
) -> tuple[float, float]:
    """First and second derivative of the mean log-loss with respect to the inverse temperature.

    Mean over examples of (expected logit - true logit), and of the logit's variance, under the scaled probabilities.
    """
    slope = curvature = 0.0
    for block in row_blocks(*logits.shape):
        scores = logits[block].astype(np.float64)
        scores -= scores.max(axis=1, keepdims=True)
        weights = np.exp(inverse_temperature * scores)
        weights /= weights.sum(axis=1, keepdims=True)
        true_scores = scores[np.arange(len(scores)), labels[block]]
        expected = np.einsum("nk,nk->n", weights, scores)
        scores -= expected[:, np.newaxis]
        np.square(scores, out=scores)
        slope += float((expected - true_scores).sum())
        curvature += float(np.einsum("nk,nk->", weights, scores))
    return slope / len(labels), curvature / len(labels)
