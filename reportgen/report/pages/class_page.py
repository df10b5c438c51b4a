"""The page of one class: its metrics, its confusions and its examples."""

from collections.abc import Callable

import numpy as np

from reportgen.analysis.focus import mean_maps
from reportgen.analysis.intervals import Estimate, Proportion
from reportgen.analysis.metrics import ClassCount, ClassMetrics
from reportgen.analysis.selection import HIGH_CONFIDENCE
from reportgen.report.pages.annotation_section import make_annotation_panel
from reportgen.report.pages.cards import make_group
from reportgen.report.pages.context import ReportContext, RunContext
from reportgen.report.pages.gallery import gallery_link, make_gallery
from reportgen.report.pages.map_set import MapSet
from reportgen.report.pages.map_sheet import Files
from reportgen.report.pages.mean_maps import make_mean_sheet
from reportgen.report.pages.method_parts import Means, make_controls, make_method_parts
from reportgen.report.pages.page_kind import PageEntry, PageKind
from reportgen.report.pages.sheets import Sheet, make_sheet
from reportgen.report.pictures.colormaps import DIFFERENCE_COLORMAP, EVIDENCE_COLORMAPS
from reportgen.report.pictures.diagrams.confidence_histogram import draw_confidence_histogram
from reportgen.report.pictures.diagrams.meter import draw_meter
from reportgen.report.pictures.example_pictures import has_pictures
from reportgen.report.urls import class_figure_path, class_path, class_stem, relative_url
from reportgen.report.views.class_view import ClassPage, CountRow, CountTable
from reportgen.report.views.shared import CardGroup, Fact, Link, SiteFrame
from reportgen.report.words.example_wording import describe_best, describe_mistaken, describe_worst
from reportgen.report.words.phrases import interval_text
from reportgen.report.words.text import (
    DASH,
    count_text,
    percent_interval_text,
    percent_text,
    plural_text,
)

NUM_COUNT_ROWS = 8

_LAYERS = (
    ("predicted", "predicted class"),
    ("true", "true class"),
    ("difference", "difference"),
    ("none", "photo only"),
)
_OVER_RIGHT, _OVER_WRONG = "correct", "errors"


def make_class_page(context: RunContext, frame: SiteFrame, class_index: int) -> tuple[ClassPage, Files]:
    """The page of a class with the sprites that it shows.

    Args:
        context: the report.
        frame: what the page shares with all others.
        class_index: the class.
    """
    name = context.class_name(class_index)
    file_name = context.file_name(class_index)
    page = class_path(class_index, file_name)
    metrics = context.findings.classes[class_index]
    selection = context.findings.selections[class_index]
    sheet = make_sheet(
        context,
        [*selection.gallery, *selection.worst, *selection.best, *selection.mistaken],
        page=page,
        stem=f"images/{class_stem(class_index, file_name)}",
        every_method=True,
    )
    means, mean_figures = (None, ()) if context.maps is None else _means(context, class_index, context.maps)
    methods, method_files = make_method_parts(
        context,
        sheet,
        cards=[*selection.worst, *selection.best, *selection.mistaken],
        items=selection.gallery,
        means=lambda maps, suffix: _means(context, class_index, maps, suffix),
    )
    num_classes = context.cache.num_classes
    predictions, is_member = context.findings.predictions, context.cache.labels == class_index
    return (
        ClassPage(
            frame=frame,
            sprites=(*sheet.sprites(), *(() if means is None else means.sprites())),
            name=name,
            position=f"class {class_index + 1} of {count_text(num_classes)}",
            superclass=context.superclass_name(class_index),
            previous=context.class_link((class_index - 1) % num_classes, page=page),
            following=context.class_link((class_index + 1) % num_classes, page=page),
            facts=_facts(metrics, num_classes),
            mistaken_for=_count_table(
                context,
                metrics.mistaken_for,
                page,
                metrics.recall.total,
                lambda other: gallery_link(context, class_index, other.class_index, count=other.count, page=page),
            ),
            mistaken_by=_count_table(
                context,
                metrics.mistaken_by,
                page,
                metrics.precision.total,
                lambda other: gallery_link(context, other.class_index, class_index, count=other.count, page=page),
            ),
            mistaken_for_note=_note(metrics.recall, "images are misclassified", "The class has no images."),
            mistaken_by_note=_note(
                metrics.precision,
                "images predicted as this class belong to other classes",
                "The class is never predicted.",
            ),
            confidence=draw_confidence_histogram(predictions.confidence[is_member], predictions.is_correct[is_member]),
            means=mean_figures,
            groups=_groups(context, sheet, class_index),
            gallery=make_gallery(context, sheet, class_index),
            annotations=make_annotation_panel(context, sheet, class_index),
            missing=context.missing_note,
            maps=make_controls(context, _LAYERS),
            methods=methods,
            figure=Link(
                text="these examples as one image",
                url=relative_url(class_figure_path(class_index, file_name), page=page),
            )
            if has_pictures(context.cache)
            else None,
        ),
        (*sheet.files(), *(() if means is None else means.files()), *method_files),
    )


