import math

import numpy as np
import pytest

from reportgen.analysis.calibration import compute_calibration
from reportgen.analysis.confusion import compute_confusion, compute_superclass_findings
from reportgen.analysis.focus import compute_focus
from reportgen.analysis.intervals import Estimate, Proportion
from reportgen.analysis.label_issues import MIN_EXCESS, find_label_issues
from reportgen.analysis.pair_focus import count_pair_overlaps
from reportgen.analysis.predictions import compute_predictions
from reportgen.analysis.recommendations import Measurement, Recommendation, Rule, apply_rules
from reportgen.cache import CamPair, Superclasses


def _examples(confusion):
    """(labels, predicted) of the examples in a confusion matrix."""
    confusion = np.asarray(confusion)
    return np.repeat(np.indices(confusion.shape).reshape(2, -1), confusion.ravel(), axis=1)


def _logits(predicted, k, confidence):
    """Logits (N, K) that give the predicted class its confidence and share the rest evenly."""
    confidence = np.broadcast_to(confidence, len(predicted))
    logits = np.zeros((len(predicted), k), dtype=np.float32)
    logits[np.arange(len(predicted)), predicted] = np.log(confidence * (k - 1) / (1 - confidence))
    return logits


NEVER_MEASURED = (Rule.SYMMETRIC_PAIRS, Rule.ONE_WAY_CONFUSIONS, Rule.CLASS_ORDER)
"""Rules that may have tested something without a measurement."""


def _found(confusion, *, confidence=None, superclass_of=None) -> dict[Rule, Recommendation]:
    """What each rule finds in a confusion matrix; confidence is the accuracy, so that calibration is perfect."""
    confusion = np.asarray(confusion)
    labels, predicted = _examples(confusion)
    if confidence is None:
        confidence = min(max(np.trace(confusion) / confusion.sum(), 1.01 / len(confusion)), 0.99)
    return _of_logits(_logits(predicted, len(confusion), confidence), labels, superclass_of=superclass_of)


def _of_logits(logits, labels, *, superclass_of=None, maps=None):
    """`maps` are those of the true and of the predicted class; blank where none are given."""
    predictions = compute_predictions(logits, labels)
    confusion = compute_confusion(labels, predictions.predicted, logits.shape[1])
    superclasses = None
    if superclass_of is not None:
        names = tuple(f"group {s}" for s in range(max(superclass_of) + 1))
        superclasses = compute_superclass_findings(
            confusion, Superclasses(names=names, superclass_of=np.array(superclass_of))
        )
    true, predicted = np.zeros((2, len(labels), 4, 4)) if maps is None else maps
    cam = CamPair(true=true.astype(np.float16), predicted=predicted.astype(np.float16))
    focus = compute_focus(cam, predictions)
    found = apply_rules(
        predictions,
        confusion,
        superclasses,
        compute_calibration(predictions, logits, labels),
        focus=focus,
        pair_overlaps=count_pair_overlaps(focus.comparison, labels, predictions.predicted, logits.shape[1]),
        label_issues=find_label_issues(logits, labels),
        class_order=None,
    )
    assert sorted(r.rule for r in found) == sorted(Rule)
    for r in found:
        assert not r.is_withheld
        assert r.fired == any(e.crosses for e in r.measurements)
        assert all(e.crosses for e in r.measurements) if r.fired else len(r.measurements) <= 1
        assert r.measurements or r.num_tested == 0 or r.rule in NEVER_MEASURED
        assert r.num_tested or not r.measurements
        excesses = [e.excess for e in r.measurements]
        assert excesses == sorted(excesses, reverse=True)
    assert [r.fired for r in found] == sorted((r.fired for r in found), reverse=True)
    return {r.rule: r for r in found}


