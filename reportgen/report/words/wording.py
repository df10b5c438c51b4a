"""Findings in words: the report's headline, and the headline, advice and evidence of each rule.

Plain text, shared by the pages, the text files, the JSON and the console.
"""

from collections.abc import Callable, Mapping
from typing import Final

from reportgen.analysis.calibration import TemperatureScaling
from reportgen.analysis.findings import Findings
from reportgen.analysis.intervals import Estimate
from reportgen.analysis.recommendations import (
    MIN_GAP,
    Measurement,
    Recommendation,
    Rule,
)
from reportgen.analysis.selection import HIGH_CONFIDENCE
from reportgen.cache import EvaluationCache
from reportgen.report.words.map_wording import (
    INSEPARABLE_ADVICE,
    describe_background_focus,
    describe_diffuse_focus,
    describe_label_issues,
    describe_pairs_elsewhere,
    describe_pairs_same_place,
)
from reportgen.report.words.names import images_text, sentence_start
from reportgen.report.words.order_wording import describe_class_order, order_headline, withheld_text
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
from reportgen.report.words.text import (
    count_text,
    number_text,
    percent_interval_text,
    percent_text,
    percentage_points_text,
    plural_text,
    points_text,
)

_PAIR_MAPS_ADVICE = (
    "Compare the maps of each pair: if both highlight the same region, a contrastive loss on the pair or a higher"
    " resolution may help more than other crops; if they differ, the model may rely on the surroundings, and other"
    " crops and backgrounds may help."
)
_PAIR_ADVICE = (
    "A contrastive loss on the pair, a higher resolution, or images that show what separates the two classes may help."
)


def headline(findings: Findings, cache: EvaluationCache) -> str:
    """The report in one sentence without a period: accuracy with its interval, and calibration where it is shown."""
    if findings.suggested_order is not None:
        return order_headline(findings.suggested_order, findings.overall.top1)
    provenance, top1 = cache.provenance, findings.overall.top1
    accuracy = {0: "none", top1.total: "all"}.get(top1.count, percent_text(top1.value))
    return (
        f"{sentence_start(provenance.model_name)} classifies {accuracy} of"
        f" {images_text(top1.total, provenance.data_name)} correctly ({interval_text(top1)})"
        f"{_calibration_clause(findings)}"
    )


def _calibration_clause(findings: Findings) -> str:
    """The rest of the headline: only what the interval of the confidence gap, or the calibration error, shows."""
    calibration = findings.calibration
    gap = calibration.gap
    if gap.low > MIN_GAP:
        return f" and is {_degree(gap)}overconfident"
    if gap.high < -MIN_GAP:
        return f" and is {_degree(gap)}underconfident"
    if gap.low >= -MIN_GAP and gap.high <= MIN_GAP and calibration.error.value <= calibration.error.null_high:
        return " and is well calibrated"
    return ""


def _degree(gap: Estimate) -> str:
    """How far confidence and accuracy differ, as far as the whole interval shows it."""
    nearest, farthest = sorted((abs(gap.low), abs(gap.high)))
    return "slightly " if farthest < 0.06 else "severely " if nearest > 0.1 else ""


def rules_text(findings: Findings) -> str:
    """How many rules fired, and what makes a rule fire."""
    num_fired = sum(item.fired for item in findings.recommendations)
    return (
        f"{num_fired} of {len(findings.recommendations)} rules fired. A rule fires only if a confidence bound, not the"
        " point estimate, crosses its threshold."
    )


def describe(recommendation: Recommendation, cache: EvaluationCache, findings: Findings) -> RecommendationText:
    """A rule's result in words."""
    if recommendation.is_withheld:
        return withheld_text(recommendation.rule)
    return _DESCRIPTIONS[recommendation.rule](recommendation, cache, findings)


def _describe_overconfidence(item: Recommendation, findings: Findings) -> RecommendationText:
    return _describe_gap(
        item,
        findings,
        name="overconfident",
        threshold=MIN_GAP,
        is_refuted=findings.calibration.gap.high < MIN_GAP,
        advice="If you retrain, try label smoothing, mixup or early stopping, which often reduce overconfidence.",
    )


