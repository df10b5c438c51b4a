import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.analysis.findings import compute_findings
from reportgen.analysis.focus import compute_overlap
from reportgen.analysis.intervals import Estimate, Proportion
from reportgen.analysis.recommendations import Rule
from reportgen.cache import CamPair
from reportgen.settings import RenderSettings


def _random(n, k, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n)
    logits = rng.standard_normal((n, k)).astype(np.float32)
    logits[np.arange(n), labels] += 2
    return logits, labels


def _leaves(value, path="findings"):
    """Every number in a tree of records, with its path."""
    if dataclasses.is_dataclass(value):
        if isinstance(value, Proportion | Estimate):
            yield path, (value.value, value.low, value.high, value.n)
        for field in dataclasses.fields(value):
            yield from _leaves(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{path}[{i}]")
    elif isinstance(value, np.ndarray):
        yield path, value.tobytes()
    else:
        yield path, value


def _same(a, b):
    return str(a) == str(b)  # NaN equals NaN


def test_findings_are_those_of_the_parts(make_cache):
    logits, labels = _random(300, 6)
    found = compute_findings(make_cache(logits, labels, [0, 0, 0, 1, 1, 1]), RenderSettings(num_worst=4, num_pairs=7))
    predicted = logits.argmax(axis=1)
    assert found.overall.top1 == Proportion(count=int((predicted == labels).sum()), total=300)
    np.testing.assert_array_equal(found.confusion.sum(axis=1), np.bincount(labels))
    np.testing.assert_array_equal(found.confusion.sum(axis=0), np.bincount(predicted))
    assert len(found.classes) == len(found.selections) == 6
    assert len(found.pairs) == 7
    assert {len(selection.worst) for selection in found.selections} == {4}
    assert found.superclasses.accuracy.count == ((labels < 3) == (predicted < 3)).sum()
    assert found.overall.top1.count + found.superclasses.inside.count == found.superclasses.accuracy.count
    assert found.calibration.error.n == 300
    assert list(found.class_order) == list(range(6))
    assert found.selective_prediction.curve[-1].accuracy == found.overall.top1
    assert found.label_issues.found.total <= 300


def test_focus_is_that_of_the_caches_maps_and_of_its_pairs(make_cache):
    logits, labels = _random(300, 4)
    rng = np.random.default_rng(1)
    cache = make_cache(logits, labels)
    maps = rng.standard_normal((2, 300, 5, 5)).astype(np.float16)
    cache = dataclasses.replace(cache, cams={"gradcam": CamPair(true=maps[0], predicted=maps[1])})
    found = compute_findings(cache, RenderSettings(num_pairs=6))
    np.testing.assert_array_equal(found.focus.comparison.overlap, compute_overlap(cache.cams["gradcam"]))
    assert len(found.pair_focus) == len(found.pairs) == 6
    for pair, item in zip(found.pairs, found.pair_focus, strict=True):
        assert (item.forth.n, item.back.n) == (pair.share.count, pair.reverse.count)
        assert item.overlap is None or item.overlap.pair == tuple(sorted((pair.true_index, pair.predicted_index)))


def test_class_order_goes_by_similarity_without_superclasses(make_cache):
    logits = np.eye(4)[[0, 2, 1, 3, 2, 0, 3, 1]]
    labels = [0, 0, 1, 1, 2, 2, 3, 3]
    order = compute_findings(make_cache(logits, labels)).class_order.tolist()
    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(3)) == 1


def test_same_cache_gives_the_same_findings_and_is_left_alone(make_cache):
    cache = make_cache(*_random(120, 5), [0, 0, 1, 1, 2])
    before = cache.logits.copy(), cache.labels.copy()
    first, second = (list(_leaves(compute_findings(cache))) for _ in range(2))
    assert len(first) > 500
    assert all(_same(a, b) for a, b in zip(first, second, strict=True))
    np.testing.assert_array_equal(cache.logits, before[0])
    np.testing.assert_array_equal(cache.labels, before[1])


def test_selection_size_changes_no_number(make_cache):
    cache = make_cache(*_random(120, 5))
    small = compute_findings(cache, RenderSettings(num_worst=0, num_best=0, num_mistaken=0, num_pairs=0))
    large = compute_findings(cache)
    shown = {"selections": (), "pairs": (), "pair_focus": ()}
    a, b = (list(_leaves(dataclasses.replace(found, **shown))) for found in (small, large))
    assert all(_same(x, y) for x, y in zip(a, b, strict=True))