def _even(k, support, mistakes):
    """Every class has the same support and the same number of mistakes, as evenly spread as whole numbers allow."""
    confusion = np.zeros((k, k), dtype=np.int64)
    for i in range(k):
        for m in range(mistakes):
            confusion[i, (i + 1 + m % (k - 1)) % k] += 1
    np.fill_diagonal(confusion, support - mistakes)
    return confusion


def test_evenly_spread_errors_of_a_calibrated_model_fire_nothing():
    found = _found(_even(10, 200, 45), superclass_of=[0] * 5 + [1] * 5)
    assert not any(r.fired for r in found.values())
    assert {rule: r.num_tested for rule, r in found.items()} == {
        Rule.CLASS_ORDER: 1,
        Rule.OVERCONFIDENCE: 1,
        Rule.UNDERCONFIDENCE: 1,
        Rule.CONFIDENT_ERRORS: 0,
        Rule.SUPERCLASS_ERRORS: 1,
        Rule.SYMMETRIC_PAIRS: 45,
        Rule.ONE_WAY_CONFUSIONS: 90,
        Rule.OVER_PREDICTED_CLASSES: 10,
        Rule.WEAK_CLASSES: 10,
        Rule.BACKGROUND_FOCUS: 0,
        Rule.DIFFUSE_FOCUS: 0,
        Rule.PAIRS_SAME_PLACE: 0,
        Rule.PAIRS_ELSEWHERE: 0,
        Rule.LABEL_ISSUES: 1,
    }


@pytest.mark.parametrize(
    ("confidence", "over", "under"),
    [(0.7, False, True), (0.76, False, False), (0.8, False, False), (0.84, False, False), (0.9, True, False)],
)
def test_gap_fires_on_its_bound(confidence, over, under):
    # Accuracy 0.8 of 1000: 0.775 to 0.824, so that a gap of 0.04 does not surely exceed 0.02.
    found = _found(_even(4, 250, 50), confidence=confidence)
    assert (found[Rule.OVERCONFIDENCE].fired, found[Rule.UNDERCONFIDENCE].fired) == (over, under)
    (measurement,) = found[Rule.OVERCONFIDENCE].measurements
    assert isinstance(measurement.measured, Estimate)
    assert (measurement.threshold, measurement.fires_above) == (0.02, True)


@pytest.mark.parametrize(("num_wrong", "fired"), [(2, False), (10, False), (15, False), (20, True)])
def test_confident_errors_fire_beyond_what_their_confidence_admits(num_wrong, fired):
    # 200 sure answers at 0.95 admit 10 mistakes; the unsure ones don't count.
    labels = np.zeros(300, dtype=np.int64)
    predicted = np.concatenate([np.arange(200) < num_wrong, np.ones(100)]).astype(np.int64)
    found = _of_logits(_logits(predicted, 2, np.repeat([0.95, 0.6], [200, 100])), labels)[Rule.CONFIDENT_ERRORS]
    (measurement,) = found.measurements
    assert measurement.measured == Proportion(count=num_wrong, total=200, exact=True)
    assert measurement.threshold == pytest.approx(0.05, abs=1e-6)
    assert found.fired is fired


def test_a_single_error_does_not_refute_confidence():
    labels, predicted = np.zeros(50, dtype=np.int64), (np.arange(50) == 7).astype(np.int64)
    found = _of_logits(_logits(predicted, 2, 0.997), labels)[Rule.CONFIDENT_ERRORS]
    assert Proportion(count=1, total=50).low > found.measurements[0].threshold  # Wilson's bound would have fired
    assert not found.fired


def test_superclass_errors_fire_far_beyond_chance():
    groups = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    confusion = _even(12, 100, 11)
    assert not _found(confusion, superclass_of=groups)[Rule.SUPERCLASS_ERRORS].fired
    for i in range(0, 12, 2):
        confusion[i, i + 1] += 9
        confusion[i, i] -= 9
    found = _found(confusion, superclass_of=groups)[Rule.SUPERCLASS_ERRORS]
    (measurement,) = found.measurements
    assert found.fired
    assert measurement.threshold == pytest.approx(3 / 11)
    assert measurement.measured == Proportion(count=12 + 6 * 9, total=132 + 6 * 9, exact=True)


