"""What limits a report, in one place: what was converted, assumed, left out or looks wrong."""

from dataclasses import dataclass

from reportgen.analysis.findings import Findings
from reportgen.cache import EvaluationCache
from reportgen.report.urls import CLASS_ORDER_CSV_PATH, SKIPPED_CSV_PATH
from reportgen.report.words.order_wording import order_headline
from reportgen.report.words.text import plural_text


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
    notices += [Notice(text=warning) for warning in cache.provenance.warnings]
    if cache.skipped:
        text = f"{plural_text(len(cache.skipped), 'file')} of the test set could not be read."
        notices.append(Notice(text=text, url=SKIPPED_CSV_PATH, link="Skipped files (CSV)"))
    return tuple(notices)
