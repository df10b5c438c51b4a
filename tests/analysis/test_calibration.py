import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

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
    paired = mean_estimate(predictions.confidence - predictions.is_correct)
    assert gap.low <= paired.low
    assert gap.high >= paired.high


def test_gap_without_errors_has_an_interval():
    gap = _calibration(np.tile([3.5, 0.0], (50, 1)), np.zeros(50, int)).gap
    assert gap.value == pytest.approx(-0.0293, abs=1e-4)
    assert gap.low == pytest.approx(gap.value)
    assert gap.high == pytest.approx(gap.value + 1 - 0.025 ** (1 / 50))  # by the exact interval of 50 out of 50


def test_gap_of_errors_alone_has_an_interval():
    gap = _calibration(np.tile([3.5, 0.0], (50, 1)), np.ones(50, int)).gap
    assert gap.value == pytest.approx(0.9707, abs=1e-4)
    assert gap.high == pytest.approx(gap.value)
    assert gap.low == pytest.approx(gap.value - 1 + 0.025 ** (1 / 50))


def _log_loss(logits, labels, temperature):
    scaled = logits.astype(np.float64) / temperature
    return (logsumexp(scaled, axis=1) - scaled[np.arange(len(labels)), labels]).mean()


@pytest.mark.parametrize("temperature", [0.4, 1.0, 1.7, 6.0])
def test_temperature_is_recovered(temperature):
    logits, labels = _sampled(20_000, 6, temperature=temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.03)


@pytest.mark.parametrize(("n", "k", "temperature", "scale"), [(30, 2, 1, 1), (200, 3, 5, 4), (300, 40, 0.2, 3)])
def test_temperature_is_scipys_minimum(n, k, temperature, scale):
    logits, labels = _sampled(n, k, temperature=temperature, scale=scale)
    expected = minimize_scalar(
        lambda log_t: _log_loss(logits, labels, math.exp(log_t)),
        bounds=(math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE)),
        method="bounded",
        options={"xatol": 1e-8},
    )
    assert fit_temperature(logits, labels) == pytest.approx(math.exp(expected.x), rel=1e-4)


@pytest.mark.parametrize("scale", [1e-3, 1, 10, 30])
def test_temperature_without_a_minimum_stops_at_its_limits(scale):
    labels = np.arange(40) % 4
    logits = (scale * np.eye(4)[labels]).astype(np.float32)
    assert fit_temperature(logits, labels) == pytest.approx(MIN_TEMPERATURE)
    assert fit_temperature(-logits, labels) == pytest.approx(MAX_TEMPERATURE)


def test_temperature_stays_where_no_log_loss_is_left():
    labels = np.arange(40) % 4
    assert fit_temperature((1e4 * np.eye(4)[labels]).astype(np.float32), labels) == 1


def test_temperature_is_found_where_newtons_steps_oscillate():
    # The top class has p = e^b / (e^b + 999) at the inverse temperature b, and is right in half of the cases.
    logits = np.eye(1000, dtype=np.float32)[np.arange(40)]
    labels = np.where(np.arange(40) % 2, np.arange(40), 999)
    assert fit_temperature(logits, labels) == pytest.approx(1 / math.log(999), rel=1e-6)


def test_temperature_takes_a_few_passes_over_the_logits(monkeypatch):
    passes = []
    derivatives = calibration._log_loss_derivatives

    def counted(*args):
        passes.append(args)
        return derivatives(*args)

    monkeypatch.setattr(calibration, "_log_loss_derivatives", counted)
    for temperature, scale in ((1.15, 2), (0.3, 2), (8, 2), (2, 100)):
        passes.clear()
        fit_temperature(*_sampled(2000, 5, temperature=temperature, scale=scale))
        assert len(passes) <= 12, (temperature, scale)
    passes.clear()
    fit_temperature(10 * np.eye(5, dtype=np.float32), np.arange(5))
    assert len(passes) <= 8


def test_temperature_of_constant_logits_is_one():
    assert fit_temperature(np.zeros((6, 3), np.float32), np.arange(6) % 3) == 1


@given(st.integers(2, 12), st.integers(2, 4), st.floats(0.01, 1000), st.integers(0, 10_000))
def test_temperature_is_the_best_for_any_logits(n, k, scale, seed):
    rng = np.random.default_rng(seed)
    logits, labels = (scale * rng.standard_normal((n, k))).astype(np.float32), rng.integers(0, k, n)
    found = fit_temperature(logits, labels)
    assert MIN_TEMPERATURE * (1 - 1e-9) <= found <= MAX_TEMPERATURE * (1 + 1e-9)
    best = min(_log_loss(logits, labels, t) for t in np.geomspace(MIN_TEMPERATURE, MAX_TEMPERATURE, 60))
    assert _log_loss(logits, labels, found) <= best + 1e-9


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


@pytest.mark.parametrize(("n", "is_none"), [(1, True), (3, True), (4, False)])
def test_temperature_needs_two_examples_in_each_half(n, is_none):
    logits, labels = _sampled(n, 3)
    assert (_calibration(logits, labels).temperature is None) is is_none
