import math
import re
from dataclasses import replace

import numpy as np
import pytest

from reportgen.analysis.calibration import CalibrationError, TemperatureScaling
from reportgen.analysis.class_order import ClassOrder
from reportgen.analysis.intervals import Estimate, Proportion
from reportgen.analysis.recommendations import Measurement, Recommendation, Rule
from reportgen.report.words.wording import describe, headline


def share(count: int, total: int) -> Proportion:
    return Proportion(count=count, total=total, level=0.999, exact=True)


def estimate(value: float, low: float, high: float, n: int = 1000) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=n)


def fired(rule: Rule, *measurements: Measurement, num_tested: int = 1) -> Recommendation:
    return Recommendation(rule=rule, fired=True, measurements=measurements, num_tested=num_tested)


def unfired(rule: Rule, *measurements: Measurement, num_tested: int = 1) -> Recommendation:
    return Recommendation(rule=rule, fired=False, measurements=measurements, num_tested=num_tested)


def make_scaling(*, after: float, change: tuple[float, float, float], is_limit: bool = False) -> TemperatureScaling:
    return TemperatureScaling(
        temperature=1.5,
        is_limit=is_limit,
        num_fitted=500,
        before=CalibrationError(value=0.12, null_high=0.02, n=500),
        after=CalibrationError(value=after, null_high=0.02, n=500),
        log_loss_before=estimate(1.3, 1.2, 1.4),
        log_loss_after=estimate(1.25, 1.15, 1.35),
        log_loss_change=estimate(*change),
    )


def with_calibration(findings, *, gap=None, error=None, temperature=None):
    calibration = findings.calibration
    changed = replace(
        calibration,
        gap=gap or calibration.gap,
        error=error or calibration.error,
        temperature=temperature,
    )
    return replace(findings, calibration=changed)


MAX_EVIDENCE = 120
"""Characters in the three lines beside a finding."""

GAP = Measurement(measured=estimate(0.09, 0.07, 0.11), threshold=0.02, fires_above=True)
SURE = Measurement(measured=share(30, 400), threshold=0.031, fires_above=True)
INSIDE = Measurement(measured=share(60, 100), threshold=0.3, fires_above=True)
PAIR = Measurement(
    measured=share(20, 100),
    threshold=0.0125,
    fires_above=True,
    pair=(0, 1),
    reverse=share(15, 90),
    reverse_threshold=0.034,
)
SWALLOW = Measurement(measured=share(40, 50), threshold=0.5, fires_above=True, class_index=3)
WEAK = Measurement(measured=share(25, 100), threshold=0.655, fires_above=False, class_index=4)

BORDER = Measurement(measured=estimate(0.09, 0.07, 0.11), threshold=0.05, fires_above=True)
SPREAD = Measurement(measured=estimate(0.08, 0.06, 0.1), threshold=0.05, fires_above=True)
SAME_PLACE = Measurement(measured=share(20, 20), threshold=0.5, fires_above=True, pair=(0, 1))
ISSUES = Measurement(measured=share(30, 400), threshold=0.02, fires_above=True)

GAINED = Measurement(measured=share(95, 100), threshold=0.6, fires_above=True)
ORDER = ClassOrder(
    class_of=np.array([1, 0, 2]), num_moved=2, accuracy=share(20, 200), mapped=share(140, 200), gained=share(95, 100)
)

ONE_EACH = {
    Rule.CLASS_ORDER: GAINED,
    Rule.OVERCONFIDENCE: GAP,
    Rule.UNDERCONFIDENCE: replace(GAP, fires_above=False, threshold=-0.02),
    Rule.CONFIDENT_ERRORS: SURE,
    Rule.SUPERCLASS_ERRORS: INSIDE,
    Rule.SYMMETRIC_PAIRS: PAIR,
    Rule.ONE_WAY_CONFUSIONS: replace(PAIR, reverse=None, reverse_threshold=None),
    Rule.OVER_PREDICTED_CLASSES: SWALLOW,
    Rule.WEAK_CLASSES: WEAK,
    Rule.BACKGROUND_FOCUS: BORDER,
    Rule.DIFFUSE_FOCUS: SPREAD,
    Rule.PAIRS_SAME_PLACE: SAME_PLACE,
    Rule.PAIRS_ELSEWHERE: SAME_PLACE,
    Rule.LABEL_ISSUES: ISSUES,
}


