"""Agreement of the maps with the annotations: a section of the first page, and a panel of each class page."""

from collections.abc import Iterator, Sequence

import numpy as np
from markupsafe import Markup

from reportgen.analysis.annotations import (
    SWEEP_THRESHOLDS,
    Agreement,
    AnnotationFindings,
    GroupAgreement,
    MeanAgreement,
)
from reportgen.analysis.intervals import Estimate
from reportgen.cache import Annotations
from reportgen.report.pages.cards import image_link
from reportgen.report.pages.context import RunContext
from reportgen.report.pages.map_set import MapSet
from reportgen.report.pages.map_sheet import MapSheet
from reportgen.report.pages.sheets import Sheet
from reportgen.report.pictures.diagrams.iou_sweep import Sweep, draw_iou_sweep
from reportgen.report.pictures.outlines import define_outline, draw_outline
from reportgen.report.views.annotation_view import (
    AnnotatedCard,
    AnnotatedPanel,
    AnnotationPanel,
    AnnotationSummary,
    MeasureRow,
    MeasureTable,
)
from reportgen.report.words.text import (
    count_text,
    list_text,
    number_interval_text,
    number_text,
    percent_interval_text,
    percent_text,
    plural_text,
    points_interval_text,
    points_text,
)

NUM_ANNOTATED_CARDS = 3

_BLOB = "centered blob"


def make_annotation_summary(context: RunContext) -> AnnotationSummary | None:
    """Agreement of all maps with the annotations; `None` without annotations."""
    found, annotations, maps = context.findings.annotations, context.cache.annotations, context.maps
    if found is None or annotations is None or maps is None:
        return None
    everyone = found.overall_true
    if maps.is_class_agnostic:
        columns = [("correct", found.correct.maps), ("errors", found.misclassified_true.maps)]
    else:
        columns = [
            ("correct", found.correct.maps),
            ("errors, true class", found.misclassified_true.maps),
            ("errors, predicted class", found.misclassified_predicted.maps),
        ]
    name = "map" if maps.is_class_agnostic else "true class"
    return AnnotationSummary(
        note=f"Annotations: {annotations.source}. Maps by {maps.words.title}, {count_text(found.correct.n)} of correct"
        f" predictions and {count_text(found.misclassified_true.n)} of errors; means with 95% CIs. The centered blob is"
        " a baseline that ignores the image.",
        table=_table([*columns, (_BLOB, everyone.blob)], everyone, f"{name} − blob", found.iou_threshold),
        text=" ".join(
            filter(
                None,
                (_comparison(everyone, maps, found.iou_threshold), _best(found, maps), _blank_text(everyone, maps)),
            )
        ),
        sweep=_draw_sweeps(found, maps),
    )


def make_annotation_panel(context: RunContext, sheet: Sheet, class_index: int) -> AnnotationPanel | None:
    """Agreement of a class's maps with the annotations; `None` where none of its examples is annotated.

    Args:
        context: the report.
        sheet: the pictures of the class's page.
        class_index: the class.
    """
    found, annotations, maps = context.findings.annotations, context.cache.annotations, context.maps
    if found is None or annotations is None or maps is None:
        return None
    group = next((group for group in found.classes if group.class_index == class_index), None)
    if group is None:
        return None
    columns = [("true class’s map", group.true.maps), ("predicted class’s map", group.predicted.maps)]
    if maps.is_class_agnostic:
        columns = [("map", group.true.maps)]
    rows = _chosen_rows(context, found, class_index)
    return AnnotationPanel(
        note=f"{plural_text(group.true.n, 'annotated image')}; maps by {maps.words.title}; means with 95% CIs."
        f" {_blank_text(group.true, maps)}".rstrip(),
        table=_table(
            [*columns, (_BLOB, group.true.blob)],
            group.true,
            f"{'map' if maps.is_class_agnostic else 'true class'} − blob",
            found.iou_threshold,
        ),
        cards=tuple(_card(context, sheet, annotations, row, title) for title, row in rows),
        cards_note="The annotation is outlined. Shown:"
        f" {'maps' if maps.is_class_agnostic else 'maps of the true class'} with"
        f" {list_text([f'the {title} IoU' for title, _ in rows])}."
        if rows
        else "",
    )