@pytest.mark.parametrize(
    ("superclass_of", "threshold"),
    [([0, 0, 0, 0], 1.0), ([0, 1, 2, 3], 0.0), ([0, 0, 1, 1], 1 / 3 + 2 / 9)],
)
def test_superclass_threshold_stays_within_reach(superclass_of, threshold):
    found = _found(_even(4, 100, 30), superclass_of=superclass_of)[Rule.SUPERCLASS_ERRORS]
    assert found.measurements[0].threshold == pytest.approx(threshold)
    assert not found.fired


def test_superclass_rule_has_nothing_to_measure_without_superclasses_or_errors():
    for found in (_found(_even(4, 100, 30)), _found(np.diag([5, 5]), superclass_of=[0, 0])):
        assert found[Rule.SUPERCLASS_ERRORS] == Recommendation(
            rule=Rule.SUPERCLASS_ERRORS, fired=False, measurements=(), num_tested=0
        )


def _with_pair(forth, back):
    confusion = _even(20, 200, 19)
    confusion[3, 8] += forth
    confusion[3, 3] -= forth
    confusion[8, 3] += back
    confusion[8, 8] -= back
    return confusion


def test_pair_fires_only_where_it_is_confused_both_ways():
    found = _found(_with_pair(40, 30))[Rule.SYMMETRIC_PAIRS]
    (measurement,) = found.measurements
    level = 1 - 0.05 / 190
    assert found.fired
    assert found.num_tested == 190
    assert measurement.pair == (3, 8)
    assert measurement.measured == Proportion(count=41, total=200, level=level, exact=True)
    assert measurement.reverse == Proportion(count=31, total=200, level=level, exact=True)
    # 18 other mistakes, and one more, over the 18 remaining classes: five times the average.
    assert (measurement.threshold, measurement.reverse_threshold) == pytest.approx(
        (5 * 19 / 18 / 200, 5 * 19 / 18 / 200)
    )
    assert not _found(_with_pair(40, 0))[Rule.SYMMETRIC_PAIRS].fired
    assert not _found(_with_pair(0, 40))[Rule.SYMMETRIC_PAIRS].fired


def test_pair_that_comes_nearest_is_reported_where_none_fires():
    found = _found(_with_pair(12, 8))[Rule.SYMMETRIC_PAIRS]
    assert not found.fired
    assert [measurement.pair for measurement in found.measurements] == [(3, 8)]
    assert found.measurements[0].excess < 0


def test_pair_counts_by_its_weaker_direction():
    confusion = _with_pair(30, 30)
    confusion[5, 6], confusion[6, 5] = 60, 24
    confusion[5, 5] -= 59
    confusion[6, 6] -= 23
    found = _found(confusion)[Rule.SYMMETRIC_PAIRS]
    assert [measurement.pair for measurement in found.measurements] == [(3, 8), (5, 6)]
    first = found.measurements[0]
    assert first.excess == min(first.measured.low - first.threshold, first.reverse.low - first.reverse_threshold)


def test_rare_confusion_is_no_pair_however_rare_the_others():
    confusion = np.diag([2000] * 30)
    confusion[2, 4] = confusion[4, 2] = 12
    found = _found(confusion)[Rule.SYMMETRIC_PAIRS]
    assert found.measurements[0].threshold == 0.01
    assert not found.fired
    confusion[2, 4] = confusion[4, 2] = 70
    assert _found(confusion)[Rule.SYMMETRIC_PAIRS].fired


def test_two_classes_are_no_pair():
    assert _found([[60, 40], [40, 60]])[Rule.SYMMETRIC_PAIRS].num_tested == 0


