"""Metrics of the whole test set and of each class."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.confusion import without_diagonal
from reportgen.analysis.intervals import Estimate, Proportion, bootstrap_estimates, mean_estimate
from reportgen.analysis.predictions import Predictions
from reportgen.analysis.selection import is_confident_error, split_by_class


@dataclass(frozen=True, slots=True, kw_only=True)
class OverallMetrics:
    """The headline numbers. Names and definitions are those of scikit-learn.

    Attributes:
        top5: examples whose true class is among the five largest logits (all K if K < 5); equal logits rank by class
            index.
        num_tied: examples whose largest logit several classes share, so that the class index decided.
        balanced_accuracy: mean recall over the classes with support.
        macro_precision: mean precision over the classes with support or predictions; an undefined precision counts as
            0.
        macro_recall: mean recall over the same classes; an undefined recall counts as 0.
        macro_f1: mean F1 over the same classes.
        matthews: multi-class Matthews correlation (Gorodkin 2004); 0 if all labels or all predictions are one class.
        log_loss: in nats.
        brier: in [0, 2].
        num_undefined_precision: number of classes that are never predicted.
    """

    top1: Proportion
    top5: Proportion
    num_tied: int
    balanced_accuracy: Estimate
    macro_precision: Estimate
    macro_recall: Estimate
    macro_f1: Estimate
    matthews: Estimate
    log_loss: Estimate
    brier: Estimate
    mean_confidence: Estimate
    num_undefined_precision: int
    num_without_support: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """A number of examples that involve another class."""

    class_index: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMetrics:
    """The metrics of one class.

    Attributes:
        recall: examples predicted as the class, out of its support.
        precision: the same, out of all examples predicted as the class.
        f1: harmonic mean of both; its interval is that of the Jaccard index J = TP / (TP + FP + FN), with F1 = 2J / (1
            + J); NaN if the class has no support and is never predicted.
        mean_confidence: over its examples.
        recall_rank: 1 for the highest recall; equal recalls share the better rank; 0 without support.
        num_confident_errors: its errors with a confidence of at least `HIGH_CONFIDENCE`.
        mistaken_for: predicted classes of its errors, by falling count, ties by index.
        mistaken_by: true classes of the errors predicted as it, by falling count, ties by index.
    """

    class_index: int
    recall: Proportion
    precision: Proportion
    f1: Estimate
    mean_confidence: Estimate
    mean_confidence_correct: Estimate
    mean_confidence_errors: Estimate
    recall_rank: int
    num_confident_errors: int
    mistaken_for: tuple[ClassCount, ...]
    mistaken_by: tuple[ClassCount, ...]


def compute_overall_metrics(predictions: Predictions, confusion: NDArray[np.int64]) -> OverallMetrics:
    """The headline numbers of N examples.

    Args:
        predictions: of N examples.
        confusion: int64 (K, K), rows true, columns predicted.
    """
    n = len(predictions.predicted)
    balanced_accuracy, macro_precision, macro_recall, macro_f1, matthews = bootstrap_estimates(
        confusion, _confusion_statistics
    )
    return OverallMetrics(
        top1=Proportion(count=int(np.count_nonzero(predictions.is_correct)), total=n),
        top5=Proportion(count=int(np.count_nonzero(predictions.true_rank <= 5)), total=n),
        num_tied=int(np.count_nonzero(predictions.is_tied)),
        balanced_accuracy=balanced_accuracy,
        macro_precision=macro_precision,
        macro_recall=macro_recall,
        macro_f1=macro_f1,
        matthews=matthews,
        log_loss=mean_estimate(predictions.log_loss, within=(0, math.inf)),
        brier=mean_estimate(predictions.brier, within=(0, 2)),
        mean_confidence=mean_estimate(predictions.confidence, within=(0, 1)),
        num_undefined_precision=int(np.count_nonzero(confusion.sum(axis=0) == 0)),
        num_without_support=int(np.count_nonzero(confusion.sum(axis=1) == 0)),
    )


def _confusion_statistics(
    correct: NDArray[np.int64], support: NDArray[np.int64], predicted: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Balanced accuracy, macro precision, recall and F1, and Matthews correlation of R confusion matrices: (R, 5).

    Args:
        correct: int64 (R, K), correct predictions of each class.
        support: int64 (R, K), examples of each class.
        predicted: int64 (R, K), examples predicted as each class.
    """
    num_seen = np.count_nonzero(support + predicted, axis=1)
    recall_sum = _ratio(correct, support).sum(axis=1)
    # R_K statistic, Gorodkin 2004, in the form of marginals.
    correct_sum, n = correct.sum(axis=1), support.sum(axis=1)
    covariance = correct_sum * n - (support * predicted).sum(axis=1)
    true_variance, predicted_variance = n**2 - (support**2).sum(axis=1), n**2 - (predicted**2).sum(axis=1)
    return np.stack(
        [
            recall_sum / np.count_nonzero(support, axis=1),
            _ratio(correct, predicted).sum(axis=1) / num_seen,
            recall_sum / num_seen,
            _ratio(2 * correct, support + predicted).sum(axis=1) / num_seen,
            _ratio(covariance, np.sqrt(true_variance) * np.sqrt(predicted_variance)),
        ],
        axis=1,
    )


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Elementwise part / whole; 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole != 0)


