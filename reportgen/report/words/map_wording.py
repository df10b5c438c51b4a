"""The rules on maps and labels in words: headline, advice and evidence."""

import math

from reportgen.analysis.findings import Findings
from reportgen.analysis.focus import BORDER_WIDTH, HIGH_OVERLAP_SHARE, MapComparison
from reportgen.analysis.intervals import Estimate
from reportgen.analysis.label_issues import MIN_EXCESS, MIN_TYPICALITY
from reportgen.analysis.recommendations import MIN_BORDER_EXCESS, MIN_SPREAD_EXCESS, Recommendation
from reportgen.cache import EvaluationCache
from reportgen.methods import find_method
from reportgen.report.words.phrases import (
    RecommendationText,
    counted_text,
    exact_text,
    family_text,
    interval_text,
    listed_text,
    named_text,
    number_ci_text,
    points_ci_text,
    proportion_of,
)
from reportgen.report.words.run_facts import no_maps_text
from reportgen.report.words.text import (
    count_text,
    number_text,
    percent_interval_text,
    percent_text,
    percentage_points_text,
    plural_text,
    points_text,
)

_NO_EVIDENCE_TEXT = "Too few images have a map to compare errors with correct predictions."
_NO_PAIR_TEXT = "No pair of classes has enough errors to compare its maps."
INSEPARABLE_ADVICE = (
    "If people cannot tell the two classes apart either, correct the labels, merge the classes or accept both answers."
)


def _no_measurement(cache: EvaluationCache, otherwise: str, *, compares_classes: bool = False) -> RecommendationText:
    """Why a rule on maps has nothing to measure: no maps, class-agnostic maps, or the reason given."""
    cam = next(iter(cache.cams.items()), None)
    if cam is None:
        headline = f"Map statistics cannot be computed. {no_maps_text(cache)}"
    elif compares_classes and cam[1].is_class_agnostic:
        headline = (
            f"The maps by {find_method(cam[0]).title} are class-agnostic: there are none of two classes to compare."
        )
    else:
        headline = otherwise
    return RecommendationText(headline=headline)


def describe_background_focus(item: Recommendation, cache: EvaluationCache, findings: Findings) -> RecommendationText:
    """Whether errors, or all predictions, have more evidence at the border of the image."""
    if not item.measurements or findings.focus is None:
        return _no_measurement(cache, _NO_EVIDENCE_TEXT)
    border = findings.focus.border_share
    area, difference = percent_text(border.uniform), border.difference
    evidence = (
        f"Errors − correct predictions: {percentage_points_text(difference.value)} ({points_ci_text(difference)});"
        f" threshold: {points_text(MIN_BORDER_EXCESS, digits=0)}."
    )
    details = (
        f"The border is the outer {percent_text(BORDER_WIDTH)} on each side, {area} of the area. It holds"
        f" {_mean_text(border.misclassified)} of the evidence in errors and {_mean_text(border.correct)} in correct"
        " predictions; their difference compares images with the same predicted class. The rule also fires if the"
        f" border holds more of the evidence in all predictions, {_mean_text(border.overall)}, than of the area."
    )
    wrong, right = percent_text(border.misclassified.value), percent_text(border.correct.value)
    overall = f"it holds {percent_text(border.overall.value)} of the evidence on {area} of the area"
    if not item.fired:
        return RecommendationText(
            headline=f"The border does not attract more evidence than the center: {overall}."
            if math.isnan(difference.low)
            else f"{_border_comparison(difference)}: {wrong} of the evidence, against {right}.",
            evidence=evidence,
            details=details,
        )
    is_everywhere = any(found.threshold == border.uniform for found in item.measurements)
    return RecommendationText(
        headline=f"The border attracts more evidence than the center: {overall}."
        if is_everywhere
        else f"Errors have more evidence at the border than correct predictions: {wrong}, against {right}.",
        advice="Check the mean maps of the classes first: in scenes such as landscapes, evidence at the border is"
        " legitimate. If the objects are centered, the model may rely on the background: make it uninformative in"
        " training (CutMix, random crops that keep the object, objects pasted on other backgrounds). Crop the test"
        " images closer to measure the effect.",
        evidence=evidence,
        details=details,
    )


def _border_comparison(difference: Estimate) -> str:
    """What an interval that does not lie above the threshold says about the border."""
    if difference.high > MIN_BORDER_EXCESS:
        return "Errors are not shown to have more evidence at the border than correct predictions"
    degree = "only slightly" if difference.high > 0 else "no"
    return f"Errors have {degree} more evidence at the border than correct predictions"


