import math
import re
from dataclasses import replace

import pytest

from reportgen.analysis.calibration import CalibrationError, TemperatureScaling
from reportgen.analysis.intervals import Estimate, Proportion
from reportgen.analysis.recommendations import Evidence, Recommendation, Rule
from reportgen.report.words.wording import describe, headline


def share(count: int, total: int) -> Proportion:
    return Proportion(count=count, total=total, level=0.999, exact=True)


def estimate(value: float, low: float, high: float, n: int = 1000) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=n)


def fired(rule: Rule, *evidence: Evidence, num_tested: int = 1) -> Recommendation:
    return Recommendation(rule=rule, fired=True, evidence=evidence, num_tested=num_tested)


def unfired(rule: Rule, *evidence: Evidence, num_tested: int = 1) -> Recommendation:
    return Recommendation(rule=rule, fired=False, evidence=evidence, num_tested=num_tested)


def make_scaling(*, after: float, change: tuple[float, float, float]) -> TemperatureScaling:
    return TemperatureScaling(
        temperature=1.5,
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


GAP = Evidence(measured=estimate(0.09, 0.07, 0.11), threshold=0.02, fires_above=True)
SURE = Evidence(measured=share(30, 400), threshold=0.031, fires_above=True)
INSIDE = Evidence(measured=share(60, 100), threshold=0.3, fires_above=True)
PAIR = Evidence(
    measured=share(20, 100),
    threshold=0.0125,
    fires_above=True,
    pair=(0, 1),
    reverse=share(15, 90),
    reverse_threshold=0.034,
)
SWALLOW = Evidence(measured=share(40, 50), threshold=0.5, fires_above=True, class_index=3)
WEAK = Evidence(measured=share(25, 100), threshold=0.655, fires_above=False, class_index=4)

BORDER = Evidence(measured=estimate(0.09, 0.07, 0.11), threshold=0.05, fires_above=True)
SPREAD = Evidence(measured=estimate(0.08, 0.06, 0.1), threshold=0.05, fires_above=True)
SAME_PLACE = Evidence(measured=share(20, 20), threshold=0.5, fires_above=True, pair=(0, 1))
ISSUES = Evidence(measured=share(30, 400), threshold=0.02, fires_above=True)

ONE_EACH = {
    Rule.OVERCONFIDENCE: GAP,
    Rule.UNDERCONFIDENCE: replace(GAP, fires_above=False, threshold=-0.02),
    Rule.CONFIDENT_ERRORS: SURE,
    Rule.SUPERCLASS_ERRORS: INSIDE,
    Rule.SYMMETRIC_PAIRS: PAIR,
    Rule.SWALLOWING_CLASSES: SWALLOW,
    Rule.WEAK_CLASSES: WEAK,
    Rule.BACKGROUND_FOCUS: BORDER,
    Rule.DIFFUSE_FOCUS: SPREAD,
    Rule.PAIRS_SAME_PLACE: SAME_PLACE,
    Rule.PAIRS_ELSEWHERE: SAME_PLACE,
    Rule.LABEL_ISSUES: ISSUES,
}


@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize("has_fired", [True, False])
def test_every_rule_is_told_in_plain_sentences(small_cache, small_findings, rule, has_fired):
    evidence = ONE_EACH[rule]
    item = fired(rule, evidence) if has_fired else unfired(rule, evidence)
    text = describe(item, small_cache, small_findings)
    assert text.headline.endswith(".")
    assert bool(text.advice) == has_fired
    assert text.evidence.endswith(".")
    for part in (text.headline, text.advice, text.evidence):
        assert "  " not in part
        assert part == part.strip()
        assert "nan" not in part
        assert not re.search(r"<(?!tag>|\d)|&\w+;|\{|\}", part)  # no markup, no unfilled field


@pytest.mark.parametrize("rule", [rule for rule in Rule if rule not in (Rule.OVERCONFIDENCE, Rule.UNDERCONFIDENCE)])
def test_a_rule_with_nothing_to_measure_says_why(small_cache, small_findings, rule):
    text = describe(unfired(rule, num_tested=0), small_cache, small_findings)
    assert text.headline.endswith(".")
    assert text.advice == text.evidence == ""


def test_unknown_superclasses_are_not_called_flawless(small_cache, small_findings):
    text = describe(
        unfired(Rule.SUPERCLASS_ERRORS, num_tested=0), small_cache, replace(small_findings, superclasses=None)
    )
    assert text.headline == "Superclasses are not known, so mistakes inside them cannot be told apart."


def test_a_temperature_is_said_to_repair_only_what_the_other_half_proves(small_cache, small_findings):
    def told(scaling):
        findings = with_calibration(small_findings, gap=GAP.measured, temperature=scaling)
        return describe(fired(Rule.OVERCONFIDENCE, GAP), small_cache, findings)

    repaired = told(make_scaling(after=0.015, change=(-0.05, -0.07, -0.03)))
    assert "; a temperature of 1.50 repairs it." in repaired.headline
    assert "from 12.0% to 1.5% (chance alone shows up to 2.0%)" in repaired.advice
    assert "from 1.300 to 1.250" in repaired.advice
    partly = told(make_scaling(after=0.06, change=(-0.05, -0.07, -0.03)))
    assert "; a temperature of 1.50 repairs part of it." in partly.headline
    unproven = told(make_scaling(after=0.015, change=(-0.05, -0.11, 0.01)))
    assert "temperature" not in unproven.headline
    assert "One temperature does not repair it" in unproven.advice
    assert "label smoothing" in unproven.advice
    assert "more images than this test set has" in told(None).advice


def test_overconfidence_shows_the_gap_its_interval_n_and_threshold(small_cache, small_findings):
    findings = with_calibration(small_findings, gap=GAP.measured)
    text = describe(fired(Rule.OVERCONFIDENCE, GAP), small_cache, findings)
    assert "9.0 points (7.0 to 11.0), n = 1,000; the rule fires where the interval lies above 2 points" in text.evidence


def test_the_surest_errors_are_held_against_what_their_confidences_admit(small_cache, small_findings):
    text = describe(fired(Rule.CONFIDENT_ERRORS, SURE), small_cache, small_findings)
    assert "90% or more, 7.5% are, and 3.1% should be." in text.headline
    assert text.evidence.startswith("30 of 400 answers with a confidence of 90% or more: 7.5% (exact interval ")
    assert "wrong labels" in text.advice


def test_superclass_errors_are_compared_with_chance(small_cache, small_findings):
    findings = replace(small_findings, superclasses=replace(small_findings.superclasses, chance=0.1))
    text = describe(fired(Rule.SUPERCLASS_ERRORS, INSIDE), small_cache, findings)
    assert "60.0% of its mistakes stay inside the superclass, 6.0 times what chance gives" in text.headline
    assert "interval lies above 30.0%" in text.evidence
    for remedy in ("finer features", "Colour augmentation", "contrastive loss"):
        assert remedy in text.advice


def test_a_symmetric_pair_names_both_classes_and_both_directions(small_cache, small_findings):
    text = describe(fired(Rule.SYMMETRIC_PAIRS, PAIR, num_tested=15), small_cache, small_findings)
    assert text.headline.startswith("One pair of classes is taken for each other, both ways")
    assert "con ↔ a/b" in text.headline
    low, high = (100 * bound for bound in (PAIR.measured.low, PAIR.measured.high))
    assert f"con called a/b 20 of 100 ({low:.1f}–{high:.1f}%, > 1.3% asked), the other way 15 of 90" in text.evidence
    assert "hold for all 15 pairs at once" in text.evidence


def test_many_pairs_are_counted_and_the_strongest_named(small_cache, small_findings):
    pairs = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)]
    evidence = [replace(PAIR, pair=pair) for pair in pairs]
    text = describe(fired(Rule.SYMMETRIC_PAIRS, *evidence, num_tested=15), small_cache, small_findings)
    assert text.headline.startswith("6 pairs of classes are")
    assert text.headline.endswith("=1+1 ↔ 猫 and 2 more.")
    assert text.evidence.count("the other way") == 4
    assert "and 2 more" in text.evidence


