import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss, top_k_accuracy_score

from reportgen.analysis import predictions as module
from reportgen.analysis.predictions import ZERO_LOG_LOSS, Predictions, compute_predictions, row_blocks


def _random(n, k, seed=0, scale=3):
    rng = np.random.default_rng(seed)
    return (scale * rng.standard_normal((n, k))).astype(np.float32), rng.integers(0, k, n)


def test_three_classes_by_hand():
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.25, 0.25, 0.5]])).astype(np.float32)
    found = compute_predictions(logits, np.array([0, 2, 1]))
    np.testing.assert_array_equal(found.predicted, [0, 0, 2])
    np.testing.assert_array_equal(found.is_correct, [True, False, False])
    np.testing.assert_array_equal(found.true_rank, [1, 3, 3])
    np.testing.assert_allclose(found.confidence, [0.7, 0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(found.true_probability, [0.7, 0.2, 0.25], rtol=1e-6)
    np.testing.assert_allclose(found.log_loss, -np.log([0.7, 0.2, 0.25]), rtol=1e-6)
    np.testing.assert_allclose(found.brier, [0.14, 0.98, 0.875], rtol=1e-6)


@pytest.mark.parametrize(("n", "k"), [(1, 2), (7, 2), (50, 10), (300, 101)])
@pytest.mark.parametrize("temperature", [1.0, 0.3, 4.0])
def test_numbers_are_scipys_and_scikit_learns(n, k, temperature):
    logits, labels = _random(n, k)
    found = compute_predictions(logits, labels, temperature=temperature)
    probabilities = softmax(logits.astype(np.float64) / temperature, axis=1)
    np.testing.assert_allclose(found.confidence, probabilities.max(axis=1))
    np.testing.assert_allclose(found.true_probability, probabilities[np.arange(n), labels])
    np.testing.assert_allclose(found.brier, ((probabilities - np.eye(k)[labels]) ** 2).sum(axis=1), atol=1e-15)
    expected = log_softmax(logits.astype(np.float64) / temperature, axis=1)[np.arange(n), labels]
    np.testing.assert_allclose(found.log_loss, -expected)
    if temperature >= 1:  # scikit-learn clips the probabilities of smaller ones
        assert found.log_loss.mean() == pytest.approx(log_loss(labels, probabilities, labels=range(k)))
    if k > 2:
        expected = top_k_accuracy_score(labels, logits, k=5, labels=range(k))
        assert (found.true_rank <= 5).mean() == pytest.approx(expected)


def test_huge_logits_stay_finite():
    logits = np.array([[3e38, -3e38], [-3e38, 3e38], [5000, 4000]], dtype=np.float32)
    found = compute_predictions(logits, np.array([0, 0, 1]))
    np.testing.assert_array_equal(found.confidence, 1)
    np.testing.assert_array_equal(found.true_probability, [1, 0, 0])
    np.testing.assert_allclose(found.log_loss, [0, 2 * float(np.float32(3e38)), 1000])
    np.testing.assert_array_equal(found.brier, [0, 2, 2])


def test_log_loss_is_exact_where_the_model_is_nearly_certain():
    logits = np.array([[40, 0, 0]], dtype=np.float32)
    found = compute_predictions(logits, np.array([1]))
    assert found.log_loss[0] == pytest.approx(-log_softmax([40.0, 0.0, 0.0])[1], rel=1e-15)


def test_equal_logits_rank_by_class_index():
    logits = np.zeros((3, 3), dtype=np.float32)
    found = compute_predictions(logits, np.array([0, 1, 2]))
    np.testing.assert_array_equal(found.predicted, 0)
    np.testing.assert_array_equal(found.true_rank, [1, 2, 3])
    assert found.is_tied.all()


def test_a_tie_counts_only_at_the_largest_logit():
    logits = np.array([[2, 1, 1], [1, 2, 2], [3, 2, 1]], dtype=np.float32)
    assert compute_predictions(logits, np.array([0, 1, 2])).is_tied.tolist() == [False, True, False]


def test_confidence_does_not_depend_on_the_order_of_the_classes():
    logits = np.random.default_rng(0).standard_normal(101).astype(np.float32)
    permuted = np.stack([np.random.default_rng(seed).permutation(logits) for seed in range(50)])
    assert len({softmax(row.astype(np.float64)).max() for row in permuted}) > 1
    found = compute_predictions(permuted, permuted.argmax(axis=1))
    assert len(set(found.confidence.tolist())) == len(set(found.true_probability.tolist())) == 1


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 20), st.integers(2, 6)), elements=st.integers(-3, 3)), st.data())
def test_laws_hold_with_ties(logits, data):
    n, k = logits.shape
    labels = np.array(data.draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n)))
    found = compute_predictions(logits, labels)
    assert (found.is_correct == (found.true_rank == 1)).all()
    assert ((found.true_rank >= 1) & (found.true_rank <= k)).all()
    assert ((found.confidence >= 1 / k - 1e-12) & (found.confidence <= 1)).all()
    assert (found.true_probability <= found.confidence).all()
    assert ((found.brier >= 0) & (found.brier <= 2)).all()
    # The probabilities of all classes sum to one.
    each = sum(compute_predictions(logits, np.full(n, label)).true_probability for label in range(k))
    np.testing.assert_allclose(each, 1)


def test_blocks_change_nothing(monkeypatch):
    logits, labels = _random(101, 7)
    whole = compute_predictions(logits, labels)
    monkeypatch.setattr(module, "_BLOCK_SIZE", 25)
    blockwise = compute_predictions(logits, labels)
    for name in Predictions.__slots__:
        np.testing.assert_array_equal(getattr(blockwise, name), getattr(whole, name))


def test_blocks_cover_every_row_once(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_SIZE", 25)
    assert [list(range(11))[block] for block in row_blocks(11, 7)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10]]
    assert list(row_blocks(2, 1000)) == [slice(0, 1), slice(1, 2)]


def test_memory_is_that_of_the_result():
    logits, labels = _random(10_000, 400)
    tracemalloc.start()
    compute_predictions(logits, labels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < logits.nbytes  # 16 MB; a whole float64 softmax alone would take 32


def test_inputs_are_left_alone():
    logits, labels = _random(20, 5)
    before = logits.copy()
    compute_predictions(logits, labels, temperature=2.0)
    np.testing.assert_array_equal(logits, before)


def test_minus_infinity_is_a_probability_of_zero():
    logits = np.array([[0, -np.inf, 0], [-np.inf, 3, -np.inf]], dtype=np.float32)
    found = compute_predictions(logits, np.array([1, 1]))
    assert found.predicted.tolist() == [0, 1]
    assert found.confidence.tolist() == [0.5, 1]
    assert found.true_probability.tolist() == [0, 1]
    assert found.true_rank.tolist() == [3, 1]
    assert found.log_loss.tolist() == [ZERO_LOG_LOSS, 0]
    assert found.brier.tolist() == [1.5, 0]