def _describe_underconfidence(item: Recommendation, findings: Findings) -> RecommendationText:
    return _describe_gap(
        item,
        findings,
        name="underconfident",
        threshold=-MIN_GAP,
        is_refuted=findings.calibration.gap.low > -MIN_GAP,
        advice="If you retrain, use less label smoothing, mixup or dropout, which often cause underconfidence.",
    )


def _describe_gap(
    item: Recommendation, findings: Findings, *, name: str, threshold: float, is_refuted: bool, advice: str
) -> RecommendationText:
    """Over- or underconfidence, by the difference of mean confidence and accuracy."""
    gap, error, scaling = findings.calibration.gap, findings.calibration.error, findings.calibration.temperature
    relation = "exceeds" if gap.value >= 0 else "is below"
    difference = f"mean confidence {relation} accuracy by {percentage_points_text(abs(gap.value))}"
    evidence = (
        f"Mean confidence − accuracy: {percentage_points_text(gap.value)} ({points_ci_text(gap)},"
        f" n = {count_text(gap.n)}); threshold: {points_text(threshold, digits=0)}."
    )
    calibration = (
        f"Expected calibration error: {percent_text(error.value)} (calibrated model: up to"
        f" {percent_text(error.null_high)})."
    )
    if not item.fired:
        state = f"The model is not {name}" if is_refuted else f"The model is not shown to be {name}"
        return RecommendationText(headline=f"{state}: {difference}.", evidence=evidence, details=calibration)
    overall = findings.overall
    return RecommendationText(
        headline=f"The model is {_degree(gap)}{name}: mean confidence is {percent_text(overall.mean_confidence.value)},"
        f" accuracy {percent_text(overall.top1.value)}{_scaling_clause(scaling)}.",
        advice=f"{_temperature_advice(scaling)} {advice}",
        evidence=evidence,
        details=f"{calibration} {_scaling_details(scaling)}".rstrip(),
    )


def _scaling_clause(scaling: TemperatureScaling | None) -> str:
    """What temperature scaling does about it, as far as the held-out half of the images shows it."""
    if scaling is None or not scaling.helps:
        return ""
    extent = "this" if scaling.after.value <= scaling.after.null_high else "part of this"
    return f"; temperature scaling (T = {number_text(scaling.temperature, digits=2)}) corrects {extent}"


def temperature_text(scaling: TemperatureScaling) -> str:
    """`T = 1.42`; an end of the range is named as such."""
    temperature = f"T = {number_text(scaling.temperature, digits=2)}"
    return f"{temperature}, an end of the range" if scaling.is_limit else temperature


def _temperature_advice(scaling: TemperatureScaling | None) -> str:
    if scaling is None:
        return "The test set is too small to fit a temperature."
    if not scaling.helps:
        return "Temperature scaling is not shown to help."
    temperature = number_text(scaling.temperature, digits=2)
    return (
        f"Divide the logits by {temperature} before the softmax: this brings confidence closer to accuracy and"
        " changes no"
        " prediction."
    )


def _scaling_details(scaling: TemperatureScaling | None) -> str:
    if scaling is None:
        return ""
    fitted = (
        f"T = {number_text(scaling.temperature, digits=2)} was fitted on {plural_text(scaling.num_fitted, 'image')}."
        f" On the held-out {count_text(scaling.after.n)},"
    )
    if scaling.is_limit:
        return f"{temperature_text(scaling)}: the log-loss has no minimum inside the range."
    if not scaling.log_loss_change.high < 0:
        return f"{fitted} the change of the log-loss is not significant ({number_ci_text(scaling.log_loss_change)})."
    if not scaling.helps:
        return (
            f"{fitted} it raises the expected calibration error from {percent_text(scaling.before.value)} to"
            f" {percent_text(scaling.after.value)}."
        )
    return (
        f"{fitted} it lowers the expected calibration error from {percent_text(scaling.before.value)} to"
        f" {percent_text(scaling.after.value)} (calibrated model: up to {percent_text(scaling.after.null_high)}) and"
        " the"
        f" log-loss from {number_text(scaling.log_loss_before.value)} to {number_text(scaling.log_loss_after.value)}."
    )


