"""The maps of a confused pair: does the model confuse the classes in the same region, or in different ones?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.confusion import ConfusedPair
from reportgen.analysis.focus import MapComparison
from reportgen.analysis.intervals import CONFIDENCE_LEVEL, Estimate, Proportion, mean_estimate
from reportgen.analysis.ties import ROUNDING

MAJORITY = 0.5
"""Fraction of a pair's errors that must be of one kind before the pair counts as such."""

MIN_PAIR_MISTAKES = 10
"""Fewer errors cannot prove a majority at a level that holds for all pairs."""


class PairVerdict(StrEnum):
    """What most errors between two classes have in common, if the lower bound of the exact interval proves it.

    - same-place: the maps overlap more than those of `HIGH_OVERLAP_SHARE` of unrelated images: same region, another
      class.
    - elsewhere: the maps overlap less than those of half of the unrelated images: the evidence for the true class lies
      in another region than that for the predicted class.
    - undecided: neither is proven.
    """

    SAME_PLACE = "same-place"
    ELSEWHERE = "elsewhere"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOverlap:
    """Overlap of the maps of the errors between two classes, in both directions.

    Attributes:
        pair: both class indices, the lower one first.
        same_place: errors whose maps overlap more than `MapComparison.unrelated_high`, out of those without a blank
            map. The interval is exact and holds for all pairs together.
        elsewhere: errors whose maps overlap less than `MapComparison.unrelated_median`, out of the same.
    """

    pair: tuple[int, int]
    same_place: Proportion
    elsewhere: Proportion

    @property
    def verdict(self) -> PairVerdict:
        """The verdict that a lower bound above `MAJORITY` proves."""
        if self.same_place.low > MAJORITY:
            return PairVerdict.SAME_PLACE
        return PairVerdict.ELSEWHERE if self.elsewhere.low > MAJORITY else PairVerdict.UNDECIDED


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class PairFocus:
    """Overlap of the maps of the errors between the two classes of a confused pair.

    Compare with `MapComparison.overlap_unrelated` and `MapComparison.overlap_misclassified`: the maps of two classes
    with similar weights overlap on any image.

    Attributes:
        forth: mean overlap over the pair's errors.
        back: the same over the errors in the other direction.
        both: the same over both.
        overlap: the counts of both directions; `None` with fewer than `MIN_PAIR_MISTAKES` errors.
    """

    forth: Estimate
    back: Estimate
    both: Estimate
    overlap: PairOverlap | None

    @property
    def verdict(self) -> PairVerdict:
        """What most of the errors have in common."""
        return PairVerdict.UNDECIDED if self.overlap is None else self.overlap.verdict


def count_pair_overlaps(
    comparison: MapComparison, labels: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int
) -> tuple[PairOverlap, ...]:
    """Every pair of classes with at least `MIN_PAIR_MISTAKES` errors between them, in index order.

    The level of the intervals is 1 - 0.05 / their number (Bonferroni). An overlap within rounding of the median or of
    the high quantile of unrelated pairs counts for neither side: that of maps with a single cell is always 1.

    Args:
        comparison: of N examples.
        labels: int64 (N,).
        predicted: int64 (N,).
        num_classes: K.
    """
    counted = np.flatnonzero((labels != predicted) & ~np.isnan(comparison.overlap))
    low, high = np.minimum(labels, predicted)[counted], np.maximum(labels, predicted)[counted]
    keys, member, totals = np.unique(low * num_classes + high, return_inverse=True, return_counts=True)
    same, elsewhere = (
        np.bincount(member[chosen], minlength=len(keys))
        for chosen in (
            comparison.overlap[counted] > comparison.unrelated_high + ROUNDING,
            comparison.overlap[counted] < comparison.unrelated_median - ROUNDING,
        )
    )
    tested = np.flatnonzero(totals >= MIN_PAIR_MISTAKES)
    level = 1 - (1 - CONFIDENCE_LEVEL) / max(len(tested), 1)
    return tuple(
        PairOverlap(
            pair=(int(keys[at] // num_classes), int(keys[at] % num_classes)),
            same_place=Proportion(count=int(same[at]), total=int(totals[at]), level=level, exact=True),
            elsewhere=Proportion(count=int(elsewhere[at]), total=int(totals[at]), level=level, exact=True),
        )
        for at in tested
    )


def compute_pair_focus(
    comparison: MapComparison,
    overlaps: Sequence[PairOverlap],
    pairs: Sequence[ConfusedPair],
    *,
    labels: NDArray[np.int64],
    predicted: NDArray[np.int64],
) -> tuple[PairFocus, ...]:
    """Overlap of the maps in each of the confused pairs, in their order.

    Args:
        comparison: of N examples.
        overlaps: the pairs of classes with enough errors for a verdict.
        pairs: the confused pairs.
        labels: int64 (N,).
        predicted: int64 (N,).
    """
    counted = {overlap.pair: overlap for overlap in overlaps}
    found = []
    for pair in pairs:
        first, second = pair.true_index, pair.predicted_index
        forth = np.flatnonzero((labels == first) & (predicted == second))
        back = np.flatnonzero((labels == second) & (predicted == first))
        key = min(first, second), max(first, second)
        found.append(
            PairFocus(
                forth=_mean_overlap(comparison, forth),
                back=_mean_overlap(comparison, back),
                both=_mean_overlap(comparison, np.concatenate([forth, back])),
                overlap=counted.get(key),
            )
        )
    return tuple(found)


def _mean_overlap(comparison: MapComparison, positions: NDArray[np.intp]) -> Estimate:
    overlap = comparison.overlap[positions]
    return mean_estimate(overlap[~np.isnan(overlap)], within=(0, 1))
