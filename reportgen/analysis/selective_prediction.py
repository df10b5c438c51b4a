"""When may it answer alone: the confidence from which on its answers are as right as they have to be."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from reportgen.analysis.calibration import split_in_halves
from reportgen.analysis.intervals import CONFIDENCE_LEVEL, Estimate, Proportion
from reportgen.analysis.predictions import Predictions

TARGETS = (0.8, 0.9, 0.95, 0.99)
"""Accuracies that are asked for."""

NUM_CURVE_POINTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveragePoint:
    """What answering only from a confidence on means.

    Attributes:
        threshold: the lowest confidence, before any temperature, that is answered; 0 where everything is.
        coverage: examples answered, out of all.
        accuracy: right answers, out of those answered.
    """

    threshold: float
    coverage: Proportion
    accuracy: Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageTarget:
    """The least that has to be left unanswered to be as right as asked.

    Attributes:
        target: accuracy asked of the answers.
        reached: the threshold that the first half of the examples asks for, measured on the other half; `None` where
            no threshold reaches the target on enough answers to tell it from perfection: 1 / (1 - target) of them, in
            which one mistake is allowed.
    """

    target: float
    reached: CoveragePoint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectivePrediction:
    """Selective prediction (Geifman & El-Yaniv 2017): answer where the confidence is high, leave the rest to people.

    Thresholds are chosen on one half of the examples and measured on the other, because the best of many thresholds
    always looks better on the examples that it was chosen by.

    Attributes:
        targets: one for each of `TARGETS`, rising.
        num_chosen: examples that the thresholds were chosen on.
        num_measured: the others, that the targets' proportions count.
        curve: coverage and accuracy of all examples together as the threshold falls, in `NUM_CURVE_POINTS` steps of
            equal numbers of examples, as far as equal confidences, which are never parted, allow; the last point
            answers everything. Intervals hold for each point by itself.
        ranking: how often a right answer is surer than a wrong one, equal confidences counting one half (area under
            the ROC curve), with the interval of DeLong et al. (1988): 0.5 where confidence tells nothing. NaN where
            all answers are right or all are wrong; bounds NaN where the examples don't tell of its spread.
    """

    targets: tuple[CoverageTarget, ...]
    num_chosen: int
    num_measured: int
    curve: tuple[CoveragePoint, ...]
    ranking: Estimate


def compute_selective_prediction(predictions: Predictions) -> SelectivePrediction:
    """When the model may answer alone.

    Args:
        predictions: what it said of N examples.
    """
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
    """The lowest confidence from which on n examples are answered with the target's accuracy.

    Args:
        confidence: float64 (n,), in [0, 1].
        is_correct: bool (n,).
        target: accuracy asked, in (0, 1).

    Returns:
        One of the confidences; 0 where all may be answered; `None` where none reaches the target on at least
        1 / (1 - target) answers.
    """
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    num_right = np.cumsum(is_correct[order])
    num_answered = np.arange(1, len(falling) + 1)
    is_last_of_equals = np.append(falling[1:] != falling[:-1], True)[: len(falling)]
    is_enough = num_answered * (1 - target) >= 1 - 1e-9
    reached = np.flatnonzero(is_last_of_equals & is_enough & (num_right / num_answered >= target))
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
    """The area under the ROC curve of confidence as a sign of being right.

    An answer's placement is the share of the other kind that it is ranked right against; the area is the mean placement
    of either kind, and its variance the sum of both means'.
    """
    n = len(confidence)
    right, wrong = confidence[is_correct], confidence[~is_correct]
    if len(right) == 0 or len(wrong) == 0:
        return Estimate(value=math.nan, low=math.nan, high=math.nan, n=n)
    right_placement, wrong_placement = _share_below(right, wrong), 1 - _share_below(wrong, right)
    value = float(np.mean(right_placement))
    fewest = min(len(right), len(wrong))
    variance = (
        np.var(right_placement, ddof=1) / len(right) + np.var(wrong_placement, ddof=1) / len(wrong)
        if fewest > 1
        else math.nan
    )
    if not variance > 0:
        return Estimate(value=value, low=math.nan, high=math.nan, n=n)
    half = float(stdtrit(fewest - 1, (1 + CONFIDENCE_LEVEL) / 2) * math.sqrt(variance))
    return Estimate(value=value, low=max(value - half, 0.0), high=min(value + half, 1.0), n=n)


def _share_below(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each of the values, the share of the others that lie below it; equals count one half."""
    rising = np.sort(others)
    below, up_to = (np.searchsorted(rising, values, side=side) for side in ("left", "right"))
    return (below + up_to) / (2 * len(others))
