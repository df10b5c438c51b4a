"""One example as a card: its photo, where the model found evidence for the true class, and where for what it said."""

import numpy as np
from numpy.typing import NDArray

from reportgen.report.pages.context import ReportContext
from reportgen.report.pages.sheets import Sheet
from reportgen.report.views.shared import CardGroup, ExampleCard, Link, Panel
from reportgen.report.words.text import peak_text, percent_text

_VERTICAL = ("upper", "middle", "lower")
_HORIZONTAL = ("left", "centre", "right")


def make_group(
    context: ReportContext,
    sheet: Sheet,
    positions: tuple[int, ...],
    *,
    anchor: str,
    title: str,
    note: str,
    empty_text: str,
) -> CardGroup:
    """The examples at these positions as a group of cards; their pictures lie in the sheet."""
    cards = tuple(make_card(context, sheet, position) for position in positions)
    return CardGroup(anchor=anchor, title=title, note=note, cards=cards, empty_text=empty_text)


def make_card(context: ReportContext, sheet: Sheet, position: int) -> ExampleCard:
    """The card of one example.

    A misclassified one shows the photo, the overlay for the true class, the overlay for the predicted class and the
    predicted map alone, on one scale; a correct one the photo, the overlay and the map alone.
    """
    predictions = context.findings.predictions
    true = context.class_link(int(context.cache.labels[position]), page=sheet.page)
    predicted = context.class_link(int(predictions.predicted[position]), page=sheet.page)
    is_correct = bool(predictions.is_correct[position])
    confidence = percent_text(float(predictions.confidence[position]))
    panels = [_photo_panel(sheet, position, true, predicted, confidence)]
    if not is_correct:
        panels.append(_map_panel(context, sheet, position, true, of_true=True))
    panels.append(_map_panel(context, sheet, position, predicted, of_true=False))
    panels.append(_map_panel(context, sheet, position, predicted, of_true=False, alone=True))
    return ExampleCard(
        is_correct=is_correct,
        predicted=predicted,
        true=true,
        confidence=confidence,
        verdict="" if is_correct else _verdict(context, position, true),
        example_id=image_link(context, position, page=sheet.page),
        panels=tuple(panels),
    )


def image_link(context: ReportContext, position: int, *, page: str) -> Link:
    """The link to an image's detail view on its class's page; to the page alone where its gallery lacks the image."""
    true = int(context.cache.labels[position])
    url = context.class_link(true, page=page).url
    if position in context.findings.selections[true].gallery:
        url = f"{url}#image={int(context.cache.example_index[position])}"
    return Link(text=str(context.cache.example_id[position]), url=url)


def _verdict(context: ReportContext, position: int, true: Link) -> str:
    predictions = context.findings.predictions
    probability = percent_text(float(predictions.true_probability[position]))
    return f"{true.text} had {probability}, rank {int(predictions.true_rank[position])}"


def _photo_panel(sheet: Sheet, position: int, true: Link, predicted: Link, confidence: str) -> Panel:
    if true == predicted:
        alt = f"Photo of {true.text}, predicted right with {confidence} confidence"
    else:
        alt = f"Photo of {true.text}, predicted as {predicted.text} with {confidence} confidence"
    return Panel(kind="photo", title="photo", detail=true.text, alt=alt, photo=sheet.photo(position), evidence=None)


def _map_panel(
    context: ReportContext, sheet: Sheet, position: int, target: Link, *, of_true: bool, alone: bool = False
) -> Panel:
    maps = context.maps
    cam = (maps.true if of_true else maps.predicted)[position]
    peak = float((maps.true_peaks if of_true else maps.predicted_peaks)[position])
    crop = sheet.true_map(position) if of_true else sheet.predicted_map(position)
    if peak == 0:
        return Panel(
            kind="blank",
            title=f"for {target.text}",
            detail="no evidence anywhere",
            alt=f"No location supports {target.text}",
            photo=sheet.photo(position),
            evidence=None,
        )
    where = f"strongest at the {describe_peak(cam)}, peak {peak_text(peak)}"
    if alone:
        return Panel(
            kind="map",
            title="map alone",
            detail=f"for {target.text}",
            alt=f"Map of the evidence for {target.text}, {where}",
            photo=None,
            evidence=crop,
            difference=sheet.difference(position),
        )
    return Panel(
        kind="overlay",
        title=f"for {target.text}",
        detail=f"peak {peak_text(peak)}",
        alt=f"Photo with the evidence for {target.text}, {where}",
        photo=sheet.photo(position),
        evidence=crop,
    )


def describe_peak(cam: NDArray[np.floating]) -> str:
    """Where a map (h, w) is largest, in thirds of the picture: `upper left`, `centre`, `middle right`."""
    height, width = cam.shape
    row, column = divmod(int(cam.argmax()), width)
    vertical, horizontal = _VERTICAL[row * 3 // height], _HORIZONTAL[column * 3 // width]
    return "centre" if (vertical, horizontal) == ("middle", "centre") else f"{vertical} {horizontal}"
