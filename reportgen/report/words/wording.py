"""Findings in words: the report's headline, and for each rule what was found, what to do about it, and the evidence.

Plain text for every place that tells it: the pages, the text files, the JSON and the console.
"""

from reportgen.analysis.calibration import TemperatureScaling
from reportgen.analysis.findings import Findings
from reportgen.analysis.intervals import Estimate
from reportgen.analysis.recommendations import (
    MIN_GAP,
    Evidence,
    Recommendation,
    Rule,
)
from reportgen.analysis.selection import HIGH_CONFIDENCE
from reportgen.cache import EvaluationCache
from reportgen.report.words.map_wording import (
    describe_background_focus,
    describe_diffuse_focus,
    describe_label_issues,
    describe_pairs_elsewhere,
    describe_pairs_same_place,
)
from reportgen.report.words.phrases import (
    RecommendationText,
    counted_text,
    family_text,
    listed_text,
    named_text,
    proportion_of,
)
from reportgen.report.words.text import (
    count_text,
    number_interval_text,
    number_text,
    percent_interval_text,
    percent_text,
    plural_text,
    points_interval_text,
    points_text,
)

_PAIR_MAPS_ADVICE = (
    "Compare the maps of each pair: where both light up the same place, it looks at the right thing and reads it"
    " differently, and a contrastive loss on the pair, or more pixels, helps more than other crops; where they differ,"
    " it decides by the surroundings, and other crops and backgrounds help."
)
_PAIR_ADVICE = (
    "A contrastive loss on the pair, more pixels, or images that show what tells the two apart may part them."
)


def headline(findings: Findings, cache: EvaluationCache) -> str:
    """The report in one sentence, without a full stop: how often the model is right, and whether it knows it."""
    provenance, top1 = cache.provenance, findings.overall.top1
    # `10,000 CIFAR-100 images`, but `10,000 images from test.npz`.
    is_title = not set(provenance.data_name) & set("./\\:")
    images = (
        f"{count_text(top1.total)} {provenance.data_name} images"
        if is_title
        else f"{plural_text(top1.total, 'image')} from {provenance.data_name}"
    )
    accuracy = {0: "none", top1.total: "all"}.get(top1.count, percent_text(top1.value))
    name = provenance.model_name
    if name.startswith("a "):  # a description and no name: it begins a sentence here
        name = name.capitalize()
    return f"{name} names {accuracy} of {images} right{_self_knowledge(findings)}"


def _self_knowledge(findings: Findings) -> str:
    """The rest of the headline: only what the interval of confidence - accuracy, or the calibration error, proves."""
    calibration = findings.calibration
    gap = calibration.gap
    if gap.low > MIN_GAP:
        return f", and is {_degree(gap)}too sure of itself"
    if gap.high < -MIN_GAP:
        return f", and is {_degree(gap)}less sure than it could be"
    if gap.low >= -MIN_GAP and gap.high <= MIN_GAP and calibration.error.value <= calibration.error.null_high:
        return ", and knows how sure to be"
    return ""


def _degree(gap: Estimate) -> str:
    """How much too sure or unsure, as far as the whole interval says so."""
    nearest, farthest = sorted((abs(gap.low), abs(gap.high)))
    return "a little " if farthest < 0.06 else "far " if nearest > 0.1 else ""


def describe(recommendation: Recommendation, cache: EvaluationCache, findings: Findings) -> RecommendationText:
    """What a rule found, in words."""
    match recommendation.rule:
        case Rule.OVERCONFIDENCE:
            text = _describe_overconfidence(recommendation, findings)
        case Rule.UNDERCONFIDENCE:
            text = _describe_underconfidence(recommendation, findings)
        case Rule.CONFIDENT_ERRORS:
            text = _describe_confident_errors(recommendation)
        case Rule.SUPERCLASS_ERRORS:
            text = _describe_superclass_errors(recommendation, findings)
        case Rule.SYMMETRIC_PAIRS:
            text = _describe_symmetric_pairs(recommendation, cache)
        case Rule.SWALLOWING_CLASSES:
            text = _describe_swallowing_classes(recommendation, cache)
        case Rule.WEAK_CLASSES:
            text = _describe_weak_classes(recommendation, cache)
        case Rule.BACKGROUND_FOCUS:
            text = describe_background_focus(recommendation, cache, findings)
        case Rule.DIFFUSE_FOCUS:
            text = describe_diffuse_focus(recommendation, cache, findings)
        case Rule.PAIRS_SAME_PLACE:
            text = describe_pairs_same_place(recommendation, cache, findings)
        case Rule.PAIRS_ELSEWHERE:
            text = describe_pairs_elsewhere(recommendation, cache, findings)
        case Rule.LABEL_ISSUES:
            text = describe_label_issues(recommendation, findings)
    return text