@pytest.mark.parametrize(("confusion", "num_tested"), [(np.diag([9, 9, 9]), 3), (np.diag([9, 0, 0]), 0)])
def test_pairs_without_an_error_are_tested_too(confusion, num_tested):
    found = _found(confusion)[Rule.SYMMETRIC_PAIRS]
    assert (found.measurements, found.num_tested) == ((), num_tested)


def test_pair_among_three_classes_is_found():
    found = _found([[60, 39, 1], [35, 64, 1], [1, 1, 98]])[Rule.SYMMETRIC_PAIRS]
    assert [measurement.pair for measurement in found.measurements] == [(0, 1)]
    assert found.fired


def test_pair_needs_support_on_both_sides():
    confusion = np.zeros((4, 4), dtype=np.int64)
    confusion[0] = [50, 0, 0, 50]
    confusion[1] = [0, 90, 10, 0]
    confusion[2] = [0, 10, 90, 0]
    found = _found(confusion)[Rule.SYMMETRIC_PAIRS]
    assert found.num_tested == 3
    assert all(3 not in measurement.pair for measurement in found.measurements)


def test_class_that_takes_more_than_it_loses_is_over_predicted():
    confusion = _even(10, 100, 18)
    for k in (0, 1, 2, 3, 5, 6):
        confusion[k, 4] += 6
        confusion[k, k] -= 6
    found = _found(confusion)[Rule.OVER_PREDICTED_CLASSES]
    (measurement,) = found.measurements
    assert found.fired
    assert measurement.class_index == 4
    assert measurement.threshold == 0.5
    assert measurement.measured == Proportion(count=54, total=72, level=1 - 0.05 / 10, exact=True)


def test_class_without_support_is_not_over_predicted():
    confusion = np.array([[50, 0, 50], [0, 50, 50], [0, 0, 0]])
    found = _found(confusion)[Rule.OVER_PREDICTED_CLASSES]
    assert found.num_tested == 2
    assert not found.fired


def test_weak_classes_fire_below_the_overall_accuracy_worst_first():
    confusion = _even(20, 100, 19)
    for k, extra in ((7, 40), (11, 30), (2, 3)):
        confusion[k, (k + 1) % 20] += extra
        confusion[k, k] -= extra
    found = _found(confusion)[Rule.WEAK_CLASSES]
    assert [measurement.class_index for measurement in found.measurements] == [7, 11]
    assert found.measurements[0].measured == Proportion(count=41, total=100, level=1 - 0.05 / 20, exact=True)
    assert found.measurements[0].threshold == pytest.approx(np.trace(confusion) / confusion.sum())
    assert not found.measurements[0].fires_above


@pytest.mark.slow
@pytest.mark.parametrize(("k", "support", "recall"), [(100, 100, 0.99), (100, 100, 0.7), (30, 10, 0.9), (3, 10, 0.8)])
def test_equally_good_classes_are_rarely_reported(k, support, recall):
    """One test set in twenty may fire; with Wilson's bounds the first case fires in every third."""
    rng = np.random.default_rng(0)
    fired = dict.fromkeys((Rule.WEAK_CLASSES, Rule.OVER_PREDICTED_CLASSES, Rule.SYMMETRIC_PAIRS), 0)
    labels = np.repeat(np.arange(k), support)
    for _ in range(30):
        wrong = rng.random(len(labels)) >= recall
        predicted = (labels + wrong * rng.integers(1, k, len(labels))) % k
        found = _found(compute_confusion(labels, predicted, k))
        for rule in fired:
            fired[rule] += found[rule].fired
    assert max(fired.values()) <= 3, fired


def test_rule_that_concerns_most_examples_comes_first():
    labels, predicted = _examples(_with_pair(40, 30))
    logits = _logits(predicted, 20, 0.93)
    order = [r.rule for r in _ordered(logits, labels, [0] * 8 + [1] * 12) if r.fired]
    # Class 3 has 59 mistakes and 8 has 49, so that 108 are in weak classes; the pair has 41 + 31.
    assert order.index(Rule.WEAK_CLASSES) < order.index(Rule.SYMMETRIC_PAIRS)
    # All 450 mistakes are at 93 %, a gap of 170 examples.
    assert order[:2] == [Rule.CONFIDENT_ERRORS, Rule.OVERCONFIDENCE]


