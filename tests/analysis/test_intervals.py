import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

from reportgen.analysis import intervals
from reportgen.analysis.intervals import Estimate, Proportion, bootstrap_estimates, difference_within, mean_estimate

COUNTS = [(0, 1), (1, 1), (0, 50), (1, 50), (25, 50), (50, 50), (7000, 10_000), (9_999, 10_000)]


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(7000, 10_000, 0.6909, 0.7089), (70, 100, 0.604, 0.781), (100, 100, 0.963, 1.0)],
)
def test_wilson_interval_is_the_published_one(count, total, low, high):
    proportion = Proportion(count=count, total=total)
    assert proportion.low == pytest.approx(low, abs=5e-4)
    assert proportion.high == pytest.approx(high, abs=5e-4)
    assert proportion.value == count / total
    assert proportion.n == total


@pytest.mark.parametrize("level", [0.5, 0.95, 1 - 0.05 / 499_500])
@pytest.mark.parametrize(("count", "total"), COUNTS)
@pytest.mark.parametrize("exact", [False, True])
def test_interval_is_scipys_at_every_level(count, total, level, exact):
    proportion = Proportion(count=count, total=total, level=level, exact=exact)
    expected = stats.binomtest(count, total).proportion_ci(level, method="exact" if exact else "wilson")
    assert (proportion.low, proportion.high) == pytest.approx((expected.low, expected.high), rel=1e-7, abs=1e-12)


def test_exact_interval_without_failures_follows_the_rule_of_three():
    proportion = Proportion(count=100, total=100, level=0.9, exact=True)
    assert proportion.low == pytest.approx(0.05 ** (1 / 100))
    assert proportion.high == 1


@pytest.mark.parametrize("exact", [False, True])
def test_proportion_of_nothing_is_undefined(exact):
    proportion = Proportion(count=0, total=0, exact=exact)
    assert all(math.isnan(x) for x in (proportion.value, proportion.low, proportion.high))
    assert proportion.n == 0


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.booleans())
def test_interval_contains_the_value_and_stays_in_the_unit_range(pair, exact):
    count, total = pair
    proportion = Proportion(count=count, total=total, exact=exact)
    assert 0 <= proportion.low <= proportion.value <= proportion.high <= 1
    assert (proportion.low == 0) == (count == 0)
    assert (proportion.high == 1) == (count == total)


@pytest.mark.parametrize("interval", [intervals.wilson_interval, intervals.exact_interval])
def test_bounds_of_none_and_all_are_exactly_zero_and_one(interval):
    totals = np.arange(1, 2000)
    np.testing.assert_array_equal(interval(np.zeros(1999), totals, 0.95)[0], 0)
    np.testing.assert_array_equal(interval(totals, totals, 0.95)[1], 1)


@pytest.mark.parametrize(("count", "total", "level"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0), (1, 2, 0.0)])
def test_impossible_proportion_is_refused(count, total, level):
    with pytest.raises(ValueError, match="is not in"):
        Proportion(count=count, total=total, level=level)


def test_mean_has_students_interval():
    values = np.array([1.0, 2.0, 4.0, 9.0])
    low, high = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    estimate = mean_estimate(values)
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == pytest.approx((4.0, low, high, 4))


def test_mean_of_one_value_has_no_interval_and_of_none_no_value():
    one, none = mean_estimate(np.array([0.25])), mean_estimate(np.array([]))
    assert (one.value, one.n) == (0.25, 1)
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert math.isnan(none.value)
    assert none.n == 0


def test_mean_of_probabilities_has_an_interval_of_probabilities():
    estimate = mean_estimate(np.array([0.1, 0.99]), within=(0, 1))
    assert (estimate.low, estimate.high) == (0, 1)


def _balanced_accuracy(right, support, predicted):
    return (right / support).mean(axis=1, keepdims=True)


def test_bootstrap_agrees_with_drawing_the_examples_themselves():
    confusion = np.array([[40, 8, 2], [5, 30, 5], [12, 0, 18]])
    (estimate,) = bootstrap_estimates(confusion, _balanced_accuracy)
    labels, predicted = np.repeat(np.indices((3, 3)).reshape(2, 9), confusion.ravel(), axis=1)
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(2000):
        chosen = rng.integers(0, len(labels), len(labels))
        is_correct = labels[chosen] == predicted[chosen]
        draws.append(np.mean([is_correct[labels[chosen] == k].mean() for k in range(3)]))
    low, high = np.quantile(draws, [0.025, 0.975])
    assert estimate.value == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=0.01)
    assert estimate.n == 120


def test_bootstrap_interval_has_about_its_nominal_coverage():
    rng = np.random.default_rng(0)
    shares = np.array([[0.3, 0.05, 0.05], [0.1, 0.15, 0.05], [0.0, 0.1, 0.2]])
    truth = (np.diagonal(shares) / shares.sum(axis=1)).mean()
    covered = 0
    for _ in range(200):
        confusion = rng.multinomial(300, shares.ravel()).reshape(3, 3)
        (estimate,) = bootstrap_estimates(confusion, _balanced_accuracy)
        covered += estimate.low <= truth <= estimate.high
    assert 0.90 <= covered / 200 <= 0.99


def test_bootstrap_has_no_interval_if_every_resample_agrees():
    (estimate,) = bootstrap_estimates(np.diag([30, 40]), _balanced_accuracy)
    assert estimate.value == 1
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)