def _describe_overconfidence(item: Recommendation, findings: Findings) -> RecommendationText:
    gap, scaling = findings.calibration.gap, findings.calibration.temperature
    evidence = _gap_evidence(findings, f"above {points_text(MIN_GAP, digits=0)}")
    if not item.fired:
        return RecommendationText(
            headline=f"{_doubt(gap.high < MIN_GAP)} too sure of itself: on average {_gap_text(gap)}.",
            advice="",
            evidence=evidence,
        )
    confidence = findings.overall.mean_confidence.value
    return RecommendationText(
        headline=f"It is {_degree(gap)}too sure of itself: {percent_text(confidence)} sure on average, right"
        f" {percent_text(findings.overall.top1.value)} of the time{_repair_clause(scaling)}.",
        advice=_temperature_advice(scaling)
        + "When training again, label smoothing, mixup or an earlier stop keep the confidence down from the start.",
        evidence=evidence,
    )


def _describe_underconfidence(item: Recommendation, findings: Findings) -> RecommendationText:
    gap, scaling = findings.calibration.gap, findings.calibration.temperature
    evidence = _gap_evidence(findings, f"below {points_text(-MIN_GAP, digits=0)}")
    if not item.fired:
        return RecommendationText(
            headline=f"{_doubt(gap.low > -MIN_GAP)} too unsure of itself: on average {_gap_text(gap)}.",
            advice="",
            evidence=evidence,
        )
    confidence = findings.overall.mean_confidence.value
    return RecommendationText(
        headline=f"It is {_degree(gap)}less sure than it could be: {percent_text(confidence)} sure on average,"
        f" right {percent_text(findings.overall.top1.value)} of the time{_repair_clause(scaling)}.",
        advice=_temperature_advice(scaling)
        + "When training again, weaken what holds the confidence down: label smoothing, mixup, strong dropout.",
        evidence=evidence,
    )


def _doubt(is_refuted: bool) -> str:
    return "It is not" if is_refuted else "Nothing proves that it is"


def _gap_text(gap: Estimate) -> str:
    """`its confidence exceeds its accuracy by 0.4 points`."""
    relation = "exceeds" if gap.value >= 0 else "falls short of"
    return f"its confidence {relation} its accuracy by {points_text(abs(gap.value))}"


def _gap_evidence(findings: Findings, condition: str) -> str:
    gap, error = findings.calibration.gap, findings.calibration.error
    return (
        f"Confidence less accuracy: {points_text(gap.value)} ({points_interval_text(gap)}),"
        f" n = {count_text(gap.n)}; the rule fires where the interval lies {condition}. Expected calibration error:"
        f" {percent_text(error.value)}; chance alone shows up to {percent_text(error.null_high)}."
    )


def _repair_clause(scaling: TemperatureScaling | None) -> str:
    """What one temperature does about it, as far as the other half of the images proves it."""
    if scaling is None or not scaling.log_loss_change.high < 0:
        return ""
    temperature = number_text(scaling.temperature, digits=2)
    if scaling.after.value <= scaling.after.null_high:
        return f"; a temperature of {temperature} repairs it"
    return f"; a temperature of {temperature} repairs part of it"


def _temperature_advice(scaling: TemperatureScaling | None) -> str:
    if scaling is None:
        return "Temperature scaling needs more images than this test set has. "
    if not scaling.log_loss_change.high < 0:
        return (
            f"One temperature does not repair it: {number_text(scaling.temperature, digits=2)}, fitted on one half of"
            " the images, takes nothing provable off the log-loss of the other half"
            f" (change {number_interval_text(scaling.log_loss_change)}). "
        )
    return (
        f"Divide the logits by {number_text(scaling.temperature, digits=2)} before the softmax. Fitted on"
        f" {plural_text(scaling.num_fitted, 'image')}, this takes the calibration error of the other"
        f" {count_text(scaling.after.n)} from {percent_text(scaling.before.value)} to"
        f" {percent_text(scaling.after.value)} (chance alone shows up to {percent_text(scaling.after.null_high)}) and"
        " their log-loss from"
        f" {number_text(scaling.log_loss_before.value)} to {number_text(scaling.log_loss_after.value)}. It changes no"
        " prediction. "
    )


