"""Which examples are shown. A selection never changes a denominator."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reportgen.analysis.label_issues import find_label_issues
from reportgen.analysis.predictions import Predictions, compute_predictions
from reportgen.analysis.ties import ROUNDING
from reportgen.cache import EvaluationCache
from reportgen.settings import RenderSettings

HIGH_CONFIDENCE = 0.9

NUM_CONFIDENT_ERRORS = 6
"""Mistakes with a high confidence that the first page shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSelection:
    """The examples on one class page, as positions 0..N-1 in the cache; ties are broken by position.

    Attributes:
        gallery: the class's examples, the most instructive first: those misclassified by falling confidence, then the
            correct ones by rising confidence.
        worst: the head of the same order, without those set aside.
        best: its correct examples by falling confidence.
        mistaken: examples of other classes predicted as it, by falling confidence, without those set aside.
        num_worst_set_aside: label issues that were passed over to fill `worst`.
        num_mistaken_set_aside: label issues that were passed over to fill `mistaken`.
    """

    gallery: tuple[int, ...]
    worst: tuple[int, ...]
    best: tuple[int, ...]
    mistaken: tuple[int, ...]
    num_worst_set_aside: int
    num_mistaken_set_aside: int


def select_examples(
    predictions: Predictions,
    labels: NDArray[np.int64],
    num_classes: int,
    settings: RenderSettings,
    *,
    set_aside: Collection[int] = (),
) -> tuple[ClassSelection, ...]:
    """The examples shown for each of the K classes, in index order; fewer where a class has fewer.

    Args:
        predictions: what the model said of N examples.
        labels: int64 (N,), true class index.
        num_classes: K.
        settings: the number of examples of each kind.
        set_aside: positions that are neither among the worst nor among the mistaken, such as those of label issues.
    """
    # A stable sort leaves equal confidences in the order of position, in both directions.
    falling = np.argsort(-predictions.confidence, kind="stable")
    rising = np.argsort(predictions.confidence, kind="stable")
    is_correct = predictions.is_correct
    wrong_falling = falling[~is_correct[falling]]
    right_falling = falling[is_correct[falling]]
    right_rising = rising[is_correct[rising]]
    instructive = split_by_class(np.concatenate([wrong_falling, right_rising]), labels, num_classes)
    surest = split_by_class(right_falling, labels, num_classes)
    mistaken = split_by_class(wrong_falling, predictions.predicted, num_classes)
    is_aside = _mask(set_aside, len(labels))
    selections = []
    for k in range(num_classes):
        worst, num_worst_set_aside = _pass_over(instructive[k], is_aside, settings.num_worst)
        taken, num_mistaken_set_aside = _pass_over(mistaken[k], is_aside, settings.num_mistaken)
        selections.append(
            ClassSelection(
                gallery=tuple(instructive[k][: settings.num_gallery].tolist()),
                worst=worst,
                best=tuple(surest[k][: settings.num_best].tolist()),
                mistaken=taken,
                num_worst_set_aside=num_worst_set_aside,
                num_mistaken_set_aside=num_mistaken_set_aside,
            )
        )
    return tuple(selections)


def _mask(positions: Collection[int], num_examples: int) -> NDArray[np.bool_]:
    mask = np.zeros(num_examples, dtype=np.bool_)
    mask[list(positions)] = True
    return mask


def _pass_over(positions: NDArray[np.intp], is_aside: NDArray[np.bool_], limit: int) -> tuple[tuple[int, ...], int]:
    """The first positions that are not set aside, and the number of those set aside before the list was full."""
    kept = np.flatnonzero(~is_aside[positions])[:limit]
    num_seen = len(positions) if len(kept) < limit else int(kept[-1]) + 1 if limit else 0
    return tuple(positions[kept].tolist()), num_seen - len(kept)


def find_confident_errors(predictions: Predictions, *, set_aside: Collection[int] = ()) -> tuple[int, ...]:
    """Positions of the mistakes with a confidence of at least `HIGH_CONFIDENCE`, by falling confidence.

    Args:
        predictions: what the model said of N examples.
        set_aside: positions to leave out, such as those of label issues.
    """
    falling = np.argsort(-predictions.confidence, kind="stable")
    is_shown = is_confident_error(predictions) & ~_mask(set_aside, len(falling))
    return tuple(falling[is_shown[falling]].tolist())


def is_confident(confidence: ArrayLike) -> NDArray[np.bool_]:
    """Whether each confidence, of any shape, is at least `HIGH_CONFIDENCE`, within rounding."""
    return np.asarray(confidence, dtype=np.float64) >= HIGH_CONFIDENCE - ROUNDING


def is_confident_error(predictions: Predictions) -> NDArray[np.bool_]:
    """Whether each of the N predictions is wrong with a confidence of at least `HIGH_CONFIDENCE`: bool (N,)."""
    return ~predictions.is_correct & is_confident(predictions.confidence)


def split_by_class(positions: NDArray[np.intp], classes: NDArray[np.int64], num_classes: int) -> list[NDArray[np.intp]]:
    """For each of the K classes, the positions that belong to it, in the order in which they were given.

    Args:
        positions: int (n,), some of 0..N-1.
        classes: int64 (N,), class index of every position.
        num_classes: K.
    """
    keys = classes[positions]
    ends = np.cumsum(np.bincount(keys, minlength=num_classes))
    return np.split(positions[np.argsort(keys, kind="stable")], ends[:-1])


def find_shown_positions(cache: EvaluationCache) -> NDArray[np.int64]:
    """Positions of the examples whose maps a report with default settings shows: int64 (M,), ascending.

    The worst, the best and the mistaken ones of each class page, and the confident errors of the first page.
    """
    predictions = compute_predictions(cache.logits, cache.labels)
    issues = [issue.position for issue in find_label_issues(cache.logits, cache.labels).issues]
    selections = select_examples(
        predictions,
        cache.labels,
        cache.num_classes,
        RenderSettings(),
        set_aside=issues,
    )
    positions = set(find_confident_errors(predictions, set_aside=issues)[:NUM_CONFIDENT_ERRORS])
    for selection in selections:
        positions.update(selection.worst, selection.best, selection.mistaken)
    return np.array(sorted(positions), dtype=np.int64)
