"""The rules about maps and labels in words: what was found, what to do about it, and the evidence."""

import math

from reportgen.analysis.findings import Findings
from reportgen.analysis.focus import BORDER_WIDTH, HIGH_OVERLAP_SHARE, MapComparison
from reportgen.analysis.intervals import Estimate
from reportgen.analysis.recommendations import MIN_BORDER_EXCESS, MIN_SPREAD_EXCESS, Recommendation
from reportgen.cache import EvaluationCache
from reportgen.methods import find_method
from reportgen.report.words.phrases import (
    RecommendationText,
    counted_text,
    family_text,
    listed_text,
    named_text,
    proportion_of,
)
from reportgen.report.words.run_facts import no_maps_text
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

_NO_EVIDENCE_TEXT = "Too few images have a map to compare where it looks."
_NO_PAIR_TEXT = "No pair of classes has enough mistakes to compare their maps."


def _unjudged(cache: EvaluationCache, otherwise: str, *, compares_classes: bool = False) -> RecommendationText:
    """Why a rule about maps has nothing to measure: there are none, they know no class, or what else it may be."""
    cam = next(iter(cache.cams.items()), None)
    if cam is None:
        headline = f"Where it looks cannot be judged. {no_maps_text(cache)}"
    elif compares_classes and cam[1].is_class_agnostic:
        headline = f"The maps by {find_method(cam[0]).title} are the same for every class: none to compare."
    else:
        headline = otherwise
    return RecommendationText(headline=headline, advice="", evidence="")


def describe_background_focus(item: Recommendation, cache: EvaluationCache, findings: Findings) -> RecommendationText:
    """Whether it looks at the border where it is wrong, or at all."""
    if not item.evidence or findings.focus is None:
        return _unjudged(cache, _NO_EVIDENCE_TEXT)
    border = findings.focus.border_share
    area = percent_text(border.uniform)
    evidence = (
        f"The border is the outer {percent_text(BORDER_WIDTH)} on each side, {area} of the area. It holds"
        f" {_mean_text(border.wrong)} of the evidence of wrong answers and {_mean_text(border.right)} of right ones."
        f" Among images called by the same name it is {points_text(border.difference.value)} more in wrong answers"
        f" ({points_interval_text(border.difference)}); the rule fires where that interval lies above"
        f" {points_text(MIN_BORDER_EXCESS, digits=0)}, or where the share in all answers, {_mean_text(border.overall)},"
        " lies above that of the area."
    )
    shares = (
        f"{percent_text(border.wrong.value)} of the evidence lies there, against {percent_text(border.right.value)}"
    )
    overall = f"{percent_text(border.overall.value)} of the evidence lies there, on {area} of the area"
    if not item.fired:
        comparison = _comparison("looks at the border", border.difference, MIN_BORDER_EXCESS)
        return RecommendationText(
            headline=f"It does not look at the border more than at the middle: {overall}."
            if math.isnan(border.difference.low)
            else f"{comparison} where it is wrong than where it is right: {shares}.",
            advice="",
            evidence=evidence,
        )
    is_everywhere = any(found.threshold == border.uniform for found in item.evidence)
    return RecommendationText(
        headline=f"It looks at the border more than at the middle: {overall}."
        if is_everywhere
        else f"It looks at the border more where it is wrong than where it is right: {shares}.",
        advice="Where objects stand in the middle, the border is background, and the model decides by it. Make the"
        " background worthless in training: CutMix, random crops that keep the object, objects pasted on other"
        " backgrounds. Crop the test images closer to see at once what it costs. Look at the mean maps of the classes"
        " first: what fills the picture, such as a landscape, is rightly recognised at its border.",
        evidence=evidence,
    )


def describe_diffuse_focus(item: Recommendation, cache: EvaluationCache, findings: Findings) -> RecommendationText:
    """Whether its maps are more spread where it is unsure."""
    if not item.evidence or findings.focus is None:
        return _unjudged(cache, _NO_EVIDENCE_TEXT)
    focus = findings.focus
    unsure, sure, difference = focus.unsure_spread, focus.sure_spread, focus.spread_difference
    evidence = (
        "Effective share of the area that holds the evidence (by the entropy of the map):"
        f" {_mean_text(unsure)} for the third of the answers with the lowest confidence, {_mean_text(sure)} for the"
        f" third with the highest. Among images called by the same name, unsure less sure is"
        f" {points_text(difference.value)} ({points_interval_text(difference)}); the rule fires where that interval"
        f" lies above {points_text(MIN_SPREAD_EXCESS, digits=0)}."
    )
    areas = f"the evidence fills {percent_text(unsure.value)} of the picture, against {percent_text(sure.value)}"
    if not item.fired:
        comparison = _comparison("looks around", difference, MIN_SPREAD_EXCESS)
        return RecommendationText(
            headline=f"{comparison} where it is unsure than where it is sure: {areas}.", advice="", evidence=evidence
        )
    return RecommendationText(
        headline=f"It looks around more where it is unsure than where it is sure: {areas}.",
        advice="The evidence is scattered where the answer is open. Attention modules let the network weigh channels"
        " and places before it decides: squeeze-and-excitation (SE) for channels, CBAM for both. Training on closer"
        " crops teaches it where the object ends.",
        evidence=evidence,
    )


def _comparison(what: str, difference: Estimate, threshold: float) -> str:
    """`It looks around hardly more`: what an interval that does not lie above the threshold says."""
    if difference.high > threshold:
        return f"Nothing proves that it {what} more"
    return f"It {what} {'hardly' if difference.high > 0 else 'no'} more"


def _mean_text(mean: Estimate) -> str:
    """`21.6% (21.3–21.8%, n = 3,435)`."""
    return f"{percent_text(mean.value)} ({percent_interval_text(mean)}, n = {count_text(mean.n)})"


