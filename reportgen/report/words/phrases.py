"""Phrases that all rules share, and the record of a finding in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from reportgen.analysis.intervals import CONFIDENCE_LEVEL, Estimate, Proportion
from reportgen.analysis.recommendations import Measurement
from reportgen.report.words.text import (
    count_text,
    list_text,
    number_interval_text,
    percent_interval_text,
    percent_text,
    plural_text,
    points_interval_text,
)

NUM_NAMED = 4
"""Number of classes or pairs that a headline and its evidence name; the rest are counted."""

LEVEL = percent_text(CONFIDENCE_LEVEL, digits=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationText:
    """A rule's result in words.

    Attributes:
        headline: the finding, a sentence that stands alone.
        advice: an imperative with its reason; empty where the rule did not fire.
        evidence: the measurement, its interval and the threshold, in at most three lines; empty where there was
            nothing to measure.
        details: further measurements and how the intervals were computed; may be empty.
    """

    headline: str
    advice: str = ""
    evidence: str = ""
    details: str = ""


def proportion_of(found: Measurement) -> Proportion:
    """The measurement of a rule that counts examples."""
    assert isinstance(found.measured, Proportion), "only the rules on confidence and on focus measure a mean"
    return found.measured


def counted_text(measured: Proportion, threshold: float | None = None) -> str:
    """`14 of 100 (4.7–35.1%)`, with `; threshold 1.0%` where each measurement has its own."""
    own = "" if threshold is None else f"; threshold {percent_text(threshold)}"
    return f"{count_text(measured.count)} of {count_text(measured.total)} ({percent_interval_text(measured)}{own})"


def exact_text(measured: Proportion) -> str:
    """`4.4% (exact 95% CI 3.8–5.2%)`."""
    return f"{percent_text(measured.value)} (exact {LEVEL} CI {percent_interval_text(measured)})"


def interval_text(measured: Estimate | Proportion) -> str:
    """`95% CI 64.7–66.6%`."""
    return f"{LEVEL} CI {percent_interval_text(measured)}"


def number_ci_text(measured: Estimate, *, digits: int = 3) -> str:
    """`95% CI 1.201 to 1.237`."""
    return f"{LEVEL} CI {number_interval_text(measured, digits=digits)}"


def points_ci_text(measured: Estimate) -> str:
    """`95% CI 3.4 to 5.3`, in percentage points."""
    return f"{LEVEL} CI {points_interval_text(measured)}"


def named_text(names: Sequence[str]) -> str:
    """The first `NUM_NAMED` names, and the number of the others."""
    if len(names) <= NUM_NAMED + 1:
        return list_text(names)
    return list_text([*names[:NUM_NAMED], f"{count_text(len(names) - NUM_NAMED)} more"])


def listed_text(details: Sequence[str], *, separator: str = ", ") -> str:
    """The first `NUM_NAMED` details, and the number of the others."""
    shown = details if len(details) <= NUM_NAMED + 1 else details[:NUM_NAMED]
    more = len(details) - len(shown)
    return separator.join(shown) + (f"{separator}and {count_text(more)} more" if more else "")


def family_text(num_tested: int, noun: str, plural: str) -> str:
    """How the intervals were computed and corrected for the number of tests."""
    if num_tested == 1:
        return f"The {LEVEL} CI is exact (Clopper–Pearson)."
    return (
        f"The {LEVEL} CIs are exact (Clopper–Pearson) and Bonferroni-corrected for"
        f" {plural_text(num_tested, noun, plural)}."
    )