def _ordered(logits, labels, superclass_of):
    return tuple(_of_logits(logits, labels, superclass_of=superclass_of).values())


def test_rules_that_did_not_fire_stand_in_their_own_order():
    found = _found(_even(10, 200, 45), superclass_of=[0] * 5 + [1] * 5)
    assert list(found) == list(Rule)


@pytest.mark.parametrize(
    "confusion",
    [
        np.diag([1, 1, 1]),
        np.diag([50, 50]),
        [[0, 1], [0, 0]],
        [[0, 5], [5, 0]],
        [[0, 9, 0], [0, 0, 9], [9, 0, 0]],
        [[1, 1, 0], [0, 0, 1], [0, 0, 0]],
        [[0, 0, 3], [0, 0, 0], [0, 0, 0]],
        np.diag([100] * 50),
    ],
)
def test_degenerate_test_sets_fire_no_rule_about_classes(confusion):
    found = _found(confusion, superclass_of=[0] * len(confusion))
    for rule in (Rule.SUPERCLASS_ERRORS, Rule.SYMMETRIC_PAIRS, Rule.OVER_PREDICTED_CLASSES, Rule.WEAK_CLASSES):
        assert not found[rule].fired


def test_undefined_bound_never_crosses():
    undefined = Estimate(value=math.nan, low=math.nan, high=math.nan, n=0)
    for above in (True, False):
        measurement = Measurement(measured=undefined, threshold=0.0, fires_above=above)
        assert measurement.excess == -math.inf
        assert not measurement.crosses


@pytest.mark.parametrize("above", [True, False])
def test_a_bound_within_rounding_of_its_threshold_does_not_cross(above):
    def measurement(beyond):
        bound = 0.3 + beyond if above else 0.3 - beyond
        measured = Estimate(value=bound, low=bound, high=bound, n=9)
        return Measurement(measured=measured, threshold=0.3, fires_above=above)

    assert [measurement(beyond).crosses for beyond in (-1e-9, 0, 1e-9, 1e-5)] == [False, False, False, True]


def _looking(seed=0, *, wrong_border=1.0, border=1.0, unsure_noise=0.0, n=1200, k=4):
    """(logits, labels, maps): a blob in the middle and a frame around it, whose strengths the arguments multiply."""
    rng = np.random.default_rng(seed)
    predicted = rng.integers(0, k, n)
    wrong = rng.random(n) < 0.3
    labels = np.where(wrong, (predicted + rng.integers(1, k, n)) % k, predicted)
    confidence = rng.uniform(0.5, 0.9, n)
    maps = np.exp(-((np.mgrid[:8, :8] - 3.5) ** 2).sum(axis=0) / 6) + 0.3 * rng.random((n, 8, 8))
    frame = np.ones((8, 8), bool)
    frame[1:-1, 1:-1] = False
    maps[:, frame] *= border
    maps[wrong] *= np.where(frame, wrong_border, 1)
    unsure = confidence < 0.63
    maps[unsure] += unsure_noise
    return _logits(predicted, k, confidence), labels, (maps, maps)


@pytest.mark.parametrize(("wrong_border", "has_fired"), [(1.0, False), (1.15, False), (1.8, True)])
def test_background_focus_fires_if_errors_have_their_evidence_at_the_border(wrong_border, has_fired):
    logits, labels, maps = _looking(wrong_border=wrong_border)
    found = _of_logits(logits, labels, maps=maps)[Rule.BACKGROUND_FOCUS]
    assert found.fired is has_fired
    assert (found.num_tested, found.measurements[0].threshold) == (1, 0.05)