def test_a_swallowing_class_shows_what_it_takes_and_what_it_loses(small_cache, small_findings):
    text = describe(fired(Rule.SWALLOWING_CLASSES, SWALLOW, num_tested=6), small_cache, small_findings)
    assert "40 images of other classes are called =1+1, 10 of its own get another name" in text.headline
    assert "=1+1 takes 40 of 50" in text.evidence
    assert "above 50.0%" in text.evidence


def test_weak_classes_are_named_with_their_recall_and_the_average(small_cache, small_findings):
    evidence = [replace(WEAK, class_index=index) for index in range(6)]
    text = describe(fired(Rule.WEAK_CLASSES, *evidence, num_tested=6), small_cache, small_findings)
    assert text.headline.startswith("6 classes fall below the average of 65.5%")
    assert text.headline.endswith("con 25.0%, a/b 25.0%, Ünïcode & <tag> 25.0%, =1+1 25.0% and 2 more.")
    assert "augmentation" in text.advice


def test_what_is_not_proven_is_not_denied(small_cache, small_findings):
    wide = with_calibration(small_findings, gap=estimate(0.01, -0.03, 0.05))
    narrow = with_calibration(small_findings, gap=estimate(0.01, 0.005, 0.015))
    for rule, word in ((Rule.OVERCONFIDENCE, "too sure"), (Rule.UNDERCONFIDENCE, "too unsure")):
        open_question, refuted = (
            describe(unfired(rule, ONE_EACH[rule]), small_cache, findings).headline for findings in (wide, narrow)
        )
        assert open_question.startswith(f"Nothing proves that it is {word} of itself")
        assert refuted.startswith(f"It is not {word} of itself")
        assert "exceeds its accuracy by 1.0 points" in refuted


