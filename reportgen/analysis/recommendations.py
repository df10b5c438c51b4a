"""What to do about it: rules that fire on a bound of an interval, never on a point."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.calibration import Calibration
from reportgen.analysis.confusion import SuperclassFindings, without_diagonal
from reportgen.analysis.focus import FocusStatistics
from reportgen.analysis.intervals import CONFIDENCE_LEVEL, Estimate, Proportion, exact_interval
from reportgen.analysis.label_issues import LabelIssues
from reportgen.analysis.pair_focus import MAJORITY, PairOverlap
from reportgen.analysis.predictions import Predictions
from reportgen.analysis.selection import is_confident
from reportgen.analysis.ties import ROUNDING

MIN_GAP = 0.02
"""Confidence and accuracy that differ by less than two points in a hundred mislead nobody."""

SUPERCLASS_FACTOR = 3.0
"""How many times more mistakes than by chance stay in the superclass, before it is the details that are at fault."""

PAIR_FACTOR = 5.0
"""How many times more often than for the average other class, before two classes are a pair."""

MIN_PAIR_SHARE = 0.01
"""A confusion of less than one in a hundred of a class isn't worth a remedy, however it compares with chance."""

EVEN_SHARE = 0.5
"""A class that isn't favoured takes as many examples from the others as it loses to them."""


MIN_BORDER_EXCESS = 0.05
"""A twentieth of the evidence more at the border is what a reader can see in a mean map."""

MIN_SPREAD_EXCESS = 0.05
"""A twentieth of the picture's area more is what a reader can see in a map."""


class Rule(StrEnum):
    """The rules, in the order in which equally strong findings are told.

    What each holds against what:

    - overconfidence, underconfidence: the mean of confidence - correctness, against +-`MIN_GAP`.
    - confident-errors: mistakes out of the examples with a confidence of at least `HIGH_CONFIDENCE`, against the share
      of mistakes that those confidences admit, the mean of 1 - confidence.
    - superclass-errors: mistakes inside the superclass out of all mistakes, against `SUPERCLASS_FACTOR` times chance,
      or a third of the way from chance to all of them where that is less.
    - symmetric-pairs: examples of a class predicted as the other out of its support, in both directions, against
      `PAIR_FACTOR` times what each of the remaining classes gets on average, and at least `MIN_PAIR_SHARE`.
    - over-predicted-classes: examples taken from other classes out of all mistakes that involve the class, against
      `EVEN_SHARE`.
    - weak-classes: the class's recall, against the accuracy over all examples.
    - background-focus: the share of evidence near the border in wrong answers less that in right ones of the same
      predicted class, against `MIN_BORDER_EXCESS`; and the share over all answers, against the border's share of the
      area: a model that has no eye for the middle at all.
    - diffuse-focus: the spread of the maps of unsure answers less that of sure ones of the same predicted class,
      against `MIN_SPREAD_EXCESS`.
    - pairs-same-place, pairs-elsewhere: of the mistakes between two classes, those whose two maps overlap as maps of
      unrelated images hardly ever do, or no more than those do, against `MAJORITY`.
    - label-issues: labels that are surely contradicted, out of the answers that are as sure, against the share that
      their probabilities foresee.

    The rules about pairs and classes look at many of them. Their intervals have the level 1 - 0.05 / `num_tested`
    (Bonferroni): in no more than one test set in twenty does chance alone make one of them fire, for whichever class or
    pair. Every proportion that decides has its exact interval: at such levels, and for rare mistakes, Wilson's is too
    short. By Wilson's, a model that is right 99 times in 100 in each of 100 classes has a weak class in every third
    test set.
    """

    OVERCONFIDENCE = "overconfidence"
    UNDERCONFIDENCE = "underconfidence"
    CONFIDENT_ERRORS = "confident-errors"
    SUPERCLASS_ERRORS = "superclass-errors"
    SYMMETRIC_PAIRS = "symmetric-pairs"
    OVER_PREDICTED_CLASSES = "over-predicted-classes"
    WEAK_CLASSES = "weak-classes"
    BACKGROUND_FOCUS = "background-focus"
    DIFFUSE_FOCUS = "diffuse-focus"
    PAIRS_SAME_PLACE = "pairs-same-place"
    PAIRS_ELSEWHERE = "pairs-elsewhere"
    LABEL_ISSUES = "label-issues"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measured quantity held against a threshold.

    Attributes:
        measured: the quantity; its interval's bound decides.
        threshold: what the bound has to cross.
        fires_above: the lower bound must exceed the threshold; otherwise the upper bound must fall below it.
        class_index: the class it is about, where it is about one.
        pair: the true and the predicted class, where it is about a pair; the lower index first, where it is about both
            directions together.
        reverse: for a symmetric pair, the same quantity the other way, held against `reverse_threshold`.
        reverse_threshold: the other direction's threshold.
    """

    measured: Estimate | Proportion
    threshold: float
    fires_above: bool
    class_index: int | None = None
    pair: tuple[int, int] | None = None
    reverse: Proportion | None = None
    reverse_threshold: float | None = None

    @property
    def excess(self) -> float:
        """How far the deciding bound lies beyond its threshold; of a pair, the lesser of both directions.

        Negative where it falls short, minus infinity where the bound is undefined.
        """
        beyond = self.measured.low - self.threshold if self.fires_above else self.threshold - self.measured.high
        if self.reverse is not None and self.reverse_threshold is not None:
            beyond = min(beyond, self.reverse.low - self.reverse_threshold)
        return -math.inf if math.isnan(beyond) else beyond

    @property
    def crosses(self) -> bool:
        """Whether the bound, or both bounds of a pair, lie beyond the threshold by more than rounding."""
        return self.excess > ROUNDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What one rule found.

    Attributes:
        rule: the rule.
        fired: whether any evidence crossed its threshold.
        evidence: the evidence that did, strongest first; where none did, the one that came nearest (none where there
            is nothing to measure, such as superclasses that are not known).
        num_tested: number of classes or pairs that the rule looked at; 1 for a rule about the whole test set, 0 where
            there was none to look at. Pairs that were looked at without finding a mistake leave no evidence.
    """

    rule: Rule
    fired: bool
    measurements: tuple[Measurement, ...]
    num_tested: int


