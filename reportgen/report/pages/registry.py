"""Every kind of page, by the site that it belongs to. A new kind is a module with its `PageKind` and a line here."""

from typing import Any

from reportgen.explanation import Explanations
from reportgen.report.pages.class_page import CLASS_PAGES
from reportgen.report.pages.context import ReportContext
from reportgen.report.pages.explanations_page import EXPLANATION_PAGES
from reportgen.report.pages.how_page import HOW_PAGES
from reportgen.report.pages.index_page import INDEX_PAGES
from reportgen.report.pages.label_issues_page import LABEL_ISSUES_PAGES
from reportgen.report.pages.page_kind import PageKind
from reportgen.report.pages.pair_page import PAIR_PAGES

REPORT_KINDS: tuple[PageKind[ReportContext], ...] = (
    INDEX_PAGES,
    CLASS_PAGES,
    PAIR_PAGES,
    LABEL_ISSUES_PAGES,
    HOW_PAGES,
)
EXPLANATION_KINDS: tuple[PageKind[Explanations], ...] = (EXPLANATION_PAGES,)

PAGE_KINDS: tuple[PageKind[Any], ...] = (*REPORT_KINDS, *EXPLANATION_KINDS)