def _describe_confident_errors(item: Recommendation) -> RecommendationText:
    bound = percent_text(HIGH_CONFIDENCE, digits=0)
    if not item.measurements:
        return RecommendationText(headline=f"No prediction has a confidence of {bound} or more.")
    found = item.measurements[0]
    wrong, expected = proportion_of(found), percent_text(found.threshold)
    evidence = (
        f"{count_text(wrong.count)} errors in {plural_text(wrong.total, 'prediction')}: {exact_text(wrong)};"
        f" threshold: {expected}."
    )
    details = f"The threshold, {expected}, is the error rate that these confidences imply."
    rates = f"{percent_text(wrong.value)} of predictions with a confidence of {bound} or more are errors"
    if not item.fired:
        return RecommendationText(
            headline=f"High-confidence predictions are not shown to fail more often than their confidence implies:"
            f" {rates}, {expected} expected.",
            evidence=evidence,
            details=details,
        )
    return RecommendationText(
        headline=f"High-confidence predictions fail more often than their confidence implies: {rates},"
        f" {expected} expected.",
        advice="Review these images first, and their labels: in a good model, high-confidence errors are often label"
        " errors, and wrong labels bias every other metric. For the others, add similar training images. If predictions"
        " above a threshold are accepted without review, choose the threshold by the error rate measured here, not by"
        " the confidence.",
        evidence=evidence,
        details=details,
    )


def _describe_superclass_errors(item: Recommendation, findings: Findings) -> RecommendationText:
    group = findings.superclasses
    if group is None:
        return RecommendationText(headline="Superclasses are unknown, so within-superclass errors are not measured.")
    if not item.measurements:
        return RecommendationText(headline="The model makes no errors, within a superclass or across superclasses.")
    found = item.measurements[0]
    inside = proportion_of(found)
    evidence = (
        f"{count_text(inside.count)} of {plural_text(inside.total, 'error')}: {exact_text(inside)};"
        f" threshold: {percent_text(found.threshold)}."
    )
    details = (
        f"If errors were spread evenly over all other classes, {percent_text(group.chance)} would stay within the"
        f" superclass. The predicted superclass is correct for {percent_text(group.accuracy.value)} of the images"
        f" ({interval_text(group.accuracy)})."
    )
    share = percent_text(inside.value)
    if not item.fired:
        return RecommendationText(
            headline=f"Errors do not concentrate within superclasses: {share} stay within the superclass,"
            f" {percent_text(group.chance)} expected by chance.",
            evidence=evidence,
            details=details,
        )
    return RecommendationText(
        headline=f"{share} of errors stay within the superclass, {number_text(inside.value / group.chance, digits=1)}"
        " times the chance level: the model recognizes the group and confuses its members.",
        advice="Give the model finer features: higher resolution, later downsampling, or an auxiliary head trained on"
        " the superclass. A supervised contrastive loss with negatives from the same superclass may separate similar"
        " classes. Color augmentation favors shape and texture; use it sparingly if color separates the classes.",
        evidence=evidence,
        details=details,
    )


