"""Calibration: reliability, calibration error, and temperature scaling."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.intervals import Estimate, Proportion, mean_estimate
from reportgen.analysis.predictions import (
    Predictions,
    compute_predictions,
    row_blocks,
    scaled_probabilities,
)
from reportgen.analysis.ties import ROUNDING

NUM_BINS = 15
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
"""Where the fit stops, for a spread of 1: the log-loss of predictions that are all correct decreases without end
as the temperature falls, and that of predictions no better than chance as it rises."""

_NUM_TRIED = 24
_NUM_TRIED_EXAMPLES = 2000
_LEAST_GAIN = 1e-12

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
        temperature: the divisor of the logits; above 1 for an overconfident model.
        is_limit: whether the temperature is an end of the range, because the log-loss has no minimum inside.
        num_fitted: examples it was fitted on.
        before: calibration error of the other half as it is.
        after: the same with the temperature applied.
        log_loss_before: mean log-loss of the other half as it is.
        log_loss_after: the same with the temperature applied.
        log_loss_change: mean paired difference, after - before.

    The three log-losses have the floor of `fit_temperature`, so that no single example decides.
    """

    temperature: float
    is_limit: bool
    num_fitted: int
    before: CalibrationError
    after: CalibrationError
    log_loss_before: Estimate
    log_loss_after: Estimate
    log_loss_change: Estimate

    @property
    def helps(self) -> bool:
        """Whether it improves the half that it was not fitted on: the log-loss significantly, the calibration error."""
        return not self.is_limit and self.log_loss_change.high < 0 and self.after.value <= self.before.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Agreement of confidence and accuracy.

    Attributes:
        bins: the `NUM_BINS` equal-width bins of confidence.
        error: expected calibration error over those bins.
        adaptive_error: the same over `NUM_BINS` bins of equal numbers of examples, as far as equal confidences, which
            are never parted, allow.
        gap: mean of confidence - correctness; positive for an overconfident model.
        temperature: temperature scaling; `None` where a half holds fewer than 2 examples.
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

    The interval is Wilson's of the accuracy, mirrored and scaled by how much the standard deviation of the paired
    differences differs from that of correctness. Unlike Student's interval it is no point where all predictions are
    correct at one confidence, and it is short where confidence explains which predictions are correct.
    """
    n = len(confidence)
    differences = confidence - is_correct
    value = float(np.mean(differences))
    accuracy = Proportion(count=int(np.count_nonzero(is_correct)), total=n)
    # One more example with a standard deviation of 1 on both sides: few errors do not tell the ratio.
    scale = math.sqrt((n * np.var(differences) + 1) / (n * np.var(is_correct) + 1))
    low = value - scale * (accuracy.high - accuracy.value)
    high = value + scale * (accuracy.value - accuracy.low)
    return Estimate(value=value, low=max(low, -1.0), high=min(high, 1.0), n=n)


def _temperature_scaling(
    predictions: Predictions, logits: NDArray[np.float32], labels: NDArray[np.int64]
) -> TemperatureScaling | None:
    fitted, measured = split_in_halves(len(labels))
    if len(fitted) < 2:
        return None
    temperature, is_limit = fit_temperature(logits[fitted], labels[fitted])
    scaled = compute_predictions(logits[measured], labels[measured], temperature=temperature)
    is_correct = predictions.is_correct[measured]
    floor = _floor(len(fitted), logits.shape[1])
    log_loss = -np.log(predictions.true_probability[measured] + floor)
    scaled_log_loss = -np.log(scaled.true_probability + floor)
    return TemperatureScaling(
        temperature=temperature,
        is_limit=is_limit,
        num_fitted=len(fitted),
        before=compute_calibration_error(predictions.confidence[measured], is_correct),
        after=compute_calibration_error(scaled.confidence, is_correct),
        log_loss_before=mean_estimate(log_loss),
        log_loss_after=mean_estimate(scaled_log_loss),
        log_loss_change=mean_estimate(scaled_log_loss - log_loss),
    )


def split_in_halves(num_examples: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """A fixed random split of the positions 0..N-1: those to choose by and those to measure on, ascending.

    The first half is the smaller one if N is odd.
    """
    order = np.random.default_rng(_SPLIT_SEED).permutation(num_examples)
    chosen, measured = np.split(order, [num_examples // 2])
    return np.sort(chosen), np.sort(measured)


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[float, bool]:
    """The temperature with the least log-loss of n examples (Guo et al. 2017), and whether it is a limit of the range.

    The log-loss is that of the probability plus a floor of 1 / (n K): what n examples cannot tell from impossible does
    not decide, so that one label with a probability of 0 has a bounded loss. Such a loss may have several minima: the
    best of `_NUM_TRIED` temperatures, tried on at most `_NUM_TRIED_EXAMPLES` examples, is refined on all of them.

    Args:
        logits: float32 (n, K), before softmax.
        labels: int64 (n,).

    Returns:
        A value between `MIN_TEMPERATURE` and `MAX_TEMPERATURE` times the spread of the logits, or those limits
        themselves for spreads above or below 1; 1 where no temperature gains anything.
    """
    from scipy.optimize import minimize_scalar

    n, k = logits.shape
    floor = _floor(n, k)
    some = np.unique(np.linspace(0, n - 1, min(n, _NUM_TRIED_EXAMPLES)).astype(np.intp))
    spread = _spread(logits[some])
    tried = np.log(np.geomspace(MIN_TEMPERATURE * min(1.0, spread), MAX_TEMPERATURE * max(1.0, spread), _NUM_TRIED))
    losses = [_floored_log_loss(logits[some], labels[some], math.exp(log), floor) for log in tried]
    best = int(np.argmin(losses))

    def loss_at(log_temperature: float) -> float:
        return _floored_log_loss(logits, labels, math.exp(log_temperature), floor)

    bounds = (tried[max(best - 1, 0)], tried[min(best + 1, _NUM_TRIED - 1)])
    found = minimize_scalar(loss_at, bounds=bounds, method="bounded", options={"xatol": 1e-5})
    log_temperature, least = float(found.x), float(found.fun)
    ends = [end for end in (tried[0], tried[-1]) if end in bounds and loss_at(end) <= least]
    if ends:
        log_temperature, least = float(ends[0]), loss_at(ends[0])
    if loss_at(0.0) - least <= _LEAST_GAIN:
        return 1.0, False
    return math.exp(log_temperature), bool(ends)


def _floor(num_examples: int, num_classes: int) -> float:
    """The probability that is added to that of the true class: what so many examples do not tell from 0."""
    return 1 / (num_examples * num_classes)


def _spread(logits: NDArray[np.float32]) -> float:
    """Median over the examples of the standard deviation of their finite logits; 1 where all of them are equal."""
    finite = np.where(np.isfinite(logits), logits.astype(np.float64), np.nan)
    with np.errstate(invalid="ignore"):
        spread = float(np.nanmedian(np.nanstd(finite, axis=1)))
    return spread if spread > 0 else 1.0


def _floored_log_loss(
    logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float, floor: float
) -> float:
    """Mean of -log(probability of the true class + floor) after division of the logits by a temperature."""
    total = 0.0
    for block in row_blocks(*logits.shape):
        probabilities = scaled_probabilities(logits[block], temperature)
        total -= float(np.log(probabilities[np.arange(len(probabilities)), labels[block]] + floor).sum())
    return total / len(labels)
