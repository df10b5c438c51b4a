"""The first page: metrics, findings, confusions, calibration and classes."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.calibration import CalibrationError
from reportgen.analysis.confusion import ConfusedPair
from reportgen.analysis.intervals import Estimate
from reportgen.analysis.metrics import ClassMetrics
from reportgen.analysis.recommendations import Recommendation, Rule
from reportgen.analysis.selection import HIGH_CONFIDENCE, NUM_CONFIDENT_ERRORS
from reportgen.analysis.selective_prediction import CoverageTarget
from reportgen.report.downloads import list_downloads
from reportgen.report.pages.annotation_section import make_annotation_summary
from reportgen.report.pages.cards import make_group
from reportgen.report.pages.context import ReportContext, RunContext
from reportgen.report.pages.faithfulness_section import make_faithfulness_section
from reportgen.report.pages.focus_section import make_focus_section
from reportgen.report.pages.map_sheet import Files
from reportgen.report.pages.matrices import (
    CLASS_MATRIX_PATH,
    SUPERCLASS_MATRIX_PATH,
    make_class_matrix,
    make_superclass_matrix,
    superclass_order,
)
from reportgen.report.pages.matrix_data import MATRIX_DATA_PATH, matrix_script
from reportgen.report.pages.method_parts import first_method_note
from reportgen.report.pages.page_kind import NavigationItem, PageEntry, PageKind
from reportgen.report.pages.pair_page import pair_link
from reportgen.report.pages.sheets import Sheet, make_sheet
from reportgen.report.pages.slice_tables import make_slice_tables
from reportgen.report.pictures.colormaps import COUNT_COLORMAPS, DEFAULT_COLORMAP
from reportgen.report.pictures.diagrams.meter import draw_meter
from reportgen.report.pictures.diagrams.recall_strip import StripClass, draw_recall_strip
from reportgen.report.pictures.diagrams.reliability import draw_reliability
from reportgen.report.pictures.images import confusion_picture
from reportgen.report.pictures.svg import CaptionedPicture
from reportgen.report.urls import INDEX_PATH, LABEL_ISSUES_PATH
from reportgen.report.views.index_view import (
    ClassRow,
    CoverageRow,
    FindingItem,
    IndexPage,
    PairRow,
    SuperclassRow,
    SuperclassSummary,
)
from reportgen.report.views.shared import Cell, Fact, Link, SiteFrame
from reportgen.report.words.example_wording import describe_confident_errors
from reportgen.report.words.notices import list_notices
from reportgen.report.words.phrases import interval_text, number_ci_text, points_ci_text
from reportgen.report.words.run_facts import check_sentences, run_facts, run_summary
from reportgen.report.words.text import (
    DASH,
    count_text,
    number_text,
    percent_interval_text,
    percent_text,
    plural_text,
    points_text,
)
from reportgen.report.words.wording import describe, headline, rules_text, temperature_text

NUM_FINDING_LINKS = 8


def make_index_page(report: ReportContext, frame: SiteFrame) -> tuple[IndexPage, Files]:
    """The first page with the pictures that it shows."""
    context = report.run
    findings = context.findings
    errors = findings.confident_errors[:NUM_CONFIDENT_ERRORS]
    pair_examples = [_pair_examples(context, pair) for pair in findings.pairs]
    shown = [position for pair in pair_examples for position in pair if position is not None]
    sheet = make_sheet(context, [*errors, *shown], page=INDEX_PATH, stem="images/index", with_differences=False)
    items = [(item.fired, _finding_item(context, index)) for index, item in enumerate(findings.recommendations)]
    fired = tuple(item for has_fired, item in items if has_fired)
    unfired = tuple(item for has_fired, item in items if not has_fired)
    return (
        IndexPage(
            frame=frame,
            sprites=sheet.sprites(),
            headline=report.title or headline(findings, context.cache),
            summary=run_summary(context.cache),
            notes=report.notes,
            facts=_headline_facts(context),
            strip=_draw_strip(context),
            findings=fired,
            unfired=unfired,
            findings_note=rules_text(findings),
            matrix=make_class_matrix(context),
            pairs=tuple(
                _pair_row(context, sheet, pair, examples)
                for pair, examples in zip(findings.pairs, pair_examples, strict=True)
            ),
            pairs_note=_pairs_note(context),
            superclasses=_superclass_summary(context),
            calibration=draw_reliability(findings.calibration),
            calibration_facts=_calibration_facts(context),
            calibration_sentence=_calibration_sentence(context),
            coverage=tuple(_coverage_row(target) for target in findings.selective_prediction.targets),
            coverage_note=_coverage_note(context),
            slices=make_slice_tables(context),
            focus=make_focus_section(context),
            faithfulness=make_faithfulness_section(context),
            missing=context.missing_note,
            single_file_note=first_method_note(context),
            legend=None if context.maps is None else context.maps.legend("Low evidence is transparent"),
            annotations=make_annotation_summary(context),
            confident_errors=make_group(
                context,
                sheet,
                errors,
                describe_confident_errors(
                    num_shown=len(errors),
                    total=findings.num_confident_errors,
                    num_set_aside=findings.num_confident_errors_set_aside,
                ),
                anchor="confident-errors",
            ),
            issues=_issues_link(context),
            rows=tuple(_class_row(context, metrics) for metrics in findings.classes),
            equal_support=_equal_support(context),
            metrics=_all_metrics(context),
            run_facts=run_facts(context.cache),
            checks=check_sentences(context.cache),
            notices=list_notices(context.cache, findings),
            downloads=tuple(
                Link(text=download.text, url=download.path) for download in list_downloads(context.cache, findings)
            ),
        ),
        (*sheet.files(), *_matrix_files(context)),
    )


def _matrix_files(context: RunContext) -> Iterator[tuple[str, bytes]]:
    confusion, superclasses = context.findings.confusion, context.findings.superclasses
    yield CLASS_MATRIX_PATH, confusion_picture(confusion, context.findings.class_order)
    yield MATRIX_DATA_PATH, matrix_script(context)
    if superclasses is not None:
        yield SUPERCLASS_MATRIX_PATH, confusion_picture(superclasses.confusion, superclass_order(context))


def _draw_strip(context: RunContext) -> CaptionedPicture:
    weak = context.findings.weak_classes
    classes = [
        StripClass(
            name=context.class_name(metrics.class_index),
            url=context.class_link(metrics.class_index, page=INDEX_PATH).url,
            recall=metrics.recall,
            is_weak=metrics.class_index in weak,
        )
        for metrics in context.findings.classes
        if metrics.recall.total
    ]
    return draw_recall_strip(classes, context.findings.overall.top1.value)


def _percent_fact(name: str, measured: Estimate) -> Fact:
    return Fact(name=name, value=percent_text(measured.value), detail=interval_text(measured))


def _headline_facts(context: RunContext) -> tuple[Fact, ...]:
    findings = context.findings
    overall, calibration = findings.overall, findings.calibration
    num_mistakes = overall.top1.total - overall.top1.count
    num_sure = findings.num_confident_errors
    last = _percent_fact("Balanced accuracy", overall.balanced_accuracy)
    if findings.superclasses is not None:
        inside = findings.superclasses.inside
        last = Fact(
            name="Errors within the superclass",
            value=percent_text(inside.value),
            detail=f"{interval_text(inside)}; chance: {percent_text(findings.superclasses.chance)}",
        )
    return (
        Fact(
            name="Accuracy",
            value=percent_text(overall.top1.value),
            detail=f"{interval_text(overall.top1)}, n = {count_text(overall.top1.total)}",
        ),
        Fact(
            name="Top-5 accuracy",
            value=percent_text(overall.top5.value),
            detail=interval_text(overall.top5),
        ),
        _percent_fact("Macro F1", overall.macro_f1),
        Fact(
            name="Expected calibration error",
            value=percent_text(calibration.error.value),
            detail=_null_text(calibration.error),
        ),
        Fact(
            name=f"High-confidence errors (≥ {percent_text(HIGH_CONFIDENCE, digits=0)})",
            value=count_text(num_sure),
            detail=f"{percent_text(num_sure / num_mistakes)} of {plural_text(num_mistakes, 'error')}"
            if num_mistakes
            else "no errors",
        ),
        last,
    )


def _all_metrics(context: RunContext) -> tuple[Fact, ...]:
    overall = context.findings.overall
    undefined = (
        f"; 0 for {plural_text(overall.num_undefined_precision, 'class', 'classes')} never predicted"
        if overall.num_undefined_precision
        else ""
    )
    calibration = context.findings.calibration
    return (
        _percent_fact("Balanced accuracy", overall.balanced_accuracy),
        Fact(
            name="Macro precision",
            value=percent_text(overall.macro_precision.value),
            detail=interval_text(overall.macro_precision) + undefined,
        ),
        _percent_fact("Macro recall", overall.macro_recall),
        _percent_fact("Macro F1", overall.macro_f1),
        _number_fact("Matthews correlation", overall.matthews),
        _number_fact("Log-loss", overall.log_loss),
        _number_fact("Brier score", overall.brier),
        _percent_fact("Mean confidence", overall.mean_confidence),
        Fact(
            name="Adaptive calibration error",
            value=percent_text(calibration.adaptive_error.value),
            detail=_null_text(calibration.adaptive_error),
        ),
    )


def _null_text(error: CalibrationError) -> str:
    return f"calibrated model: ≤\N{NO-BREAK SPACE}{percent_text(error.null_high)}"


def _number_fact(name: str, measured: Estimate) -> Fact:
    return Fact(name=name, value=number_text(measured.value), detail=number_ci_text(measured))


def _finding_item(context: RunContext, index: int) -> FindingItem:
    recommendation = context.findings.recommendations[index]
    text = describe(recommendation, context.cache, context.findings)
    return FindingItem(
        anchor=f"finding-{recommendation.rule}",
        headline=text.headline,
        advice=text.advice,
        evidence=text.evidence,
        details=text.details,
        links=tuple(dict.fromkeys(_evidence_links(context, recommendation)))[:NUM_FINDING_LINKS],
    )


def _evidence_links(context: RunContext, recommendation: Recommendation) -> Iterator[Link]:
    """The pages of the pairs and classes in the evidence, or the page of label issues."""
    if recommendation.rule is Rule.LABEL_ISSUES:
        link = _issues_link(context)
        yield from () if link is None else (link,)
    with_page = {frozenset((pair.true_index, pair.predicted_index)) for pair in context.findings.pairs}
    for evidence in recommendation.measurements:
        if evidence.pair is not None and frozenset(evidence.pair) in with_page:
            yield pair_link(context, *evidence.pair, page=INDEX_PATH)
        else:
            named = evidence.pair or (evidence.class_index,)
            yield from (context.class_link(index, page=INDEX_PATH) for index in named if index is not None)


def _pair_examples(context: RunContext, pair: ConfusedPair) -> tuple[int, int | None]:
    """The highest-confidence error of a pair, and the highest-confidence correct example of its predicted class."""
    predictions, labels = context.findings.predictions, context.cache.labels
    is_mistake = (labels == pair.true_index) & (predictions.predicted == pair.predicted_index)
    is_right = (labels == pair.predicted_index) & predictions.is_correct

    def surest(mask: NDArray[np.bool_]) -> int | None:
        positions = mask.nonzero()[0]
        return int(positions[predictions.confidence[positions].argmax()]) if len(positions) else None

    mistake = surest(is_mistake)
    assert mistake is not None, "a confused pair has at least one example"
    return mistake, surest(is_right)


def _pair_row(context: RunContext, sheet: Sheet, pair: ConfusedPair, examples: tuple[int, int | None]) -> PairRow:
    true = context.class_link(pair.true_index, page=INDEX_PATH)
    predicted = context.class_link(pair.predicted_index, page=INDEX_PATH)
    mistake, right = examples
    relation = {True: "same superclass", False: "other superclass", None: ""}[pair.same_superclass]
    return PairRow(
        true=true,
        predicted=predicted,
        true_photo=sheet.photo(mistake),
        predicted_photo=None if right is None else sheet.photo(right),
        true_alt=f"{true.text}, predicted as {predicted.text}",
        predicted_alt=f"{predicted.text}, predicted correctly",
        count=count_text(pair.share.count),
        share=percent_text(pair.share.value, digits=0),
        interval=percent_interval_text(pair.share, digits=0),
        reverse=f"{count_text(pair.reverse.count)} ({percent_text(pair.reverse.value, digits=0)})",
        relation=relation,
        page=pair_link(context, pair.true_index, pair.predicted_index, page=INDEX_PATH),
    )


def _pairs_note(context: RunContext) -> str:
    pairs, total = context.findings.pairs, context.findings.overall.top1
    num_mistakes = total.total - total.count
    if not pairs:
        return "The model makes no errors on this test set."
    num_shown = sum(pair.share.count for pair in pairs)
    return (
        f"The {plural_text(len(pairs), 'ordered pair')} with the most errors account for {count_text(num_shown)} of"
        f" {plural_text(num_mistakes, 'error')}. Each row shows the highest-confidence error, and the"
        " highest-confidence"
        " correct prediction of the predicted class."
    )


def _superclass_summary(context: RunContext) -> SuperclassSummary | None:
    found, group = context.findings.superclasses, context.cache.superclasses
    if found is None or group is None:
        return None
    rows = []
    for index, (name, recall) in enumerate(zip(found.names, found.recall, strict=True)):
        members = [metrics for metrics in context.findings.classes if group.superclass_of[metrics.class_index] == index]
        num_right = sum(metrics.recall.count for metrics in members)
        num_mistakes = recall.total - num_right
        num_inside = recall.count - num_right
        rows.append(
            SuperclassRow(
                name=name,
                support=count_text(recall.total),
                recall=_percent_cell(recall.value),
                interval=percent_interval_text(recall),
                recall_bar=draw_meter(recall.value),
                inside=Cell(text=f"{count_text(num_inside)} of {count_text(num_mistakes)}", sort_value=str(num_inside)),
            )
        )
    inside = (
        f"{percent_text(found.inside.value)} of the errors ({interval_text(found.inside)}) stay within the superclass"
    )
    sentence = (
        f"The predicted superclass is correct for {percent_text(found.accuracy.value)} of the images"
        f" ({interval_text(found.accuracy)}). {inside}; if errors were spread evenly over all other classes,"
        f" {percent_text(found.chance)} would."
    )
    return SuperclassSummary(sentence=sentence, rows=tuple(rows), matrix=make_superclass_matrix(context, found))


def _calibration_facts(context: RunContext) -> tuple[Fact, ...]:
    calibration = context.findings.calibration
    facts = [
        Fact(
            name="Expected calibration error",
            value=percent_text(calibration.error.value),
            detail=_null_text(calibration.error),
        ),
        Fact(
            name="Mean confidence − accuracy",
            value=points_text(calibration.gap.value),
            detail=points_ci_text(calibration.gap),
        ),
    ]
    scaling = calibration.temperature
    if scaling is not None and context.findings.suggested_order is None:
        beyond = "; the end of the range: the best one lies beyond" if scaling.is_limit else ""
        facts += [
            Fact(
                name="Fitted temperature",
                value=number_text(scaling.temperature, digits=2),
                detail=f"on {plural_text(scaling.num_fitted, 'image')}{beyond}",
            ),
            Fact(
                name="Expected calibration error, held-out half, scaled",
                value=percent_text(scaling.after.value),
                detail=f"{percent_text(scaling.before.value)} without scaling, n = {count_text(scaling.after.n)}",
            ),
        ]
    return tuple(facts)


def _calibration_sentence(context: RunContext) -> str:
    scaling = context.findings.calibration.temperature
    if context.findings.suggested_order is not None:
        return "Confidences are not interpreted, because the order of the classes looks wrong."
    if scaling is None:
        return "The test set is too small to fit a temperature on one half of the images."
    change = scaling.log_loss_change
    return (
        f"Temperature scaling ({temperature_text(scaling)}) changes the log-loss of the"
        " held-out half"
        f" from {number_text(scaling.log_loss_before.value)} to {number_text(scaling.log_loss_after.value)}"
        f" ({number_ci_text(change)} for the difference). It changes no prediction."
    )


def _issues_link(context: RunContext) -> Link | None:
    num_issues = len(context.findings.label_issues.issues)
    if not num_issues:
        return None
    return Link(text=plural_text(num_issues, "possible label error"), url=LABEL_ISSUES_PATH)


def _coverage_row(target: CoverageTarget) -> CoverageRow:
    point = target.reached
    if point is None:
        return CoverageRow(
            target=percent_text(target.target, digits=0),
            threshold=DASH,
            coverage=DASH,
            coverage_interval="not reached",
            coverage_bar=draw_meter(0),
            accuracy=DASH,
        )
    return CoverageRow(
        target=percent_text(target.target, digits=0),
        threshold=percent_text(point.threshold, digits=0),
        coverage=percent_text(point.coverage.value, digits=0),
        coverage_interval=percent_interval_text(point.coverage, digits=0),
        coverage_bar=draw_meter(point.coverage.value),
        accuracy=f"{percent_text(point.accuracy.value)} ({percent_interval_text(point.accuracy)})",
    )


def _coverage_note(context: RunContext) -> str:
    coverage = context.findings.selective_prediction
    ranking = coverage.ranking
    return (
        "Coverage: fraction of images whose confidence reaches the threshold; selective prediction answers only these."
        f" Thresholds are chosen on {plural_text(coverage.num_chosen, 'image')} and evaluated on the"
        " other"
        f" {count_text(coverage.num_measured)}. A correct prediction has a higher confidence than an error"
        f" {percent_text(ranking.value)} of the time ({interval_text(ranking)}; 50% for uninformative confidence)."
    )


def _percent_cell(value: float) -> Cell:
    # `>99.9%` and `<0.1%` do not say in which order they stand.
    text = percent_text(value)
    return Cell(text=text, sort_value=f"{100 * value:.6f}" if text.startswith(("<", ">")) else "")


def _equal_support(context: RunContext) -> str:
    """The number of images per class; empty where it differs between classes and needs a column."""
    supports = {metrics.recall.total for metrics in context.findings.classes}
    return plural_text(supports.pop(), "image") if len(supports) == 1 else ""


def _class_row(context: RunContext, metrics: ClassMetrics) -> ClassRow:
    first = metrics.mistaken_for[0] if metrics.mistaken_for else None
    return ClassRow(
        link=context.class_link(metrics.class_index, page=INDEX_PATH),
        superclass=context.superclass_name(metrics.class_index),
        support=count_text(metrics.recall.total),
        recall=_percent_cell(metrics.recall.value),
        recall_interval=percent_interval_text(metrics.recall, digits=0),
        recall_bar=draw_meter(metrics.recall.value),
        precision=_percent_cell(metrics.precision.value),
        f1=_percent_cell(metrics.f1.value),
        confidence=_percent_cell(metrics.mean_confidence.value),
        most_mistaken_for=None if first is None else context.class_link(first.class_index, page=INDEX_PATH),
        most_mistaken_count="" if first is None else count_text(first.count),
    )


INDEX_PAGES: PageKind[ReportContext] = PageKind(
    name="first page",
    template="index.html.j2",
    record=IndexPage,
    list_pages=lambda _: (
        PageEntry(path=INDEX_PATH, description="Accuracy, findings, confusions and calibration of the model"),
    ),
    build=lambda context, frame, _: make_index_page(context, frame),
    colormaps=(DEFAULT_COLORMAP, *COUNT_COLORMAPS),
    navigation=(
        NavigationItem(place=1, text="Findings", url=f"{INDEX_PATH}#findings"),
        NavigationItem(place=2, text="Matrix", url=f"{INDEX_PATH}#matrix"),
        NavigationItem(place=3, text="Pairs", url=f"{INDEX_PATH}#pairs"),
        NavigationItem(place=4, text="Calibration", url=f"{INDEX_PATH}#calibration"),
        NavigationItem(place=5, text="Classes", url=f"{INDEX_PATH}#classes"),
        NavigationItem(place=7, text="Run", url=f"{INDEX_PATH}#run"),
    ),
)