def test_label_issues_are_set_aside_on_request(make_cache):
    """Ten classes in like pairs; some sure labels are swapped within their pair."""
    rng = np.random.default_rng(0)
    labels = np.arange(1000) % 10
    logits = rng.standard_normal((1000, 10)).astype(np.float32)
    logits[np.arange(1000), labels] += 7
    logits[np.arange(1000), labels ^ 1] += 3
    swapped = np.arange(60)
    labels[swapped] = (labels[swapped] + 2 + swapped % 7) % 10
    cache = make_cache(logits, labels)
    kept, apart = compute_findings(cache), compute_findings(cache, RenderSettings(set_aside_label_issues=True))
    issues = {issue.position for issue in apart.label_issues.issues}
    assert len(issues & set(swapped.tolist())) > 30

    def shown(found):
        return {i for s in found.selections for i in (*s.worst, *s.mistaken)} | set(found.confident_errors)

    assert not issues & shown(apart)
    assert issues & shown(kept)
    assert sum(s.num_worst_set_aside for s in apart.selections) > 0
    assert sum(s.num_worst_set_aside + s.num_mistaken_set_aside for s in kept.selections) == 0
    assert apart.num_confident_errors_set_aside > 0
    assert kept.num_confident_errors_set_aside == 0
    assert apart.num_confident_errors == kept.num_confident_errors == len(kept.confident_errors)
    assert str(apart.label_issues) == str(kept.label_issues)
    assert issues <= {i for s in apart.selections for i in s.gallery}
    a, b = (
        list(_leaves(dataclasses.replace(f, selections=(), confident_errors=(), num_confident_errors_set_aside=0)))
        for f in (apart, kept)
    )
    assert all(_same(x, y) for x, y in zip(a, b, strict=True))


