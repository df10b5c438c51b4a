"""Which classes are taken for which: the confusion matrix, its pairs and its superclasses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.intervals import Proportion
from reportgen.cache import Superclasses


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusedPair:
    """An ordered pair of classes: examples of one that are predicted as the other.

    Attributes:
        true_index: class index of the label.
        predicted_index: class index of the prediction, another one.
        share: examples of the true class predicted as the other, out of the true class's support.
        reverse: the other way: examples of the predicted class predicted as the true one, out of its support.
        same_superclass: whether both lie in one superclass; `None` where superclasses are not known.
    """

    true_index: int
    predicted_index: int
    share: Proportion
    reverse: Proportion
    same_superclass: bool | None


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class SuperclassFindings:
    """The mistakes seen through the superclasses.

    Attributes:
        names: the S superclasses' names.
        confusion: int64 (S, S), rows true, columns predicted; the diagonal holds right answers and mistakes inside.
        accuracy: examples whose prediction lies in the right superclass, out of all.
        recall: for each superclass, the same out of its support.
        inside: mistakes that stay inside the superclass, out of all mistakes.
        chance: share in [0, 1] of mistakes that would stay inside if wrong answers were spread evenly over the other
            classes.
    """

    names: tuple[str, ...]
    confusion: NDArray[np.int64]
    accuracy: Proportion
    recall: tuple[Proportion, ...]
    inside: Proportion
    chance: float


def compute_confusion(labels: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """The confusion matrix: int64 (K, K), rows true, columns predicted; sums to N.

    Args:
        labels: int64 (N,), true class index.
        predicted: int64 (N,), predicted class index.
        num_classes: K.
    """
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes).astype(np.int64, copy=False)


def without_diagonal(confusion: NDArray[np.int64]) -> NDArray[np.int64]:
    """The mistakes alone: the confusion matrix with a diagonal of zeros, int64 (K, K)."""
    mistakes = confusion.copy()
    np.fill_diagonal(mistakes, 0)
    return mistakes


def find_confused_pairs(
    confusion: NDArray[np.int64], limit: int, superclass_of: NDArray[np.int64] | None
) -> tuple[ConfusedPair, ...]:
    """The most confused ordered pairs, falling by count, then by share, then by indices; none without a mistake.

    Args:
        confusion: int64 (K, K), rows true, columns predicted.
        limit: at most so many.
        superclass_of: int64 (K,), superclass index of each class, where superclasses are known.
    """
    true, predicted = np.nonzero(without_diagonal(confusion))
    counts, support = confusion[true, predicted], confusion.sum(axis=1)
    # Of equal counts, that with the smaller support is the larger share.
    order = np.lexsort((predicted, true, support[true], -counts))[:limit]
    return tuple(
        ConfusedPair(
            true_index=i,
            predicted_index=j,
            share=Proportion(count=int(confusion[i, j]), total=int(support[i])),
            reverse=Proportion(count=int(confusion[j, i]), total=int(support[j])),
            same_superclass=None if superclass_of is None else bool(superclass_of[i] == superclass_of[j]),
        )
        for i, j in zip(true[order].tolist(), predicted[order].tolist(), strict=True)
    )


def compute_superclass_findings(confusion: NDArray[np.int64], superclasses: Superclasses) -> SuperclassFindings:
    """The mistakes seen through S superclasses.

    Args:
        confusion: int64 (K, K), rows true, columns predicted.
        superclasses: the grouping of the K classes.
    """
    group, num_groups = superclasses.superclass_of, len(superclasses.names)
    rows, columns = np.nonzero(confusion)
    coarse = np.zeros((num_groups, num_groups), dtype=np.int64)
    np.add.at(coarse, (group[rows], group[columns]), confusion[rows, columns])

    num_examples, num_right = int(confusion.sum()), int(np.trace(confusion))
    num_mistakes, num_in_group = num_examples - num_right, int(np.trace(coarse))
    return SuperclassFindings(
        names=superclasses.names,
        confusion=coarse,
        accuracy=Proportion(count=num_in_group, total=num_examples),
        recall=tuple(
            Proportion(count=right, total=total)
            for right, total in zip(np.diagonal(coarse).tolist(), coarse.sum(axis=1).tolist(), strict=True)
        ),
        inside=Proportion(count=num_in_group - num_right, total=num_mistakes),
        chance=_chance_inside(confusion, group),
    )


def _chance_inside(confusion: NDArray[np.int64], group: NDArray[np.int64]) -> float:
    """Mean over mistakes of the share of other classes that lie in the true class's superclass.

    Without a mistake it is the mean over examples: what mistakes would show if all were equally likely to be one.
    """
    siblings = np.bincount(group)[group] - 1
    mistakes = confusion.sum(axis=1) - np.diagonal(confusion)
    weights = mistakes if mistakes.any() else confusion.sum(axis=1)
    return float(np.average(siblings / (len(group) - 1), weights=weights))


def order_by_superclass(superclass_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """The K class indices in blocks of superclasses, int64 (K,); in index order within a block."""
    return np.argsort(superclass_of, kind="stable").astype(np.int64, copy=False)


def order_by_similarity(confusion: NDArray[np.int64]) -> NDArray[np.int64]:
    """The K class indices with classes that are taken for each other side by side, int64 (K,).

    Average linkage on the symmetrised, row-normalised mistakes, leaves in the optimal order (Bar-Joseph et al. 2001).
    Index order where there is no mistake.

    Args:
        confusion: int64 (K, K), rows true, columns predicted.
    """
    mistakes = without_diagonal(confusion)
    if not mistakes.any():
        return np.arange(len(confusion), dtype=np.int64)

    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    shares = mistakes / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    distances = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), method="average", optimal_ordering=True)
    return np.asarray(leaves_list(tree), dtype=np.int64)