def _means(context: RunContext, class_index: int, maps: MapSet, suffix: str = "") -> Means:
    """The mean maps over the class's right answers and over its mistakes, for both classes where they differ."""
    if maps.cam.positions is not None:
        return None, ()
    name, file_name = context.class_name(class_index), context.file_name(class_index)
    is_member, is_correct = context.cache.labels == class_index, context.findings.predictions.is_correct
    right, wrong = (mean_maps(maps.cam, np.flatnonzero(is_member & chosen)) for chosen in (is_correct, ~is_correct))
    if maps.is_class_agnostic:
        shown = [
            (right, right.true, "for all classes", _OVER_RIGHT),
            (wrong, wrong.true, "for all classes", _OVER_WRONG),
        ]
    else:
        shown = [
            (right, right.true, f"for {name}", _OVER_RIGHT),
            (wrong, wrong.true, f"for {name}", _OVER_WRONG),
            (wrong, wrong.predicted, "for the predicted class", _OVER_WRONG),
        ]
    sheet = make_mean_sheet(
        [values for _, values, _, _ in shown],
        page=class_path(class_index, file_name),
        stem=f"images/{class_stem(class_index, file_name)}",
        suffix=suffix,
    )
    figures = (
        sheet.figure(cell, title=title, n=mean.n, over=over) for cell, (mean, _, title, over) in enumerate(shown)
    )
    return sheet, tuple(figures)


def _facts(metrics: ClassMetrics, num_classes: int) -> tuple[Fact, ...]:
    recall, precision = metrics.recall, metrics.precision
    rank = f"{metrics.recall_rank}" if metrics.recall_rank else DASH
    return (
        Fact(
            name="Recall",
            value=percent_text(recall.value),
            detail=f"{interval_text(recall)}, n = {count_text(recall.total)}",
        ),
        Fact(
            name="Precision",
            value=percent_text(precision.value),
            detail=f"{interval_text(precision)}, n = {count_text(precision.total)}"
            if precision.total
            else "never predicted",
        ),
        Fact(name="F1", value=percent_text(metrics.f1.value), detail=interval_text(metrics.f1)),
        Fact(
            name="Mean confidence",
            value=percent_text(metrics.mean_confidence.value),
            detail=_confidence_detail(metrics.mean_confidence_correct, metrics.mean_confidence_errors),
        ),
        Fact(name="Rank by recall", value=rank, detail=f"of {count_text(num_classes)}, 1 is best"),
        Fact(
            name=f"High-confidence errors (≥ {percent_text(HIGH_CONFIDENCE, digits=0)})",
            value=count_text(metrics.num_confident_errors),
            detail=f"of {plural_text(recall.total - recall.count, 'error')}",
        ),
    )


def _confidence_detail(right: Estimate, wrong: Estimate) -> str:
    return f"correct {percent_text(right.value, digits=0)}, errors {percent_text(wrong.value, digits=0)}"


def _note(kept: Proportion, what: str, empty: str) -> str:
    if not kept.total:
        return empty
    return f"{count_text(kept.total - kept.count)} of {count_text(kept.total)} {what}."


def _count_table(
    context: RunContext,
    counts: tuple[ClassCount, ...],
    page: str,
    total: int,
    link_images: Callable[[ClassCount], Link | None],
) -> CountTable:
    shown, rest = counts[:NUM_COUNT_ROWS], counts[NUM_COUNT_ROWS:]
    longest = max((count.count for count in shown), default=1)
    fewest, most = (pick((count.count for count in rest), default=0) for pick in (min, max))
    times = (
        "1 image each" if most == 1 else f"{fewest} to {most} images each" if fewest < most else f"{most} images each"
    )
    return CountTable(
        rows=tuple(
            _count_row(context.class_link(item.class_index, page=page), link_images(item), item.count, total, longest)
            for item in shown
        ),
        rest=tuple(context.class_link(count.class_index, page=page) for count in rest),
        rest_note=f"{plural_text(len(rest), 'other class', 'other classes')}, {times}:" if rest else "",
    )


def _count_row(link: Link, images: Link | None, count: int, total: int, longest: int) -> CountRow:
    share = Proportion(count=count, total=total)
    return CountRow(
        link=link,
        count=count_text(count),
        images=images,
        share=f"{percent_text(share.value, digits=0)} ({percent_interval_text(share, digits=0)})",
        bar=draw_meter(count / longest),
    )


def _groups(context: RunContext, sheet: Sheet, class_index: int) -> tuple[CardGroup, ...]:
    name = context.class_name(class_index)
    metrics, selection = context.findings.classes[class_index], context.findings.selections[class_index]
    num_correct = int(np.count_nonzero(context.findings.predictions.is_correct[list(selection.worst)]))
    worst = describe_worst(
        name,
        metrics.recall,
        num_errors=len(selection.worst) - num_correct,
        num_correct=num_correct,
        num_set_aside=selection.num_worst_set_aside,
    )
    best = describe_best(name, metrics.recall, num_shown=len(selection.best))
    mistaken = describe_mistaken(
        name, metrics, num_shown=len(selection.mistaken), num_set_aside=selection.num_mistaken_set_aside
    )
    return (
        make_group(context, sheet, selection.worst, worst, anchor="worst"),
        make_group(context, sheet, selection.best, best, anchor="best"),
        make_group(context, sheet, selection.mistaken, mistaken, anchor="mistaken"),
    )


def _list_pages(context: ReportContext) -> list[PageEntry]:
    run = context.run
    return [
        PageEntry(
            path=class_path(index, run.file_name(index)), description=f"Metrics, confusions and examples of {name}"
        )
        for index, name in enumerate(run.cache.shown_names)
    ]


CLASS_PAGES: PageKind[ReportContext] = PageKind(
    name="class",
    template="class.html.j2",
    record=ClassPage,
    list_pages=_list_pages,
    build=lambda context, frame, place: make_class_page(context.run, frame, place),
    colormaps=(*EVIDENCE_COLORMAPS, DIFFERENCE_COLORMAP),
)
