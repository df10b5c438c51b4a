"""The confusion matrix, its confused pairs and its superclasses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.intervals import Proportion
from reportgen.cache import Superclasses


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusedPair:
    """An ordered pair of classes: examples of one that are predicted as the other.

    Attributes:
        share: errors in this cell, out of the true class's support.
        reverse: errors in the opposite direction, out of the predicted class's support.
        same_superclass: `None` if superclasses are unknown.
    """

    true_index: int
    predicted_index: int
    share: Proportion
    reverse: Proportion
    same_superclass: bool | None


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class SuperclassFindings:
    """The errors by superclass.

    Attributes:
        names: of the S superclasses.
        confusion: int64 (S, S), rows true, columns predicted; the diagonal holds correct predictions and
            within-superclass errors.
        accuracy: examples predicted in the true superclass, out of all.
        recall: the same for each superclass, out of its support.
        inside: within-superclass errors, out of all errors.
        chance: fraction in [0, 1] of errors within the superclass if errors were spread evenly over the other classes.
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
        labels: int64 (N,).
        predicted: int64 (N,).
        num_classes: K.
    """
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes).astype(np.int64, copy=False)


def without_diagonal(confusion: NDArray[np.int64]) -> NDArray[np.int64]:
    """The errors: the confusion matrix with zeros on its diagonal, int64 (K, K)."""
    errors = confusion.copy()
    np.fill_diagonal(errors, 0)
    return errors


def find_confused_pairs(
    confusion: NDArray[np.int64], limit: int, superclass_of: NDArray[np.int64] | None
) -> tuple[ConfusedPair, ...]:
    """The most confused ordered pairs, by falling count, then by falling fraction of the true class, then by indices.

    Args:
        confusion: int64 (K, K), rows true, columns predicted.
        limit: largest number of pairs.
        superclass_of: int64 (K,), superclass index of each class; `None` if unknown.
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
    """The errors by superclass.

    Args:
        confusion: int64 (K, K), rows true, columns predicted.
        superclasses: of the K classes.
    """
    group, num_groups = superclasses.superclass_of, len(superclasses.names)
    rows, columns = np.nonzero(confusion)
    coarse = np.zeros((num_groups, num_groups), dtype=np.int64)
    np.add.at(coarse, (group[rows], group[columns]), confusion[rows, columns])

    num_examples, num_correct = int(confusion.sum()), int(np.trace(confusion))
    num_errors, num_in_group = num_examples - num_correct, int(np.trace(coarse))
    return SuperclassFindings(
        names=superclasses.names,
        confusion=coarse,
        accuracy=Proportion(count=num_in_group, total=num_examples),
        recall=tuple(
            Proportion(count=correct, total=total)
            for correct, total in zip(np.diagonal(coarse).tolist(), coarse.sum(axis=1).tolist(), strict=True)
        ),
        inside=Proportion(count=num_in_group - num_correct, total=num_errors),
        chance=_chance_inside(confusion, group),
    )


def _chance_inside(confusion: NDArray[np.int64], group: NDArray[np.int64]) -> float:
    """Mean over errors of the fraction of other classes that belong to the true class's superclass.

    Without errors it is the mean over examples, as if each were equally likely to be an error.
    """
    siblings = np.bincount(group)[group] - 1
    errors = confusion.sum(axis=1) - np.diagonal(confusion)
    weights = errors if errors.any() else confusion.sum(axis=1)
    return float(np.average(siblings / (len(group) - 1), weights=weights))


def order_by_superclass(superclass_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """The K class indices grouped by superclass, int64 (K,); in index order within a superclass."""
    return np.argsort(superclass_of, kind="stable").astype(np.int64, copy=False)


def order_by_similarity(confusion: NDArray[np.int64]) -> NDArray[np.int64]:
    """The K class indices with confused classes next to each other, int64 (K,).

    Average linkage on the symmetrized, row-normalized errors, leaves in optimal order (Bar-Joseph et al. 2001). Index
    order if there are no errors.

    Args:
        confusion: int64 (K, K), rows true, columns predicted.
    """
    errors = without_diagonal(confusion)
    if not errors.any():
        return np.arange(len(confusion), dtype=np.int64)

    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    shares = errors / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    distances = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), method="average", optimal_ordering=True)
    return np.asarray(leaves_list(tree), dtype=np.int64)
