import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from reportgen.analysis.calibration import split_in_halves
from reportgen.analysis.intervals import Proportion
from reportgen.analysis.predictions import compute_predictions
from reportgen.analysis.selective_prediction import (
    NUM_CURVE_POINTS,
    TARGETS,
    choose_threshold,
    compute_selective_prediction,
)


def _coverage(make_predictions, confidence, is_correct):
    labels = np.zeros(len(confidence), dtype=np.int64)
    return compute_selective_prediction(make_predictions(labels, ~np.asarray(is_correct), confidence))


def _reference_threshold(confidence, is_correct, target):
    """Every threshold is tried; the one that answers most wins."""
    best, most = None, 0
    for threshold in sorted(set(confidence)):
        answered = confidence >= threshold
        enough = answered.sum() >= round(1 / (1 - target), 6)
        if enough and is_correct[answered].mean() >= target and answered.sum() > most:
            best, most = threshold, answered.sum()
    return 0.0 if most == len(confidence) else best


def test_threshold_by_hand():
    confidence = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
    is_correct = np.array([1, 1, 1, 0, 1, 0, 0], dtype=bool)
    assert choose_threshold(confidence, is_correct, 0.8) == 0.5  # 4 of 5; at 0.6 it is 3 of 4
    assert choose_threshold(confidence, is_correct, 0.5) == 0.0  # 4 of 7: everything may be answered
    assert choose_threshold(confidence, is_correct, 0.9) is None  # three right answers cannot tell 0.9 from 1


def test_target_that_is_met_exactly_counts_as_met():
    confidence = np.linspace(0.1, 0.99, 100)
    for target in TARGETS:
        is_correct = np.arange(100) >= round(100 * (1 - target))
        assert choose_threshold(confidence, is_correct, target) == 0.0


def test_one_error_must_be_allowed():
    right = np.ones(100, dtype=bool)
    confidence = np.linspace(0.1, 0.99, 100)
    assert choose_threshold(confidence, right, 0.99) == 0.0
    assert choose_threshold(confidence[:99], right[:99], 0.99) is None
    assert choose_threshold(confidence[:5], right[:5], 0.8) == 0.0
    assert choose_threshold(confidence[:4], right[:4], 0.8) is None


@given(
    st.lists(st.tuples(st.integers(0, 12).map(lambda i: i / 12), st.booleans()), max_size=60),
    st.sampled_from([0.25, 0.5, 0.8, 0.9]),
)
def test_threshold_is_that_of_trying_every_one(rows, target):
    confidence = np.array([c for c, _ in rows], dtype=np.float64)
    is_correct = np.array([r for _, r in rows], dtype=bool)
    expected = _reference_threshold(confidence, is_correct, target) if rows else None
    assert choose_threshold(confidence, is_correct, target) == expected


def test_targets_are_chosen_on_one_half_and_measured_on_the_other(make_predictions):
    rng = np.random.default_rng(0)
    confidence = rng.random(2001)
    is_correct = rng.random(2001) < confidence
    found = _coverage(make_predictions, confidence, is_correct)
    chosen, measured = split_in_halves(2001)
    assert (found.num_chosen, found.num_measured) == (1000, 1001)
    assert [t.target for t in found.targets] == list(TARGETS)
    for item in found.targets[:3]:
        threshold = item.reached.threshold
        assert threshold == _reference_threshold(confidence[chosen], is_correct[chosen], item.target)
        answered = confidence[measured] >= threshold
        assert item.reached.coverage == Proportion(count=answered.sum(), total=1001)
        assert item.reached.accuracy == Proportion(
            count=int(is_correct[measured][answered].sum()), total=int(answered.sum())
        )


def test_accuracy_is_measured_on_other_examples_than_the_threshold(make_predictions):
    """Where 0.99 takes luck, the luck doesn't last: the half that chose shows 0.99, the other what is true."""
    own, measured, true = [], [], []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        confidence = rng.random(600)
        is_correct = rng.random(600) < 0.86 + 0.12 * confidence
        reached = _coverage(make_predictions, confidence, is_correct).targets[3].reached
        if reached is not None and reached.accuracy.total:
            chosen, _ = split_in_halves(600)
            own.append(is_correct[chosen[confidence[chosen] >= reached.threshold]].mean())
            measured.append(reached.accuracy.value)
            true.append(0.86 + 0.12 * (1 + reached.threshold) / 2)
    assert len(own) >= 10
    assert min(own) >= 0.99
    assert np.mean(measured) == pytest.approx(np.mean(true), abs=0.01)
    assert np.mean(measured) < 0.98


