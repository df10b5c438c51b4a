"""Single examples and groups of them in words: the same on cards, in galleries, in figures and in alternative texts."""

from dataclasses import dataclass

from reportgen.analysis.findings import Findings
from reportgen.analysis.intervals import Proportion
from reportgen.analysis.metrics import ClassMetrics
from reportgen.analysis.selection import HIGH_CONFIDENCE
from reportgen.report.words.text import count_text, percent_text, plural_text


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupWording:
    """A group of examples in words.

    Attributes:
        note: how many of how many are shown, in which order, and which are left out.
        short_note: the same where space is short.
        empty_text: what replaces the group if it is empty.
    """

    title: str
    note: str
    short_note: str
    empty_text: str


def outcome_text(findings: Findings, position: int, *, predicted: str) -> str:
    """`Correct`, or `Predicted: seal`."""
    return "Correct" if findings.predictions.is_correct[position] else f"Predicted: {predicted}"


def confidence_text(findings: Findings, position: int, *, digits: int = 1) -> str:
    """`69.3%`: the confidence of an example's prediction."""
    return percent_text(float(findings.predictions.confidence[position]), digits=digits)


def true_class_text(findings: Findings, position: int, *, true: str) -> str:
    """`Leopard: 0.7%, rank 7`: the probability of an example's true class."""
    predictions = findings.predictions
    probability = percent_text(float(predictions.true_probability[position]))
    return f"{true[:1].upper()}{true[1:]}: {probability}, rank {int(predictions.true_rank[position])}"


def photo_alt_text(findings: Findings, position: int, *, true: str, predicted: str) -> str:
    """The alternative text of an example's photo."""
    how = "correctly" if findings.predictions.is_correct[position] else f"as {predicted}"
    return f"Photo of {true}, predicted {how} with {confidence_text(findings, position)} confidence"


def confusion_text(true: str, predicted: str) -> str:
    """`leopard predicted as seal`."""
    return f"{true} predicted as {predicted}"


def describe_worst(
    name: str, recall: Proportion, *, num_errors: int, num_correct: int, num_set_aside: int
) -> GroupWording:
    """The errors of a class, then its correct images, as many as are shown of each; label issues may be left out."""
    total = recall.total - recall.count
    aside = f"{plural_text(num_set_aside, 'possible label error')} not shown" if num_set_aside else ""
    errors = f"{count_text(num_errors)} of {plural_text(total, 'error')}, by descending confidence."
    correct = f"{count_text(num_correct)} of {plural_text(recall.count, 'correct image')}, by ascending confidence."
    if num_errors:
        title, sentences = "Most confident errors", [errors, f"Then {correct}" if num_correct else ""]
        parts = [
            f"{count_text(num_errors)} of {count_text(total)}",
            aside,
            "then correct images" if num_correct else "",
        ]
    else:
        title, sentences = "Least confident correct images", [correct if num_correct else ""]
        parts = [f"{count_text(num_correct)} of {count_text(recall.count)}", aside]
    return GroupWording(
        title=title,
        note=" ".join(filter(None, [*sentences, _set_aside_text(num_set_aside)])),
        short_note=", ".join(filter(None, parts)),
        empty_text=f"The test set has no images of {name}.",
    )


def describe_best(name: str, recall: Proportion, *, num_shown: int) -> GroupWording:
    """The correct images of a class."""
    return GroupWording(
        title="Most confident correct images",
        note=f"{count_text(num_shown)} of {plural_text(recall.count, 'correct image')}, by descending confidence.",
        short_note=f"{count_text(num_shown)} of {count_text(recall.count)}",
        empty_text=f"No image of {name} is classified correctly.",
    )


def describe_mistaken(name: str, metrics: ClassMetrics, *, num_shown: int, num_set_aside: int) -> GroupWording:
    """The images of other classes that are predicted as a class."""
    total = metrics.precision.total - metrics.precision.count
    counted = f"{count_text(num_shown)} of {plural_text(total, 'image')} of other classes predicted as {name}"
    return GroupWording(
        title=f"Mistaken for {name}",
        note=" ".join(filter(None, [f"{counted}, by descending confidence.", _set_aside_text(num_set_aside)])),
        short_note=f"{count_text(num_shown)} of {count_text(total)}",
        empty_text=f"No image of another class is predicted as {name}.",
    )


def describe_confident_errors(*, num_shown: int, total: int, num_set_aside: int) -> GroupWording:
    """The high-confidence errors of all classes."""
    least = percent_text(HIGH_CONFIDENCE, digits=0)
    counted = f"{count_text(num_shown)} of {plural_text(total, 'error')} with a confidence of {least} or more"
    aside = plural_text(num_set_aside, "possible label error")
    return GroupWording(
        title="High-confidence errors",
        note=f"{counted}, by descending confidence."
        + (f" Not shown: {aside}, listed on a separate page." if num_set_aside else ""),
        short_note=f"{count_text(num_shown)} of {count_text(total)}",
        empty_text=f"All errors with a confidence of {least} or more are possible label errors."
        if total
        else f"No errors have a confidence of {least} or more.",
    )


def describe_confusions(true: str, predicted: str, *, num_shown: int, total: int) -> GroupWording:
    """The images of one class that are predicted as another."""
    return GroupWording(
        title=confusion_text(true, predicted),
        note=f"{count_text(num_shown)} of {plural_text(total, 'image')}, by descending confidence.",
        short_note=f"{count_text(num_shown)} of {count_text(total)}",
        empty_text=f"No image of {true} is predicted as {predicted}.",
    )


def _set_aside_text(num_set_aside: int) -> str:
    if not num_set_aside:
        return ""
    return f"Not shown: {plural_text(num_set_aside, 'possible label error')} with a higher confidence."
