import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.stats import ttest_rel

from reportgen.analysis.faithfulness import (
    Comparison,
    Measure,
    Verdict,
    area_under,
    compute_faithfulness,
    judge,
)
from reportgen.analysis.intervals import Estimate
from reportgen.cache import Faithfulness, RemovalCurves

FRACTIONS = np.linspace(0, 1, 11, dtype=np.float32)


def _curves(rng, num_examples, *, gain=0.0):
    """Noisy curves that fall; by `gain` better than those of a baseline in every measure."""
    shape = (num_examples, 11)
    noise = rng.normal(0, 0.05, (4, *shape))
    bump = gain * np.sin(np.pi * FRACTIONS)
    road = np.stack([1 - FRACTIONS - bump + noise[2], 1 - FRACTIONS + bump + noise[3]], axis=2)
    return RemovalCurves(
        deletion=(1 - FRACTIONS - bump + noise[0]).astype(np.float32),
        insertion=(FRACTIONS + bump + noise[1]).astype(np.float32),
        road=road.astype(np.float32),
    )


def _measured(methods, num_examples=40, randomized=None):
    rng = np.random.default_rng(0)
    gains = {**methods, "random": 0.0, "centre": 0.0}
    return Faithfulness(
        positions=np.arange(num_examples),
        fractions=FRACTIONS,
        curves={name: _curves(rng, num_examples, gain=gain) for name, gain in gains.items()},
        randomized=randomized or {},
    )


def test_two_examples_by_hand():
    fractions = np.array([0, 0.5, 1], np.float32)
    flat = np.array([[1, 1, 0], [1, 1, 0]], np.float32)

    def curves(deletion, insertion, most, least):
        road = np.stack([np.array(most, np.float32), np.array(least, np.float32)], axis=2)
        return RemovalCurves(
            deletion=np.array(deletion, np.float32), insertion=np.array(insertion, np.float32), road=road
        )

    measured = Faithfulness(
        positions=np.array([2, 7]),
        fractions=fractions,
        curves={
            "gradcam": curves([[1, 0.2, 0], [1, 0, 0]], [[0, 1, 1], [0, 0.6, 1]], [[1, 0, 0]] * 2, [[1, 0.8, 0]] * 2),
            "random": curves(flat, flat[:, ::-1], flat, flat),
            "centre": curves(flat, flat[:, ::-1], flat, flat),
        },
        randomized={},
    )
    (method,) = compute_faithfulness(measured).methods
    areas = method.scores.areas
    # areas: deletion .35 and .25, insertion .75 and .55, ROAD .65 - .25 twice; flat .75, .75 and 0
    assert areas[Measure.DELETION].value == pytest.approx(0.3)
    assert areas[Measure.INSERTION].value == pytest.approx(0.65)
    assert (areas[Measure.ROAD].value, areas[Measure.ROAD].low) == pytest.approx((0.4, 0.4))
    gains = {comparison.measure: comparison.gain for comparison in method.comparisons[:3]}
    assert [gains[measure].value for measure in Measure] == pytest.approx([0.45, -0.1, 0.4])
    # t of one degree of freedom at 1 - .05/12 is 76.39, the standard error of .4 and .5 is .05
    assert gains[Measure.DELETION].high - 0.45 == pytest.approx(76.39 * 0.05, rel=1e-3)
    assert gains[Measure.ROAD].low == pytest.approx(0.4)
    assert method.verdict is Verdict.PARTLY
    assert method.scores.road_least == pytest.approx((1, 0.8, 0))
    assert method.scores.deletion == pytest.approx((1, 0.1, 0))


@pytest.mark.parametrize(
    ("gain", "verdict"), [(0.1, Verdict.BEATS), (0.0, Verdict.NOT_TOLD_APART), (-0.1, Verdict.WORSE)]
)
def test_verdicts_follow_the_gain(gain, verdict):
    found = compute_faithfulness(_measured({"gradcam": gain}))
    assert found.methods[0].verdict is verdict
    assert [scores.name for scores in found.baselines] == ["random", "centre"]
    assert found.num_examples == 40


