"""Findings and advice: each rule fires only if a confidence bound, not the point estimate, crosses its threshold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.calibration import Calibration
from reportgen.analysis.class_order import MIN_GAINED, ClassOrder
from reportgen.analysis.confusion import SuperclassFindings, without_diagonal
from reportgen.analysis.focus import FocusStatistics
from reportgen.analysis.intervals import CONFIDENCE_LEVEL, Estimate, Proportion, exact_interval
from reportgen.analysis.label_issues import MIN_EXCESS, LabelIssues
from reportgen.analysis.pair_focus import MAJORITY, PairOverlap
from reportgen.analysis.predictions import Predictions
from reportgen.analysis.selection import is_confident
from reportgen.analysis.ties import ROUNDING

MIN_GAP = 0.02
"""A difference of confidence and accuracy below two percentage points is harmless."""

SUPERCLASS_FACTOR = 3.0
"""Multiple of chance above which within-superclass errors dominate."""

PAIR_FACTOR = 5.0
"""Multiple of the rate of the average other class above which two classes are a confused pair."""

MIN_PAIR_SHARE = 0.01
"""A confusion of less than 1% of a class is not worth a remedy, even if it is far above chance."""

MIN_ONE_WAY_SHARE = 0.05
"""A confusion in one direction concerns fewer images than one in both directions: it has to reach 5% of a class."""

EVEN_SHARE = 0.5
"""Fraction of false positives among all errors of a class that is not over-predicted."""


MIN_BORDER_EXCESS = 0.05
"""Smallest difference of the evidence in the border that a reader can see in a mean map."""

MIN_SPREAD_EXCESS = 0.05
"""Smallest difference in area that a reader can see in a map."""


class Rule(StrEnum):
    """The rules. Equally strong findings are reported in this order.

    What each compares:

    - class-order: predictions that a one-to-one mapping of classes makes correct, out of those that it changes to or
      from correct, with `MIN_GAINED`, beside two tests of chance. If it fires, the other rules are withheld.
    - overconfidence, underconfidence: the mean of confidence - correctness, with +-`MIN_GAP`.
    - confident-errors: errors out of the examples with a confidence of at least `HIGH_CONFIDENCE`, with the fraction
      that those confidences imply, the mean of 1 - confidence.
    - superclass-errors: within-superclass errors out of all errors, with `SUPERCLASS_FACTOR` times chance, or with a
      third of the way from chance to 1 if that is less.
    - symmetric-pairs: examples of a class predicted as the other out of its support, in both directions, with
      `PAIR_FACTOR` times the average of the remaining classes, and at least `MIN_PAIR_SHARE`.
    - one-way-confusions: the same in one direction, with `PAIR_FACTOR` times that average, `MIN_ONE_WAY_SHARE` and the
      upper bound of the reverse direction.
    - over-predicted-classes: false positives of a class out of all errors that involve it, with `EVEN_SHARE`.
    - weak-classes: the recall of a class, with the accuracy over all examples.
    - background-focus: the fraction of evidence in the border in errors minus that in correct predictions of the same
      class, with `MIN_BORDER_EXCESS`; and that fraction over all predictions, with the border's fraction of the area.
    - diffuse-focus: the spread of the maps at low confidence minus that at high confidence, with the same predicted
      class, with `MIN_SPREAD_EXCESS`.
    - pairs-same-place, pairs-elsewhere: errors between two classes whose maps overlap more than nearly all maps of
      unrelated images, or less than half of those, out of all, with `MAJORITY`.
    - label-issues: contradicted labels out of the examples that are typical of their predicted class, with the fraction
      that their probabilities predict and `MIN_EXCESS`.

    Rules about pairs and classes test many of them. Their intervals have the level 1 - 0.05 / `num_tested`
    (Bonferroni), so that chance alone makes such a rule fire in at most one of twenty test sets. All proportions have
    exact intervals: at such levels, and for rare errors, Wilson's interval is too short. With Wilson's, a model with an
    accuracy of 99% in each of 100 classes has a weak class in every third test set.
    """

    CLASS_ORDER = "class-order"
    OVERCONFIDENCE = "overconfidence"
    UNDERCONFIDENCE = "underconfidence"
    CONFIDENT_ERRORS = "confident-errors"
    SUPERCLASS_ERRORS = "superclass-errors"
    SYMMETRIC_PAIRS = "symmetric-pairs"
    ONE_WAY_CONFUSIONS = "one-way-confusions"
    OVER_PREDICTED_CLASSES = "over-predicted-classes"
    WEAK_CLASSES = "weak-classes"
    BACKGROUND_FOCUS = "background-focus"
    DIFFUSE_FOCUS = "diffuse-focus"
    PAIRS_SAME_PLACE = "pairs-same-place"
    PAIRS_ELSEWHERE = "pairs-elsewhere"
    LABEL_ISSUES = "label-issues"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measured quantity and its threshold.

    Attributes:
        measured: the quantity, with the interval whose bound decides.
        threshold: the value that the bound has to cross.
        fires_above: whether the lower bound must exceed the threshold; otherwise the upper bound must fall below it.
        class_index: the class, for a rule about classes.
        pair: the true and the predicted class, for a rule about pairs; the lower index first if both directions count.
        reverse: for a symmetric pair, the same quantity in the other direction, compared with `reverse_threshold`.
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
        """How far the deciding bound lies beyond its threshold; for a pair, the lesser of both directions.

        Negative if it falls short, minus infinity if the bound is undefined.
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
    """The result of one rule.

    Attributes:
        fired: whether any measurement crossed its threshold.
        measurements: those that did, strongest first; if none did, the nearest one; empty if there is nothing to
            measure, such as without superclasses.
        num_tested: number of classes or pairs tested; 1 for a rule about the whole test set, 0 if there was none to
            test. Pairs without errors are tested but leave no measurement.
        is_withheld: whether nothing is concluded, because the order of the classes looks wrong.
    """

    rule: Rule
    fired: bool
    measurements: tuple[Measurement, ...]
    num_tested: int
    is_withheld: bool = False