def describe_diffuse_focus(item: Recommendation, cache: EvaluationCache, findings: Findings) -> RecommendationText:
    """Whether maps are more diffuse at low confidence."""
    if not item.measurements or findings.focus is None:
        return _no_measurement(cache, _NO_EVIDENCE_TEXT)
    focus = findings.focus
    unsure, sure, difference = focus.low_confidence_spread, focus.high_confidence_spread, focus.spread_difference
    evidence = (
        f"Low − high confidence: {percentage_points_text(difference.value)} ({points_ci_text(difference)});"
        f" threshold: {points_text(MIN_SPREAD_EXCESS, digits=0)}."
    )
    details = (
        f"Area covered by the evidence, from the entropy of the map: {_mean_text(unsure)} of the image for the third of"
        f" predictions with the lowest confidence, {_mean_text(sure)} for the third with the highest. The difference"
        " compares images with the same predicted class."
    )
    areas = f"the evidence covers {percent_text(unsure.value)} of the image, against {percent_text(sure.value)}"
    if not item.fired:
        return RecommendationText(
            headline=f"{_spread_comparison(difference)}: {areas}.", evidence=evidence, details=details
        )
    return RecommendationText(
        headline=f"Maps are more diffuse at low confidence than at high confidence: {areas}.",
        advice="Diffuse evidence may mean that the model does not isolate the object. Train on closer crops, which show"
        " where the object ends, and consider modules that reweight channels and locations: squeeze-and-excitation (SE)"
        " for channels, CBAM for both.",
        evidence=evidence,
        details=details,
    )


def _spread_comparison(difference: Estimate) -> str:
    """What an interval that does not lie above the threshold says about the spread."""
    if difference.high > MIN_SPREAD_EXCESS:
        return "Maps are not shown to be more diffuse at low confidence than at high confidence"
    degree = "only slightly" if difference.high > 0 else "no"
    return f"Maps are {degree} more diffuse at low confidence than at high confidence"


def _mean_text(mean: Estimate) -> str:
    """`21.6% (95% CI 21.3–21.8%, n = 3,435)`."""
    return f"{percent_text(mean.value)} ({interval_text(mean)}, n = {count_text(mean.n)})"


def describe_pairs_same_place(item: Recommendation, cache: EvaluationCache, findings: Findings) -> RecommendationText:
    """Pairs of classes whose maps highlight the same region in most errors."""
    comparison = _comparison_of(findings)
    if not item.measurements or comparison is None:
        return _no_measurement(cache, _NO_PAIR_TEXT, compares_classes=True)
    names = _pair_names(item, cache)
    evidence, details = _pair_evidence(
        item,
        names,
        comparison,
        f"above {number_text(comparison.unrelated_high)}",
        f"more than in {percent_text(HIGH_OVERLAP_SHARE, digits=0)} of unrelated images",
    )
    if not item.fired:
        return RecommendationText(
            headline=f"In no pair of classes do both maps demonstrably highlight the same region; {names[0]} comes"
            " closest.",
            evidence=evidence,
            details=details,
        )
    return RecommendationText(
        headline=f"In {plural_text(len(names), 'pair')} of classes, the maps of both classes highlight the same region"
        f" in most errors: {named_text(names)}.",
        advice="The model appears to find the region, so other crops and backgrounds are unlikely to help. Try finer"
        " features:"
        " higher resolution, later downsampling, a contrastive loss on the pair, and images that show what separates"
        " the two classes. Similar classes often have similar maps on any image, so the maps cannot show which detail"
        f" was missed. {INSEPARABLE_ADVICE}",
        evidence=evidence,
        details=details,
    )


