import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.metrics.pairwise import cosine_similarity

from reportgen.analysis.focus import (
    UNIFORM_BORDER_SHARE,
    compute_focus,
    compute_map_statistics,
    compute_overlap,
    mean_maps,
)
from reportgen.analysis.intervals import Proportion
from reportgen.cache import CamPair

STATISTICS = ("border_share", "spread", "center_distance")


def _cam(true, predicted):
    return CamPair(true=np.asarray(true, np.float16), predicted=np.asarray(predicted, np.float16))


def _random_cam(n, h=6, w=6, *, seed=0, shift=0.3):
    rng = np.random.default_rng(seed)
    return _cam(*(rng.standard_normal((2, n, h, w)) + shift))


def _reference(a):
    """Border share, spread and centre distance of one map, cell by cell; each cell is cut into 40 x 40 points."""
    a = np.asarray(a, dtype=np.float64)
    h, w = a.shape
    total = sum(max(value, 0) for value in a.ravel())
    border = entropy = y_mean = x_mean = 0.0
    points = (np.arange(40) + 0.5) / 40
    for i in range(h):
        for j in range(w):
            q = max(a[i, j], 0) / total
            y, x = np.meshgrid((i + points) / h, (j + points) / w, indexing="ij")
            border += q * np.mean(np.minimum.reduce([x, y, 1 - x, 1 - y]) < 1 / 8)
            entropy -= q * math.log(q) if q > 0 else 0
            y_mean, x_mean = y_mean + q * (i + 0.5) / h, x_mean + q * (j + 0.5) / w
    return border, math.exp(entropy) / (h * w), math.dist((y_mean, x_mean), (0.5, 0.5))


def test_two_by_two_map_by_hand():
    found = compute_map_statistics(np.array([[[3, 1], [0, -5]]], np.float16))
    assert found.border_share[0] == pytest.approx(1 - 0.75**2)  # every quarter has as much of the border
    assert found.spread[0] == pytest.approx(0.75**-0.75 * 0.25**-0.25 / 4)
    assert found.center_distance[0] == pytest.approx(math.hypot(0.25, 0.125))
    assert not found.is_blank[0]


def test_outer_ring_of_eight_cells_is_the_border():
    ring, middle = np.ones((8, 8)), np.zeros((8, 8))
    ring[1:-1, 1:-1], middle[1:-1, 1:-1] = 0, 1
    np.testing.assert_allclose(compute_map_statistics(np.stack([ring, middle]).astype(np.float16)).border_share, [1, 0])


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (4, 4), (7, 7), (8, 8), (14, 14), (5, 12)])
def test_uniform_map_is_the_reference_on_every_grid(shape):
    found = compute_map_statistics(np.full((1, *shape), 0.3, np.float16))
    assert found.border_share[0] == pytest.approx(UNIFORM_BORDER_SHARE) == pytest.approx(0.4375)
    assert found.spread[0] == pytest.approx(1)
    assert found.center_distance[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("shape", [(4, 4), (7, 7), (8, 8), (10, 10), (4, 8), (5, 16)])
def test_statistics_are_those_of_going_from_cell_to_cell(shape):
    maps = np.random.default_rng(1).standard_normal((5, *shape)).astype(np.float16)
    found = compute_map_statistics(maps)
    for at, expected in enumerate(map(_reference, maps)):
        got = [getattr(found, name)[at] for name in STATISTICS]
        assert got[0] == pytest.approx(expected[0], abs=0.01)  # the points are a grid of their own
        assert got[1:] == pytest.approx(expected[1:], rel=1e-9)


@pytest.mark.parametrize("factor", [2, 3])
def test_finer_grid_of_the_same_map_changes_nothing(factor):
    maps = np.random.default_rng(2).random((6, 7, 5)).astype(np.float16)
    coarse, fine = compute_map_statistics(maps), compute_map_statistics(np.kron(maps, np.ones((1, factor, factor))))
    for name in STATISTICS:
        np.testing.assert_allclose(getattr(fine, name), getattr(coarse, name), atol=1e-9)


MAPS = npst.arrays(
    np.float16, st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)), elements=st.integers(-8, 8)
)