def apply_rules(
    predictions: Predictions,
    confusion: NDArray[np.int64],
    superclasses: SuperclassFindings | None,
    calibration: Calibration,
    *,
    focus: FocusStatistics | None,
    pair_overlaps: Sequence[PairOverlap],
    label_issues: LabelIssues,
    class_order: ClassOrder | None,
) -> tuple[Recommendation, ...]:
    """The result of each rule: those that fired first, by the number of examples concerned; then in `Rule`'s order.

    Args:
        predictions: of N examples.
        confusion: int64 (K, K), rows true, columns predicted.
        superclasses: `None` if unknown.
        calibration: of the same examples.
        focus: `None` without maps.
        pair_overlaps: the pairs of classes with enough errors to compare their maps; empty for class-agnostic maps.
        label_issues: of the same examples.
        class_order: the order that the labels suggest; `None` if the given one is not shown to be wrong.
    """
    if class_order is not None:
        return _withhold_all_but(_conclude_class_order(class_order))
    gap = calibration.gap
    found = (
        _conclude(Rule.CLASS_ORDER, [], 1),
        _conclude(Rule.OVERCONFIDENCE, [Measurement(measured=gap, threshold=MIN_GAP, fires_above=True)], 1),
        _conclude(Rule.UNDERCONFIDENCE, [Measurement(measured=gap, threshold=-MIN_GAP, fires_above=False)], 1),
        _find_confident_errors(predictions),
        _find_superclass_errors(superclasses),
        _find_symmetric_pairs(confusion),
        _find_one_way_confusions(confusion),
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


def _conclude_class_order(class_order: ClassOrder) -> Recommendation:
    measurement = Measurement(measured=class_order.gained, threshold=MIN_GAINED, fires_above=True)
    return Recommendation(rule=Rule.CLASS_ORDER, fired=True, measurements=(measurement,), num_tested=1)


def _withhold_all_but(fired: Recommendation) -> tuple[Recommendation, ...]:
    others = (rule for rule in Rule if rule is not fired.rule)
    withheld = (
        Recommendation(rule=rule, fired=False, measurements=(), num_tested=0, is_withheld=True) for rule in others
    )
    return (fired, *withheld)


def _conclude(rule: Rule, tested: Sequence[Measurement], num_tested: int) -> Recommendation:
    """The measurements that cross their thresholds, strongest first; otherwise the first of the nearest ones."""
    strongest_first = sorted(tested, key=lambda measurement: -measurement.excess)
    crossing = tuple(measurement for measurement in strongest_first if measurement.crosses)
    return Recommendation(
        rule=rule,
        fired=bool(crossing),
        measurements=crossing or tuple(strongest_first[:1]),
        num_tested=num_tested,
    )


def _num_concerned(recommendation: Recommendation) -> float:
    """Number of examples behind a finding: its errors, or those that the confidences did not predict."""
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
    is_high = is_confident(predictions.confidence)
    num_high = int(np.count_nonzero(is_high))
    if num_high == 0:
        return _conclude(Rule.CONFIDENT_ERRORS, [], 0)
    measurement = Measurement(
        measured=Proportion(count=int(np.count_nonzero(is_high & ~predictions.is_correct)), total=num_high, exact=True),
        threshold=float(np.mean(1 - predictions.confidence[is_high])),
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
    """Pairs of classes that are confused in both directions, far more often than with other classes.

    The threshold of a direction is made from the other errors of the class, and one more (Laplace's rule: no error
    elsewhere does not mean infinitely many times chance). It works for few classes, where no fraction could be
    `PAIR_FACTOR` times an even one, and is undefined for two.
    """
    support = confusion.sum(axis=1)
    num_supported = int(np.count_nonzero(support))
    num_tested = num_supported * (num_supported - 1) // 2
    num_remaining = len(confusion) - 2
    errors = without_diagonal(confusion)
    first, second = np.nonzero(np.triu(errors + errors.T))
    both = (support[first] > 0) & (support[second] > 0)
    first, second = first[both], second[both]
    if num_remaining == 0 or len(first) == 0:
        return _conclude(Rule.SYMMETRIC_PAIRS, [], num_tested if num_remaining else 0)

    level = _family_level(num_tested)
    num_errors = errors.sum(axis=1)

    def hold(true: NDArray[np.intp], predicted: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        counts = errors[true, predicted]
        average = (num_errors[true] - counts + 1) / (num_remaining * support[true])
        return exact_interval(counts, support[true], level)[0], np.maximum(PAIR_FACTOR * average, MIN_PAIR_SHARE)

    (low, threshold), (reverse_low, reverse_threshold) = hold(first, second), hold(second, first)
    excess = np.minimum(low - threshold, reverse_low - reverse_threshold)
    # Of up to half a million pairs only those that fire, or else the nearest, become evidence.
    chosen = np.flatnonzero(excess > ROUNDING) if (excess > ROUNDING).any() else np.argsort(-excess, kind="stable")[:1]
    measurements = [
        Measurement(
            measured=Proportion(count=int(errors[i, j]), total=int(support[i]), level=level, exact=True),
            threshold=float(threshold[at]),
            fires_above=True,
            pair=(i, j),
            reverse=Proportion(count=int(errors[j, i]), total=int(support[j]), level=level, exact=True),
            reverse_threshold=float(reverse_threshold[at]),
        )
        for at, i, j in zip(chosen.tolist(), first[chosen].tolist(), second[chosen].tolist(), strict=True)
    ]
    return _conclude(Rule.SYMMETRIC_PAIRS, measurements, num_tested)


def _find_one_way_confusions(confusion: NDArray[np.int64]) -> Recommendation:
    """Ordered pairs of classes that are confused far more often than others, and than in the reverse direction."""
    support = confusion.sum(axis=1)
    num_supported = int(np.count_nonzero(support))
    num_remaining = len(confusion) - 2
    errors = without_diagonal(confusion)
    true, predicted = np.nonzero(errors * (support > 0))
    if num_remaining == 0 or num_supported < 2:
        return _conclude(Rule.ONE_WAY_CONFUSIONS, [], 0)
    num_tested = num_supported * (num_supported - 1)
    level = _family_level(num_tested)
    counts, num_errors = errors[true, predicted], errors.sum(axis=1)
    average = (num_errors[true] - counts + 1) / (num_remaining * support[true])
    low = exact_interval(counts, support[true], level)[0]
    reverse_high = exact_interval(errors[predicted, true], support[predicted], level)[1]
    threshold = np.maximum(np.maximum(PAIR_FACTOR * average, MIN_ONE_WAY_SHARE), reverse_high)
    excess = low - threshold
    chosen = np.flatnonzero(excess > ROUNDING) if (excess > ROUNDING).any() else np.argsort(-excess, kind="stable")[:1]
    measurements = [
        Measurement(
            measured=Proportion(count=int(errors[i, j]), total=int(support[i]), level=level, exact=True),
            threshold=float(threshold[at]),
            fires_above=True,
            pair=(i, j),
        )
        for at, i, j in zip(chosen.tolist(), true[chosen].tolist(), predicted[chosen].tolist(), strict=True)
    ]
    return _conclude(Rule.ONE_WAY_CONFUSIONS, measurements, num_tested)


def _find_over_predicted_classes(confusion: NDArray[np.int64]) -> Recommendation:
    """Classes with more false positives than false negatives: a sign test on the errors that involve them.

    A class without support cannot have false negatives and is not tested.
    """
    errors = without_diagonal(confusion)
    taken, lost = errors.sum(axis=0), errors.sum(axis=1)
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
    support, correct = confusion.sum(axis=1), np.diagonal(confusion)
    accuracy = float(correct.sum() / support.sum())
    tested = np.flatnonzero(support)
    level = _family_level(len(tested))
    measurements = [
        Measurement(
            measured=Proportion(count=int(correct[k]), total=int(support[k]), level=level, exact=True),
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
    measurement = Measurement(
        measured=found, threshold=label_issues.num_expected / found.total + MIN_EXCESS, fires_above=True
    )
    return _conclude(Rule.LABEL_ISSUES, [measurement], 1)


def _family_level(num_tested: int) -> float:
    """Level of each of many intervals so that all hold together at `CONFIDENCE_LEVEL` (Bonferroni)."""
    return 1 - (1 - CONFIDENCE_LEVEL) / max(num_tested, 1)
