"""Two classes that are taken for each other: was it the wrong place, or the right place read differently?"""

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
"""Most of a pair's mistakes have to be of one kind, before it is the pair's."""

MIN_PAIR_MISTAKES = 10
"""Fewer mistakes can't prove a majority once the intervals hold for all pairs at once."""


class PairVerdict(StrEnum):
    """What most mistakes between two classes have in common, as far as the exact interval's lower bound proves it.

    - same-place: both maps overlap more than those of `HIGH_OVERLAP_SHARE` of unrelated images. It looked at the same
      place and read it differently.
    - elsewhere: both maps overlap less than those of half of the unrelated images. What speaks for the true class lies
      elsewhere than what it went by.
    - undecided: neither is proven.
    """

    SAME_PLACE = "same-place"
    ELSEWHERE = "elsewhere"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOverlap:
    """How far both maps of the mistakes between two classes overlap, both directions together.

    Attributes:
        pair: both class indices, the lower one first.
        same_place: mistakes whose maps overlap more than `MapComparison.unrelated_high`, out of those without a blank
            map. The interval is exact and holds for all pairs that were looked at together.
        elsewhere: mistakes whose maps overlap less than `MapComparison.unrelated_median`, out of the same.
    """

    pair: tuple[int, int]
    same_place: Proportion
    elsewhere: Proportion

    @property
    def verdict(self) -> PairVerdict:
        """What a lower bound above `MAJORITY` proves."""
        if self.same_place.low > MAJORITY:
            return PairVerdict.SAME_PLACE
        return PairVerdict.ELSEWHERE if self.elsewhere.low > MAJORITY else PairVerdict.UNDECIDED


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class PairFocus:
    """Where the model looked in the mistakes between the two classes of a confused pair.

    Compare with `MapComparison.overlap_unrelated` and `MapComparison.overlap_misclassified`: the maps of two classes
    with similar weights overlap on any image.

    Attributes:
        forth: mean overlap of both maps over the pair's own mistakes.
        back: the same over the mistakes the other way.
        both: the same over both.
        overlap: the mistakes of both directions, counted; `None` where they are fewer than `MIN_PAIR_MISTAKES`.
    """

    forth: Estimate
    back: Estimate
    both: Estimate
    overlap: PairOverlap | None

    @property
    def verdict(self) -> PairVerdict:
        """What most of the mistakes have in common."""
        return PairVerdict.UNDECIDED if self.overlap is None else self.overlap.verdict


def count_pair_overlaps(
    comparison: MapComparison, labels: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int
) -> tuple[PairOverlap, ...]:
    """Every pair of classes with at least `MIN_PAIR_MISTAKES` mistakes between them, in index order.

    The level of the intervals is 1 - 0.05 / their number (Bonferroni). An overlap within rounding of the median or of
    the high quantile of unrelated pairs counts for neither side: that of maps with a single cell is always 1.

    Args:
        comparison: how both maps of N examples differ.
        labels: int64 (N,), true class index.
        predicted: int64 (N,), predicted class index.
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
    """Where the model looked in each of the confused pairs, in their order.

    Args:
        comparison: how both maps of N examples differ.
        overlaps: the pairs of classes with enough mistakes; the verdict on others is open.
        pairs: the confused pairs.
        labels: int64 (N,), true class index.
        predicted: int64 (N,), predicted class index.
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
