"""The examples that are shown. A selection never changes a denominator."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reportgen.analysis.predictions import Predictions, compute_predictions
from reportgen.analysis.ties import ROUNDING
from reportgen.cache import EvaluationCache
from reportgen.settings import RenderSettings

HIGH_CONFIDENCE = 0.9

NUM_CONFIDENT_ERRORS = 6
"""Number of high-confidence errors on the first page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSelection:
    """The examples on one class page, as positions 0..N-1 in the cache; ties are broken by position.

    Attributes:
        gallery: examples of the class, the most instructive first: errors by falling confidence, then correct
            predictions by rising confidence.
        worst: the first of the same order, without those set aside.
        best: correct predictions by falling confidence.
        mistaken: errors predicted as the class, by falling confidence, without those set aside.
        num_worst_set_aside: number of label issues left out to fill `worst`.
        num_mistaken_set_aside: number of label issues left out to fill `mistaken`.
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
    """The examples shown for each of the K classes, in index order; fewer if a class has fewer.

    Args:
        predictions: of N examples.
        labels: int64 (N,).
        num_classes: K.
        settings: the number of examples of each kind.
        set_aside: positions, such as those of label issues, that are neither among the worst nor among the mistaken.
    """
    # A stable sort leaves equal confidences in the order of position, in both directions.
    falling = np.argsort(-predictions.confidence, kind="stable")
    rising = np.argsort(predictions.confidence, kind="stable")
    is_correct = predictions.is_correct
    errors_falling = falling[~is_correct[falling]]
    correct_falling = falling[is_correct[falling]]
    correct_rising = rising[is_correct[rising]]
    instructive = split_by_class(np.concatenate([errors_falling, correct_rising]), labels, num_classes)
    most_confident = split_by_class(correct_falling, labels, num_classes)
    mistaken = split_by_class(errors_falling, predictions.predicted, num_classes)
    is_aside = _mask(set_aside, len(labels))
    selections = []
    for k in range(num_classes):
        worst, num_worst_set_aside = _pass_over(instructive[k], is_aside, settings.num_worst)
        taken, num_mistaken_set_aside = _pass_over(mistaken[k], is_aside, settings.num_mistaken)
        selections.append(
            ClassSelection(
                gallery=tuple(instructive[k][: settings.num_gallery].tolist()),
                worst=worst,
                best=tuple(most_confident[k][: settings.num_best].tolist()),
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
    """Positions of the errors with a confidence of at least `HIGH_CONFIDENCE`, by falling confidence.

    Args:
        predictions: of N examples.
        set_aside: positions to leave out, such as those of label issues.
    """
    falling = np.argsort(-predictions.confidence, kind="stable")
    is_shown = is_confident_error(predictions) & ~_mask(set_aside, len(falling))
    return tuple(falling[is_shown[falling]].tolist())


def is_confident(confidence: ArrayLike) -> NDArray[np.bool_]:
    """Whether each confidence, of any shape, is at least `HIGH_CONFIDENCE`, within rounding."""
    return np.asarray(confidence, dtype=np.float64) >= HIGH_CONFIDENCE - ROUNDING


def is_confident_error(predictions: Predictions) -> NDArray[np.bool_]:
    """Whether each of N predictions is an error with a confidence of at least `HIGH_CONFIDENCE`: bool (N,)."""
    return ~predictions.is_correct & is_confident(predictions.confidence)


def split_by_class(positions: NDArray[np.intp], classes: NDArray[np.int64], num_classes: int) -> list[NDArray[np.intp]]:
    """For each of the K classes, its positions, in the given order.

    Args:
        positions: int (n,), in 0..N-1.
        classes: int64 (N,), class index of every position.
        num_classes: K.
    """
    keys = classes[positions]
    ends = np.cumsum(np.bincount(keys, minlength=num_classes))
    return np.split(positions[np.argsort(keys, kind="stable")], ends[:-1])


def find_shown_positions(cache: EvaluationCache) -> NDArray[np.int64]:
    """Positions of the examples whose maps a report with default settings shows: int64 (M,), ascending.

    These are the worst, the best and the mistaken ones of each class page, and the high-confidence errors of the first
    page.
    """
    predictions = compute_predictions(cache.logits, cache.labels)
    selections = select_examples(predictions, cache.labels, cache.num_classes, RenderSettings())
    positions = set(find_confident_errors(predictions)[:NUM_CONFIDENT_ERRORS])
    for selection in selections:
        positions.update(selection.worst, selection.best, selection.mistaken)
    return np.array(sorted(positions), dtype=np.int64)