def apply_rules(
    predictions: Predictions,
    confusion: NDArray[np.int64],
    superclasses: SuperclassFindings | None,
    calibration: Calibration,
    *,
    focus: FocusStatistics | None,
    pair_overlaps: Sequence[PairOverlap],
    label_issues: LabelIssues,
) -> tuple[Recommendation, ...]:
    """What each rule found: those that fired first, by the number of examples concerned; else in `Rule`'s order.

    Args:
        predictions: what the model said of N examples.
        confusion: int64 (K, K), rows true, columns predicted.
        superclasses: the mistakes seen through the superclasses, where those are known.
        calibration: how confidence and accuracy agree.
        focus: where the model was looking; `None` without maps.
        pair_overlaps: the pairs of classes with enough mistakes to compare their maps; empty where maps know no class.
        label_issues: the labels that deserve a second look.
    """
    gap = calibration.gap
    found = (
        _conclude(Rule.OVERCONFIDENCE, [Measurement(measured=gap, threshold=MIN_GAP, fires_above=True)], 1),
        _conclude(Rule.UNDERCONFIDENCE, [Measurement(measured=gap, threshold=-MIN_GAP, fires_above=False)], 1),
        _find_confident_errors(predictions),
        _find_superclass_errors(superclasses),
        _find_symmetric_pairs(confusion),
        _find_over_predicted_classes(confusion),
        _find_weak_classes(confusion),
        _find_background_focus(focus),
        _find_diffuse_focus(focus),
        _find_pairs(Rule.PAIRS_SAME_PLACE, pair_overlaps, [overlap.same_place for overlap in pair_overlaps]),
        _find_pairs(Rule.PAIRS_ELSEWHERE, pair_overlaps, [overlap.elsewhere for overlap in pair_overlaps]),
        _find_label_issues(label_issues),
    )
    # A stable sort: the rules stand in the order of `Rule`.
    return tuple(sorted(found, key=lambda r: -_num_concerned(r) if r.fired else math.inf))