def compute_class_metrics(
    predictions: Predictions, labels: NDArray[np.int64], confusion: NDArray[np.int64]
) -> tuple[ClassMetrics, ...]:
    """The metrics of the K classes, in index order.

    Args:
        predictions: of N examples.
        labels: int64 (N,).
        confusion: int64 (K, K), rows true, columns predicted.
    """
    num_classes = len(confusion)
    errors = without_diagonal(confusion)
    support, predicted, correct = confusion.sum(axis=1), confusion.sum(axis=0), np.diagonal(confusion)
    confident_errors = np.bincount(labels[is_confident_error(predictions)], minlength=num_classes)
    members = split_by_class(np.arange(len(labels)), labels, num_classes)
    ranks = _recall_ranks(correct, support)
    classes = []
    for k in range(num_classes):
        confidence, is_correct = predictions.confidence[members[k]], predictions.is_correct[members[k]]
        classes.append(
            ClassMetrics(
                class_index=k,
                recall=Proportion(count=int(correct[k]), total=int(support[k])),
                precision=Proportion(count=int(correct[k]), total=int(predicted[k])),
                f1=_f1_estimate(int(correct[k]), int(support[k] + predicted[k] - correct[k])),
                mean_confidence=mean_estimate(confidence, within=(0, 1)),
                mean_confidence_correct=mean_estimate(confidence[is_correct], within=(0, 1)),
                mean_confidence_errors=mean_estimate(confidence[~is_correct], within=(0, 1)),
                recall_rank=int(ranks[k]),
                num_confident_errors=int(confident_errors[k]),
                mistaken_for=_falling_counts(errors[k]),
                mistaken_by=_falling_counts(errors[:, k]),
            )
        )
    return tuple(classes)


def _recall_ranks(correct: NDArray[np.int64], support: NDArray[np.int64]) -> NDArray[np.int64]:
    """One more than the number of classes with a higher recall, int64 (K,); 0 for a class without support."""
    recall = correct[support > 0] / support[support > 0]
    ranks = np.zeros(len(support), dtype=np.int64)
    ranks[support > 0] = 1 + len(recall) - np.searchsorted(np.sort(recall), recall, side="right")
    return ranks


def _f1_estimate(num_correct: int, num_involved: int) -> Estimate:
    """F1 of a class, from its correct predictions and the number of examples with it as label or prediction."""
    jaccard = Proportion(count=num_correct, total=num_involved)
    value, low, high = (2 * j / (1 + j) for j in (jaccard.value, jaccard.low, jaccard.high))
    return Estimate(value=value, low=low, high=high, n=num_involved)


def _falling_counts(counts: NDArray[np.int64]) -> tuple[ClassCount, ...]:
    """The classes with a count above 0, by falling count, ties by index."""
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return tuple(ClassCount(class_index=int(k), count=int(counts[k])) for k in order)