@pytest.mark.parametrize(
    ("gap", "rest"),
    [
        (estimate(0.04, 0.03, 0.05), ", and is a little too sure of itself"),
        (estimate(0.09, 0.05, 0.13), ", and is too sure of itself"),
        (estimate(0.2, 0.15, 0.25), ", and is far too sure of itself"),
        (estimate(-0.09, -0.13, -0.05), ", and is less sure than it could be"),
        (estimate(0.0, -0.01, 0.01), ", and knows how sure to be"),
        (estimate(0.01, -0.03, 0.05), ""),
        (estimate(0.05, 0.01, 0.09), ""),
        (estimate(-0.05, -0.09, -0.01), ""),
    ],
)
def test_the_headline_says_only_what_the_interval_proves(small_cache, small_findings, gap, rest):
    calm = CalibrationError(value=0.01, null_high=0.02, n=1000)
    findings = with_calibration(small_findings, gap=gap, error=calm)
    assert headline(findings, small_cache) == f"net <v2> names 63.3% of 60 small & odd images right{rest}"


def test_a_miscalibrated_model_does_not_know_how_sure_to_be_even_if_its_mean_is_right(small_cache, small_findings):
    uneven = CalibrationError(value=0.08, null_high=0.02, n=1000)
    findings = with_calibration(small_findings, gap=estimate(0.0, -0.01, 0.01), error=uneven)
    assert headline(findings, small_cache).endswith("images right")


@pytest.mark.parametrize(("count", "word"), [(60, "all"), (0, "none")])
def test_the_headline_counts_all_and_none_in_words(small_cache, small_findings, count, word):
    overall = replace(small_findings.overall, top1=Proportion(count=count, total=60))
    findings = with_calibration(replace(small_findings, overall=overall), gap=estimate(math.nan, math.nan, math.nan))
    assert headline(findings, small_cache) == f"net <v2> names {word} of 60 small & odd images right"


def test_a_file_name_is_no_adjective(small_cache, small_findings):
    cache = replace(small_cache, provenance=replace(small_cache.provenance, data_name="test.npz"))
    assert "of 60 images from test.npz right" in headline(small_findings, cache)


@pytest.mark.parametrize(
    ("name", "begins"), [("a model from afar", "A model from afar names"), ("net20", "net20 names")]
)
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
        right=estimate(0.2, 0.19, 0.21),
        wrong=estimate(0.29, 0.27, 0.31, n=300),
        overall=estimate(0.23, 0.22, 0.24),
        difference=BORDER.measured,
    )
    text = describe(fired(Rule.BACKGROUND_FOCUS, BORDER), small_cache, findings)
    assert text.headline == (
        "It looks at the border more where it is wrong than where it is right: 29.0% of the evidence lies there,"
        " against 20.0%."
    )
    assert "9.0 points more in wrong answers (7.0 to 11.0)" in text.evidence
    assert "outer 12.5% on each side, 43.8% of the area" in text.evidence
    assert "29.0% (27.0–31.0%, n = 300)" in text.evidence
    assert "above 5 points" in text.evidence
    assert "CutMix" in text.advice
    assert "crops" in text.advice


def test_a_model_without_an_eye_for_the_middle_is_told_so(small_cache, small_findings):
    overall = estimate(0.55, 0.53, 0.57)
    findings = with_border(small_findings, overall=overall, difference=estimate(math.nan, math.nan, math.nan))
    everywhere = Evidence(measured=overall, threshold=findings.focus.border_share.uniform, fires_above=True)
    text = describe(fired(Rule.BACKGROUND_FOCUS, everywhere), small_cache, findings)
    assert text.headline == (
        "It looks at the border more than at the middle: 55.0% of the evidence lies there, on 43.8% of the area."
    )
    findings = with_border(findings, overall=estimate(0.2, 0.18, 0.22))
    text = describe(unfired(Rule.BACKGROUND_FOCUS, everywhere), small_cache, findings)
    assert text.headline.startswith("It does not look at the border more than at the middle: 20.0% of the evidence")
    assert "nan" not in text.evidence


