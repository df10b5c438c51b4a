"""Turns of phrase that every rule is told in, and the record that holds what is told."""

from collections.abc import Sequence
from dataclasses import dataclass

from reportgen.analysis.intervals import CONFIDENCE_LEVEL, Proportion
from reportgen.analysis.recommendations import Evidence
from reportgen.report.words.text import count_text, list_text, percent_interval_text, percent_text, plural_text

NUM_NAMED = 4
"""Classes or pairs that a headline and its evidence name; the rest are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationText:
    """What one rule found, in words.

    Attributes:
        headline: the finding as a sentence that stands alone.
        advice: what to do about it, in a few sentences; empty where the rule did not fire.
        evidence: the numbers with their intervals, n and threshold; empty where there was nothing to measure.
    """

    headline: str
    advice: str
    evidence: str


def proportion_of(found: Evidence) -> Proportion:
    """What was measured, of the rules that count."""
    assert isinstance(found.measured, Proportion), "only the rules on confidence and on focus measure a mean"
    return found.measured


def counted_text(measured: Proportion, threshold: float | None = None) -> str:
    """`14 of 100 (4.7–35.1%)`, and `> 1.0% asked` where each has a threshold of its own."""
    asked = "" if threshold is None else f", > {percent_text(threshold)} asked"
    return f"{count_text(measured.count)} of {count_text(measured.total)} ({percent_interval_text(measured)}{asked})"


def named_text(names: Sequence[str]) -> str:
    """The first `NUM_NAMED`, and how many more there are."""
    if len(names) <= NUM_NAMED + 1:
        return list_text(names)
    return list_text([*names[:NUM_NAMED], f"{count_text(len(names) - NUM_NAMED)} more"])


def listed_text(details: Sequence[str], *, separator: str = ", ") -> str:
    """The first `NUM_NAMED` details, and how many more there are."""
    shown = details if len(details) <= NUM_NAMED + 1 else details[:NUM_NAMED]
    more = len(details) - len(shown)
    return separator.join(shown) + (f"{separator}and {count_text(more)} more" if more else "")


def family_text(num_tested: int, noun: str, plural: str) -> str:
    """How the intervals are widened, where many things were tested."""
    level = percent_text(CONFIDENCE_LEVEL, digits=0)
    if num_tested == 1:
        return f"The {level} interval is exact."
    return (
        f"The {level} intervals are exact, and widened to hold for all {plural_text(num_tested, noun, plural)} at once."
    )