def _describe_confident_errors(item: Recommendation) -> RecommendationText:
    sure = f"{percent_text(HIGH_CONFIDENCE, digits=0)} or more"
    if not item.evidence:
        return RecommendationText(headline=f"No answer has a confidence of {sure}.", advice="", evidence="")
    found = item.evidence[0]
    wrong = proportion_of(found)
    evidence = (
        f"{count_text(wrong.count)} of {plural_text(wrong.total, 'answer')} with a confidence of {sure}:"
        f" {percent_text(wrong.value)} (exact interval {percent_interval_text(wrong)}); the rule fires where the"
        f" interval lies above the {percent_text(found.threshold)} that their confidences admit."
    )
    if not item.fired:
        return RecommendationText(
            headline="Nothing proves that its surest answers are wrong more often than they admit: of those with a"
            f" confidence of {sure}, {percent_text(wrong.value)} are, and {percent_text(found.threshold)} should be.",
            advice="",
            evidence=evidence,
        )
    return RecommendationText(
        headline=f"Its surest answers are wrong more often than they admit: of those with a confidence of {sure},"
        f" {percent_text(wrong.value)} are, and {percent_text(found.threshold)} should be.",
        advice="Look at these first, and at their labels: the surest mistakes of a good model are often wrong labels."
        " Correct those; they distort every other number. For the rest, add training images like them. Where answers"
        " are accepted without a person looking, set the threshold by the error measured here, not by the confidence.",
        evidence=evidence,
    )


def _describe_superclass_errors(item: Recommendation, findings: Findings) -> RecommendationText:
    group = findings.superclasses
    if group is None:
        return RecommendationText(
            headline="Superclasses are not known, so mistakes inside them cannot be told apart.", advice="", evidence=""
        )
    if not item.evidence:
        return RecommendationText(
            headline="There is no mistake, inside a superclass or across.", advice="", evidence=""
        )
    found = item.evidence[0]
    inside = proportion_of(found)
    evidence = (
        f"{count_text(inside.count)} of {plural_text(inside.total, 'mistake')}: {percent_text(inside.value)}"
        f" (exact interval {percent_interval_text(inside)}); the rule fires where the interval lies above"
        f" {percent_text(found.threshold)}. Spread evenly over all other classes, {percent_text(group.chance)} would"
        f" stay inside. The superclass is right for {percent_text(group.accuracy.value)} of the images"
        f" ({percent_interval_text(group.accuracy)})."
    )
    if not item.fired:
        return RecommendationText(
            headline=f"Mistakes do not gather inside superclasses: {percent_text(inside.value)} stay there,"
            f" {percent_text(group.chance)} would by chance.",
            advice="",
            evidence=evidence,
        )
    return RecommendationText(
        headline=f"It finds the right kind of thing and misses the detail: {percent_text(inside.value)} of its mistakes"
        f" stay inside the superclass, {number_text(inside.value / group.chance, digits=1)} times what chance gives.",
        advice="It needs finer features: more pixels, or a later loss of resolution, and a second head trained on the"
        " superclass. Colour augmentation makes it learn shape and texture, but hold back where colour is what tells"
        " the classes apart. A supervised contrastive loss with negatives from the same superclass pulls neighbours"
        " apart.",
        evidence=evidence,
    )


def _describe_symmetric_pairs(item: Recommendation, cache: EvaluationCache) -> RecommendationText:
    if not item.evidence:
        return RecommendationText(headline=_no_pair_text(item, cache), advice="", evidence="")
    names = [" ↔ ".join(cache.class_names[index] for index in found.pair or ()) for found in item.evidence]
    evidence = (
        f"{listed_text([_pair_evidence(found, cache) for found in item.evidence], separator='; ')}."
        f" {family_text(item.num_tested, 'pair', 'pairs')}"
    )
    if not item.fired:
        return RecommendationText(
            headline=f"No pair of classes stands out as confused both ways; {names[0]} comes nearest.",
            advice="",
            evidence=evidence,
        )
    cam = next(iter(cache.cams.values()), None)
    knows_classes = cam is not None and not cam.is_class_agnostic
    subject = "One pair of classes is" if len(names) == 1 else f"{count_text(len(names))} pairs of classes are"
    return RecommendationText(
        headline=f"{subject} taken for each other, both ways, far more than for the rest: {named_text(names)}.",
        advice="Both directions together mean that the model cannot tell the two apart, not that it favours one."
        f" {_PAIR_MAPS_ADVICE if knows_classes else _PAIR_ADVICE} Where people cannot tell the"
        " two apart either, mend the labels, merge the classes or accept both answers.",
        evidence=evidence,
    )


