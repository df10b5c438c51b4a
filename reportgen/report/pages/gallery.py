"""The gallery of a class, the most instructive images first, and its detail views."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.selection import HIGH_CONFIDENCE, is_confident
from reportgen.report.pages.context import RunContext
from reportgen.report.pages.map_sheet import MapSheet
from reportgen.report.pages.sheets import Sheet
from reportgen.report.urls import class_path, relative_url
from reportgen.report.views.class_view import Gallery, GalleryItem, ImageDetail
from reportgen.report.views.shared import Crop, ItemLayers, Link
from reportgen.report.words.example_wording import confidence_text, confusion_text, outcome_text
from reportgen.report.words.text import count_text, peak_text, percent_text, plural_text

NUM_TOP_CLASSES = 5


def make_gallery(context: RunContext, sheet: Sheet, class_index: int) -> Gallery:
    """The gallery of a class; its pictures lie in the sheet."""
    positions = context.findings.selections[class_index].gallery
    recall = context.findings.classes[class_index].recall
    num_wrong = sum(not context.findings.predictions.is_correct[position] for position in positions)
    suggested = {issue.position: issue.suggested_index for issue in context.findings.label_issues.issues}
    names = sorted({context.class_name(int(context.findings.predictions.predicted[p])) for p in positions})
    indices = {name: index for index, name in enumerate(context.cache.shown_names)}
    return Gallery(
        note=_note(len(positions), recall.total, num_wrong),
        num_right=count_text(recall.count),
        num_wrong=count_text(recall.total - recall.count),
        items=tuple(_make_items(context, sheet, positions)),
        details=tuple(
            _make_detail(context, position, _reasons(context, position, suggested.get(position)))
            for position in positions
        ),
        predicted_names=tuple((str(indices[name]), name) for name in names),
        filters=tuple(column.filter for column in context.grouping),
        has_pictures=sheet.photos is not None or sheet.maps is not None,
    )


def _note(num_shown: int, total: int, num_wrong: int) -> str:
    order = "errors by descending confidence, then correct predictions by ascending confidence"
    if num_shown < total:
        return f"The {count_text(num_shown)} most instructive of {plural_text(total, 'image')}: {order}."
    return f"{plural_text(total, 'image')}, {count_text(num_wrong)} misclassified: {order}."


def gallery_link(context: RunContext, true_index: int, predicted_index: int, *, count: int, page: str) -> Link | None:
    """The link to the images of a class that are predicted as another; `None` where its gallery shows none of them.

    It filters the gallery, or leads to the first of the images without scripts.
    """
    predicted = context.findings.predictions.predicted
    if not any(predicted[position] == predicted_index for position in context.findings.selections[true_index].gallery):
        return None
    name = context.class_name(true_index)
    path = class_path(true_index, context.file_name(true_index))
    return Link(
        text=f"{plural_text(count, 'image')} of {confusion_text(name, context.class_name(predicted_index))}",
        url=f"{'' if path == page else relative_url(path, page=page)}#{_filter_state(predicted_index)}",
    )


def _filter_state(predicted_index: int) -> str:
    """The gallery's filter by the predicted class, as `assets/maps.js` reads it from the address."""
    return f"as={predicted_index}"


def _make_items(context: RunContext, sheet: Sheet, positions: Sequence[int]) -> Iterator[GalleryItem]:
    seen: set[int] = set()
    for position in positions:
        predicted_index = int(context.findings.predictions.predicted[position])
        yield _make_item(context, sheet, position, is_first=predicted_index not in seen)
        seen.add(predicted_index)