def _table(
    columns: Sequence[tuple[str, MeanAgreement]], compared: GroupAgreement, gain: str, threshold: float
) -> MeasureTable:
    """The measures of each column, and the gain of the compared maps over the blob."""
    return MeasureTable(
        headings=(*(heading for heading, _ in columns), gain),
        rows=(
            MeasureRow(
                name=f"IoU at {number_text(threshold, digits=2)} of the peak",
                cells=(
                    *(_number(means.iou) for _, means in columns),
                    f"{_signed(number_text(compared.iou_gain.value))} ({number_interval_text(compared.iou_gain)})",
                ),
            ),
            MeasureRow(
                name="peak inside (pointing game)",
                cells=(
                    *(
                        f"{percent_text(means.hits.value)} ({percent_interval_text(means.hits)})"
                        for _, means in columns
                    ),
                    _points(compared.hits_gain),
                ),
            ),
            MeasureRow(
                name="evidence inside",
                cells=(
                    *(
                        f"{percent_text(means.energy_inside.value)} ({percent_interval_text(means.energy_inside)})"
                        for _, means in columns
                    ),
                    _points(compared.energy_gain),
                ),
            ),
        ),
    )


def _number(measured: Estimate) -> str:
    return f"{number_text(measured.value)} ({number_interval_text(measured)})"


def _points(gain: Estimate) -> str:
    return f"{_signed(points_text(gain.value))} ({points_interval_text(gain)})"


def _signed(text: str) -> str:
    return text if text[0] in "−–" else f"+{text}"


def _comparison(group: GroupAgreement, maps: MapSet, threshold: float) -> str:
    """The measures in which the maps are better or worse than the blob, by their intervals."""
    gains = {
        f"IoU at {number_text(threshold, digits=2)}": group.iou_gain,
        "pointing": group.hits_gain,
        "evidence inside": group.energy_gain,
    }
    beaten = [name for name, gain in gains.items() if gain.low > 0]
    behind = [name for name, gain in gains.items() if gain.high < 0]
    open_ = [name for name in gains if name not in (*beaten, *behind)]
    parts = (
        (beaten, "better agreement in"),
        (behind, "worse agreement in"),
        (open_, "no significant difference in"),
    )
    words = [f"{what} {list_text(names)}" for names, what in parts if names]
    who = "the maps show" if maps.is_class_agnostic else "the maps of the true class show"
    return f"Compared with the blob, {who} {'; '.join(words)}."


def _best(found: AnnotationFindings, maps: MapSet) -> str:
    (own_at, own), (blob_at, blob) = (
        max(zip(SWEEP_THRESHOLDS, (mean.value for mean in sweep), strict=True), key=lambda pair: (pair[1], -pair[0]))
        for sweep in (found.sweep_true, found.sweep_blob)
    )
    who = "the maps’" if maps.is_class_agnostic else "the true class’s"
    return (
        f"A single threshold can mislead: {who} best IoU is {number_text(own)}, at {number_text(own_at, digits=2)}"
        " of the peak;"
        f" the blob’s is {number_text(blob)}, at {number_text(blob_at, digits=2)}."
    )


def _blank_text(group: GroupAgreement, maps: MapSet) -> str:
    if not group.num_blank:
        return ""
    which = "map" if maps.is_class_agnostic else "true class’s map"
    return (
        f"In {plural_text(group.num_blank, 'image')}, the {which} is blank and counts as IoU 0 and a miss; blank"
        " maps are"
        " excluded from the mean evidence inside."
    )


def _draw_sweeps(found: AnnotationFindings, maps: MapSet) -> Markup:
    sweeps = [
        Sweep(
            kind="true",
            name="the maps" if maps.is_class_agnostic else "true class’s map",
            means=found.sweep_true,
        ),
        Sweep(kind="predicted", name="predicted class’s map", means=found.sweep_predicted),
        Sweep(kind="blob", name=_BLOB, means=found.sweep_blob),
    ]
    if maps.is_class_agnostic:
        del sweeps[1]
    return draw_iou_sweep(sweeps, found.iou_threshold)