def test_slight_difference_at_the_border_is_measured_and_left():
    logits, labels, maps = _looking(wrong_border=1.15)
    (measurement,) = _of_logits(logits, labels, maps=maps)[Rule.BACKGROUND_FOCUS].measurements
    assert 0 < measurement.measured.low < measurement.measured.high < measurement.threshold


def test_background_focus_fires_where_the_border_outweighs_its_area():
    logits, labels, maps = _looking(border=20.0)
    found = _of_logits(logits, labels, maps=maps)[Rule.BACKGROUND_FOCUS]
    (measurement,) = found.measurements
    assert found.fired
    assert measurement.threshold == 0.4375
    assert measurement.measured.n == len(labels)


@pytest.mark.parametrize(("unsure_noise", "has_fired"), [(0.0, False), (0.01, False), (0.5, True)])
def test_diffuse_focus_fires_where_low_confidence_maps_are_more_spread(unsure_noise, has_fired):
    logits, labels, maps = _looking(unsure_noise=unsure_noise)
    found = _of_logits(logits, labels, maps=maps)[Rule.DIFFUSE_FOCUS]
    assert found.fired is has_fired
    assert found.measurements[0].threshold == 0.05


def _paired_mistakes(k=6, per_pair=30):
    """Labels and predictions, all wrong, between the classes 2m and 2m + 1; and the middle of a blob for each."""
    predicted = np.repeat(np.arange(k), per_pair // 2)
    rng = np.random.default_rng(0)
    return predicted ^ 1, predicted, rng.uniform(1, 6, (2, len(predicted), 2))


def _blobs(centres):
    y, x = np.mgrid[:8, :8]
    return np.exp(-((y - centres[..., 0, None, None]) ** 2 + (x - centres[..., 1, None, None]) ** 2) / 6)


def test_pair_rules_follow_the_overlap_of_the_maps():
    labels, predicted, centres = _paired_mistakes()
    centres[0, predicted < 2] = centres[1, predicted < 2]
    centres[0, predicted >= 4], centres[1, predicted >= 4] = 0.0, 7.0
    found = _of_logits(_logits(predicted, 6, 0.5), labels, maps=_blobs(centres))
    same, elsewhere = found[Rule.PAIRS_SAME_PLACE], found[Rule.PAIRS_ELSEWHERE]
    assert (same.num_tested, elsewhere.num_tested) == (3, 3)
    (measurement,) = same.measurements
    assert measurement.pair == (0, 1)
    assert measurement.threshold == 0.5
    assert (measurement.measured.total, measurement.measured.exact) == (30, True)
    assert measurement.measured.level == pytest.approx(1 - 0.05 / 3)
    assert [e.pair for e in elsewhere.measurements] == [(4, 5)]


def test_nearest_pair_is_reported_if_no_rule_about_maps_fires():
    labels, predicted, centres = _paired_mistakes()
    found = _of_logits(_logits(predicted, 6, 0.5), labels, maps=_blobs(centres))
    for rule in (Rule.PAIRS_SAME_PLACE, Rule.PAIRS_ELSEWHERE):
        assert not found[rule].fired
        assert len(found[rule].measurements) == 1
        assert found[rule].measurements[0].excess < 0


def test_identical_maps_prove_nothing_about_regions():
    labels, predicted, _ = _paired_mistakes()
    maps = np.random.default_rng(0).uniform(0.1, 3, (2, len(labels), 1, 1)) * np.ones((7, 7))
    found = _of_logits(_logits(predicted, 6, 0.5), labels, maps=maps)
    for rule in (Rule.PAIRS_SAME_PLACE, Rule.PAIRS_ELSEWHERE):
        assert (found[rule].num_tested, found[rule].fired, found[rule].measurements[0].measured.count) == (3, False, 0)


def _alike_classes(num_swapped, n=3000, k=20, seed=0):
    """A calibrated model whose classes 2m and 2m + 1 are alike, and labels of which some sure ones are swapped."""
    rng = np.random.default_rng(seed)
    logits = 0.7 * rng.standard_normal((n, k))
    centre = rng.integers(0, k, n)
    logits[np.arange(n), centre] += 5 + 2 * rng.random(n)
    logits[np.arange(n), centre ^ 1] += 2 + rng.standard_normal(n)
    labels = (logits + rng.gumbel(size=(n, k))).argmax(axis=1)
    labels[:num_swapped] ^= 1
    return logits.astype(np.float32), labels


@pytest.mark.parametrize(("num_swapped", "has_fired"), [(0, False), (15, False)])
def test_label_issues_fire_beyond_what_the_probabilities_foresee(num_swapped, has_fired):
    logits, labels = _alike_classes(num_swapped)
    found = _of_logits(logits, labels)[Rule.LABEL_ISSUES]
    issues = find_label_issues(logits, labels)
    (measurement,) = found.measurements
    assert found.fired is has_fired
    assert measurement.measured == issues.found
    assert measurement.threshold == pytest.approx(issues.num_expected / issues.found.total + MIN_EXCESS)


@pytest.mark.slow
def test_correct_labels_are_rarely_flagged():
    fired = sum(_of_logits(*_alike_classes(0, n=800, seed=seed))[Rule.LABEL_ISSUES].fired for seed in range(30))
    assert fired <= 2


@pytest.mark.slow
def test_equally_focused_predictions_rarely_fire_a_rule_about_maps():
    rng = np.random.default_rng(0)
    fired = 0
    for seed in range(30):
        logits, labels, _ = _looking(seed, n=400)
        maps = rng.random((2, 400, 6, 6)) + 0.5 * rng.random((2, 400, 1, 1))
        found = _of_logits(logits, labels, maps=maps)
        rules = (Rule.BACKGROUND_FOCUS, Rule.DIFFUSE_FOCUS, Rule.PAIRS_SAME_PLACE, Rule.PAIRS_ELSEWHERE)
        fired += any(found[rule].fired for rule in rules)
    assert fired <= 3


def test_rules_about_maps_have_nothing_to_measure_without_maps():
    found = _found(_even(4, 100, 30))
    for rule in (Rule.BACKGROUND_FOCUS, Rule.DIFFUSE_FOCUS, Rule.PAIRS_SAME_PLACE, Rule.PAIRS_ELSEWHERE):
        assert found[rule] == Recommendation(rule=rule, fired=False, measurements=(), num_tested=0)


def test_predictions_of_low_probability_contradict_no_label():
    found = _found(_even(10, 200, 140), confidence=0.3)[Rule.LABEL_ISSUES]
    assert (found.measurements, found.num_tested) == ((), 0)


@pytest.mark.parametrize(("reverse", "has_fired"), [(0, True), (54, False)])
def test_confusion_in_one_direction_fires(reverse, has_fired):
    confusion = np.diag(np.full(10, 300))
    confusion[3, 3], confusion[3, 5] = 240, 60
    confusion[5, 5], confusion[5, 3] = 300 - reverse, reverse
    found = _found(confusion)
    assert found[Rule.ONE_WAY_CONFUSIONS].fired is has_fired
    assert found[Rule.SYMMETRIC_PAIRS].fired is not has_fired
    if has_fired:
        (measurement,) = found[Rule.ONE_WAY_CONFUSIONS].measurements
        assert measurement.pair == (3, 5)
        assert measurement.measured.count == 60


def test_evenly_spread_errors_are_no_confusion_in_one_direction():
    rng = np.random.default_rng(0)
    rates = np.full((10, 10), 0.03) + 0.7 * np.eye(10)
    for _ in range(20):
        confusion = np.array([rng.multinomial(100, row / row.sum()) for row in rates])
        assert not _found(confusion)[Rule.ONE_WAY_CONFUSIONS].fired
