"""Selective prediction: the coverage at which a model reaches a target accuracy."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from reportgen.analysis.calibration import split_in_halves
from reportgen.analysis.intervals import CONFIDENCE_LEVEL, Estimate, Proportion
from reportgen.analysis.predictions import Predictions

TARGETS = (0.8, 0.9, 0.95, 0.99)
"""Target accuracies."""

NUM_CURVE_POINTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveragePoint:
    """Selective prediction at one threshold.

    Attributes:
        threshold: the lowest confidence, without temperature scaling, that is answered; 0 if everything is.
        coverage: examples answered, out of all.
        accuracy: correct predictions, out of the examples answered.
    """

    threshold: float
    coverage: Proportion
    accuracy: Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageTarget:
    """Coverage at a target accuracy.

    Attributes:
        target: the accuracy to reach.
        reached: the threshold that reaches it on the first half of the examples, measured on the other half; `None` if
            no threshold reaches it on at least 1 / (1 - target) examples, which allow one error.
    """

    target: float
    reached: CoveragePoint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectivePrediction:
    """Selective prediction (Geifman & El-Yaniv 2017): answer at high confidence, leave the rest to people.

    Thresholds are chosen on one half of the examples and measured on the other, because the best of many thresholds
    always looks better on the examples that it was chosen by.

    Attributes:
        targets: one for each of `TARGETS`, rising.
        num_chosen: number of examples that the thresholds were chosen on.
        num_measured: number of examples that they were measured on.
        curve: coverage and accuracy of all examples as the threshold falls, in `NUM_CURVE_POINTS` steps of equal
            numbers of examples; equal confidences are never separated, and the last point answers everything. Intervals
            hold for each point alone.
        ranking: area under the ROC curve of confidence as a predictor of correctness, with the interval of DeLong et
            al. (1988): 0.5 if confidence is uninformative. NaN if all predictions are correct or all are errors; bounds
            NaN if the variance cannot be estimated.
    """

    targets: tuple[CoverageTarget, ...]
    num_chosen: int
    num_measured: int
    curve: tuple[CoveragePoint, ...]
    ranking: Estimate


def compute_selective_prediction(predictions: Predictions) -> SelectivePrediction:
    """Selective prediction on N examples."""
    confidence, is_correct = predictions.confidence, predictions.is_correct
    chosen, measured = split_in_halves(len(confidence))
    targets = []
    for target in TARGETS:
        threshold = choose_threshold(confidence[chosen], is_correct[chosen], target)
        reached = None if threshold is None else _measure(confidence[measured], is_correct[measured], threshold)
        targets.append(CoverageTarget(target=target, reached=reached))
    return SelectivePrediction(
        targets=tuple(targets),
        num_chosen=len(chosen),
        num_measured=len(measured),
        curve=_curve(confidence, is_correct),
        ranking=_ranking(confidence, is_correct),
    )


def choose_threshold(confidence: NDArray[np.float64], is_correct: NDArray[np.bool_], target: float) -> float | None:
    """The lowest confidence at and above which n examples reach the target accuracy.

    Args:
        confidence: float64 (n,), in [0, 1].
        is_correct: bool (n,).
        target: in (0, 1).

    Returns:
        One of the confidences; 0 if all examples may be answered; `None` if no threshold reaches the target on at least
        1 / (1 - target) examples.
    """
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    num_correct = np.cumsum(is_correct[order])
    num_answered = np.arange(1, len(falling) + 1)
    is_last_of_equals = np.append(falling[1:] != falling[:-1], True)[: len(falling)]
    is_enough = num_answered * (1 - target) >= 1 - 1e-9
    reached = np.flatnonzero(is_last_of_equals & is_enough & (num_correct / num_answered >= target))
    if len(reached) == 0:
        return None
    last = reached[-1]
    return 0.0 if last == len(falling) - 1 else float(falling[last])


def _measure(confidence: NDArray[np.float64], is_correct: NDArray[np.bool_], threshold: float) -> CoveragePoint:
    is_answered = confidence >= threshold
    num_answered = int(np.count_nonzero(is_answered))
    return CoveragePoint(
        threshold=threshold,
        coverage=Proportion(count=num_answered, total=len(confidence)),
        accuracy=Proportion(count=int(np.count_nonzero(is_correct & is_answered)), total=num_answered),
    )


def _curve(confidence: NDArray[np.float64], is_correct: NDArray[np.bool_]) -> tuple[CoveragePoint, ...]:
    falling = -np.sort(-confidence)
    steps = np.arange(1, NUM_CURVE_POINTS + 1) * len(falling)
    thresholds = np.unique(falling[-(-steps // NUM_CURVE_POINTS) - 1])[::-1].tolist()
    thresholds[-1] = 0.0
    return tuple(_measure(confidence, is_correct, threshold) for threshold in thresholds)


def _ranking(confidence: NDArray[np.float64], is_correct: NDArray[np.bool_]) -> Estimate:
    """The area under the ROC curve of confidence as a predictor of correctness.

    The placement of an example is the fraction of the other kind that it is ranked correctly against. The area is the
    mean placement of either kind, and its variance is the sum of the variances of both means.
    """
    n = len(confidence)
    correct, misclassified = confidence[is_correct], confidence[~is_correct]
    if len(correct) == 0 or len(misclassified) == 0:
        return Estimate(value=math.nan, low=math.nan, high=math.nan, n=n)
    correct_placement, error_placement = _share_below(correct, misclassified), 1 - _share_below(misclassified, correct)
    value = float(np.mean(correct_placement))
    fewest = min(len(correct), len(misclassified))
    variance = (
        np.var(correct_placement, ddof=1) / len(correct) + np.var(error_placement, ddof=1) / len(misclassified)
        if fewest > 1
        else math.nan
    )
    if not variance > 0:
        return Estimate(value=value, low=math.nan, high=math.nan, n=n)
    half = float(stdtrit(fewest - 1, (1 + CONFIDENCE_LEVEL) / 2) * math.sqrt(variance))
    return Estimate(value=value, low=max(value - half, 0.0), high=min(value + half, 1.0), n=n)


def _share_below(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each value, the fraction of the others below it; equal ones count one half."""
    rising = np.sort(others)
    below, up_to = (np.searchsorted(rising, values, side=side) for side in ("left", "right"))
    return (below + up_to) / (2 * len(others))
