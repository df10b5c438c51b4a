import numpy as np
import pytest

from reportgen.analysis.class_order import find_class_order


def _predictions(confusion, n, *, seed=0, support=None):
    """Labels and predicted classes of n examples, drawn from the rows of a confusion matrix."""
    rng = np.random.default_rng(seed)
    rates = np.asarray(confusion, dtype=float)
    rates = rates / rates.sum(axis=1, keepdims=True)
    labels = rng.choice(len(rates), n, p=support)
    predicted = (rng.random(n)[:, None] > rates.cumsum(axis=1)[labels]).sum(axis=1)
    return labels, np.minimum(predicted, len(rates) - 1)


def _even(k, accuracy):
    return np.where(np.eye(k, dtype=bool), accuracy, (1 - accuracy) / (k - 1))


@pytest.mark.parametrize(("k", "accuracy", "n"), [(2, 0.9, 200), (3, 0.8, 300), (10, 0.3, 1000), (100, 0.7, 1000)])
def test_order_of_shuffled_outputs_is_found(k, accuracy, n):
    labels, predicted = _predictions(_even(k, accuracy), n)
    shuffle = np.roll(np.random.default_rng(1).permutation(k), 1) if k > 2 else np.array([1, 0])
    found = find_class_order(labels, shuffle[predicted], k)
    restored = found.class_of[shuffle]  # the class of each original output
    assert np.count_nonzero(restored == np.arange(k)) >= 0.95 * k
    assert sorted(found.class_of.tolist()) == list(range(k))
    assert found.num_moved == np.count_nonzero(found.class_of != np.arange(k))
    assert found.mapped.low < accuracy < found.mapped.high
    assert found.accuracy.total == found.mapped.total == n - n // 2
    assert found.gained.low > 0.5


def test_two_exchanged_classes_of_many_are_found_alone():
    labels, predicted = _predictions(_even(20, 0.4), 4000)
    swap = np.arange(20)
    swap[[3, 7]] = 7, 3
    found = find_class_order(labels, swap[predicted], 20)
    assert found.class_of.tolist() == swap.tolist()
    assert found.num_moved == 2


def _neighbours(k, rate):
    """Each class is predicted as its neighbour as often as correctly."""
    return np.full((k, k), 0.02) + rate * np.eye(k) + rate * np.eye(k)[np.arange(k) ^ 1]


CORRECT = {
    "chance, two classes": (_even(2, 0.5), None),
    "chance, ten classes": (_even(10, 0.1), None),
    "weak": (_even(10, 0.2), None),
    "strong": (_even(10, 0.95), None),
    "mixed-up neighbours": (_neighbours(10, 0.45), None),
    "mixed-up neighbours of unequal support": (_neighbours(4, 0.45), [0.9, 0.05, 0.03, 0.02]),
    "one class for all": (np.tile([0.9, 0.04, 0.03, 0.03], (4, 1)), [0.02, 0.03, 0.9, 0.05]),
    "one class of two for all": (np.tile([0.9, 0.1], (2, 1)), [0.05, 0.95]),
}


@pytest.mark.parametrize("name", CORRECT)
@pytest.mark.parametrize("n", [60, 600])
def test_correct_order_is_left_alone(name, n):
    confusion, support = CORRECT[name]
    for seed in range(40):
        assert find_class_order(*_predictions(confusion, n, seed=seed, support=support), len(confusion)) is None


def test_a_few_examples_show_no_order():
    for n in (1, 2, 10):
        assert find_class_order(np.arange(n) % 3, (np.arange(n) + 1) % 3, 3) is None
