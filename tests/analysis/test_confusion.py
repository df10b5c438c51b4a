from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from reportgen.analysis.confusion import (
    compute_confusion,
    compute_superclass_findings,
    find_confused_pairs,
    order_by_similarity,
    order_by_superclass,
    without_diagonal,
)
from reportgen.analysis.intervals import Proportion
from reportgen.cache import Superclasses

HAND = np.array([[5, 2, 1], [2, 7, 0], [0, 1, 3]])


def _pairs(confusion, limit=15, superclass_of=None):
    return find_confused_pairs(np.array(confusion), limit, superclass_of)


def _indices(pairs):
    return [(pair.true_index, pair.predicted_index) for pair in pairs]


def test_three_classes_by_hand():
    labels, predicted = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 2, 1, 2, 0, 0])
    np.testing.assert_array_equal(compute_confusion(labels, predicted, 3), [[1, 0, 1], [0, 1, 0], [2, 0, 1]])


@given(st.integers(2, 8), st.data())
def test_matrix_is_scikit_learns_sums_to_n_and_ignores_the_order(k, data):
    rows = data.draw(st.lists(st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)), min_size=1, max_size=60))
    labels, predicted = np.array(rows, dtype=np.int64).T
    confusion = compute_confusion(labels, predicted, k)
    assert confusion.dtype == np.int64
    np.testing.assert_array_equal(confusion, confusion_matrix(labels, predicted, labels=range(k)))
    assert confusion.sum() == len(rows)
    np.testing.assert_array_equal(confusion.sum(axis=1), np.bincount(labels, minlength=k))
    order = np.array(data.draw(st.permutations(range(len(rows)))))
    np.testing.assert_array_equal(compute_confusion(labels[order], predicted[order], k), confusion)


def test_without_diagonal_leaves_the_matrix_alone():
    np.testing.assert_array_equal(without_diagonal(HAND), [[0, 2, 1], [2, 0, 0], [0, 1, 0]])
    assert np.trace(HAND) == 15


def test_pairs_fall_by_count_then_by_share_then_by_indices():
    # 0 -> 1 and 1 -> 0 have two each, of 8 and of 9; 2 -> 1 and 0 -> 2 one each, of 4 and of 8.
    pairs = _pairs(HAND)
    assert _indices(pairs) == [(0, 1), (1, 0), (2, 1), (0, 2)]
    assert pairs[0].share == Proportion(count=2, total=8)
    assert pairs[0].reverse == Proportion(count=2, total=9)
    assert pairs[2].reverse == Proportion(count=0, total=9)
    ties = np.full((3, 3), 4)
    assert _indices(_pairs(ties)) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]


def test_pairs_stop_at_the_limit_and_at_the_last_error():
    assert len(_pairs(HAND, limit=2)) == 2
    assert _pairs(HAND, limit=0) == ()
    assert _pairs(np.diag([3, 4])) == ()


def test_pair_with_a_class_without_support_has_an_undefined_reverse():
    (pair,) = _pairs([[3, 1], [0, 0]])
    assert np.isnan(pair.reverse.value)


def test_pair_records_whether_it_is_within_a_superclass():
    pairs = _pairs(HAND, superclass_of=np.array([0, 0, 1]))
    assert [pair.same_superclass for pair in pairs] == [True, True, False, False]
    assert {pair.same_superclass for pair in _pairs(HAND)} == {None}


def test_superclasses_by_hand():
    group = Superclasses(names=("a", "b"), superclass_of=np.array([0, 0, 1]))
    found = compute_superclass_findings(HAND, group)
    np.testing.assert_array_equal(found.confusion, [[16, 1], [1, 3]])
    assert found.names == ("a", "b")
    assert found.accuracy == Proportion(count=19, total=21)
    assert found.recall == (Proportion(count=16, total=17), Proportion(count=3, total=4))
    assert found.inside == Proportion(count=4, total=6)
    # Of six mistakes, five are of classes with one sibling among two others; one is of a class without.
    assert found.chance == pytest.approx(5 / 6 * 1 / 2)