DEGENERATE = {
    "one example": (np.array([[1.0, 0.0]]), [0]),
    "one wrong example": (np.array([[1.0, 0.0]]), [1]),
    "three examples": (np.eye(3)[[0, 1, 1]], [0, 1, 2]),
    "no mistake": (9 * np.eye(3)[np.arange(30) % 3], np.arange(30) % 3),
    "only mistakes": (9 * np.eye(3)[(np.arange(30) + 1) % 3], np.arange(30) % 3),
    "one class is always predicted": (np.tile([2.0, 1, 0], (30, 1)), np.arange(30) % 3),
    "a single class has support": (np.eye(4)[np.arange(20) % 4], [2] * 20),
    "all logits are equal": (np.zeros((20, 4)), np.arange(20) % 4),
    "huge logits": (1e38 * np.eye(3)[np.arange(9) % 3], (np.arange(9) // 2) % 3),
    "more classes than examples": (np.eye(40)[:5], [0, 1, 2, 3, 9]),
}


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("grouped", [False, True])
def test_degenerate_test_sets_have_findings(make_cache, name, grouped):
    logits, labels = DEGENERATE[name]
    k = logits.shape[1]
    found = compute_findings(make_cache(logits, labels, [c % 2 for c in range(k)] if grouped else None))
    _check_laws(found, len(labels), k)


def _check_laws(found, n, k):
    assert found.confusion.sum() == n
    assert sorted(found.class_order.tolist()) == list(range(k))
    assert sum(c.recall.total for c in found.classes) == n
    assert sum(c.precision.total for c in found.classes) == n
    assert sum(c.recall.count for c in found.classes) == found.overall.top1.count
    assert sum(c.num_confident_errors for c in found.classes) == found.num_confident_errors
    assert sum(b.accuracy.count for b in found.calibration.bins) == found.overall.top1.count
    assert sum(c.count for cls in found.classes for c in cls.mistaken_for) == n - found.overall.top1.count
    for path, leaf in _leaves(found):
        if isinstance(leaf, tuple):
            value, low, high, _ = leaf
            assert math.isnan(low) == math.isnan(high), path
            assert math.isnan(low) or low - 1e-12 <= value <= high + 1e-12, path


@given(st.integers(1, 25), st.integers(2, 5), st.integers(0, 10_000), st.booleans(), st.data())
def test_laws_hold_and_order_changes_no_count(make_cache, n, k, seed, grouped, data):  # noqa: PLR0917
    rng = np.random.default_rng(seed)
    logits, labels = rng.integers(-4, 5, (n, k)), rng.integers(0, k, n)
    groups = [c // 2 for c in range(k)] if grouped else None
    found = compute_findings(make_cache(logits, labels, groups))
    _check_laws(found, n, k)
    order = np.array(data.draw(st.permutations(range(n))))
    shuffled = compute_findings(make_cache(logits[order], labels[order], groups))
    np.testing.assert_array_equal(shuffled.confusion, found.confusion)
    assert shuffled.pairs == found.pairs
    assert (shuffled.overall.top1, shuffled.overall.top5) == (found.overall.top1, found.overall.top5)
    assert [b.accuracy for b in shuffled.calibration.bins] == [b.accuracy for b in found.calibration.bins]
    assert [r.fired for r in shuffled.recommendations] == [r.fired for r in found.recommendations]
    assert sorted(order[list(shuffled.confident_errors)]) == sorted(found.confident_errors)


MAP_RULES = {Rule.BACKGROUND_FOCUS, Rule.DIFFUSE_FOCUS, Rule.PAIRS_SAME_PLACE, Rule.PAIRS_ELSEWHERE}


def test_without_maps_there_is_no_focus_and_nothing_else_changes(make_cache):
    cache = make_cache(*_random(200, 5))
    with_maps, found = compute_findings(cache), compute_findings(dataclasses.replace(cache, cams={}, thumbnails=None))
    assert found.focus is None
    assert found.pair_focus == ()
    for item in found.recommendations:
        if item.rule in MAP_RULES:
            assert (item.fired, item.measurements, item.num_tested) == (False, (), 0)
    without = {"focus": None, "pair_focus": (), "recommendations": ()}
    a, b = (list(_leaves(dataclasses.replace(f, **without))) for f in (with_maps, found))
    assert all(_same(x, y) for x, y in zip(a, b, strict=True))


def test_class_agnostic_maps_have_statistics_and_no_comparison(make_cache):
    cache = make_cache(*_random(400, 4))
    maps = np.random.default_rng(3).random((400, 6, 6)).astype(np.float16)
    agnostic = compute_findings(
        dataclasses.replace(cache, cams={"rollout": CamPair(true=maps, predicted=maps, is_class_agnostic=True)})
    )
    paired = compute_findings(dataclasses.replace(cache, cams={"gradcam": CamPair(true=maps, predicted=maps.copy())}))
    assert agnostic.focus.comparison is None
    assert agnostic.pair_focus == ()
    assert agnostic.focus.border_share == paired.focus.border_share
    assert agnostic.focus.spread_difference == paired.focus.spread_difference
    assert paired.focus.comparison is not None
    tested = {item.rule: item.num_tested for item in agnostic.recommendations}
    assert tested[Rule.BACKGROUND_FOCUS] == tested[Rule.DIFFUSE_FOCUS] == 1
    assert tested[Rule.PAIRS_SAME_PLACE] == tested[Rule.PAIRS_ELSEWHERE] == 0


def test_columns_of_few_values_are_sliced(make_cache):
    cache = make_cache(*_random(60, 3))
    columns = {"camera": np.resize(["a", "b", "c"], 60), "id": np.arange(60).astype(str)}
    found = compute_findings(dataclasses.replace(cache, columns=columns))
    assert [column.name for column in found.slices] == ["camera"]
    assert compute_findings(cache).slices == ()


def test_a_wrong_order_leads_and_withholds_the_other_rules(make_cache):
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 10
    logits = rng.normal(size=(400, 10)) + 5 * np.eye(10)[labels]
    found = compute_findings(make_cache(np.roll(logits, 1, axis=1), labels))
    assert found.suggested_order.class_of.tolist() == np.roll(np.arange(10), 1).tolist()
    first, *others = found.recommendations
    assert (first.rule, first.fired) == (Rule.CLASS_ORDER, True)
    assert all(item.is_withheld and not item.fired for item in others)
    assert found.label_issues.issues == ()
    assert compute_findings(make_cache(logits, labels)).suggested_order is None
