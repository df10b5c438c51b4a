import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from reportgen.analysis import calibration
from reportgen.analysis.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    NUM_BINS,
    bin_index,
    compute_calibration,
    compute_calibration_error,
    fit_temperature,
)
from reportgen.analysis.intervals import Proportion, mean_estimate
from reportgen.analysis.predictions import compute_predictions


def _sampled(n, k, *, temperature=1.0, scale=2.0, seed=0):
    """Logits whose probabilities are true once they are divided by the temperature, and labels drawn from those."""
    rng = np.random.default_rng(seed)
    logits = scale * rng.standard_normal((n, k))
    labels = (logits + rng.gumbel(size=(n, k))).argmax(axis=1)
    return (temperature * logits).astype(np.float32), labels


def _calibration(logits, labels):
    logits, labels = np.asarray(logits, dtype=np.float32), np.asarray(labels)
    return compute_calibration(compute_predictions(logits, labels), logits, labels)


def _plain_error(confidence, is_correct):
    """The definition as a loop over bins ((b-1)/B, b/B]."""
    total = 0.0
    for b in range(NUM_BINS):
        inside = (confidence > b / NUM_BINS) & (confidence <= (b + 1) / NUM_BINS)
        if b == 0:
            inside |= confidence == 0
        if inside.any():
            total += inside.mean() * abs(is_correct[inside].mean() - confidence[inside].mean())
    return total


def test_bins_are_closed_above_and_the_first_one_below_too():
    assert bin_index(np.array([0.0, 1e-300, 1.0])).tolist() == [0, 0, NUM_BINS - 1]
    edges = np.arange(1, NUM_BINS + 1) / NUM_BINS
    assert bin_index(edges).tolist() == list(range(NUM_BINS))
    assert bin_index(edges[:-1] + 1e-5).tolist() == list(range(1, NUM_BINS))


def test_confidence_within_rounding_of_an_edge_is_on_it():
    edges = np.arange(1, NUM_BINS + 1) / NUM_BINS
    for noise in (-1e-7, 1e-7):
        assert bin_index(edges + noise).tolist() == list(range(NUM_BINS))


def test_confidence_zero_and_one_are_counted():
    confidence, is_correct = np.array([0.0, 1.0, 1.0]), np.array([True, True, False])
    assert compute_calibration_error(confidence, is_correct).value == pytest.approx(1 / 3 * 1 + 2 / 3 * 0.5)


def test_error_by_hand():
    confidence, is_correct = np.array([0.62, 0.64, 0.95, 0.97]), np.array([True, False, True, True])
    expected = 0.5 * abs(0.5 - 0.63) + 0.5 * abs(1 - 0.96)
    found = compute_calibration_error(confidence, is_correct)
    assert found.value == pytest.approx(expected)
    assert found.n == 4


@given(st.lists(st.tuples(st.integers(0, 30).map(lambda i: i / 30), st.booleans()), min_size=1, max_size=80), st.data())
def test_error_is_the_definition_in_whatever_order(rows, data):
    confidence, is_correct = (np.array(column) for column in zip(*rows, strict=True))
    order = np.array(data.draw(st.permutations(range(len(rows)))))
    for adaptive in (False, True):
        found = compute_calibration_error(confidence, is_correct, adaptive=adaptive)
        shuffled = compute_calibration_error(confidence[order], is_correct[order], adaptive=adaptive)
        assert 0 <= found.value <= 1
        assert shuffled.value == pytest.approx(found.value, abs=1e-12)
        assert shuffled.null_high == found.null_high
    assert compute_calibration_error(confidence, is_correct).value == pytest.approx(
        _plain_error(confidence, is_correct), abs=1e-12
    )


def test_adaptive_bins_hold_equal_numbers():
    rng = np.random.default_rng(0)
    confidence = rng.random(15 * 20)
    is_correct = rng.random(300) < confidence**2
    groups = np.argsort(confidence).reshape(15, 20)
    expected = np.abs(is_correct[groups].mean(axis=1) - confidence[groups].mean(axis=1)).mean()
    found = compute_calibration_error(rng.permutation(confidence), np.zeros(300, bool), adaptive=True)
    assert found.value == pytest.approx(confidence.mean())  # nothing right: bins don't matter
    assert compute_calibration_error(confidence, is_correct, adaptive=True).value == pytest.approx(expected)


