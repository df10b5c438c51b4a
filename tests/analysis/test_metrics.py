import math
import warnings

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.metrics import precision_recall_fscore_support

from reportgen.analysis.confusion import compute_confusion
from reportgen.analysis.intervals import Proportion
from reportgen.analysis.metrics import ClassCount, compute_class_metrics, compute_overall_metrics
from reportgen.analysis.predictions import compute_predictions

SHAPES = [(1, 2), (3, 2), (3, 5), (40, 2), (40, 3), (60, 12), (400, 30), (2000, 100)]


def _case(n, k, *, supported=None, predictable=None, seed=0):
    """Predictions, labels and confusion of N examples; only the first so many classes are labels, or predicted."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, supported or k, n)
    logits = rng.standard_normal((n, k)).astype(np.float32)
    logits[np.arange(n), labels] += 1.5
    logits[:, predictable or k :] -= 20
    predictions = compute_predictions(logits, labels)
    return predictions, labels, compute_confusion(labels, predictions.predicted, k)


CASES = [
    *(_case(n, k) for n, k in SHAPES),
    _case(50, 6, supported=4),
    _case(50, 6, predictable=3),
    _case(50, 6, supported=2, predictable=5),
    _case(50, 6, supported=5, predictable=2),
    _case(30, 4, supported=1),
    _case(30, 4, predictable=1),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case[1])}x{len(case[2])}")
def test_overall_metrics_are_scikit_learns(case):
    predictions, labels, confusion = case
    found, predicted = compute_overall_metrics(predictions, confusion), predictions.predicted
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's, about classes without support
        precision, recall, f1, _ = precision_recall_fscore_support(labels, predicted, average="macro", zero_division=0)
        balanced = sklearn_metrics.balanced_accuracy_score(labels, predicted)
        matthews = sklearn_metrics.matthews_corrcoef(labels, predicted)
    assert found.top1.value == pytest.approx(sklearn_metrics.accuracy_score(labels, predicted))
    assert found.balanced_accuracy.value == pytest.approx(balanced)
    assert found.macro_precision.value == pytest.approx(precision)
    assert found.macro_recall.value == pytest.approx(recall)
    assert found.macro_f1.value == pytest.approx(f1)
    assert found.matthews.value == pytest.approx(matthews, abs=1e-12)
    assert found.num_without_support == len(confusion) - len(np.unique(labels))
    assert found.num_undefined_precision == len(confusion) - len(np.unique(predicted))
    for name in ("balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "matthews"):
        estimate = getattr(found, name)
        assert estimate.n == len(labels)
        assert math.isnan(estimate.low) or estimate.low <= estimate.value <= estimate.high


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case[1])}x{len(case[2])}")
def test_class_metrics_are_scikit_learns(case):
    predictions, labels, confusion = case
    classes = compute_class_metrics(predictions, labels, confusion)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predictions.predicted, labels=range(len(confusion)), zero_division=np.nan
    )
    np.testing.assert_allclose([c.precision.value for c in classes], precision)
    np.testing.assert_allclose([c.recall.value for c in classes], recall)
    np.testing.assert_allclose([c.f1.value for c in classes], f1)
    np.testing.assert_array_equal([c.recall.total for c in classes], support)
    assert [c.class_index for c in classes] == list(range(len(confusion)))


def test_five_of_fewer_classes_are_all_of_them():
    predictions, _, confusion = _case(40, 3)
    assert compute_overall_metrics(predictions, confusion).top5 == Proportion(count=40, total=40)


def test_top_five_counts_ranks_up_to_five():
    logits = np.tile(np.arange(7, 0, -1), (7, 1)).astype(np.float32)
    predictions = compute_predictions(logits, np.arange(7))
    confusion = compute_confusion(np.arange(7), predictions.predicted, 7)
    found = compute_overall_metrics(predictions, confusion)
    assert (found.top1.count, found.top5.count) == (1, 5)


def test_means_have_their_intervals():
    predictions, _, confusion = _case(400, 30)
    found = compute_overall_metrics(predictions, confusion)
    for estimate, values in (
        (found.log_loss, predictions.log_loss),
        (found.brier, predictions.brier),
        (found.mean_confidence, predictions.confidence),
    ):
        half = 1.966 * values.std(ddof=1) / 20  # t quantile at 399 degrees of freedom
        assert estimate.value == pytest.approx(values.mean())
        assert (estimate.low, estimate.high) == pytest.approx((values.mean() - half, values.mean() + half), rel=1e-4)


def _hand(make_predictions):
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
    predicted = np.array([0, 0, 1, 2, 1, 1, 0, 0, 1, 2])
    confidence = np.array([0.9, 0.7, 0.95, 0.5, 0.6, 0.8, 0.91, 0.9, 0.4, 0.3])
    predictions = make_predictions(labels, predicted, confidence)
    return compute_class_metrics(predictions, labels, compute_confusion(labels, predicted, 4))


def test_three_classes_and_an_absent_one_by_hand(make_predictions):
    first, second, third, absent = _hand(make_predictions)
    assert (first.recall, first.precision) == (Proportion(count=2, total=4), Proportion(count=2, total=4))
    assert (second.recall, second.precision) == (Proportion(count=2, total=2), Proportion(count=2, total=4))
    assert first.mean_confidence.value == pytest.approx(0.7625)
    assert first.mean_confidence_correct.value == pytest.approx(0.8)
    assert first.mean_confidence_errors.value == pytest.approx(0.725)
    assert (second.mean_confidence_errors.n, third.mean_confidence_correct.n) == (0, 1)
    assert [c.num_confident_errors for c in (first, second, third, absent)] == [1, 0, 2, 0]
    assert [c.recall_rank for c in (first, second, third, absent)] == [2, 1, 3, 0]
    assert first.mistaken_for == (ClassCount(class_index=1, count=1), ClassCount(class_index=2, count=1))
    assert third.mistaken_for == (ClassCount(class_index=0, count=2), ClassCount(class_index=1, count=1))
    assert second.mistaken_by == (ClassCount(class_index=0, count=1), ClassCount(class_index=2, count=1))
    assert (absent.mistaken_for, absent.mistaken_by) == ((), ())
    for undefined in (absent.recall.value, absent.precision.value, absent.f1.value, absent.mean_confidence.value):
        assert math.isnan(undefined)


def test_f1_has_the_interval_of_the_jaccard_index(make_predictions):
    first, *_ = _hand(make_predictions)
    jaccard = Proportion(count=2, total=6)  # two right, two lost, two taken
    assert first.f1.value == pytest.approx(0.5)
    assert first.f1.low == pytest.approx(2 / (1 + 1 / jaccard.low))
    assert first.f1.high == pytest.approx(2 / (1 + 1 / jaccard.high))
    assert first.f1.n == 6


def test_equal_logits_are_counted_and_rank_by_class_index():
    logits = np.zeros((7, 7), dtype=np.float32)
    predictions = compute_predictions(logits, np.arange(7))
    found = compute_overall_metrics(predictions, compute_confusion(np.arange(7), predictions.predicted, 7))
    assert (found.num_tied, found.top1.count, found.top5.count) == (7, 1, 5)


def test_equal_recalls_share_the_better_rank(make_predictions):
    labels, predicted = np.repeat(np.arange(4), 2), np.array([0, 0, 1, 1, 2, 0, 3, 0])
    predictions = make_predictions(labels, predicted, np.full(8, 0.5))
    classes = compute_class_metrics(predictions, labels, compute_confusion(labels, predicted, 4))
    assert [c.recall_rank for c in classes] == [1, 1, 3, 3]


def test_model_without_an_error_has_no_bootstrap_interval():
    labels = np.arange(30) % 3
    predictions = compute_predictions(np.eye(3, dtype=np.float32)[labels] * 9, labels)
    found = compute_overall_metrics(predictions, compute_confusion(labels, predictions.predicted, 3))
    assert found.macro_f1.value == 1
    assert math.isnan(found.macro_f1.low)
    assert found.top1.low == pytest.approx(0.886, abs=1e-3)
