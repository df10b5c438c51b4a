"""One example as a card: its photo, and its maps for the true and the predicted class."""

from collections.abc import Sequence

from reportgen.report.pages.context import RunContext
from reportgen.report.pages.panels import make_map_panels
from reportgen.report.pages.sheets import Sheet
from reportgen.report.views.shared import CardGroup, ExampleCard, Link, Panel
from reportgen.report.words.example_wording import GroupWording, confidence_text, photo_alt_text, true_class_text


def make_group(
    context: RunContext,
    sheet: Sheet,
    positions: Sequence[int],
    words: GroupWording,
    *,
    anchor: str,
) -> CardGroup:
    """The examples at these positions as a group of cards; their pictures lie in the sheet."""
    cards = tuple(make_card(context, sheet, position) for position in positions)
    return CardGroup(anchor=anchor, title=words.title, note=words.note, cards=cards, empty_text=words.empty_text)


def make_card(context: RunContext, sheet: Sheet, position: int) -> ExampleCard:
    """The card of one example: its photo and its maps by the method that the page starts with, as far as they exist."""
    predictions = context.findings.predictions
    true = context.class_link(int(context.cache.labels[position]), page=sheet.page)
    predicted = context.class_link(int(predictions.predicted[position]), page=sheet.page)
    is_correct = bool(predictions.is_correct[position])
    maps = () if sheet.maps is None else make_map_panels(context, sheet, sheet.maps, position)
    return ExampleCard(
        is_correct=is_correct,
        predicted=predicted,
        true=true,
        confidence=confidence_text(context.findings, position),
        verdict=_verdict(context, position, true=true.text),
        example_id=image_link(context, position, page=sheet.page),
        panels=(*_photo_panels(context, sheet, position, true.text, predicted.text), *maps),
    )


def _verdict(context: RunContext, position: int, *, true: str) -> str:
    if context.findings.predictions.is_correct[position]:
        return ""
    text = true_class_text(context.findings, position, true=true)
    is_issue = any(issue.position == position for issue in context.findings.label_issues.issues)
    return f"{text}; possible label error" if is_issue else text


def image_link(context: RunContext, position: int, *, page: str) -> Link:
    """The link to an image's detail view on its class's page; to the page alone where its gallery lacks the image."""
    true = int(context.cache.labels[position])
    url = context.class_link(true, page=page).url
    if position in context.findings.selections[true].gallery:
        url = f"{url}#image={int(context.cache.example_index[position])}"
    return Link(text=str(context.cache.example_id[position]), url=url)


def _photo_panels(context: RunContext, sheet: Sheet, position: int, true: str, predicted: str) -> tuple[Panel, ...]:
    photo = sheet.photo(position)
    if photo is None:
        return ()
    alt = photo_alt_text(context.findings, position, true=true, predicted=predicted)
    return (Panel(kind="photo", title="photo", detail=true, alt=alt, photo=photo, evidence=None),)
