"""What to do about it: rules that fire on a bound of an interval, never on a point."""

from dataclasses import dataclass
from enum import StrEnum

from reportgen.analysis.intervals import Estimate, Proportion


class Rule(StrEnum):
    """The rules, in the order in which equally strong findings are told."""

    OVERCONFIDENCE = "overconfidence"
    UNDERCONFIDENCE = "underconfidence"
    CONFIDENT_ERRORS = "confident-errors"
    SUPERCLASS_ERRORS = "superclass-errors"
    SYMMETRIC_PAIRS = "symmetric-pairs"
    SWALLOWING_CLASSES = "swallowing-classes"
    WEAK_CLASSES = "weak-classes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One measured quantity held against a threshold.

    Attributes:
        measured: the quantity; its interval's bound decides.
        threshold: what the bound has to cross.
        fires_above: the lower bound must exceed the threshold; otherwise the upper bound must fall below it.
        class_index: the class it is about, where it is about one.
        pair: the true and the predicted class, where it is about a pair.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What one rule found.

    Attributes:
        rule: the rule.
        fired: whether any evidence crossed its threshold.
        evidence: the evidence that did, strongest first; where none did, the one that came nearest (none where there
            is nothing to measure, such as superclasses that are not known).
        num_tested: number of classes or pairs that the rule looked at; 1 for a rule about the whole test set.
    """

    rule: Rule
    fired: bool
    evidence: tuple[Evidence, ...]
    num_tested: int