def describe_pairs_same_place(item: Recommendation, cache: EvaluationCache, findings: Findings) -> RecommendationText:
    """Pairs of classes that are mistaken for each other at the same place."""
    comparison = _comparison_of(findings)
    if not item.evidence or comparison is None:
        return _unjudged(cache, _NO_PAIR_TEXT, compares_classes=True)
    names = _pair_names(item, cache)
    line = f"more than {percent_text(HIGH_OVERLAP_SHARE, digits=0)} of unrelated images"
    evidence = _pair_evidence(item, names, comparison, line, comparison.unrelated_high)
    if not item.fired:
        return RecommendationText(
            headline="No pair of classes is proven to be taken for each other at the same place;"
            f" {names[0]} comes nearest.",
            advice="",
            evidence=evidence,
        )
    return RecommendationText(
        headline=f"In {plural_text(len(names), 'pair')} of classes it looks at the same place for both and reads it"
        f" differently: {named_text(names)}.",
        advice="It finds the place, so that other crops and backgrounds will hardly help. It needs finer features"
        " there: more pixels, a later loss of resolution, a contrastive loss on the pair, and images that show what"
        " tells the two apart. Classes that it weighs alike have like maps on any image: the maps do not show which"
        " detail it missed. Where people cannot tell the two apart either, mend the labels, merge the classes or accept"
        " both answers.",
        evidence=evidence,
    )


def describe_pairs_elsewhere(item: Recommendation, cache: EvaluationCache, findings: Findings) -> RecommendationText:
    """Pairs of classes that are mistaken for each other at different places."""
    comparison = _comparison_of(findings)
    if not item.evidence or comparison is None:
        return _unjudged(cache, _NO_PAIR_TEXT, compares_classes=True)
    names = _pair_names(item, cache)
    line = "less than half of unrelated images"
    evidence = _pair_evidence(item, names, comparison, line, comparison.unrelated_median)
    if not item.fired:
        return RecommendationText(
            headline=f"No pair of classes is proven to be mistaken by looking elsewhere; {names[0]} comes nearest.",
            advice="",
            evidence=evidence,
        )
    return RecommendationText(
        headline=f"In {plural_text(len(names), 'pair')} of classes it looks elsewhere than where the true class shows:"
        f" {named_text(names)}.",
        advice="It takes something beside the object for the other class. See from the maps of the pair what it is: a"
        " habitat, a frame, a second object. Then break the link: CutMix, other crops, backgrounds exchanged between"
        " the two classes, images of each without it. Where both are in the picture, both answers are right: allow"
        " more than one label.",
        evidence=evidence,
    )


def _comparison_of(findings: Findings) -> MapComparison | None:
    return None if findings.focus is None else findings.focus.comparison


def _pair_names(item: Recommendation, cache: EvaluationCache) -> list[str]:
    return [" ↔ ".join(cache.class_names[index] for index in found.pair or ()) for found in item.evidence]


def _pair_evidence(item: Recommendation, names: list[str], comparison: MapComparison, line: str, overlap: float) -> str:
    """How many of each pair's mistakes lie beyond a line of overlap, and what overlap is worth with this model."""
    counts = [f"{name} {counted_text(proportion_of(found))}" for name, found in zip(names, item.evidence, strict=True)]
    unrelated, mistakes = comparison.overlap_unrelated, comparison.overlap_mistakes
    return (
        f"Mistakes whose two maps overlap {line} do ({number_text(overlap)}): {listed_text(counts)}; the rule fires"
        f" where the interval lies above {percent_text(item.evidence[0].threshold, digits=0)}. Mean overlap (cosine):"
        f" {number_text(unrelated.value)} ({number_interval_text(unrelated)}) between unrelated images,"
        f" {number_text(mistakes.value)} ({number_interval_text(mistakes)}) in all mistakes."
        f" {family_text(item.num_tested, 'pair', 'pairs')}"
    )


def describe_label_issues(item: Recommendation, findings: Findings) -> RecommendationText:
    """How many labels it contradicts, and how many of those its own confidence expects."""
    issues = findings.label_issues
    if not item.evidence:
        return RecommendationText(headline="No answer is sure enough to contradict a label.", advice="", evidence="")
    found = proportion_of(item.evidence[0])
    foreseen = count_text(round(issues.num_foreseen))
    evidence = (
        f"{count_text(found.count)} of {plural_text(found.total, 'answer')} with a probability of"
        f" {percent_text(issues.min_probability, digits=0)} or more (temperature"
        f" {number_text(issues.temperature, digits=2)}): {percent_text(found.value)} (exact interval"
        f" {percent_interval_text(found)}); the rule fires where the interval lies above the"
        f" {percent_text(item.evidence[0].threshold)} that the probabilities foresee. Only classes that are often taken"
        f" for each other count; confident learning alone flags {count_text(issues.num_plain)}."
    )
    if item.fired:
        return RecommendationText(
            headline=f"More labels are contradicted than its confidence explains: {count_text(found.count)}, where it"
            f" foresees {foreseen}.",
            advice="Look through the list of label issues, the surest first, and correct what a person agrees with:"
            " wrong labels distort every other number. See whether the training labels have the same errors. Where a"
            " person sides with the label, the model is sure and wrong about two classes that are alike: such images"
            " belong into training.",
            evidence=evidence,
        )
    if found.count == 0:
        text = "No label is contradicted surely enough to deserve a second look."
    else:
        verb = "deserves" if found.count == 1 else "deserve"
        text = (
            f"{plural_text(found.count, 'label')} {verb} a second look, but their number proves none wrong: its own"
            f" confidence foresees {foreseen}."
        )
    return RecommendationText(headline=text, advice="", evidence=evidence)