def _conclude(rule: Rule, tested: Sequence[Measurement], num_tested: int) -> Recommendation:
    """The evidence that crosses its threshold, strongest first; else the first of those that came nearest."""
    strongest_first = sorted(tested, key=lambda measurement: -measurement.excess)
    crossing = tuple(measurement for measurement in strongest_first if measurement.crosses)
    return Recommendation(
        rule=rule,
        fired=bool(crossing),
        measurements=crossing or tuple(strongest_first[:1]),
        num_tested=num_tested,
    )


def _num_concerned(recommendation: Recommendation) -> float:
    """Number of examples behind what fired: the mistakes in question, or those that the confidences did not foresee."""
    total = 0.0
    for measurement in recommendation.measurements:
        measured = measurement.measured
        if recommendation.rule is Rule.BACKGROUND_FOCUS:
            total += (measured.value - measurement.threshold) * measured.n
        elif isinstance(measured, Estimate):
            total += abs(measured.value) * measured.n
        elif recommendation.rule is Rule.WEAK_CLASSES:
            total += measured.total - measured.count
        else:
            total += measured.count + (measurement.reverse.count if measurement.reverse is not None else 0)
    return total


def _find_confident_errors(predictions: Predictions) -> Recommendation:
    is_sure = is_confident(predictions.confidence)
    num_sure = int(np.count_nonzero(is_sure))
    if num_sure == 0:
        return _conclude(Rule.CONFIDENT_ERRORS, [], 0)
    measurement = Measurement(
        measured=Proportion(count=int(np.count_nonzero(is_sure & ~predictions.is_correct)), total=num_sure, exact=True),
        threshold=float(np.mean(1 - predictions.confidence[is_sure])),
        fires_above=True,
    )
    return _conclude(Rule.CONFIDENT_ERRORS, [measurement], 1)


def _find_superclass_errors(superclasses: SuperclassFindings | None) -> Recommendation:
    if superclasses is None or superclasses.inside.total == 0:
        return _conclude(Rule.SUPERCLASS_ERRORS, [], 0)
    chance = superclasses.chance
    threshold = min(SUPERCLASS_FACTOR * chance, chance + (1 - chance) / 3)
    inside = replace(superclasses.inside, exact=True)
    measurement = Measurement(measured=inside, threshold=threshold, fires_above=True)
    return _conclude(Rule.SUPERCLASS_ERRORS, [measurement], 1)