def test_chance_is_what_evenly_spread_errors_show():
    rng = np.random.default_rng(0)
    group = Superclasses(names=("a", "b", "c"), superclass_of=np.array([0, 1, 1, 2, 2, 2]))
    labels = rng.choice(6, size=60_000, p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.1])
    predicted = (labels + rng.integers(1, 6, size=len(labels))) % 6
    found = compute_superclass_findings(compute_confusion(labels, predicted, 6), group)
    assert found.inside.low < found.chance < found.inside.high


@pytest.mark.parametrize(("superclass_of", "chance"), [([0, 0, 0], 1.0), ([0, 1, 2], 0.0), ([2, 0, 0], 0.6)])
def test_superclasses_without_an_error_and_of_any_size(superclass_of, chance):
    group = Superclasses(names=("a", "b", "c", "empty"), superclass_of=np.array(superclass_of))
    found = compute_superclass_findings(np.diag([4, 2, 4]) * 5, group)
    assert found.inside.total == 0
    assert found.recall[3].total == 0
    assert found.chance == pytest.approx(chance if chance in (0, 1) else 6 / 10 * 1 / 2)


@given(st.integers(2, 7), st.data())
def test_superclass_findings_add_up(k, data):
    confusion = np.array(data.draw(st.lists(st.integers(0, 5), min_size=k * k, max_size=k * k))).reshape(k, k)
    confusion[0, 0] += 1
    groups = np.array(data.draw(st.lists(st.integers(0, 3), min_size=k, max_size=k)))
    found = compute_superclass_findings(confusion, Superclasses(names=("a", "b", "c", "d"), superclass_of=groups))
    assert found.confusion.sum() == confusion.sum()
    assert found.accuracy.count == np.trace(confusion) + found.inside.count
    assert sum(recall.count for recall in found.recall) == found.accuracy.count
    assert 0 <= found.chance <= 1


def test_superclass_order_is_in_blocks():
    np.testing.assert_array_equal(order_by_superclass(np.array([1, 0, 1, 0])), [1, 3, 0, 2])


def test_similarity_order_brings_confused_classes_together():
    confusion = np.diag([90] * 6)
    for i, j in ((0, 3), (1, 4), (2, 5)):
        confusion[i, j], confusion[j, i] = 8, 4
    confusion[0, 5] = 1
    order = order_by_similarity(confusion).tolist()
    assert sorted(order) == list(range(6))
    for i, j in ((0, 3), (1, 4), (2, 5)):
        assert abs(order.index(i) - order.index(j)) == 1
    # The optimal order of leaves also lays the weaker tie side by side.
    assert abs(order.index(0) - order.index(5)) == 1


def test_similarity_goes_by_share_not_by_count():
    # 0 loses 20 of 1000 to 1; of the few examples of 2 and 3 about half are called 0.
    confusion = np.array([[980, 20, 0, 0], [0, 1000, 0, 0], [5, 0, 5, 0], [4, 0, 0, 6]])
    order = order_by_similarity(confusion).tolist()
    assert {order[order.index(0) - 1], order[order.index(0) + 1]} == {2, 3}


def test_similarity_order_follows_a_chain():
    chain = [3, 7, 0, 5, 2, 6, 1, 4]
    confusion = np.diag([100] * 8)
    for strength, (i, j) in enumerate(pairwise(chain)):
        confusion[i, j] = 20 + strength % 3
    order = order_by_similarity(confusion).tolist()
    assert order in (chain, chain[::-1])


@pytest.mark.parametrize(
    "confusion",
    [np.diag([3, 4, 5]), [[1, 1], [0, 2]], [[0, 3], [0, 0]], np.ones((5, 5), int), [[0, 0, 0], [0, 0, 1], [0, 0, 0]]],
)
def test_similarity_order_is_a_permutation_of_any_matrix(confusion):
    order = order_by_similarity(np.array(confusion))
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(len(confusion)))


def test_similarity_order_without_an_error_is_that_of_the_indices():
    np.testing.assert_array_equal(order_by_similarity(np.diag([3, 4, 5])), [0, 1, 2])