def _no_pair_text(item: Recommendation, cache: EvaluationCache) -> str:
    if cache.num_classes == 2:
        return "With two classes there are no others to compare a pair with."
    return "No class is taken for another." if item.num_tested else "Too few classes have images to compare pairs."


def _pair_evidence(found: Evidence, cache: EvaluationCache) -> str:
    true, predicted = (cache.class_names[index] for index in found.pair or ())
    there, back = proportion_of(found), found.reverse
    text = f"{true} called {predicted} {counted_text(there, found.threshold)}"
    if back is None or found.reverse_threshold is None:
        return text
    return f"{text}, the other way {counted_text(back, found.reverse_threshold)}"


def _describe_swallowing_classes(item: Recommendation, cache: EvaluationCache) -> RecommendationText:
    if not item.evidence:
        return RecommendationText(headline="No class is taken for another.", advice="", evidence="")
    names = [cache.class_names[found.class_index] for found in item.evidence if found.class_index is not None]
    first = proportion_of(item.evidence[0])
    details = [
        f"{name} takes {counted_text(proportion_of(found))}" for name, found in zip(names, item.evidence, strict=True)
    ]
    evidence = (
        f"Of the mistakes that involve the class, {listed_text(details)}; the rule fires where the interval"
        f" lies above {percent_text(item.evidence[0].threshold)}. {family_text(item.num_tested, 'class', 'classes')}"
    )
    balance = (
        f"{plural_text(first.count, 'image')} of other classes are called {names[0]},"
        f" {count_text(first.total - first.count)} of its own get another name"
    )
    if not item.fired:
        return RecommendationText(
            headline=f"No class stands out as swallowing others; {names[0]} comes nearest: {balance}.",
            advice="",
            evidence=evidence,
        )
    return RecommendationText(
        headline=f"{names[0]} swallows other classes: {balance}."
        if len(names) == 1
        else f"{count_text(len(names))} classes swallow others: {named_text(names)}.",
        advice="The model gives this name too readily. See whether the training set holds more of it than of its"
        " neighbours, and balance by sampling, by class weights or by logit adjustment (subtract the logarithm of each"
        " class's share from its logit). Its page lists what it takes: add such images as hard negatives.",
        evidence=evidence,
    )


def _describe_weak_classes(item: Recommendation, cache: EvaluationCache) -> RecommendationText:
    if not item.evidence:
        return RecommendationText(headline="No class has an image to measure.", advice="", evidence="")
    names = [cache.class_names[found.class_index] for found in item.evidence if found.class_index is not None]
    recalls = [percent_text(found.measured.value) for found in item.evidence]
    named = [f"{name} {recall}" for name, recall in zip(names, recalls, strict=True)]
    details = [f"{name} {counted_text(proportion_of(found))}" for name, found in zip(names, item.evidence, strict=True)]
    accuracy = percent_text(item.evidence[0].threshold)
    evidence = (
        f"{listed_text(details)}; the rule fires where the interval lies below the accuracy over all images,"
        f" {accuracy}. {family_text(item.num_tested, 'class', 'classes')}"
    )
    if not item.fired:
        return RecommendationText(
            headline=f"No class falls below the average by more than chance explains; {names[0]} comes nearest with"
            f" {recalls[0]}.",
            advice="",
            evidence=evidence,
        )
    subject = "One class falls" if len(names) == 1 else f"{count_text(len(names))} classes fall"
    return RecommendationText(
        headline=f"{subject} below the average of {accuracy} by more than chance explains: {named_text(named)}.",
        advice="Spend effort here first: more images of these classes, and augmentation aimed at what their pages show"
        " going wrong (scale, pose, background, light). Draw them more often in training or weigh them more in the"
        " loss, and watch that the classes they are taken for do not pay for it.",
        evidence=evidence,
    )
