"""The labels that deserve a second look: the images, both classes, both maps, and how much to expect of the list."""

from reportgen.analysis.label_suspects import LabelSuspect
from reportgen.report.pages.cards import make_card
from reportgen.report.pages.context import ReportContext
from reportgen.report.pages.map_sheet import Files
from reportgen.report.pages.sheets import Sheet, make_sheet
from reportgen.report.urls import SUSPECTS_PATH
from reportgen.report.views.shared import Link, SiteFrame
from reportgen.report.views.suspects_view import SuspectCard, SuspectsPage
from reportgen.report.words.text import count_text, number_text, percent_interval_text, percent_text, plural_text

NUM_SUSPECTS = 60
"""Suspects on the page; the table to take away holds all of them."""

_SIDES = "Left the class given, right the class suggested"

SUSPECTS_CSV_PATH = "data/label_suspects.csv"


def make_suspects_page(context: ReportContext, frame: SiteFrame) -> tuple[SuspectsPage, Files]:
    """The page of label suspects with the sprites that it shows."""
    found = context.findings.label_suspects
    shown = found.suspects[:NUM_SUSPECTS]
    knows_classes = context.maps is not None and not context.maps.is_class_agnostic
    sheet = make_sheet(
        context,
        [suspect.position for suspect in shown],
        page=SUSPECTS_PATH,
        stem="images/label-suspects",
        with_differences=False,
    )
    return (
        SuspectsPage(
            frame=frame,
            sprites=sheet.sprites(),
            headline=_headline(len(found.suspects)),
            temperature=number_text(found.temperature, digits=2),
            expectation=_expectation(context),
            note=_note(len(shown), len(found.suspects)),
            missing=context.missing_note,
            legend=None if context.maps is None else context.maps.legend(_SIDES if knows_classes else ""),
            cards=tuple(_make_card(context, sheet, suspect) for suspect in shown),
            table=Link(text=f"all {plural_text(len(found.suspects), 'candidate')} as a table", url=SUSPECTS_CSV_PATH),
        ),
        sheet.files(),
    )


def _headline(num_suspects: int) -> str:
    if not num_suspects:
        return "No label stands out as wrong"
    return f"{plural_text(num_suspects, 'label')} {'deserves' if num_suspects == 1 else 'deserve'} a second look"


def _expectation(context: ReportContext) -> str:
    found = context.findings.label_suspects
    foreseen = number_text(found.num_foreseen, digits=0)
    return (
        f"These are candidates, not proven errors: {count_text(found.found.count)} of {count_text(found.found.total)}"
        f" answers that sure contradict their label ({percent_text(found.found.value)},"
        f" {percent_interval_text(found.found)}), where the model’s own probabilities foresee {foreseen}."
        f" The plain rule of confident learning would list {count_text(found.num_plain)}, most of them the model’s own"
        " errors."
    )


def _note(num_shown: int, num_all: int) -> str:
    shown = "" if num_shown == num_all else f" The {count_text(num_shown)} widest of {count_text(num_all)} are shown."
    return f"By falling margin: the probability of the suggested class less that of the given one.{shown}"


def _make_card(context: ReportContext, sheet: Sheet, suspect: LabelSuspect) -> SuspectCard:
    return SuspectCard(
        card=make_card(context, sheet, suspect.position),
        given=context.class_link(suspect.label_index, page=SUSPECTS_PATH),
        suggested=context.class_link(suspect.suggested_index, page=SUSPECTS_PATH),
        given_probability=percent_text(suspect.label_probability),
        suggested_probability=percent_text(suspect.suggested_probability),
        margin=number_text(suspect.margin, digits=2),
    )