@pytest.mark.parametrize(
    ("difference", "start"),
    [
        ((0.04, -0.02, 0.1), "Nothing proves that it looks at the border more where"),
        ((0.01, 0.005, 0.015), "It looks at the border hardly more where"),
        ((-0.04, -0.06, -0.02), "It looks at the border no more where"),
    ],
)
def test_what_the_border_does_not_prove_is_told_by_its_interval(small_cache, small_findings, difference, start):
    measured = estimate(*difference)
    findings = with_border(small_findings, difference=measured)
    item = unfired(Rule.BACKGROUND_FOCUS, Evidence(measured=measured, threshold=0.05, fires_above=True))
    assert describe(item, small_cache, findings).headline.startswith(start)


def test_diffuse_focus_compares_the_unsure_with_the_sure(small_cache, small_findings):
    focus = replace(
        small_findings.focus,
        unsure_spread=estimate(0.71, 0.7, 0.72, n=20),
        sure_spread=estimate(0.63, 0.62, 0.64, n=20),
        spread_difference=SPREAD.measured,
    )
    findings = replace(small_findings, focus=focus)
    text = describe(fired(Rule.DIFFUSE_FOCUS, SPREAD), small_cache, findings)
    assert text.headline == (
        "It looks around more where it is unsure than where it is sure: the evidence fills 71.0% of the picture,"
        " against 63.0%."
    )
    assert "8.0 points (6.0 to 10.0)" in text.evidence
    assert "SE" in text.advice
    assert "CBAM" in text.advice


def test_pairs_at_the_same_place_are_named_with_what_overlap_is_worth(small_cache, small_findings):
    findings = with_comparison(
        small_findings,
        overlap_unrelated=estimate(0.76, 0.75, 0.77),
        overlap_mistakes=estimate(0.86, 0.85, 0.87),
        unrelated_high=0.93,
    )
    evidence = [replace(SAME_PLACE, pair=pair) for pair in [(0, 1), (3, 4)]]
    text = describe(fired(Rule.PAIRS_SAME_PLACE, *evidence, num_tested=7), small_cache, findings)
    assert text.headline.startswith("In 2 pairs of classes it looks at the same place for both")
    assert text.headline.endswith("con ↔ a/b and =1+1 ↔ 猫.")
    low = 100 * SAME_PLACE.measured.low
    assert f"more than 95% of unrelated images do (0.930): con ↔ a/b 20 of 20 ({low:.1f}–100%)" in text.evidence
    assert "0.760 (0.750 to 0.770) between unrelated images, 0.860 (0.850 to 0.870) in all mistakes" in text.evidence
    assert "all 7 pairs at once" in text.evidence
    assert "finer features" in text.advice


def test_pairs_that_look_elsewhere_are_told_to_break_the_link(small_cache, small_findings):
    findings = with_comparison(small_findings, unrelated_median=0.79)
    text = describe(fired(Rule.PAIRS_ELSEWHERE, SAME_PLACE, num_tested=7), small_cache, findings)
    assert text.headline == "In 1 pair of classes it looks elsewhere than where the true class shows: con ↔ a/b."
    assert "less than half of unrelated images do (0.790): con ↔ a/b 20 of 20" in text.evidence
    assert "CutMix" in text.advice
    nearest = describe(unfired(Rule.PAIRS_ELSEWHERE, SAME_PLACE, num_tested=7), small_cache, findings)
    assert nearest.headline.endswith("con ↔ a/b comes nearest.")


@pytest.mark.parametrize(
    ("count", "has_fired", "headline_text"),
    [
        (30, True, "More labels are contradicted than its confidence explains: 30, where it foresees 9."),
        (12, False, "12 labels deserve a second look, but their number proves none wrong: its own confidence foresees"),
        (1, False, "1 label deserves a second look, but"),
        (0, False, "No label is contradicted surely enough to deserve a second look."),
    ],
)
def test_label_issues_are_held_against_what_confidence_foresees(
    small_cache, small_findings, count, has_fired, headline_text
):
    issues = replace(small_findings.label_issues, num_foreseen=8.8, min_probability=0.75, num_plain=77, temperature=1.3)
    findings = replace(small_findings, label_issues=issues)
    evidence = replace(ISSUES, measured=share(count, 400))
    make = fired if has_fired else unfired
    text = describe(make(Rule.LABEL_ISSUES, evidence), small_cache, findings)
    assert text.headline.startswith(headline_text)
    assert text.evidence.startswith(f"{count} of 400 answers with a probability of 75% or more (temperature 1.30)")
    assert "above the 2.0% that the probabilities foresee" in text.evidence
    assert text.evidence.endswith("confident learning alone flags 77.")