def test_unreachable_target_has_no_point(make_predictions):
    never = _coverage(make_predictions, np.linspace(0.3, 0.9, 400), np.zeros(400, bool))
    assert [t.reached for t in never.targets] == [None] * 4
    always = _coverage(make_predictions, np.linspace(0.3, 0.9, 400), np.ones(400, bool))
    assert [t.reached.threshold for t in always.targets] == [0.0] * 4
    assert always.targets[0].reached.coverage == Proportion(count=200, total=200)


def test_curve_falls_through_all_confidences_and_ends_with_everything(make_predictions):
    rng = np.random.default_rng(1)
    confidence = rng.permutation(np.linspace(0.01, 1, 1000))
    is_correct = rng.random(1000) < confidence
    curve = _coverage(make_predictions, confidence, is_correct).curve
    assert [p.coverage.count for p in curve] == [50 * i for i in range(1, 21)]
    assert curve[-1].threshold == 0
    assert curve[-1].accuracy == Proportion(count=int(is_correct.sum()), total=1000)
    for point in curve:
        answered = confidence >= point.threshold
        assert point.accuracy.count == is_correct[answered].sum()


def test_curve_never_parts_equal_confidences(make_predictions):
    confidence = np.repeat([0.9, 0.5, 0.2], [30, 50, 20])
    curve = _coverage(make_predictions, confidence, np.arange(100) < 60).curve
    assert [p.coverage.count for p in curve] == [30, 80, 100]
    assert [p.accuracy.count for p in curve] == [30, 60, 60]


def test_order_of_the_classes_parts_no_examples():
    rng = np.random.default_rng(0)
    logits = np.stack([rng.permutation(row) for row in np.repeat(rng.standard_normal((3, 40)), 40, axis=0)])
    found = compute_selective_prediction(compute_predictions(logits.astype(np.float32), logits.argmax(axis=1)))
    assert [point.coverage.count for point in found.curve] == [40, 80, 120]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 19, 20, 21])
def test_curve_of_few_examples_counts_them_all(make_predictions, n):
    curve = _coverage(make_predictions, np.linspace(0.2, 0.9, n), np.arange(n) % 2 == 0).curve
    assert len(curve) == min(n, NUM_CURVE_POINTS)
    assert curve[-1].coverage == Proportion(count=n, total=n)


@given(st.lists(st.tuples(st.integers(0, 9).map(lambda i: i / 9), st.booleans()), min_size=1, max_size=60), st.data())
def test_ranking_is_scikit_learns_area_in_whatever_order(make_predictions, rows, data):
    confidence, is_correct = (np.array(column) for column in zip(*rows, strict=True))
    found = _coverage(make_predictions, confidence, is_correct)
    if is_correct.all() or not is_correct.any():
        assert math.isnan(found.ranking.value)
    else:
        assert found.ranking.value == pytest.approx(roc_auc_score(is_correct, confidence))
    order = np.array(data.draw(st.permutations(range(len(rows)))))
    shuffled = _coverage(make_predictions, confidence[order], is_correct[order])
    assert shuffled.ranking.value == pytest.approx(found.ranking.value, nan_ok=True)
    assert shuffled.curve == found.curve


def test_ranking_has_delongs_variance(make_predictions):
    rng = np.random.default_rng(3)
    confidence = rng.integers(0, 12, 70) / 12
    is_correct = rng.random(70) < confidence
    right, wrong = confidence[is_correct], confidence[~is_correct]
    kernel = (right[:, None] > wrong) + (right[:, None] == wrong) / 2
    variance = kernel.mean(axis=1).var(ddof=1) / len(right) + kernel.mean(axis=0).var(ddof=1) / len(wrong)
    ranking = _coverage(make_predictions, confidence, is_correct).ranking
    from scipy.stats import t

    half = t.ppf(0.975, min(len(right), len(wrong)) - 1) * math.sqrt(variance)
    assert (ranking.low, ranking.high) == pytest.approx((kernel.mean() - half, min(kernel.mean() + half, 1)))
    assert ranking.n == 70


@pytest.mark.parametrize(("n", "power"), [(60, 1.0), (400, 1.0), (400, 0.2)])
def test_ranking_interval_has_about_its_nominal_coverage(make_predictions, n, power):
    def draw(rng, size):
        confidence = rng.random(size) ** power
        return confidence, rng.random(size) < confidence

    truth = roc_auc_score(*reversed(draw(np.random.default_rng(99), 400_000)))
    covered = 0
    for seed in range(200):
        ranking = _coverage(make_predictions, *draw(np.random.default_rng(seed), n)).ranking
        covered += ranking.low <= truth <= ranking.high
    assert 0.91 <= covered / 200 <= 0.99


def test_perfect_ranking_has_no_interval(make_predictions):
    ranking = _coverage(make_predictions, [0.9, 0.8, 0.3, 0.2], [True, True, False, False]).ranking
    assert ranking.value == 1
    assert math.isnan(ranking.low)
    assert math.isnan(ranking.high)
