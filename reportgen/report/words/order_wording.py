"""A wrong order of the classes in words."""

from reportgen.analysis.class_order import ClassOrder
from reportgen.analysis.findings import Findings
from reportgen.analysis.intervals import Proportion
from reportgen.analysis.recommendations import Recommendation, Rule
from reportgen.report.urls import CLASS_ORDER_CSV_PATH
from reportgen.report.words.phrases import RecommendationText, exact_text, interval_text
from reportgen.report.words.text import count_text, percent_text, plural_text


def order_headline(order: ClassOrder, top1: Proportion) -> str:
    """The report in one sentence without a period, where the order of the classes looks wrong."""
    correct = f"{percent_text(top1.value)} of {plural_text(top1.total, 'image')} are classified correctly"
    mapped = f"{percent_text(order.mapped.value, digits=0)}"
    if len(order.class_of) == 2:
        return f"The model is below chance: {correct}; with its two outputs exchanged, about {mapped} would be"
    return f"The order of the classes looks wrong: {correct}; with the outputs reordered, about {mapped} would be"


def describe_class_order(item: Recommendation, findings: Findings) -> RecommendationText:
    """Whether a mapping of predicted onto true classes raises the accuracy."""
    order = findings.suggested_order
    if order is None:
        return RecommendationText(
            headline="The labels give no sign that the outputs are in another order than the classes."
        )
    return RecommendationText(
        headline=f"{order_headline(order, findings.overall.top1)}.",
        advice=f"Run again with the file of the report {CLASS_ORDER_CSV_PATH} as class names, or correct the order of"
        " the class names, the label indices or the outputs. Until then, do not interpret the numbers of single"
        " classes; the advice of all other rules is withheld.",
        evidence="Made correct by the mapping, of predictions made correct or wrong:"
        f" {exact_text(order.gained)}; threshold: {percent_text(item.measurements[0].threshold, digits=0)}.",
        details=f"The mapping moves {count_text(order.num_moved)} of"
        f" {plural_text(len(order.class_of), 'class', 'classes')}. It was fitted on one half of the images; on the"
        f" held-out {count_text(order.mapped.total)} it raises the accuracy from"
        f" {percent_text(order.accuracy.value)} to {percent_text(order.mapped.value)} ({interval_text(order.mapped)}).",
    )


def withheld_text(rule: Rule) -> RecommendationText:
    """What stands in place of a rule whose result would rest on the order of the classes."""
    name = rule.value.replace("-", " ").capitalize()
    return RecommendationText(headline=f"{name}: not judged, because the order of the classes looks wrong.")
