"""Two classes that are taken for each other: was it the wrong place, or the right place read differently?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.attention import Attention, MeanMaps, mean_maps
from reportgen.analysis.confusion import ConfusedPair
from reportgen.analysis.intervals import CONFIDENCE_LEVEL, Estimate, Proportion, mean_estimate
from reportgen.cache import CamPair

MAJORITY = 0.5
"""Most of a pair's mistakes have to be of one kind, before it is the pair's."""

MIN_PAIR_MISTAKES = 10
"""Fewer mistakes can't prove a majority once the intervals hold for all pairs at once."""

_ROUNDING = 1e-9
"""Maps that are all alike, such as those of a single cell, overlap by 1 but for rounding."""


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
        same_place: mistakes whose maps overlap more than `Attention.unrelated_high`, out of those without a blank map.
            The interval is exact and holds for all pairs that were looked at together.
        elsewhere: mistakes whose maps overlap less than `Attention.unrelated_median`, out of the same.
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
class PairAttention:
    """Where the model looked in the mistakes between the two classes of a confused pair.

    To be held against `Attention.overlap_unrelated` and `Attention.overlap_mistakes`: the maps of two classes whose
    weights are alike overlap on any image.

    Attributes:
        forth: mean overlap of both maps over the pair's own mistakes.
        back: the same over the mistakes the other way.
        both: the same over both.
        overlap: the mistakes of both directions, counted; `None` where they are fewer than `MIN_PAIR_MISTAKES`.
        forth_maps: mean maps over the pair's own mistakes.
        back_maps: mean maps over the mistakes the other way: its true class is the pair's predicted one.
    """

    forth: Estimate
    back: Estimate
    both: Estimate
    overlap: PairOverlap | None
    forth_maps: MeanMaps
    back_maps: MeanMaps

    @property
    def verdict(self) -> PairVerdict:
        """What most of the mistakes have in common."""
        return PairVerdict.UNDECIDED if self.overlap is None else self.overlap.verdict


def count_pair_overlaps(
    attention: Attention, labels: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int
) -> tuple[PairOverlap, ...]:
    """Every pair of classes with at least `MIN_PAIR_MISTAKES` mistakes between them, in index order.

    The level of the intervals is 1 - 0.05 / their number (Bonferroni).

    Args:
        attention: what the maps say of N examples.
        labels: int64 (N,), true class index.
        predicted: int64 (N,), predicted class index.
        num_classes: K.
    """
    counted = np.flatnonzero((labels != predicted) & ~np.isnan(attention.overlap))
    low, high = np.minimum(labels, predicted)[counted], np.maximum(labels, predicted)[counted]
    keys, member, totals = np.unique(low * num_classes + high, return_inverse=True, return_counts=True)
    same, elsewhere = (
        np.bincount(member[chosen], minlength=len(keys))
        for chosen in (
            attention.overlap[counted] > attention.unrelated_high + _ROUNDING,
            attention.overlap[counted] < attention.unrelated_median - _ROUNDING,
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


def compute_pair_attention(
    cam: CamPair,
    attention: Attention,
    overlaps: Sequence[PairOverlap],
    pairs: Sequence[ConfusedPair],
    *,
    labels: NDArray[np.int64],
    predicted: NDArray[np.int64],
) -> tuple[PairAttention, ...]:
    """Where the model looked in each of the confused pairs, in their order.

    Args:
        cam: both maps of N examples.
        attention: what they say.
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
            PairAttention(
                forth=_mean_overlap(attention, forth),
                back=_mean_overlap(attention, back),
                both=_mean_overlap(attention, np.concatenate([forth, back])),
                overlap=counted.get(key),
                forth_maps=mean_maps(cam, forth),
                back_maps=mean_maps(cam, back),
            )
        )
    return tuple(found)


def _mean_overlap(attention: Attention, positions: NDArray[np.intp]) -> Estimate:
    overlap = attention.overlap[positions]
    return mean_estimate(overlap[~np.isnan(overlap)], within=(0, 1))