def _make_item(context: RunContext, sheet: Sheet, position: int, *, is_first: bool) -> GalleryItem:
    predictions = context.findings.predictions
    predicted_index = int(predictions.predicted[position])
    predicted = context.class_name(predicted_index)
    confidence = float(predictions.confidence[position])
    is_correct = bool(predictions.is_correct[position])
    photo = sheet.photo(position)
    maps = make_layers(context, sheet.maps, position)
    layers = maps.layers if photo is None else (("photo", photo), *maps.layers)
    return GalleryItem(
        number=str(context.cache.example_index[position]),
        is_correct=is_correct,
        name=str(context.cache.example_id[position]),
        label=f"{outcome_text(context.findings, position, predicted=predicted)}"
        f" ({confidence_text(context.findings, position)})",
        caption="" if is_correct else predicted,
        anchor=_filter_state(predicted_index) if is_first and not is_correct else "",
        confidence=confidence_text(context.findings, position, digits=0),
        confidence_value=f"{confidence:.4f}",
        predicted_value=str(predicted_index),
        column_values=" ".join(str(column.codes[position]) for column in context.grouping),
        pictures=replace(maps, layers=layers),
    )


def make_layers(context: RunContext, sheet: MapSheet | None, position: int) -> ItemLayers:
    """The maps of an image by one method, as the gallery shows them; none without maps, or where it has none."""
    if sheet is None or not sheet.maps.has(position):
        return ItemLayers(layers=(), true_peak="", predicted_peak="")
    return ItemLayers(
        layers=tuple(_layers(sheet, position, is_correct=bool(context.findings.predictions.is_correct[position]))),
        true_peak=peak_text(sheet.maps.true_peak(position)),
        predicted_peak=peak_text(sheet.maps.predicted_peak(position)),
    )


def _layers(sheet: MapSheet, position: int, *, is_correct: bool) -> Iterator[tuple[str, Crop]]:
    true_map, predicted_map = sheet.true_map(position), sheet.predicted_map(position)
    if true_map is not None and sheet.maps.true_peak(position) > 0:
        if sheet.maps.is_class_agnostic:
            yield "evidence", true_map
        else:
            yield "evidence t p" if is_correct else "evidence t", true_map
    if predicted_map is not None and not is_correct and not sheet.maps.is_class_agnostic:
        yield "evidence p", predicted_map
    difference = sheet.difference(position)
    if difference is not None:
        yield "evidence difference", difference


def _make_detail(context: RunContext, position: int, reasons: tuple[str, ...]) -> ImageDetail:
    logits = context.cache.logits[position].astype(np.float64)
    probabilities = np.exp(logits - np.logaddexp.reduce(logits))
    top = find_top_classes(logits)
    maps = context.maps
    peaks = (
        ("", "") if maps is None else (peak_text(maps.true_peak(position)), peak_text(maps.predicted_peak(position)))
    )
    return ImageDetail(
        number=str(context.cache.example_index[position]),
        example_id=str(context.cache.example_id[position]),
        top=tuple((index, percent_text(float(probabilities[index]))) for index in top),
        true_peak=peaks[0],
        predicted_peak=peaks[1],
        reasons=reasons,
        columns=tuple((name, str(column[position])) for name, column in context.cache.columns.items()),
    )


def find_top_classes(logits: NDArray[np.float64]) -> list[int]:
    """The `NUM_TOP_CLASSES` class indices with the largest logits (K,), falling; equal ones by index."""
    rank = -min(NUM_TOP_CLASSES, len(logits))
    least = np.partition(logits, rank)[rank]
    candidates = np.flatnonzero(logits >= least)
    found: list[int] = candidates[np.argsort(-logits[candidates], kind="stable")][:NUM_TOP_CLASSES].tolist()
    return found


def _reasons(context: RunContext, position: int, suggested_index: int | None) -> tuple[str, ...]:
    """Why the image is listed, besides its rank in the gallery."""
    predictions, reasons = context.findings.predictions, []
    if not predictions.is_correct[position] and is_confident(predictions.confidence[position]):
        reasons.append(f"high-confidence error ({percent_text(HIGH_CONFIDENCE, digits=0)} or more)")
    if suggested_index is not None:
        reasons.append(f"possible label error: {context.class_name(suggested_index)}")
    maps = context.maps
    if maps is not None and not maps.is_class_agnostic and not maps.true_peak(position) > 0:
        by = f", by {maps.words.title}" if len(context.methods) > 1 else ""
        reasons.append(f"blank map of the true class{by}")
    return tuple(reasons)