def test_bootstrap_hands_over_the_counts_of_each_resample():
    confusion = np.array([[5, 0, 1, 0], [2, 3, 0, 0], [0, 0, 0, 0], [1, 0, 0, 4]])
    seen = []

    def statistics(right, support, predicted):
        seen.append((right, support, predicted))
        return np.zeros((len(right), 1))

    bootstrap_estimates(confusion, statistics)
    right, support, predicted = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    assert len(right) == intervals.NUM_RESAMPLES + 1  # and the matrix itself
    assert (support.sum(axis=1) == 16).all()
    assert (predicted.sum(axis=1) == 16).all()
    assert (right <= np.minimum(support, predicted)).all()
    assert (support[:, 2] == 0).all()
    np.testing.assert_array_equal(right[-1], [5, 3, 0, 4])
    np.testing.assert_array_equal(support[-1], [6, 5, 0, 5])
    np.testing.assert_array_equal(predicted[-1], [8, 3, 1, 4])
    np.testing.assert_allclose(support[:-1].mean(axis=0), [6, 5, 0, 5], atol=0.25)
    np.testing.assert_allclose(predicted[:-1].mean(axis=0), [8, 3, 1, 4], atol=0.25)


def test_bootstrap_does_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch):
    confusion = np.array([[40, 8, 2], [5, 30, 5], [12, 0, 18]])
    whole = bootstrap_estimates(confusion, _balanced_accuracy)
    monkeypatch.setattr(intervals, "_CELLS_PER_DRAW", 70)
    assert bootstrap_estimates(confusion, _balanced_accuracy) == whole


def test_bootstrap_interval_contains_the_value_however_biased():
    def largest(right, support, predicted):
        return -support.max(axis=1, keepdims=True).astype(float)  # every resample of an even matrix lies below

    (estimate,) = bootstrap_estimates(np.full((4, 4), 2), largest)
    assert estimate == Estimate(value=-8, low=estimate.low, high=-8, n=32)


def test_difference_in_one_group_is_welchs():
    rng = np.random.default_rng(0)
    first, second = rng.normal(1, 2, 9), rng.normal(0, 0.5, 30)
    values, is_first = np.concatenate([first, second]), np.arange(39) < 9
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    found = difference_within(values, is_first, np.full(39, 3))
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert (found.low, found.high, found.n) == pytest.approx((expected.low, expected.high, 39))


def test_difference_within_groups_is_that_of_least_squares_with_a_constant_for_each():
    rng = np.random.default_rng(1)
    groups, is_first = rng.integers(0, 7, 80), rng.random(80) < 0.3
    values = rng.standard_normal(80) + groups + 0.5 * is_first
    groups[groups == 6] = 8  # a group that is never seen
    design = np.column_stack([is_first, np.eye(9)[groups]])
    expected = np.linalg.lstsq(design, values, rcond=None)[0][0]
    found = difference_within(values, is_first, groups)
    assert found.value == pytest.approx(expected)
    assert found.low < expected < found.high


def test_group_of_one_kind_has_no_influence():
    values = np.array([1.0, 2.0, 5.0, 7.0, 100.0, 200.0])
    is_first = np.array([True, True, False, False, True, True])
    groups = np.array([0, 0, 0, 0, 1, 1])
    assert difference_within(values, is_first, groups) == difference_within(values[:4], is_first[:4], groups[:4])


def test_difference_is_undefined_without_a_mixed_group_and_its_bounds_without_a_variance():
    nothing = difference_within(np.array([]), np.array([], bool), np.array([], np.int64))
    apart = difference_within(np.arange(4.0), np.array([True, True, False, False]), np.array([0, 0, 1, 1]))
    single = difference_within(np.array([3.0, 1.0]), np.array([True, False]), np.array([0, 0]))
    assert (nothing.n, apart.n, single.n) == (0, 0, 2)
    assert math.isnan(nothing.value)
    assert math.isnan(apart.value)
    assert single.value == 2
    assert math.isnan(single.low)


@pytest.mark.parametrize(("num_groups", "size", "share"), [(1, 200, 0.3), (30, 8, 0.3), (100, 40, 0.1), (5, 12, 0.5)])
def test_difference_has_about_its_nominal_coverage(num_groups, size, share):
    """Groups differ in level and spread, and kinds in spread."""
    rng = np.random.default_rng(0)
    levels, spreads = rng.normal(0, 3, num_groups), rng.uniform(0.5, 2, num_groups)
    groups = np.repeat(np.arange(num_groups), size)
    covered = 0
    for _ in range(300):
        is_first = rng.random(len(groups)) < share
        noise = rng.standard_normal(len(groups)) * spreads[groups] * np.where(is_first, 2, 1)
        found = difference_within(levels[groups] + 0.7 * is_first + noise, is_first, groups)
        covered += found.low <= 0.7 <= found.high
    assert 0.915 <= covered / 300 <= 0.985


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6565, 0.95, 1.0])
@pytest.mark.parametrize("total", [1, 7, 100, 5000])
def test_the_band_of_chance_ends_at_binomial_quantiles(share, total):
    low, high = intervals.chance_band(share, total)
    expected = np.maximum(stats.binom.ppf([0.025, 0.975], total, share), 0) / total
    assert (low, high) == tuple(expected)
