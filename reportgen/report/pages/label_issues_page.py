"""The page of possible label errors."""

from reportgen.analysis.label_issues import LabelIssue
from reportgen.report.pages.cards import make_card
from reportgen.report.pages.context import ReportContext, RunContext
from reportgen.report.pages.map_sheet import Files
from reportgen.report.pages.page_kind import NavigationItem, PageEntry, PageKind
from reportgen.report.pages.sheets import Sheet, make_sheet
from reportgen.report.urls import LABEL_ISSUES_CSV_PATH, LABEL_ISSUES_PATH
from reportgen.report.views.label_issues_view import LabelIssueCard, LabelIssuesPage
from reportgen.report.views.shared import Link, SiteFrame
from reportgen.report.words.text import count_text, number_text, percent_interval_text, percent_text, plural_text

NUM_ISSUES = 60
"""Number of issues on the page; the CSV holds all of them."""

_SIDES = "Left: labeled class, right: suggested class"


def make_label_issues_page(context: RunContext, frame: SiteFrame) -> tuple[LabelIssuesPage, Files]:
    """The page of label issues with the sprites that it shows."""
    found = context.findings.label_issues
    shown = found.issues[:NUM_ISSUES]
    knows_classes = context.maps is not None and not context.maps.is_class_agnostic
    sheet = make_sheet(
        context,
        [issue.position for issue in shown],
        page=LABEL_ISSUES_PATH,
        stem="images/label-issues",
        with_differences=False,
    )
    return (
        LabelIssuesPage(
            frame=frame,
            sprites=sheet.sprites(),
            headline=_headline(len(found.issues)),
            expectation=_expectation(context),
            note=_note(len(shown), len(found.issues)),
            missing=context.missing_note,
            legend=None if context.maps is None else context.maps.legend(_SIDES if knows_classes else ""),
            cards=tuple(_make_card(context, sheet, issue) for issue in shown),
            table=Link(text=f"all {plural_text(len(found.issues), 'candidate')} as a table", url=LABEL_ISSUES_CSV_PATH),
        ),
        sheet.files(),
    )


def _headline(num_issues: int) -> str:
    if not num_issues:
        return "No possible label errors"
    return plural_text(num_issues, "possible label error")


def _expectation(context: RunContext) -> str:
    found = context.findings.label_issues
    foreseen = number_text(found.num_expected, digits=0)
    return (
        f"These are candidates, not proven errors: of {count_text(found.found.total)} typical predictions,"
        f" {count_text(found.found.count)} contradict the label ({percent_text(found.found.value)}, 95% CI"
        f" {percent_interval_text(found.found)}); the model’s probabilities predict {foreseen}."
    )


def _note(num_shown: int, num_all: int) -> str:
    shown = "" if num_shown == num_all else f" Shown: the first {count_text(num_shown)} of {count_text(num_all)}."
    return f"Sorted by margin: the probability of the suggested class minus that of the labeled class.{shown}"


def _make_card(context: RunContext, sheet: Sheet, issue: LabelIssue) -> LabelIssueCard:
    return LabelIssueCard(
        card=make_card(context, sheet, issue.position),
        given=context.class_link(issue.label_index, page=LABEL_ISSUES_PATH),
        suggested=context.class_link(issue.suggested_index, page=LABEL_ISSUES_PATH),
        given_probability=percent_text(issue.label_probability),
        suggested_probability=percent_text(issue.suggested_probability),
        margin=number_text(issue.margin, digits=2),
    )


LABEL_ISSUES_PAGES: PageKind[ReportContext] = PageKind(
    name="label issues",
    template="label-issues.html.j2",
    record=LabelIssuesPage,
    list_pages=lambda _: (PageEntry(path=LABEL_ISSUES_PATH, description="Possible label errors"),),
    build=lambda context, frame, _: make_label_issues_page(context.run, frame),
    navigation=(NavigationItem(place=6, text="Label issues", url=LABEL_ISSUES_PATH),),
)