def test_adaptive_bins_never_part_equal_confidences():
    confidence, is_correct = np.full(100, 0.5), np.arange(100) % 2 == 0
    assert compute_calibration_error(confidence, is_correct, adaptive=True).value == 0


@pytest.mark.parametrize(("n", "power"), [(40, 1), (1500, 1), (1500, 0.1)])
@pytest.mark.parametrize("adaptive", [False, True])
def test_null_band_is_that_of_drawing_every_prediction(n, power, adaptive):
    rng = np.random.default_rng(1)
    confidence = np.sort(rng.random(n)) ** power
    draws = rng.random((1500, n)) < confidence
    if adaptive:
        starts = np.unique(np.arange(NUM_BINS) * n // NUM_BINS)
    else:
        starts = np.flatnonzero(np.diff(np.ceil(confidence * NUM_BINS), prepend=0))
    errors = np.abs(np.add.reduceat(draws - confidence, starts, axis=1)).sum(axis=1) / n
    found = compute_calibration_error(confidence, draws[0], adaptive=adaptive).null_high
    assert found == pytest.approx(np.quantile(errors, 0.95), rel=0.05)


def test_null_band_of_a_bin_with_unlike_confidences_is_that_of_its_members():
    # Half are nearly surely wrong, half nearly surely right: the bin in the middle holds both, and hardly varies.
    n = 450
    confidence = np.repeat([0.01, 0.99], n // 2) + np.linspace(-0.009, 0.009, n)
    draws = np.random.default_rng(0).random((2000, n)) < confidence
    errors = np.abs((draws - confidence).reshape(2000, NUM_BINS, -1).sum(axis=2)).sum(axis=1) / n
    found = compute_calibration_error(confidence, draws[0], adaptive=True).null_high
    assert found == pytest.approx(np.quantile(errors, 0.95), rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("adaptive", [False, True])
def test_calibrated_model_exceeds_the_null_band_once_in_twenty(adaptive):
    rng = np.random.default_rng(0)
    exceeded = 0
    for _ in range(250):
        confidence = 1 - rng.beta(0.5, 1.5, size=400)
        found = compute_calibration_error(confidence, rng.random(400) < confidence, adaptive=adaptive)
        exceeded += found.value > found.null_high
    assert 0.02 <= exceeded / 250 <= 0.085


def test_correct_predictions_with_confidence_one_have_no_error_and_no_band():
    found = compute_calibration_error(np.ones(5), np.ones(5, bool))
    assert (found.value, found.null_high) == (0, 0)


def test_reliability_bins_hold_every_example_once():
    logits, labels = _sampled(500, 4)
    predictions = compute_predictions(logits, labels)
    bins = compute_calibration(predictions, logits, labels).bins
    assert len(bins) == NUM_BINS
    assert sum(b.accuracy.total for b in bins) == 500
    assert sum(b.accuracy.count for b in bins) == predictions.is_correct.sum()
    assert (bins[0].low, bins[-1].high) == (0, 1)
    assert math.isnan(bins[0].mean_confidence)  # of four classes the largest has a quarter at least
    for b in bins:
        inside = (predictions.confidence > b.low) & (predictions.confidence <= b.high)
        assert b.accuracy == Proportion(count=int(predictions.is_correct[inside].sum()), total=int(inside.sum()))
        if inside.any():
            assert b.low < b.mean_confidence <= b.high
            assert b.mean_confidence == pytest.approx(predictions.confidence[inside].mean())


def test_gap_is_positive_for_an_overconfident_model():
    logits, labels = _sampled(4000, 5, temperature=3)
    predictions = compute_predictions(logits, labels)
    gap = compute_calibration(predictions, logits, labels).gap
    assert gap.value == pytest.approx(predictions.confidence.mean() - predictions.is_correct.mean())
    assert 0.05 < gap.low < gap.value < gap.high
    # Of many examples it is Student's interval of the paired differences.
    paired = mean_estimate(predictions.confidence - predictions.is_correct)
    assert gap.low == pytest.approx(paired.low, abs=5e-4)
    assert gap.high == pytest.approx(paired.high, abs=5e-4)


@pytest.mark.parametrize(("n", "a", "b", "bias"), [(50, 8, 0.5, 0), (200, 50, 0.3, 0.01), (1000, 5, 1, 0.05)])
def test_gap_interval_covers(n, a, b, bias):
    """Confidences from a beta distribution, correctness with that probability less a bias."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(1000):
        confidence = bias + (1 - bias) * rng.beta(a, b, n)
        gap = calibration._gap(confidence, rng.random(n) < confidence - bias)
        covered += gap.low <= bias <= gap.high
    assert 0.93 <= covered / 1000 <= 0.975


@pytest.mark.parametrize("is_correct", [True, False])
def test_gap_of_one_kind_of_prediction_is_not_a_point(is_correct):
    labels = np.full(50, 0 if is_correct else 1)
    gap = _calibration(np.tile([3.5, 0.0], (50, 1)), labels).gap
    width = 1 - Proportion(count=50, total=50).low  # Wilson's
    assert gap.value == pytest.approx(0.9707 - is_correct, abs=1e-4)
    assert gap.low == pytest.approx(gap.value - (0 if is_correct else width))
    assert gap.high == pytest.approx(gap.value + (width if is_correct else 0))


def _floored_log_loss(logits, labels, temperature):
    """Mean of -log(p + 1 / (n K)), by scipy's softmax."""
    probabilities = softmax(logits.astype(np.float64) / temperature, axis=1)
    return -np.log(probabilities[np.arange(len(labels)), labels] + 1 / logits.size).mean()


@pytest.mark.parametrize("temperature", [0.4, 1.0, 1.7, 6.0])
def test_temperature_is_recovered(temperature):
    logits, labels = _sampled(20_000, 6, temperature=temperature)
    assert fit_temperature(logits, labels) == (pytest.approx(temperature, rel=0.03), False)


@pytest.mark.parametrize(("n", "k", "temperature", "scale"), [(30, 2, 1, 1), (200, 3, 5, 4), (300, 40, 0.2, 3)])
def test_temperature_is_scipys_minimum(n, k, temperature, scale):
    logits, labels = _sampled(n, k, temperature=temperature, scale=scale)
    expected = minimize_scalar(
        lambda log_t: _floored_log_loss(logits, labels, math.exp(log_t)),
        bounds=(math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE)),
        method="bounded",
        options={"xatol": 1e-8},
    )
    assert fit_temperature(logits, labels)[0] == pytest.approx(math.exp(expected.x), rel=1e-4)


@pytest.mark.parametrize("scale", [1e-3, 1, 5, 1e4])
def test_temperature_without_a_minimum_stops_at_its_limits(scale):
    labels = np.arange(40) % 4
    logits = (scale * np.eye(4)[labels]).astype(np.float32)
    spread = scale * math.sqrt(3) / 4
    highest, lowest = MAX_TEMPERATURE * max(1, spread), MIN_TEMPERATURE * min(1, spread)
    assert fit_temperature(-logits, labels) == (pytest.approx(highest), True)
    if scale <= 5:
        assert fit_temperature(logits, labels) == (pytest.approx(lowest), True)


def test_temperature_stays_where_no_log_loss_is_left():
    labels = np.arange(40) % 4
    assert fit_temperature((1e4 * np.eye(4)[labels]).astype(np.float32), labels) == (1, False)


def test_temperature_takes_a_few_passes_over_the_logits(monkeypatch):
    sizes = []
    log_loss = calibration._floored_log_loss

    def counted(logits, *args):
        sizes.append(len(logits))
        return log_loss(logits, *args)

    monkeypatch.setattr(calibration, "_floored_log_loss", counted)
    for temperature, scale in ((1.15, 2), (0.3, 2), (8, 2), (2, 100)):
        sizes.clear()
        fit_temperature(*_sampled(2500, 5, temperature=temperature, scale=scale))
        assert sizes.count(2500) <= 16, (temperature, scale)


@pytest.mark.parametrize("zero", [-87.3, -np.inf])
def test_one_impossible_label_does_not_decide_the_temperature(zero):
    logits, labels = _sampled(300, 2, temperature=0.8)
    expected, _ = fit_temperature(logits, labels)
    logits[0] = [0, zero]
    labels[0] = 1
    found, is_limit = fit_temperature(logits, labels)
    assert found == pytest.approx(expected, rel=0.02)
    assert not is_limit


@pytest.mark.parametrize("factor", [1e-3, 1e4])
def test_temperature_follows_the_unit_of_the_logits(factor):
    logits, labels = _sampled(400, 5, temperature=1.7)
    found, is_limit = fit_temperature(logits * np.float32(factor), labels)
    assert found == pytest.approx(factor * fit_temperature(logits, labels)[0], rel=1e-3)
    assert not is_limit


def test_temperature_of_logits_that_say_nothing_is_one():
    assert fit_temperature(np.zeros((6, 3), np.float32), np.arange(6) % 3) == (1, False)


@given(st.integers(2, 12), st.integers(2, 4), st.floats(0.01, 50), st.integers(0, 10_000))
def test_temperature_is_the_best_for_any_logits(n, k, scale, seed):
    rng = np.random.default_rng(seed)
    logits, labels = (scale * rng.standard_normal((n, k))).astype(np.float32), rng.integers(0, k, n)
    found, is_limit = fit_temperature(logits, labels)
    tried = np.geomspace(MIN_TEMPERATURE, MAX_TEMPERATURE, 60)
    best = min(_floored_log_loss(logits, labels, t) for t in tried)
    assert _floored_log_loss(logits, labels, found) <= best + 1e-2
    assert is_limit or MIN_TEMPERATURE * min(1, scale / 10) < found < MAX_TEMPERATURE * max(1, scale * 10)


def test_temperature_scaling_corrects_the_held_out_half():
    logits, labels = _sampled(6001, 5, temperature=2.5)
    found = _calibration(logits, labels)
    scaling = found.temperature
    assert scaling.temperature == pytest.approx(2.5, rel=0.1)
    assert scaling.num_fitted == 3000
    assert scaling.before.n == scaling.after.n == scaling.log_loss_change.n == 3001
    assert scaling.before.value > 3 * scaling.before.null_high
    assert scaling.after.value < 1.5 * scaling.after.null_high
    assert scaling.log_loss_change.high < 0
    assert scaling.log_loss_change.value == pytest.approx(
        scaling.log_loss_after.value - scaling.log_loss_before.value, abs=1e-12
    )
    # The differences are paired: far surer than the two means.
    width = scaling.log_loss_change.high - scaling.log_loss_change.low
    assert width < scaling.log_loss_before.high - scaling.log_loss_before.low


def test_temperature_ignores_the_labels_of_the_held_out_half():
    logits, labels = _sampled(400, 3)
    before = _calibration(logits, labels).temperature
    changed = 0
    for i in range(12):
        other = labels.copy()
        other[i] = (other[i] + 1) % 3
        after = _calibration(logits, other).temperature
        fitted_moved = after.temperature != before.temperature
        measured_moved = after.log_loss_before.value != before.log_loss_before.value
        assert fitted_moved != measured_moved
        changed += fitted_moved
    assert 0 < changed < 12


def test_temperature_that_helps_one_half_alone_is_not_recommended():
    logits, labels = _sampled(2000, 3, temperature=3)
    _fitted, measured = calibration.split_in_halves(2000)
    logits[measured] /= 3  # the other half is calibrated as it is
    scaling = _calibration(logits, labels).temperature
    assert scaling.temperature > 2
    assert not scaling.helps
    assert _calibration(*_sampled(2000, 3, temperature=3)).temperature.helps


def test_temperature_at_a_limit_is_not_recommended():
    labels = np.arange(40) % 4
    scaling = _calibration(np.eye(4)[(labels + 1) % 4], labels).temperature
    assert scaling.is_limit
    assert not scaling.helps


@pytest.mark.parametrize(("n", "is_none"), [(1, True), (3, True), (4, False)])
def test_temperature_needs_two_examples_in_each_half(n, is_none):
    logits, labels = _sampled(n, 3)
    assert (_calibration(logits, labels).temperature is None) is is_none