@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize("has_fired", [True, False])
def test_every_rule_is_described_in_plain_sentences(small_cache, small_findings, rule, has_fired):
    evidence = ONE_EACH[rule]
    item = fired(rule, evidence) if has_fired else unfired(rule, evidence)
    has_order = rule is Rule.CLASS_ORDER and has_fired
    text = describe(item, small_cache, replace(small_findings, suggested_order=ORDER if has_order else None))
    assert text.headline.endswith(".")
    assert bool(text.advice) == has_fired
    assert text.evidence.endswith(".") or (rule is Rule.CLASS_ORDER and not has_fired)
    assert len(text.evidence) <= MAX_EVIDENCE
    for part in (text.headline, text.advice, text.evidence, text.details):
        assert "  " not in part
        assert part == part.strip()
        assert "nan" not in part
        assert not re.search(r"<(?!tag>|\d)|&\w+;|\{|\}", part)  # no markup, no unfilled field


def test_wrong_order_leads_and_withholds_advice(small_cache, small_findings):
    findings = replace(small_findings, suggested_order=ORDER)
    assert headline(findings, small_cache).startswith("The order of the classes looks wrong: ")
    assert headline(findings, small_cache).endswith("; with the outputs reordered, about 70% would be")
    flipped = replace(findings, suggested_order=replace(ORDER, class_of=np.array([1, 0])))
    assert headline(flipped, small_cache).startswith("The model is below chance: ")
    item = replace(unfired(Rule.OVERCONFIDENCE, num_tested=0), is_withheld=True)
    text = describe(item, small_cache, findings)
    assert text.headline == "Overconfidence: not judged, because the order of the classes looks wrong."
    assert not text.advice


@pytest.mark.parametrize("rule", [rule for rule in Rule if rule not in (Rule.OVERCONFIDENCE, Rule.UNDERCONFIDENCE)])
def test_a_rule_with_nothing_to_measure_says_why(small_cache, small_findings, rule):
    text = describe(unfired(rule, num_tested=0), small_cache, small_findings)
    assert text.headline.endswith(".")
    assert text.advice == text.evidence == text.details == ""


def test_unknown_superclasses_are_not_called_flawless(small_cache, small_findings):
    text = describe(
        unfired(Rule.SUPERCLASS_ERRORS, num_tested=0), small_cache, replace(small_findings, superclasses=None)
    )
    assert text.headline == "Superclasses are unknown, so within-superclass errors are not measured."


def test_temperature_scaling_corrects_only_what_the_held_out_half_shows(small_cache, small_findings):
    def told(scaling):
        findings = with_calibration(small_findings, gap=GAP.measured, temperature=scaling)
        return describe(fired(Rule.OVERCONFIDENCE, GAP), small_cache, findings)

    repaired = told(make_scaling(after=0.015, change=(-0.05, -0.07, -0.03)))
    assert "; temperature scaling (T = 1.50) corrects this." in repaired.headline
    assert "from 12.0% to 1.5% (calibrated model: up to 2.0%)" in repaired.details
    assert "from 1.300 to 1.250" in repaired.details
    partly = told(make_scaling(after=0.06, change=(-0.05, -0.07, -0.03)))
    assert "; temperature scaling (T = 1.50) corrects part of this." in partly.headline
    unproven = told(make_scaling(after=0.015, change=(-0.05, -0.11, 0.01)))
    assert "temperature" not in unproven.headline
    assert "Temperature scaling is not shown to help" in unproven.advice
    assert "label smoothing" in unproven.advice
    worse = told(make_scaling(after=0.13, change=(-0.05, -0.06, -0.04)))
    assert "Divide" not in worse.advice
    assert "raises the expected calibration error from 12.0% to 13.0%" in worse.details
    beyond = told(make_scaling(after=0.02, change=(-0.05, -0.06, -0.04), is_limit=True))
    assert "Divide" not in beyond.advice
    assert "an end of the range" in beyond.details
    assert "too small to fit a temperature" in told(None).advice


def test_overconfidence_shows_the_gap_its_interval_n_and_threshold(small_cache, small_findings):
    findings = with_calibration(small_findings, gap=GAP.measured)
    text = describe(fired(Rule.OVERCONFIDENCE, GAP), small_cache, findings)
    assert "9.0 percentage points (95% CI 7.0 to 11.0, n = 1,000); threshold: 2 points" in text.evidence


def test_high_confidence_errors_are_compared_with_what_their_confidences_imply(small_cache, small_findings):
    text = describe(fired(Rule.CONFIDENT_ERRORS, SURE), small_cache, small_findings)
    assert "7.5% of predictions with a confidence of 90% or more are errors, 3.1% expected." in text.headline
    assert text.evidence.startswith("30 errors in 400 predictions: 7.5% (exact 95% CI ")
    assert "wrong labels" in text.advice