def _describe_symmetric_pairs(item: Recommendation, cache: EvaluationCache) -> RecommendationText:
    if not item.measurements:
        return RecommendationText(headline=_no_pair_text(item, cache))
    names = [" ↔ ".join(cache.shown_names[index] for index in found.pair or ()) for found in item.measurements]
    pairs = [_pair_evidence(found, cache) for found in item.measurements]
    evidence = f"{pairs[0]}."
    others = f"Other pairs: {listed_text(pairs[1:], separator='; ')}. " if pairs[1:] else ""
    details = f"{others}{family_text(item.num_tested, 'pair', 'pairs')}"
    if not item.fired:
        return RecommendationText(
            headline=f"No pair of classes stands out as mutually confused; {names[0]} comes closest.",
            evidence=evidence,
            details=details,
        )
    cam = next(iter(cache.cams.values()), None)
    has_class_maps = cam is not None and not cam.is_class_agnostic
    subject = "One pair of classes is" if len(names) == 1 else f"{count_text(len(names))} pairs of classes are"
    return RecommendationText(
        headline=f"{subject} confused in both directions, far more often than with other classes: {named_text(names)}.",
        advice="Mutual confusion suggests that the model cannot separate the two classes, rather than that it prefers"
        f" one. {_PAIR_MAPS_ADVICE if has_class_maps else _PAIR_ADVICE} {INSEPARABLE_ADVICE}",
        evidence=evidence,
        details=details,
    )


def _describe_one_way_confusions(item: Recommendation, cache: EvaluationCache) -> RecommendationText:
    if not item.measurements:
        return RecommendationText(headline=_no_pair_text(item, cache))
    names = [" → ".join(cache.class_names[index] for index in found.pair or ()) for found in item.measurements]
    pairs = [_pair_evidence(found, cache) for found in item.measurements]
    others = f"Other pairs: {listed_text(pairs[1:], separator='; ')}. " if pairs[1:] else ""
    evidence, details = f"{pairs[0]}.", f"{others}{family_text(item.num_tested, 'ordered pair', 'ordered pairs')}"
    if not item.fired:
        return RecommendationText(
            headline=f"No class is clearly mistaken for one other class in one direction; {names[0]} comes closest.",
            evidence=evidence,
            details=details,
        )
    subject = "One class is" if len(names) == 1 else f"{count_text(len(names))} classes are"
    return RecommendationText(
        headline=f"{subject} mistaken for one other class, but not in reverse: {named_text(names)}.",
        advice="Confusion in one direction suggests that part of the first class resembles the second. Compare the"
        " images of this confusion with the training images of both classes: a variant may be missing from the first"
        " class, or labeled as the second.",
        evidence=evidence,
        details=details,
    )


def _no_pair_text(item: Recommendation, cache: EvaluationCache) -> str:
    if cache.num_classes == 2:
        return "With only two classes, there are no other classes to compare a pair with."
    return "No two classes are confused." if item.num_tested else "Too few classes have images to compare pairs."


def _pair_evidence(found: Measurement, cache: EvaluationCache) -> str:
    true, predicted = (cache.shown_names[index] for index in found.pair or ())
    there, back = proportion_of(found), found.reverse
    text = f"{true} predicted as {predicted}: {counted_text(there, found.threshold)}"
    if back is None or found.reverse_threshold is None:
        return text
    return f"{text}, in reverse {counted_text(back, found.reverse_threshold)}"


def _describe_over_predicted_classes(item: Recommendation, cache: EvaluationCache) -> RecommendationText:
    if not item.measurements:
        return RecommendationText(headline="No two classes are confused.")
    names = [cache.shown_names[found.class_index] for found in item.measurements if found.class_index is not None]
    first = proportion_of(item.measurements[0])
    counts = [
        f"{name} {counted_text(proportion_of(found))}" for name, found in zip(names, item.measurements, strict=True)
    ]
    evidence = (
        f"{names[0]}: the predicted class in {count_text(first.count)} of {plural_text(first.total, 'error')} that"
        " involve"
        f" it ({percent_interval_text(first)}); threshold: {percent_text(item.measurements[0].threshold)}."
    )
    others = f"Other classes: {listed_text(counts[1:])}. " if counts[1:] else ""
    details = f"{others}{family_text(item.num_tested, 'class', 'classes')}"
    balance = (
        f"{plural_text(first.count, 'image')} of other classes predicted as {names[0]},"
        f" {count_text(first.total - first.count)} of its own images misclassified"
    )
    if not item.fired:
        return RecommendationText(
            headline=f"No class is clearly over-predicted; {names[0]} comes closest: {balance}.",
            evidence=evidence,
            details=details,
        )
    return RecommendationText(
        headline=f"{names[0]} is over-predicted: {balance}."
        if len(names) == 1
        else f"{count_text(len(names))} classes are over-predicted: {named_text(names)}.",
        advice="Check whether the training set contains more images of the class than of similar classes. If it does,"
        " rebalance by sampling, class weights or logit adjustment (subtract the log of each class’s frequency from its"
        " logit). Add hard negatives: training images like those that its page lists as mistaken for it.",
        evidence=evidence,
        details=details,
    )


