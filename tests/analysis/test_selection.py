import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reportgen.analysis.findings import compute_findings
from reportgen.analysis.predictions import compute_predictions
from reportgen.analysis.selection import (
    NUM_CONFIDENT_ERRORS,
    find_confident_errors,
    find_shown_positions,
    select_examples,
    split_by_class,
)
from reportgen.settings import RenderSettings


def _select(predictions, labels, k, *, worst=5, best=3, mistaken=3, gallery=200, set_aside=()):
    return select_examples(
        predictions,
        np.array(labels),
        k,
        RenderSettings(num_worst=worst, num_best=best, num_mistaken=mistaken, num_gallery=gallery),
        set_aside=set_aside,
    )


def test_three_classes_by_hand(make_predictions):
    labels = [0, 0, 0, 0, 0, 1, 1, 2]
    predicted = [0, 0, 1, 2, 0, 1, 0, 2]
    confidence = [0.9, 0.5, 0.6, 0.8, 0.7, 0.4, 0.95, 0.3]
    first, second, third = _select(make_predictions(labels, predicted, confidence), labels, 3, worst=4, best=2)
    assert first.gallery == (3, 2, 1, 4, 0)
    assert first.worst == (3, 2, 1, 4)  # its mistakes, surest first; then its right answers, least sure first
    assert first.best == (0, 4)
    assert first.mistaken == (6,)
    assert (second.worst, second.best, second.mistaken) == ((6, 5), (5,), (2,))
    assert (third.worst, third.best, third.mistaken) == ((7,), (7,), (3,))


def test_ties_go_by_position(make_predictions):
    labels, predicted = [0] * 6, [0, 1, 0, 1, 0, 1]
    first, second = _select(make_predictions(labels, predicted, [0.5] * 6), labels, 2, worst=6)
    assert first.worst == (1, 3, 5, 0, 2, 4)
    assert first.best == (0, 2, 4)
    assert second.mistaken == (1, 3, 5)


def test_class_without_examples_shows_none(make_predictions):
    empty = _select(make_predictions([0], [0], [0.5]), [0], 3)[2]
    assert empty.worst == empty.gallery == ()


def test_gallery_holds_everyone_unless_it_is_limited(make_predictions):
    labels, predicted, confidence = [0] * 9, [1, 0, 0] * 3, np.linspace(0.2, 0.9, 9)
    predictions = make_predictions(labels, predicted, confidence)
    whole, limited = (_select(predictions, labels, 2, gallery=size)[0].gallery for size in (9, 4))
    assert whole == (6, 3, 0, 1, 2, 4, 5, 7, 8)
    assert limited == whole[:4]


def test_label_issues_are_replaced_by_the_next_and_counted(make_predictions):
    labels = [0, 0, 0, 0, 0, 1, 1, 1]
    predicted = [1, 1, 1, 0, 0, 0, 0, 1]
    confidence = [0.9, 0.8, 0.7, 0.4, 0.6, 0.9, 0.3, 0.5]
    predictions = make_predictions(labels, predicted, confidence)
    first, second = _select(predictions, labels, 2, worst=2, mistaken=1, set_aside=[0, 2, 5])
    assert first.worst == (1, 3)  # 0 and 2 stand before 3 and are passed over
    assert first.num_worst_set_aside == 2
    assert first.mistaken == (6,)
    assert first.num_mistaken_set_aside == 1
    assert second.worst == (6, 7)
    assert second.num_worst_set_aside == 1
    assert second.mistaken == (1,)
    assert second.num_mistaken_set_aside == 1  # 2 stands behind 1, where the list is full
    assert first.gallery == (0, 1, 2, 3, 4)
    assert first.best == (4, 3)