def test_superclass_errors_are_compared_with_chance(small_cache, small_findings):
    findings = replace(small_findings, superclasses=replace(small_findings.superclasses, chance=0.1))
    text = describe(fired(Rule.SUPERCLASS_ERRORS, INSIDE), small_cache, findings)
    assert "60.0% of errors stay within the superclass, 6.0 times the chance level" in text.headline
    assert "threshold: 30.0%" in text.evidence
    for remedy in ("finer features", "Color augmentation", "contrastive loss"):
        assert remedy in text.advice


def test_a_symmetric_pair_names_both_classes_and_both_directions(small_cache, small_findings):
    text = describe(fired(Rule.SYMMETRIC_PAIRS, PAIR, num_tested=15), small_cache, small_findings)
    assert text.headline.startswith("One pair of classes is confused in both directions")
    assert "con ↔ a/b" in text.headline
    low, high = (100 * bound for bound in (PAIR.measured.low, PAIR.measured.high))
    assert (
        f"con predicted as a/b: 20 of 100 ({low:.1f}–{high:.1f}%; threshold 1.3%), in reverse 15 of 90" in text.evidence
    )
    assert "Bonferroni-corrected for 15 pairs" in text.details


def test_many_pairs_are_counted_and_the_strongest_named(small_cache, small_findings):
    pairs = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)]
    evidence = [replace(PAIR, pair=pair) for pair in pairs]
    text = describe(fired(Rule.SYMMETRIC_PAIRS, *evidence, num_tested=15), small_cache, small_findings)
    assert text.headline.startswith("6 pairs of classes are")
    assert text.headline.endswith("=1+1 ↔ 猫 and 2 more.")
    assert text.evidence.count("in reverse") == 1
    assert text.details.count("in reverse") == 5


def test_an_over_predicted_class_shows_both_kinds_of_its_errors(small_cache, small_findings):
    text = describe(fired(Rule.OVER_PREDICTED_CLASSES, SWALLOW, num_tested=6), small_cache, small_findings)
    assert "40 images of other classes predicted as =1+1, 10 of its own images misclassified" in text.headline
    assert "=1+1: the predicted class in 40 of 50 errors that involve it" in text.evidence
    assert "threshold: 50.0%" in text.evidence


def test_weak_classes_are_named_with_their_recall_and_the_average(small_cache, small_findings):
    evidence = [replace(WEAK, class_index=index) for index in range(6)]
    text = describe(fired(Rule.WEAK_CLASSES, *evidence, num_tested=6), small_cache, small_findings)
    assert text.headline.startswith("6 classes have a recall significantly below the accuracy of 65.5%")
    assert text.headline.endswith("con 25.0%, a/b 25.0%, Ünïcode & <tag> 25.0%, =1+1 25.0% and 2 more.")
    assert "augmentation" in text.advice


def test_what_is_not_proven_is_not_denied(small_cache, small_findings):
    wide = with_calibration(small_findings, gap=estimate(0.01, -0.03, 0.05))
    narrow = with_calibration(small_findings, gap=estimate(0.01, 0.005, 0.015))
    for rule, word in ((Rule.OVERCONFIDENCE, "overconfident"), (Rule.UNDERCONFIDENCE, "underconfident")):
        open_question, refuted = (
            describe(unfired(rule, ONE_EACH[rule]), small_cache, findings).headline for findings in (wide, narrow)
        )
        assert open_question.startswith(f"The model is not shown to be {word}")
        assert refuted.startswith(f"The model is not {word}")
        assert "exceeds accuracy by 1.0 percentage points" in refuted


@pytest.mark.parametrize(
    ("gap", "rest"),
    [
        (estimate(0.04, 0.03, 0.05), " and is slightly overconfident"),
        (estimate(0.09, 0.05, 0.13), " and is overconfident"),
        (estimate(0.2, 0.15, 0.25), " and is severely overconfident"),
        (estimate(-0.09, -0.13, -0.05), " and is underconfident"),
        (estimate(0.0, -0.01, 0.01), " and is well calibrated"),
        (estimate(0.01, -0.03, 0.05), ""),
        (estimate(0.05, 0.01, 0.09), ""),
        (estimate(-0.05, -0.09, -0.01), ""),
    ],
)
def test_the_headline_says_only_what_the_interval_proves(small_cache, small_findings, gap, rest):
    calm = CalibrationError(value=0.01, null_high=0.02, n=1000)
    findings = with_calibration(small_findings, gap=gap, error=calm)
    assert (
        headline(findings, small_cache)
        == f"net <v2> classifies 63.3% of 60 small & odd test images correctly (95% CI 50.7–74.4%){rest}"
    )