def _find_symmetric_pairs(confusion: NDArray[np.int64]) -> Recommendation:
    """Pairs of classes that are taken for each other far more often than for the rest.

    The threshold of a direction comes from the class's other mistakes alone, and one more (Laplace's rule: a mistake
    that no other class shares is not infinitely many times chance). It keeps its sense for few classes, where no share
    of the mistakes could be `PAIR_FACTOR` times an even one, and has none for two.
    """
    support = confusion.sum(axis=1)
    num_supported = int(np.count_nonzero(support))
    num_tested = num_supported * (num_supported - 1) // 2
    num_remaining = len(confusion) - 2
    mistakes = without_diagonal(confusion)
    first, second = np.nonzero(np.triu(mistakes + mistakes.T))
    both = (support[first] > 0) & (support[second] > 0)
    first, second = first[both], second[both]
    if num_remaining == 0 or len(first) == 0:
        return _conclude(Rule.SYMMETRIC_PAIRS, [], num_tested if num_remaining else 0)

    level = _family_level(num_tested)
    num_mistakes = mistakes.sum(axis=1)

    def hold(true: NDArray[np.intp], predicted: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        counts = mistakes[true, predicted]
        average = (num_mistakes[true] - counts + 1) / (num_remaining * support[true])
        return exact_interval(counts, support[true], level)[0], np.maximum(PAIR_FACTOR * average, MIN_PAIR_SHARE)

    (low, threshold), (reverse_low, reverse_threshold) = hold(first, second), hold(second, first)
    excess = np.minimum(low - threshold, reverse_low - reverse_threshold)
    # Of up to half a million pairs only those that fire, or else the nearest, become evidence.
    chosen = np.flatnonzero(excess > ROUNDING) if (excess > ROUNDING).any() else np.argsort(-excess, kind="stable")[:1]
    measurements = [
        Measurement(
            measured=Proportion(count=int(mistakes[i, j]), total=int(support[i]), level=level, exact=True),
            threshold=float(threshold[at]),
            fires_above=True,
            pair=(i, j),
            reverse=Proportion(count=int(mistakes[j, i]), total=int(support[j]), level=level, exact=True),
            reverse_threshold=float(reverse_threshold[at]),
        )
        for at, i, j in zip(chosen.tolist(), first[chosen].tolist(), second[chosen].tolist(), strict=True)
    ]
    return _conclude(Rule.SYMMETRIC_PAIRS, measurements, num_tested)


def _find_over_predicted_classes(confusion: NDArray[np.int64]) -> Recommendation:
    """Classes that take more examples from others than they lose: a sign test on the mistakes that involve them.

    A class without support has nothing to lose, and is not tested.
    """
    mistakes = without_diagonal(confusion)
    taken, lost = mistakes.sum(axis=0), mistakes.sum(axis=1)
    tested = np.flatnonzero((confusion.sum(axis=1) > 0) & (taken + lost > 0))
    level = _family_level(len(tested))
    measurements = [
        Measurement(
            measured=Proportion(count=int(taken[k]), total=int(taken[k] + lost[k]), level=level, exact=True),
            threshold=EVEN_SHARE,
            fires_above=True,
            class_index=int(k),
        )
        for k in tested
    ]
    return _conclude(Rule.OVER_PREDICTED_CLASSES, measurements, len(tested))


def _find_weak_classes(confusion: NDArray[np.int64]) -> Recommendation:
    support, right = confusion.sum(axis=1), np.diagonal(confusion)
    accuracy = float(right.sum() / support.sum())
    tested = np.flatnonzero(support)
    level = _family_level(len(tested))
    measurements = [
        Measurement(
            measured=Proportion(count=int(right[k]), total=int(support[k]), level=level, exact=True),
            threshold=accuracy,
            fires_above=False,
            class_index=int(k),
        )
        for k in tested
    ]
    return _conclude(Rule.WEAK_CLASSES, measurements, len(tested))


def _find_background_focus(focus: FocusStatistics | None) -> Recommendation:
    if focus is None:
        return _conclude(Rule.BACKGROUND_FOCUS, [], 0)
    border = focus.border_share
    tested = [
        Measurement(measured=measured, threshold=threshold, fires_above=True)
        for measured, threshold in ((border.difference, MIN_BORDER_EXCESS), (border.overall, border.uniform))
        if not math.isnan(measured.low)
    ]
    return _conclude(Rule.BACKGROUND_FOCUS, tested, min(len(tested), 1))


def _find_diffuse_focus(focus: FocusStatistics | None) -> Recommendation:
    if focus is None or math.isnan(focus.spread_difference.low):
        return _conclude(Rule.DIFFUSE_FOCUS, [], 0)
    difference = focus.spread_difference
    measurement = Measurement(measured=difference, threshold=MIN_SPREAD_EXCESS, fires_above=True)
    return _conclude(Rule.DIFFUSE_FOCUS, [measurement], 1)


def _find_pairs(rule: Rule, overlaps: Sequence[PairOverlap], shares: Sequence[Proportion]) -> Recommendation:
    measurements = [
        Measurement(measured=share, threshold=MAJORITY, fires_above=True, pair=overlap.pair)
        for overlap, share in zip(overlaps, shares, strict=True)
    ]
    return _conclude(rule, measurements, len(measurements))


def _find_label_issues(label_issues: LabelIssues) -> Recommendation:
    found = label_issues.found
    if found.total == 0:
        return _conclude(Rule.LABEL_ISSUES, [], 0)
    measurement = Measurement(measured=found, threshold=label_issues.num_expected / found.total, fires_above=True)
    return _conclude(Rule.LABEL_ISSUES, [measurement], 1)


def _family_level(num_tested: int) -> float:
    """Level of each of many intervals so that all of them hold together at `CONFIDENCE_LEVEL` (Bonferroni)."""
    return 1 - (1 - CONFIDENCE_LEVEL) / max(num_tested, 1)