def _chosen_rows(context: RunContext, found: AnnotationFindings, class_index: int) -> list[tuple[str, int]]:
    """The annotated images of the gallery with the lowest, median and highest IoU."""
    shown = np.isin(found.positions, context.findings.selections[class_index].gallery)
    rows = np.flatnonzero(shown)
    ranked = rows[np.argsort(found.true.iou[rows], kind="stable")].tolist()
    if len(ranked) < NUM_ANNOTATED_CARDS:
        titles = ("lowest", "highest")
        return list(zip(titles, ranked, strict=False)) if len(ranked) > 1 else [("only", row) for row in ranked]
    return [("lowest", ranked[0]), ("median", ranked[len(ranked) // 2]), ("highest", ranked[-1])]


def _card(context: RunContext, sheet: Sheet, annotations: Annotations, row: int, title: str) -> AnnotatedCard:
    position = int(annotations.positions[row])
    mask = annotations.masks[row]
    is_correct = bool(context.findings.predictions.is_correct[position])
    name = f"mark-{context.cache.example_index[position]}"
    outline = draw_outline(name, mask)
    return AnnotatedCard(
        is_correct=is_correct,
        title=f"{title} IoU",
        link=image_link(context, position, page=sheet.page),
        outline_definition=define_outline(name, mask),
        panels=() if sheet.maps is None else tuple(_panels(context, sheet, sheet.maps, row, outline)),
    )


def _panels(context: RunContext, sheet: Sheet, maps: MapSheet, row: int, outline: Markup) -> Iterator[AnnotatedPanel]:
    """The photo, the annotation, the map of the true class alone and over the photo; in a mistake the predicted one's.

    A mistake shows no photo by itself: it lies under the outline.
    """
    found = context.findings.annotations
    assert found is not None, "there are annotated images"
    position = int(found.positions[row])
    photo, true = sheet.photo(position), context.class_name(int(context.cache.labels[position]))
    predicted_index = int(context.findings.predictions.predicted[position])
    is_pair = not (maps.maps.is_class_agnostic or context.findings.predictions.is_correct[position])
    if not is_pair:
        yield AnnotatedPanel(
            kind="photo",
            title="photo",
            detail="",
            alt="Photo",
            photo=photo,
            evidence=None,
            outline=Markup(),
        )
    yield AnnotatedPanel(
        kind="photo",
        title="annotation",
        detail="",
        alt="Photo with the annotation",
        photo=photo,
        evidence=None,
        outline=outline,
    )
    target = "for all classes" if maps.maps.is_class_agnostic else f"for {true}"
    crop, score = maps.true_map(position), found.true[row]
    is_blank = bool(found.true.is_blank[row])
    if not is_blank:
        yield AnnotatedPanel(
            kind="map",
            title="map",
            detail=target,
            alt="Map with the annotation",
            photo=None,
            evidence=crop,
            outline=outline,
        )
    shown = [(target, crop, score, is_blank)]
    if is_pair:
        predicted = f"for {context.class_name(predicted_index)}"
        shown.append(
            (predicted, maps.predicted_map(position), found.predicted[row], bool(found.predicted.is_blank[row]))
        )
    for title, evidence, agreement, blank in shown:
        yield AnnotatedPanel(
            kind="blank" if blank else "overlay",
            title=title,
            detail=_score_text(agreement, blank),
            alt=f"Photo with the map {title} and the annotation",
            photo=photo,
            evidence=None if blank else evidence,
            outline=outline,
        )


def _score_text(agreement: Agreement, is_blank: bool) -> str:
    if is_blank:
        return "blank map"
    hit = "hit" if agreement.is_hit else "miss"
    return (
        f"IoU {number_text(agreement.iou, digits=2)}, {hit}, {percent_text(agreement.energy_inside, digits=0)} inside"
    )