def test_a_miscalibrated_model_is_not_called_well_calibrated_even_if_its_mean_is(small_cache, small_findings):
    uneven = CalibrationError(value=0.08, null_high=0.02, n=1000)
    findings = with_calibration(small_findings, gap=estimate(0.0, -0.01, 0.01), error=uneven)
    assert headline(findings, small_cache).endswith("(95% CI 50.7–74.4%)")


@pytest.mark.parametrize(("count", "word"), [(60, "all"), (0, "none")])
def test_the_headline_counts_all_and_none_in_words(small_cache, small_findings, count, word):
    overall = replace(small_findings.overall, top1=Proportion(count=count, total=60))
    findings = with_calibration(replace(small_findings, overall=overall), gap=estimate(math.nan, math.nan, math.nan))
    assert headline(findings, small_cache).startswith(
        f"net <v2> classifies {word} of 60 small & odd test images correctly"
    )


@pytest.mark.parametrize(
    ("data_name", "images"),
    [
        ("test.npz", "test images"),
        ("val", "test images"),
        ("CIFAR-100 test set", "CIFAR-100 test images"),
        ("Imagenette val set", "Imagenette validation images"),
        ("beans, split train", "beans training images"),
        ("Omniglot, all images", "Omniglot images"),
        ("TwoDigits", "TwoDigits test images"),
    ],
)
def test_the_headline_names_a_data_set_but_no_file(small_cache, small_findings, data_name, images):
    cache = replace(small_cache, provenance=replace(small_cache.provenance, data_name=data_name))
    assert f"of 60 {images} correctly" in headline(small_findings, cache)


@pytest.mark.parametrize(("name", "begins"), [("the model", "The model classifies"), ("net20", "net20 classifies")])
def test_the_headline_begins_as_a_sentence_and_leaves_names_as_they_are(small_cache, small_findings, name, begins):
    cache = replace(small_cache, provenance=replace(small_cache.provenance, model_name=name))
    assert headline(small_findings, cache).startswith(begins)


def with_border(findings, **changes):
    focus = findings.focus
    border = replace(focus.border_share, **changes)
    return replace(findings, focus=replace(focus, border_share=border))


def with_comparison(findings, **changes):
    comparison = replace(findings.focus.comparison, **changes)
    return replace(findings, focus=replace(findings.focus, comparison=comparison))


def test_background_focus_says_where_and_against_what(small_cache, small_findings):
    findings = with_border(
        small_findings,
        correct=estimate(0.2, 0.19, 0.21),
        misclassified=estimate(0.29, 0.27, 0.31, n=300),
        overall=estimate(0.23, 0.22, 0.24),
        difference=BORDER.measured,
    )
    text = describe(fired(Rule.BACKGROUND_FOCUS, BORDER), small_cache, findings)
    assert text.headline == ("Errors have more evidence at the border than correct predictions: 29.0%, against 20.0%.")
    assert "9.0 percentage points (95% CI 7.0 to 11.0)" in text.evidence
    assert "outer 12.5% on each side, 43.8% of the area" in text.details
    assert "29.0% (95% CI 27.0–31.0%, n = 300)" in text.details
    assert "threshold: 5 points" in text.evidence
    assert "CutMix" in text.advice
    assert "crops" in text.advice


def test_evidence_at_the_border_of_all_predictions_is_reported(small_cache, small_findings):
    overall = estimate(0.55, 0.53, 0.57)
    findings = with_border(small_findings, overall=overall, difference=estimate(math.nan, math.nan, math.nan))
    everywhere = Measurement(measured=overall, threshold=findings.focus.border_share.uniform, fires_above=True)
    text = describe(fired(Rule.BACKGROUND_FOCUS, everywhere), small_cache, findings)
    assert text.headline == (
        "The border attracts more evidence than the center: it holds 55.0% of the evidence on 43.8% of the area."
    )
    findings = with_border(findings, overall=estimate(0.2, 0.18, 0.22))
    text = describe(unfired(Rule.BACKGROUND_FOCUS, everywhere), small_cache, findings)
    assert text.headline.startswith(
        "The border does not attract more evidence than the center: it holds 20.0% of the evidence"
    )
    assert "nan" not in text.evidence