def describe_pairs_elsewhere(item: Recommendation, cache: EvaluationCache, findings: Findings) -> RecommendationText:
    """Pairs of classes whose maps highlight different regions in most errors."""
    comparison = _comparison_of(findings)
    if not item.measurements or comparison is None:
        return _no_measurement(cache, _NO_PAIR_TEXT, compares_classes=True)
    names = _pair_names(item, cache)
    evidence, details = _pair_evidence(
        item,
        names,
        comparison,
        f"below {number_text(comparison.unrelated_median)}",
        "less than in half of unrelated images",
    )
    if not item.fired:
        return RecommendationText(
            headline=f"In no pair of classes do the two maps demonstrably highlight different regions; {names[0]} comes"
            " closest.",
            evidence=evidence,
            details=details,
        )
    return RecommendationText(
        headline=f"In {plural_text(len(names), 'pair')} of classes, the two maps highlight different regions in most"
        f" errors: {named_text(names)}.",
        advice="The model may respond to something beside the object. Find out from the maps of the pair what it is: a"
        " habitat, a frame, a second object. Then break the association: CutMix, other crops, backgrounds exchanged"
        " between the two classes, images of each class without it. If both objects are in the image, both labels are"
        " correct: allow more than one label.",
        evidence=evidence,
        details=details,
    )


def _comparison_of(findings: Findings) -> MapComparison | None:
    return None if findings.focus is None else findings.focus.comparison


def _pair_names(item: Recommendation, cache: EvaluationCache) -> list[str]:
    return [" ↔ ".join(cache.shown_names[index] for index in found.pair or ()) for found in item.measurements]


def _pair_evidence(
    item: Recommendation, names: list[str], comparison: MapComparison, limit: str, meaning: str
) -> tuple[str, str]:
    """Evidence of the strongest pair, and the details: the other pairs, and the overlap to compare with."""
    counts = [
        f"{name} {counted_text(proportion_of(found))}" for name, found in zip(names, item.measurements, strict=True)
    ]
    unrelated, mistakes = comparison.overlap_unrelated, comparison.overlap_misclassified
    first = proportion_of(item.measurements[0])
    evidence = (
        f"{names[0]}: overlap {limit} in {count_text(first.count)} of {plural_text(first.total, 'error')}"
        f" ({percent_interval_text(first)}); threshold: {percent_text(item.measurements[0].threshold, digits=0)}."
    )
    others = f"Other pairs: {listed_text(counts[1:])}. " if counts[1:] else ""
    details = (
        f"Overlap is the cosine similarity of the two maps: {limit}, they overlap {meaning}. {others}Mean overlap:"
        f" {number_text(unrelated.value, digits=2)} ({number_ci_text(unrelated, digits=2)}) between unrelated images,"
        f" {number_text(mistakes.value, digits=2)} ({number_ci_text(mistakes, digits=2)}) over all errors."
        f" {family_text(item.num_tested, 'pair', 'pairs')}"
    )
    return evidence, details


def _mixed_text(num_pairs: int) -> str:
    if not num_pairs:
        return "No pair of classes is excluded."
    pairs = plural_text(num_pairs, "pair is", "pairs are")
    return f"{pairs} excluded as mixed up: there the model is doubted, not the labels."


def describe_label_issues(item: Recommendation, findings: Findings) -> RecommendationText:
    """The number of possible label errors, and how many the model's own confidence predicts."""
    issues = findings.label_issues
    if not item.measurements:
        return RecommendationText(headline="No prediction is typical enough to contradict a label.")
    found = proportion_of(item.measurements[0])
    expected = count_text(round(issues.num_expected))
    evidence = (
        f"{count_text(found.count)} of {plural_text(found.total, 'typical prediction')} contradict the label:"
        f" {exact_text(found)}; threshold: {percent_text(item.measurements[0].threshold)}."
    )
    details = (
        "A prediction is typical if its margin over the label is at least that of"
        f" {percent_text(MIN_TYPICALITY, digits=0)} of the correct predictions of the class. The threshold is the"
        f" fraction of errors that the probabilities predict, plus {points_text(MIN_EXCESS, digits=1)}."
        f" {_mixed_text(issues.num_mixed_pairs)}"
    )
    if item.fired:
        return RecommendationText(
            headline=f"{plural_text(found.count, 'possible label error')}, more than the {expected} that the model’s"
            " confidence predicts.",
            advice="Review the list of label issues from the top and correct the labels that a person rejects: wrong"
            " labels bias every other metric. Check the training labels for the same errors. Where a person confirms"
            " the label, the model makes a typical error: add similar images to the"
            " training set.",
            evidence=evidence,
            details=details,
        )
    if found.count == 0:
        text = "No possible label errors."
    else:
        text = (
            f"{plural_text(found.count, 'possible label error')}; the model’s confidence predicts {expected}, so the"
            " number alone is no proof of wrong labels."
        )
    return RecommendationText(headline=text, evidence=evidence, details=details)