def test_a_comparison_decides_as_a_paired_t_test_at_a_sixth_of_the_level():
    for seed in range(8):
        rng = np.random.default_rng(seed)
        curves = {
            name: _curves(rng, 12, gain=gain) for name, gain in (("gradcam", 0.012), ("random", 0), ("centre", 0))
        }
        measured = Faithfulness(positions=np.arange(12), fractions=FRACTIONS, curves=curves, randomized={})
        (method,) = compute_faithfulness(measured).methods
        for comparison in method.comparisons:
            own, other = (
                _reference_areas(curves[name])[comparison.measure] for name in ("gradcam", comparison.baseline)
            )
            test = ttest_rel(own, other)
            sign = -1 if comparison.measure is Measure.DELETION else 1
            interval = test.confidence_interval(1 - 0.05 / 6)
            bounds = sorted([sign * interval.low, sign * interval.high])
            assert (comparison.gain.low, comparison.gain.high) == pytest.approx(bounds, abs=1e-9)
            assert (comparison.is_better or comparison.is_worse) == (test.pvalue < 0.05 / 6)


def _reference_areas(curves):
    areas = [
        trapezoid(own.astype(np.float64), FRACTIONS.astype(np.float64), axis=1)
        for own in (curves.deletion, curves.insertion, curves.road[:, :, 1], curves.road[:, :, 0])
    ]
    return {Measure.DELETION: areas[0], Measure.INSERTION: areas[1], Measure.ROAD: areas[2] - areas[3]}


@given(st.integers(2, 9), st.integers(1, 5), st.integers(0, 99))
def test_the_area_is_the_trapezoids_over_any_range(num_fractions, num_examples, seed):
    rng = np.random.default_rng(seed)
    fractions = np.sort(rng.random(num_fractions)) + np.arange(num_fractions)
    curves = rng.random((num_examples, num_fractions)).astype(np.float32)
    expected = trapezoid(curves.astype(np.float64), fractions, axis=1) / np.ptp(fractions)
    np.testing.assert_allclose(area_under(curves, fractions), expected)


def _comparison(low, high):
    return Comparison(
        baseline="random", measure=Measure.ROAD, gain=Estimate(value=(low + high) / 2, low=low, high=high, n=9)
    )


def test_the_verdict_takes_every_comparison_into_account():
    better, level, worse = _comparison(0.1, 0.2), _comparison(-0.1, 0.1), _comparison(-0.2, -0.1)
    unknown = _comparison(math.nan, math.nan)
    assert judge((better, better)) is Verdict.BEATS
    assert judge((better, level)) is Verdict.PARTLY
    assert judge((better, unknown)) is Verdict.PARTLY
    assert judge((level, level)) is Verdict.NOT_TOLD_APART
    assert judge((unknown, unknown)) is Verdict.NOT_TOLD_APART
    assert judge((better, worse)) is Verdict.WORSE


def test_a_gain_within_rounding_of_zero_tells_nothing_apart():
    for gain in (1e-8, -1e-8):
        assert judge((_comparison(gain, gain),) * 6) is Verdict.NOT_TOLD_APART


def test_a_single_example_tells_nothing_apart():
    found = compute_faithfulness(_measured({"gradcam": 0.3}, num_examples=1))
    assert found.methods[0].verdict is Verdict.NOT_TOLD_APART


def test_correlation_with_a_shuffled_head_is_the_mean_of_what_is_defined():
    values = {"gradcam": np.array([0.5, -0.3, np.nan, 0.1], np.float32), "rollout": np.ones(4, np.float32)}
    found = compute_faithfulness(_measured({"gradcam": 0.1, "rollout": 0.1}, num_examples=4, randomized=values))
    gradcam, rollout = found.methods
    assert gradcam.correlation.value == pytest.approx(0.3)
    assert gradcam.correlation.n == 3
    assert not gradcam.is_insensitive_to_head
    assert rollout.is_insensitive_to_head
    without = compute_faithfulness(_measured({"gradcam": 0.1}))
    assert without.methods[0].correlation is None
    assert not without.methods[0].is_insensitive_to_head