def _describe_weak_classes(item: Recommendation, cache: EvaluationCache) -> RecommendationText:
    if not item.measurements:
        return RecommendationText(headline="No class has images to measure recall.")
    names = [cache.shown_names[found.class_index] for found in item.measurements if found.class_index is not None]
    recalls = [percent_text(found.measured.value) for found in item.measurements]
    named = [f"{name} {recall}" for name, recall in zip(names, recalls, strict=True)]
    counts = [
        f"{name} {counted_text(proportion_of(found))}" for name, found in zip(names, item.measurements, strict=True)
    ]
    accuracy = percent_text(item.measurements[0].threshold)
    evidence = f"Recall of {counts[0]}; threshold: the accuracy, {accuracy}."
    others = f"Other classes: {listed_text(counts[1:])}. " if counts[1:] else ""
    details = f"{others}{family_text(item.num_tested, 'class', 'classes')}"
    if not item.fired:
        return RecommendationText(
            headline=f"No class has a recall clearly below the accuracy of {accuracy}; {names[0]} comes closest with"
            f" {recalls[0]}.",
            evidence=evidence,
            details=details,
        )
    subject = "One class has" if len(names) == 1 else f"{count_text(len(names))} classes have"
    return RecommendationText(
        headline=f"{subject} a recall significantly below the accuracy of {accuracy}: {named_text(named)}.",
        advice="Start here, because these classes have the most to gain: add images of them, and augmentation for"
        " the variation"
        " that their pages show (scale, pose, background, lighting). Oversampling or larger loss weights may help;"
        " check that the classes they are mistaken for do not lose recall.",
        evidence=evidence,
        details=details,
    )


_Describe = Callable[[Recommendation, EvaluationCache, Findings], RecommendationText]
_DESCRIPTIONS: Final[Mapping[Rule, _Describe]] = {
    Rule.CLASS_ORDER: lambda item, _cache, findings: describe_class_order(item, findings),
    Rule.OVERCONFIDENCE: lambda item, _cache, findings: _describe_overconfidence(item, findings),
    Rule.UNDERCONFIDENCE: lambda item, _cache, findings: _describe_underconfidence(item, findings),
    Rule.CONFIDENT_ERRORS: lambda item, _cache, _findings: _describe_confident_errors(item),
    Rule.SUPERCLASS_ERRORS: lambda item, _cache, findings: _describe_superclass_errors(item, findings),
    Rule.SYMMETRIC_PAIRS: lambda item, cache, _findings: _describe_symmetric_pairs(item, cache),
    Rule.ONE_WAY_CONFUSIONS: lambda item, cache, _findings: _describe_one_way_confusions(item, cache),
    Rule.OVER_PREDICTED_CLASSES: lambda item, cache, _findings: _describe_over_predicted_classes(item, cache),
    Rule.WEAK_CLASSES: lambda item, cache, _findings: _describe_weak_classes(item, cache),
    Rule.BACKGROUND_FOCUS: describe_background_focus,
    Rule.DIFFUSE_FOCUS: describe_diffuse_focus,
    Rule.PAIRS_SAME_PLACE: describe_pairs_same_place,
    Rule.PAIRS_ELSEWHERE: describe_pairs_elsewhere,
    Rule.LABEL_ISSUES: lambda item, _cache, findings: describe_label_issues(item, findings),
}
