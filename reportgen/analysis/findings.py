"""All findings in one frozen record: the only input of the report besides the cache."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.annotations import (
    AnnotationFindings,
    compute_annotation_findings,
)
from reportgen.analysis.calibration import Calibration, compute_calibration
from reportgen.analysis.class_order import ClassOrder, find_class_order
from reportgen.analysis.confusion import (
    ConfusedPair,
    SuperclassFindings,
    compute_confusion,
    compute_superclass_findings,
    find_confused_pairs,
    order_by_similarity,
    order_by_superclass,
)
from reportgen.analysis.faithfulness import FaithfulnessFindings, compute_faithfulness
from reportgen.analysis.focus import FocusStatistics, compute_focus
from reportgen.analysis.label_issues import LabelIssues, find_label_issues
from reportgen.analysis.metrics import ClassMetrics, OverallMetrics, compute_class_metrics, compute_overall_metrics
from reportgen.analysis.pair_focus import (
    PairFocus,
    PairOverlap,
    compute_pair_focus,
    count_pair_overlaps,
)
from reportgen.analysis.predictions import Predictions, compute_predictions
from reportgen.analysis.present_classes import PresentClasses, find_present_classes
from reportgen.analysis.recommendations import Recommendation, Rule, apply_rules
from reportgen.analysis.selection import ClassSelection, find_confident_errors, select_examples
from reportgen.analysis.selective_prediction import SelectivePrediction, compute_selective_prediction
from reportgen.analysis.slices import ColumnSlices, compute_slices
from reportgen.cache import EvaluationCache
from reportgen.settings import RenderSettings

DEFAULT_SETTINGS: Final = RenderSettings()


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Findings:
    """The findings on a cache of N examples and K classes.

    Attributes:
        classes: in index order.
        confusion: int64 (K, K), rows true, columns predicted; sums to N.
        suggested_order: the order of the outputs that the labels suggest; `None` if the given one is not shown to be
            wrong. Otherwise label issues and rules are withheld.
        present_classes: what classes without images do to the numbers; `None` if every class has images.
        class_order: int64 (K,), class indices in the order of the matrix: by superclass if they are known, otherwise by
            similarity.
        pairs: the most confused ordered pairs, by falling count, then by falling fraction, then by indices.
        superclasses: `None` if unknown.
        focus: map statistics of the cache's first CAM method; `None` without maps.
        pair_focus: map statistics of the errors of each of `pairs`, in their order; empty for class-agnostic maps.
        faithfulness: `None` if the tests were not run.
        selections: the examples shown for each class, in index order.
        confident_errors: positions of the errors with a confidence of at least `HIGH_CONFIDENCE`, falling, without
            label issues if those are set aside.
        num_confident_errors_set_aside: number of label issues left out there.
        annotations: `None` without annotations or without maps.
        slices: accuracy by metadata, one record for each column with few values.
        recommendations: one per rule; those that fired first.
    """

    predictions: Predictions
    overall: OverallMetrics
    classes: tuple[ClassMetrics, ...]
    confusion: NDArray[np.int64]
    suggested_order: ClassOrder | None
    present_classes: PresentClasses | None
    class_order: NDArray[np.int64]
    pairs: tuple[ConfusedPair, ...]
    superclasses: SuperclassFindings | None
    calibration: Calibration
    selective_prediction: SelectivePrediction
    focus: FocusStatistics | None
    pair_focus: tuple[PairFocus, ...]
    faithfulness: FaithfulnessFindings | None
    label_issues: LabelIssues
    selections: tuple[ClassSelection, ...]
    confident_errors: tuple[int, ...]
    num_confident_errors_set_aside: int
    annotations: AnnotationFindings | None
    slices: tuple[ColumnSlices, ...]
    recommendations: tuple[Recommendation, ...]

    @property
    def num_confident_errors(self) -> int:
        """Number of errors with a confidence of at least `HIGH_CONFIDENCE`, label issues included."""
        return len(self.confident_errors) + self.num_confident_errors_set_aside

    @property
    def weak_classes(self) -> frozenset[int]:
        """Indices of the classes that the rule about weak classes reports; empty where it does not fire."""
        rule = next(item for item in self.recommendations if item.rule is Rule.WEAK_CLASSES)
        found = (evidence.class_index for evidence in rule.measurements if rule.fired)
        return frozenset(index for index in found if index is not None)


def compute_findings(
    cache: EvaluationCache,
    settings: RenderSettings = DEFAULT_SETTINGS,
) -> Findings:
    """Everything that the report says about a cache; the same cache and settings give the same findings."""
    labels, num_classes, groups = cache.labels, cache.num_classes, cache.superclasses
    predictions = compute_predictions(cache.logits, labels)
    confusion = compute_confusion(labels, predictions.predicted, num_classes)
    calibration = compute_calibration(predictions, cache.logits, labels)
    pairs = find_confused_pairs(confusion, settings.num_pairs, None if groups is None else groups.superclass_of)
    cam = next(iter(cache.cams.values()), None)
    focus = None if cam is None else compute_focus(cam, predictions)
    overlaps: tuple[PairOverlap, ...] = ()
    pair_focus: tuple[PairFocus, ...] = ()
    if focus is not None and focus.comparison is not None:
        predicted, comparison = predictions.predicted, focus.comparison
        overlaps = count_pair_overlaps(comparison, labels, predicted, num_classes)
        pair_focus = compute_pair_focus(comparison, overlaps, pairs, labels=labels, predicted=predicted)
    suggested_order = find_class_order(labels, predictions.predicted, num_classes)
    issues = find_label_issues(cache.logits, labels)
    if suggested_order is not None:
        issues = issues.withheld()
    set_aside = tuple(issue.position for issue in issues.issues) if settings.set_aside_label_issues else ()
    confident_errors = find_confident_errors(predictions, set_aside=set_aside)
    superclasses = None if groups is None else compute_superclass_findings(confusion, groups)
    return Findings(
        predictions=predictions,
        overall=compute_overall_metrics(predictions, confusion),
        classes=compute_class_metrics(predictions, labels, confusion),
        confusion=confusion,
        suggested_order=suggested_order,
        present_classes=find_present_classes(predictions, cache.logits, labels),
        class_order=order_by_similarity(confusion) if groups is None else order_by_superclass(groups.superclass_of),
        pairs=pairs,
        superclasses=superclasses,
        calibration=calibration,
        selective_prediction=compute_selective_prediction(predictions),
        focus=focus,
        pair_focus=pair_focus,
        faithfulness=None if cache.faithfulness is None else compute_faithfulness(cache.faithfulness),
        label_issues=issues,
        selections=select_examples(
            predictions,
            labels,
            num_classes,
            settings,
            set_aside=set_aside,
        ),
        confident_errors=confident_errors,
        num_confident_errors_set_aside=len(find_confident_errors(predictions)) - len(confident_errors),
        annotations=_compare_annotations(cache, predictions, settings.iou_threshold),
        slices=compute_slices(cache.columns, predictions.is_correct),
        recommendations=apply_rules(
            predictions,
            confusion,
            superclasses,
            calibration,
            focus=focus,
            pair_overlaps=overlaps,
            label_issues=issues,
            class_order=suggested_order,
        ),
    )


def _compare_annotations(
    cache: EvaluationCache, predictions: Predictions, iou_threshold: float
) -> AnnotationFindings | None:
    cam = next(iter(cache.cams.values()), None)
    if cache.annotations is None or cam is None:
        return None
    return compute_annotation_findings(
        cam, cache.annotations, predictions, cache.labels, cache.num_classes, iou_threshold=iou_threshold
    )
