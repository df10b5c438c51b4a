"""Results of the faithfulness tests in sentences."""

from types import MappingProxyType
from typing import Final

from reportgen.analysis.faithfulness import Comparison, Measure, MethodFaithfulness, Verdict
from reportgen.methods import find_method
from reportgen.report.words.text import list_text, number_interval_text, number_text

MEASURE_NAMES: Final = MappingProxyType(
    {Measure.DELETION: "deletion", Measure.INSERTION: "insertion", Measure.ROAD: "ROAD"}
)
BASELINE_NAMES: Final = MappingProxyType({"random": "a random map", "centre": "a centered blob"})

_ANSWERS: Final = MappingProxyType(
    {
        Verdict.BEATS: "yes, by these tests",
        Verdict.PARTLY: "partly",
        Verdict.NOT_TOLD_APART: "not shown",
        Verdict.WORSE: "no",
    }
)


def explanation_name(name: str) -> str:
    """A method or baseline as the report calls it."""
    return BASELINE_NAMES.get(name) or find_method(name).title


def answer_text(method: MethodFaithfulness) -> str:
    """The answer in a few words, such as `Grad-CAM: partly.`."""
    return f"{explanation_name(method.scores.name)}: {_ANSWERS[method.verdict]}."


def verdict_text(method: MethodFaithfulness) -> str:
    """Which baselines the method's maps beat, in which measures, and how a randomized head changes them."""
    baselines = dict.fromkeys(comparison.baseline for comparison in method.comparisons)
    sentences = [
        f"{who} {_standing(baseline, [own for own in method.comparisons if own.baseline == baseline])}."
        for who, baseline in zip(("Its maps", "They"), baselines, strict=True)
    ]
    return " ".join([*sentences, *_correlation_sentences(method)])


def _standing(baseline: str, comparisons: list[Comparison]) -> str:
    name = BASELINE_NAMES[baseline]
    better = [own for own in comparisons if own.is_better]
    worse = [own for own in comparisons if own.is_worse]
    level = [own for own in comparisons if not own.is_better and not own.is_worse]
    parts: list[str] = []
    for verb, group in (("outperform", better), ("are worse than", worse), ("do not differ significantly from", level)):
        if group:
            other = "it" if parts else name
            measures = list_text([MEASURE_NAMES[own.measure] for own in group])
            if len(group) == len(comparisons):
                measures = "any measure" if group is level else "every measure"
            parts.append(f"{verb} {other} in {measures}")
    return list_text(parts)


def _correlation_sentences(method: MethodFaithfulness) -> list[str]:
    found = method.correlation
    if found is None:
        return []
    text = (
        "With a randomized head, its maps of the same class rank locations in almost the same order"
        if method.is_insensitive_to_head
        else "With a randomized head, its maps of the same class change"
    )
    means = (
        ": they show what the network responds to rather than the evidence for this class"
        if method.is_insensitive_to_head
        else ""
    )
    value = f"{number_text(found.value, digits=2)} ({number_interval_text(found, digits=2)})"
    return [f"{text} (rank correlation {value}){means}."]