@given(MAPS, st.integers(-6, 6))
def test_statistics_stay_in_range_and_only_positive_evidence_in_its_proportions_counts(maps, exponent):
    found = compute_map_statistics(maps)
    scaled = compute_map_statistics(np.where(maps > 0, maps * np.float16(2.0**exponent), -3).astype(np.float16))
    np.testing.assert_array_equal(found.is_blank, ~(maps > 0).any(axis=(1, 2)))
    for name in STATISTICS:
        values = getattr(found, name)
        np.testing.assert_allclose(getattr(scaled, name), values, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(np.isnan(values), found.is_blank)
        assert (values[~found.is_blank] >= 0).all()
        assert (values[~found.is_blank] <= 1).all()
    cells = maps[0].size
    assert (found.spread[~found.is_blank] >= 1 / cells - 1e-9).all()


@given(MAPS)
def test_turned_and_mirrored_maps_have_the_same_statistics(maps):
    found = compute_map_statistics(maps)
    for turned in (maps[:, ::-1], maps[:, :, ::-1], maps.transpose(0, 2, 1)):
        other = compute_map_statistics(turned)
        for name in STATISTICS:
            np.testing.assert_allclose(getattr(other, name), getattr(found, name), rtol=1e-9, atol=1e-9)


def test_overlap_is_scikit_learns_cosine_of_the_positive_parts():
    cam = _random_cam(9)
    positive = [np.maximum(maps.reshape(9, -1), 0) for maps in (cam.true, cam.predicted)]
    np.testing.assert_allclose(compute_overlap(cam), np.diagonal(cosine_similarity(*positive)), rtol=1e-3)


def test_overlap_by_hand():
    true = [[[1, 0], [0, 0]], [[3, 4], [0, -9]], [[2, 1], [1, 0]], [[-1, -1], [0, 0]]]
    predicted = [[[0, 0], [0, 5]], [[4, 3], [-2, 0]], [[4, 2], [2, -3]], [[1, 1], [1, 1]]]
    overlap = compute_overlap(_cam(true, predicted))
    assert overlap[:3] == pytest.approx([0, 24 / 25, 1])
    assert overlap[2] <= 1
    assert math.isnan(overlap[3])


@given(MAPS, st.integers(-4, 4), st.integers(-4, 4))
def test_overlap_is_symmetric_and_keeps_under_scaling(maps, first, second):
    other = maps[::-1, ::-1].copy()
    overlap = compute_overlap(_cam(maps, other))
    np.testing.assert_allclose(compute_overlap(_cam(other, maps)), overlap, atol=1e-12)
    scaled = _cam(maps * 2.0**first, other * 2.0**second)
    np.testing.assert_allclose(compute_overlap(scaled), overlap, rtol=1e-9, atol=1e-9)
    present = overlap[~np.isnan(overlap)]
    assert ((present >= 0) & (present <= 1)).all()


def test_groups_are_correct_and_misclassified_and_blank_maps_do_not_count(make_predictions):
    cam = _random_cam(40)
    cam.true[[3, 7]] = -1
    cam.predicted[5] = -1
    labels, predicted = np.arange(40) % 4, np.arange(40) % 4
    predicted[::3] = (predicted[::3] + 1) % 4
    wrong = labels != predicted
    found = compute_focus(cam, make_predictions(labels, predicted, np.linspace(0.2, 0.9, 40)))
    assert found.comparison.blank_true == Proportion(count=2, total=40)
    assert found.comparison.blank_true_misclassified == Proportion(
        count=int(wrong[3]) + int(wrong[7]), total=int(wrong.sum())
    )
    for name in STATISTICS:
        statistic = getattr(found, name)
        expected = np.array([_reference(m)[STATISTICS.index(name)] if (m > 0).any() else np.nan for m in cam.predicted])
        expected_true = np.array([_reference(m)[STATISTICS.index(name)] if (m > 0).any() else np.nan for m in cam.true])
        assert statistic.overall.value == pytest.approx(np.nanmean(expected), abs=5e-3)
        assert statistic.correct.value == pytest.approx(np.nanmean(expected[~wrong]), abs=5e-3)
        assert statistic.misclassified.value == pytest.approx(np.nanmean(expected[wrong]), abs=5e-3)
        assert statistic.misclassified_true.value == pytest.approx(np.nanmean(expected_true[wrong]), abs=5e-3)
        assert (statistic.overall.n, statistic.correct.n + statistic.misclassified.n) == (39, 39)
        assert statistic.misclassified_true.n == np.count_nonzero(wrong & ~np.isin(np.arange(40), [3, 7]))
    assert found.comparison.overlap_misclassified.value == pytest.approx(np.nanmean(found.comparison.overlap[wrong]))


def test_difference_is_within_predicted_classes(make_predictions):
    """Class 1 looks at the border and is often wrong: that alone is no difference between right and wrong."""
    rng = np.random.default_rng(0)
    n = 400
    predicted = np.repeat([0, 1], n // 2)
    wrong = rng.random(n) < np.where(predicted == 0, 0.1, 0.7)
    maps = rng.random((n, 8, 8))
    maps[predicted == 1, 1:-1, 1:-1] *= 0.2
    cam = _cam(maps, maps)
    found = compute_focus(cam, make_predictions(np.where(wrong, 2, predicted), predicted, rng.random(n)))
    border = found.border_share
    assert border.misclassified.low > border.correct.high
    assert border.difference.low < 0 < border.difference.high
    maps[wrong, 1:-1, 1:-1] *= 0.5
    cam = _cam(maps, maps)
    found = compute_focus(cam, make_predictions(np.where(wrong, 2, predicted), predicted, rng.random(n)))
    assert found.border_share.difference.low > 0.05


def test_high_and_low_confidence_are_the_outer_thirds(make_predictions):
    cam = _random_cam(30)
    labels = np.zeros(30, int)
    confidence = np.random.default_rng(4).permutation(np.linspace(0.1, 0.9, 30))
    found = compute_focus(cam, make_predictions(labels, labels, confidence))
    order = np.argsort(confidence)
    spread = found.predicted.spread
    assert found.low_confidence_spread.value == pytest.approx(spread[order[:10]].mean())
    assert found.high_confidence_spread.value == pytest.approx(spread[order[-10:]].mean())
    assert found.spread_difference.value == pytest.approx(
        found.low_confidence_spread.value - found.high_confidence_spread.value
    )


def test_equal_confidences_have_no_thirds(make_predictions):
    found = compute_focus(_random_cam(30), make_predictions([0] * 30, [0] * 30, [0.5] * 30))
    assert (found.high_confidence_spread.n, found.low_confidence_spread.n, found.spread_difference.n) == (0, 0, 0)


def test_unrelated_overlap_is_that_of_every_pair_of_different_errors(make_predictions):
    cam = _random_cam(25, seed=5)
    cam.true[2] = -1
    labels = np.zeros(25, int)
    predicted = (np.arange(25) % 5 != 0).astype(int)
    found = compute_focus(cam, make_predictions(labels, predicted, np.full(25, 0.5)))
    mistakes = [i for i in range(25) if predicted[i] and i != 2]
    positive = [np.maximum(maps.reshape(25, -1).astype(float), 0) for maps in (cam.true, cam.predicted)]
    table = cosine_similarity(positive[0][mistakes], positive[1][mistakes])
    pairs = table[~np.eye(len(mistakes), dtype=bool)]
    assert found.comparison.overlap_unrelated.value == pytest.approx(pairs.mean())
    assert found.comparison.overlap_unrelated.n == len(mistakes)
    assert found.comparison.unrelated_median == pytest.approx(np.median(pairs))
    assert found.comparison.unrelated_high == pytest.approx(np.quantile(pairs, 0.95))


@pytest.mark.parametrize("n", [12, 300])
def test_interval_of_unrelated_overlap_has_its_nominal_coverage(make_predictions, n, monkeypatch):
    """Few examples in all pairs and many in some: examples differ in how they overlap with anything."""
    monkeypatch.setattr("reportgen.analysis.focus._NUM_UNRELATED_PAIRS", 1200)

    def draw(rng, size):
        blobs = np.exp(rng.normal(0, 1.5, (2, size, 1, 1)) * np.linspace(-1, 1, 16).reshape(4, 4))
        return _cam(*(blobs * rng.random((2, size, 4, 4))))

    def focus(rng, size):
        return compute_focus(draw(rng, size), make_predictions([0] * size, [1] * size, [0.5] * size))

    big = draw(np.random.default_rng(99), 1500)
    positive = [maps.reshape(1500, -1).astype(float) for maps in (big.true, big.predicted)]
    truth = cosine_similarity(*positive)[~np.eye(1500, dtype=bool)].mean()
    covered = 0
    for seed in range(150):
        found = focus(np.random.default_rng(seed), n).comparison.overlap_unrelated
        covered += found.low <= truth <= found.high
    assert 0.90 <= covered / 150 <= 0.99


def test_fewer_than_two_errors_have_no_baseline(make_predictions):
    found = compute_focus(_random_cam(5), make_predictions([0] * 5, [0, 0, 0, 1, 0], [0.5] * 5))
    assert math.isnan(found.comparison.overlap_unrelated.value)
    assert math.isnan(found.comparison.unrelated_high)
    assert found.comparison.overlap_misclassified.n == 1


def test_focus_does_not_depend_on_the_order_of_examples(make_predictions):
    cam, rng = _random_cam(60, seed=6), np.random.default_rng(6)
    labels, predicted, confidence = rng.integers(0, 3, 60), rng.integers(0, 3, 60), rng.random(60)
    order = rng.permutation(60)
    first = compute_focus(cam, make_predictions(labels, predicted, confidence))
    second = compute_focus(
        _cam(cam.true[order], cam.predicted[order]),
        make_predictions(labels[order], predicted[order], confidence[order]),
    )
    np.testing.assert_array_equal(second.comparison.overlap, first.comparison.overlap[order])
    for name in STATISTICS:
        for field in ("correct", "misclassified", "difference"):
            a, b = (getattr(getattr(found, name), field) for found in (first, second))
            assert (b.value, b.low, b.high, b.n) == pytest.approx((a.value, a.low, a.high, a.n))
    # 60 examples are few enough for all of their pairs.
    for field in ("value", "low", "high"):
        assert getattr(second.comparison.overlap_unrelated, field) == pytest.approx(
            getattr(first.comparison.overlap_unrelated, field)
        )
    assert second.comparison.unrelated_median == pytest.approx(first.comparison.unrelated_median)


def test_mean_maps_by_hand():
    true = [[[4, 0], [0, -7]], [[0, 1], [0, 0]], [[-1, -1], [-1, -1]]]
    predicted = [[[0, 2], [0, 0]], [[0, 0], [0, 10]], [[-2, 0], [0, 0]]]
    found = mean_maps(_cam(true, predicted), np.array([0, 1, 2]))
    assert found.n == 2  # the third has no evidence at all
    np.testing.assert_allclose(found.true, [[0.5, 0.05], [0, 0]], rtol=1e-3)
    np.testing.assert_allclose(found.predicted, [[0, 0.25], [0, 0.5]], rtol=1e-3)


def test_no_example_dominates_the_mean_map():
    cam = _random_cam(20, shift=1.0)
    louder = _cam(cam.true.copy(), cam.predicted.copy())
    louder.true[4] *= 16
    louder.predicted[4] *= 16
    for positions in (np.arange(20), np.array([4, 1])):
        a, b = mean_maps(cam, positions), mean_maps(louder, positions)
        np.testing.assert_allclose(b.true, a.true, rtol=1e-12)
        np.testing.assert_allclose(b.predicted, a.predicted, rtol=1e-12)
        assert max(a.true.max(), a.predicted.max()) <= 1


def test_mean_map_of_nothing_is_blank():
    found = mean_maps(_random_cam(3), np.array([], dtype=np.intp))
    assert found.n == 0
    assert found.true.shape == found.predicted.shape == (6, 6)
    assert not found.true.any()
