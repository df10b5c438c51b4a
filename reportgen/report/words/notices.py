"""What limits a report, in one place: what was converted, assumed, left out or looks wrong."""

from dataclasses import dataclass

from reportgen.analysis.findings import Findings
from reportgen.analysis.present_classes import PresentClasses
from reportgen.cache import EvaluationCache
from reportgen.report.urls import CLASS_ORDER_CSV_PATH, SKIPPED_CSV_PATH
from reportgen.report.words.order_wording import order_headline
from reportgen.report.words.text import count_text, percent_interval_text, percent_text, plural_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A limit of the report, as sentences.

    Attributes:
        text: the limit.
        url: from the root of the site, where more about it stands; empty if nowhere.
        link: the text of the link to it.
    """

    text: str
    url: str = ""
    link: str = ""


def list_notices(cache: EvaluationCache, findings: Findings) -> tuple[Notice, ...]:
    """What a reader has to know before the numbers, the gravest first."""
    notices = []
    if findings.suggested_order is not None:
        text = f"{order_headline(findings.suggested_order, findings.overall.top1)}."
        notices.append(Notice(text=text, url=CLASS_ORDER_CSV_PATH, link="Suggested order (CSV)"))
    if findings.present_classes is not None:
        notices.append(Notice(text=_absent_text(findings.present_classes)))
    notices += [Notice(text=warning) for warning in cache.provenance.warnings]
    if cache.skipped:
        text = f"{plural_text(len(cache.skipped), 'file')} of the test set could not be read."
        notices.append(Notice(text=text, url=SKIPPED_CSV_PATH, link="Skipped files (CSV)"))
    return tuple(notices)


def _absent_text(present: PresentClasses) -> str:
    absent, top1 = present.predicted_absent, present.top1
    verb = "has" if present.num_absent == 1 else "have"
    return (
        f"{count_text(present.num_absent)} of {plural_text(present.num_classes, 'class', 'classes')} {verb} no test "
        f"image, and {percent_text(absent.value)} (95% CI {percent_interval_text(absent)}) of the predictions are of "
        f"these classes. If only the classes with images competed, {percent_text(top1.value)} (95% CI "
        f"{percent_interval_text(top1)}) of the images would be classified correctly. Macro averages of precision and "
        "F1 also count the classes without images that are predicted, as scikit-learn does; balanced accuracy does not."
    )