def test_issues_behind_the_last_one_shown_are_not_counted(make_predictions):
    labels, predicted = [0] * 4, [1] * 4
    predictions = make_predictions(labels, predicted, [0.9, 0.8, 0.7, 0.6])
    for limit, aside, shown, count in [
        (0, [0, 1], (), 0),
        (1, [1, 2], (0,), 0),
        (2, [1], (0, 2), 1),
        (4, [1, 3], (0, 2), 2),
        (4, [0, 1, 2, 3], (), 4),
    ]:
        found = _select(predictions, labels, 2, worst=limit, mistaken=limit, set_aside=aside)
        assert (found[0].worst, found[0].num_worst_set_aside) == (shown, count)
        assert (found[1].mistaken, found[1].num_mistaken_set_aside) == (shown, count)


def _reference(labels, predicted, confidence, k, limits):
    """The definitions, word by word."""
    everyone = range(len(labels))
    wrong = sorted((i for i in everyone if labels[i] == k != predicted[i]), key=lambda i: (-confidence[i], i))
    right = sorted((i for i in everyone if labels[i] == k == predicted[i]), key=lambda i: (confidence[i], i))
    surest = sorted(right, key=lambda i: (-confidence[i], i))
    taken = sorted((i for i in everyone if labels[i] != k == predicted[i]), key=lambda i: (-confidence[i], i))
    worst, best, mistaken, gallery = limits
    instructive = tuple(wrong + right)
    return instructive[:gallery], instructive[:worst], tuple(surest[:best]), tuple(taken[:mistaken])


@given(st.integers(2, 4), st.tuples(*[st.integers(0, limit) for limit in (7, 4, 4, 12)]), st.data())
def test_selection_is_the_definition(make_predictions, k, limits, data):
    example = st.tuples(st.integers(0, k - 1), st.integers(0, k - 1), st.sampled_from([0.25, 0.5, 0.75, 1.0]))
    labels, predicted, confidence = zip(*data.draw(st.lists(example, min_size=1, max_size=30)), strict=True)
    worst, best, mistaken, gallery = limits
    predictions = make_predictions(labels, predicted, confidence)
    found = _select(predictions, labels, k, worst=worst, best=best, mistaken=mistaken, gallery=gallery)
    assert len(found) == k
    for index, selection in enumerate(found):
        expected = _reference(labels, predicted, confidence, index, limits)
        assert (selection.gallery, selection.worst, selection.best, selection.mistaken) == expected


def test_confident_errors_start_at_ninety_per_cent_and_fall(make_predictions):
    predictions = make_predictions([0, 0, 0, 0, 0], [1, 1, 0, 1, 1], [0.9, 0.899, 0.99, 0.95, 0.95])
    assert find_confident_errors(predictions) == (3, 4, 0)
    assert find_confident_errors(predictions, set_aside=(4, 1)) == (3, 0)


def test_split_keeps_the_given_order_and_every_class():
    classes = np.array([2, 0, 2, 0, 2])
    groups = split_by_class(np.array([4, 3, 0, 1]), classes, 4)
    assert [group.tolist() for group in groups] == [[3, 1], [], [4, 0], []]


def test_confidence_within_rounding_of_the_bound_is_high():
    probabilities = np.array([[0.9, 0.07, 0.03], [0.8999, 0.07, 0.0301]])
    predictions = compute_predictions((np.log(probabilities) - 4.8).astype(np.float32), np.array([1, 1]))
    assert 0.9 - 1e-6 < predictions.confidence[0] < 0.9  # float32 logits round it down
    assert find_confident_errors(predictions) == (0,)


def test_shown_positions_are_those_of_the_findings_at_default_settings(make_cache):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 120)
    logits = rng.normal(size=(120, 3)) + 2.5 * np.eye(3)[labels]
    logits[:40] = 6 * rng.normal(size=(40, 3))  # some are wrong and sure
    cache = make_cache(logits, labels)
    findings = compute_findings(cache)
    shown = {position for own in findings.selections for position in (*own.worst, *own.best, *own.mistaken)}
    assert findings.confident_errors
    shown |= set(findings.confident_errors[:NUM_CONFIDENT_ERRORS])
    found = find_shown_positions(cache)
    assert found.tolist() == sorted(shown)
    assert found.dtype == np.int64
    assert len(found) < 120