@pytest.mark.parametrize(
    ("difference", "start"),
    [
        ((0.04, -0.02, 0.1), "Errors are not shown to have more evidence at the border"),
        ((0.01, 0.005, 0.015), "Errors have only slightly more evidence at the border"),
        ((-0.04, -0.06, -0.02), "Errors have no more evidence at the border"),
    ],
)
def test_an_unfired_border_rule_is_described_by_its_interval(small_cache, small_findings, difference, start):
    measured = estimate(*difference)
    findings = with_border(small_findings, difference=measured)
    item = unfired(Rule.BACKGROUND_FOCUS, Measurement(measured=measured, threshold=0.05, fires_above=True))
    assert describe(item, small_cache, findings).headline.startswith(start)


def test_diffuse_focus_compares_low_with_high_confidence(small_cache, small_findings):
    focus = replace(
        small_findings.focus,
        low_confidence_spread=estimate(0.71, 0.7, 0.72, n=20),
        high_confidence_spread=estimate(0.63, 0.62, 0.64, n=20),
        spread_difference=SPREAD.measured,
    )
    findings = replace(small_findings, focus=focus)
    text = describe(fired(Rule.DIFFUSE_FOCUS, SPREAD), small_cache, findings)
    assert text.headline == (
        "Maps are more diffuse at low confidence than at high confidence: the evidence covers 71.0% of the image,"
        " against 63.0%."
    )
    assert "8.0 percentage points (95% CI 6.0 to 10.0)" in text.evidence
    assert "SE" in text.advice
    assert "CBAM" in text.advice


def test_pairs_at_the_same_place_are_named_with_what_overlap_is_worth(small_cache, small_findings):
    findings = with_comparison(
        small_findings,
        overlap_unrelated=estimate(0.76, 0.75, 0.77),
        overlap_misclassified=estimate(0.86, 0.85, 0.87),
        unrelated_high=0.93,
    )
    evidence = [replace(SAME_PLACE, pair=pair) for pair in [(0, 1), (3, 4)]]
    text = describe(fired(Rule.PAIRS_SAME_PLACE, *evidence, num_tested=7), small_cache, findings)
    assert text.headline.startswith("In 2 pairs of classes, the maps of both classes highlight the same region")
    assert text.headline.endswith("con ↔ a/b and =1+1 ↔ 猫.")
    low = 100 * SAME_PLACE.measured.low
    assert f"con ↔ a/b: overlap above 0.930 in 20 of 20 errors ({low:.1f}–100%)" in text.evidence
    assert "above 0.930, they overlap more than in 95% of unrelated images" in text.details
    assert (
        "0.76 (95% CI 0.75 to 0.77) between unrelated images, 0.86 (95% CI 0.85 to 0.87) over all errors"
        in text.details
    )
    assert "Bonferroni-corrected for 7 pairs" in text.details
    assert "finer features" in text.advice


def test_pairs_with_different_regions_get_advice_to_break_the_association(small_cache, small_findings):
    findings = with_comparison(small_findings, unrelated_median=0.79)
    text = describe(fired(Rule.PAIRS_ELSEWHERE, SAME_PLACE, num_tested=7), small_cache, findings)
    assert text.headline == "In 1 pair of classes, the two maps highlight different regions in most errors: con ↔ a/b."
    assert "con ↔ a/b: overlap below 0.790 in 20 of 20 errors" in text.evidence
    assert "below 0.790, they overlap less than in half of unrelated images" in text.details
    assert "CutMix" in text.advice
    nearest = describe(unfired(Rule.PAIRS_ELSEWHERE, SAME_PLACE, num_tested=7), small_cache, findings)
    assert nearest.headline.endswith("con ↔ a/b comes closest.")


@pytest.mark.parametrize(
    ("count", "has_fired", "headline_text"),
    [
        (30, True, "30 possible label errors, more than the 9 that the model’s confidence predicts."),
        (12, False, "12 possible label errors; the model’s confidence predicts 9, so the number alone is no proof"),
        (1, False, "1 possible label error; the model’s"),
        (0, False, "No possible label errors."),
    ],
)
def test_label_issues_are_compared_with_what_confidence_predicts(
    small_cache, small_findings, count, has_fired, headline_text
):
    issues = replace(small_findings.label_issues, num_expected=8.8, num_mixed_pairs=6)
    findings = replace(small_findings, label_issues=issues)
    evidence = replace(ISSUES, measured=share(count, 400))
    make = fired if has_fired else unfired
    text = describe(make(Rule.LABEL_ISSUES, evidence), small_cache, findings)
    assert text.headline.startswith(headline_text)
    assert text.evidence.startswith(f"{count} of 400 typical predictions contradict the label: ")
    assert "threshold: 2.0%" in text.evidence
    assert "6 pairs are excluded as mixed up" in text.details
