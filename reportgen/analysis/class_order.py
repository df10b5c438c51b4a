"""Whether the outputs are in another order than the labels: does a mapping of classes raise the accuracy?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from reportgen.analysis.calibration import split_in_halves
from reportgen.analysis.intervals import Proportion

MIN_GAINED = 0.6
"""Least mean over the classes of the fraction that becomes correct, of the predictions that the mapping changes to or
from correct. Fewer would not convince a reviewer: a correct order with two classes that are mixed up has one half."""

_MAX_P = 5e-4
_MIN_Z_OF_CYCLE = 5.0
"""Standard deviations beyond the permutations, which are too few for a correction for many cycles."""
_NUM_PERMUTATIONS = 2000
_SEED = 5


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ClassOrder:
    """A one-to-one mapping of predicted onto true classes that raises the accuracy far beyond chance.

    The mapping is that of all examples. The proportions are of one half, with the mapping of the other half.

    Attributes:
        class_of: int64 (K,), for each output the class that it appears to stand for.
        num_moved: number of outputs that stand for another class.
        accuracy: correct predictions as they are.
        mapped: correct predictions with the mapping.
        gained: predictions that the mapping makes correct, of those that it changes to or from correct.
    """

    class_of: NDArray[np.int64]
    num_moved: int
    accuracy: Proportion
    mapped: Proportion
    gained: Proportion


def find_class_order(labels: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int) -> ClassOrder | None:
    """The order of the outputs that the labels suggest; `None` where the given order is not shown to be wrong.

    The best mapping of one half of the examples (`scipy.optimize.linear_sum_assignment`) falls into cycles. All of them
    together, and each by itself, have to pass three tests on the other half: an exact binomial test of the gained
    against the lost predictions, a permutation test, which allows for classes of unequal size, and `MIN_GAINED`.

    Args:
        labels: int64 (N,), true class index.
        predicted: int64 (N,), predicted class index.
        num_classes: K.
    """
    fitted, measured = split_in_halves(len(labels))
    mapping = _best_mapping(labels[fitted], predicted[fitted], num_classes)
    true, answered = labels[measured], predicted[measured]
    moved = mapping != np.arange(num_classes)
    if not moved.any():
        return None
    cycles = list(_cycles(mapping))
    moved_all = _is_supported(true, answered, mapping, moved, num_tested=1)
    if moved_all:
        class_of = _best_mapping(labels, predicted, num_classes)
    else:
        class_of = np.arange(num_classes)
        for cycle in cycles:
            if _is_supported(true, answered, mapping, _mask(cycle, num_classes), num_tested=len(cycles)):
                class_of[cycle] = mapping[cycle]
    if (class_of == np.arange(num_classes)).all():
        return None
    tested = mapping if moved_all else class_of
    was, becomes = answered == true, tested[answered] == true
    num_gained, num_lost = int((becomes & ~was).sum()), int((was & ~becomes).sum())
    return ClassOrder(
        class_of=class_of,
        num_moved=int((class_of != np.arange(num_classes)).sum()),
        accuracy=Proportion(count=int(was.sum()), total=len(true)),
        mapped=Proportion(count=int(becomes.sum()), total=len(true)),
        gained=Proportion(count=num_gained, total=num_gained + num_lost, exact=True),
    )


def _best_mapping(labels: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """The class for each output: the assignment with the largest sum of residuals of the confusion matrix.

    Residuals are counts less those of independence, by the square root of both sums: a class of one example does not
    outweigh one of many, and a class that is always predicted explains nothing. Ties keep the class.
    """
    from scipy.optimize import linear_sum_assignment

    counts = np.bincount(predicted * num_classes + labels, minlength=num_classes**2).reshape(num_classes, num_classes)
    product = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True)
    residuals = (counts - product / max(len(labels), 1)) / np.sqrt(np.maximum(product, 1))
    residuals[np.diag_indices(num_classes)] += 1e-9
    _rows, class_of = linear_sum_assignment(residuals, maximize=True)
    return np.asarray(class_of, dtype=np.int64)


def _cycles(mapping: NDArray[np.int64]) -> Iterator[list[int]]:
    """The cycles of a permutation with more than one member."""
    seen = mapping == np.arange(len(mapping))
    for start in np.flatnonzero(~seen).tolist():
        cycle, index = [], start
        while not seen[index]:
            seen[index] = True
            cycle.append(index)
            index = int(mapping[index])
        if cycle:
            yield cycle


def _mask(indices: list[int], size: int) -> NDArray[np.bool_]:
    mask = np.zeros(size, dtype=np.bool_)
    mask[indices] = True
    return mask


def _is_supported(
    labels: NDArray[np.int64],
    predicted: NDArray[np.int64],
    mapping: NDArray[np.int64],
    moved: NDArray[np.bool_],
    *,
    num_tested: int,
) -> bool:
    """Whether the mapping of the moved classes passes the three tests on examples that it was not fitted on."""
    gained = moved[predicted] & (mapping[predicted] == labels)
    lost = moved[predicted] & (predicted == labels)
    num_gained, num_lost = int(gained.sum()), int(lost.sum())
    # P(X >= gained) of a fair coin.
    if num_gained == 0 or bdtrc(num_gained - 1, num_gained + num_lost, 0.5) > _MAX_P / num_tested:
        return False
    support = np.bincount(labels, minlength=len(mapping))
    weights = 1 / support[labels]
    if weights[gained].sum() < MIN_GAINED * weights[gained | lost].sum():
        return False
    min_z = _MIN_Z_OF_CYCLE if num_tested > 1 else 0.0
    return _exceeds_permutations(labels, predicted, mapping, moved, min_z=min_z)


def _exceeds_permutations(
    labels: NDArray[np.int64],
    predicted: NDArray[np.int64],
    mapping: NDArray[np.int64],
    moved: NDArray[np.bool_],
    *,
    min_z: float,
) -> bool:
    """Whether gained less lost exceeds all `_NUM_PERMUTATIONS` permutations of the labels, and most by `min_z`."""
    rng = np.random.default_rng(_SEED)
    moved_at = np.flatnonzero(moved[predicted])  # the other predictions contribute nothing
    given, mapped = predicted[moved_at], mapping[predicted[moved_at]]

    def score(shuffled: NDArray[np.int64]) -> int:
        chosen = shuffled[moved_at]
        return int((chosen == mapped).sum()) - int((chosen == given).sum())

    observed = score(labels)
    few = np.array([score(rng.permutation(labels)) for _ in range(100)])
    if observed <= few.max() or observed - few.mean() < min_z * few.std():
        return False
    return all(score(rng.permutation(labels)) < observed for _ in range(_NUM_PERMUTATIONS - 100))
