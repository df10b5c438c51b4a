from dataclasses import replace

import numpy as np
import pytest

from reportgen.analysis.findings import compute_findings
from reportgen.analysis.intervals import Proportion
from reportgen.analysis.recommendations import Rule
from reportgen.report.words.summaries import analysis_summary, console_summary, recommendations_text
from reportgen.report.words.wording import describe, headline


@pytest.fixture(scope="module")
def perfect(small_cache):
    logits = np.zeros_like(small_cache.logits)
    logits[np.arange(len(logits)), small_cache.labels] = 9
    cache = replace(small_cache, logits=logits)
    return cache, compute_findings(cache)


def test_the_summary_opens_with_the_headline_and_holds_each_number_with_its_interval(small_cache, small_findings):
    text = analysis_summary(small_cache, small_findings)
    title, underline, _ = text.partition("\n====")
    assert title.split() == headline(small_findings, small_cache).split()
    assert underline
    assert "Accuracy              63.3%  (50.7–74.4%)" in text
    assert "=1+1             25.0%  (8.9–53.2%)   3 of 12" in text
    assert "most often predicted as 猫 (7)" in text
    assert "a/b → con              33.3%  (13.8–60.9%)  4 of 12  reverse 2 of 12" in text
    assert "The grid has few cells." in text
    assert "map sum + bias = logit: passed on 60 maps" in text


def test_a_class_without_images_is_not_ranked(small_cache, small_findings):
    classes = analysis_summary(small_cache, small_findings).split("Classes by recall, lowest first")[1]
    ranked = classes.split("Most confused pairs")[0]
    assert "no, images" not in ranked
    assert ranked.index("=1+1") < ranked.index("a/b") < ranked.index("Ünïcode")


def test_many_classes_are_cut_to_the_weakest_and_the_strongest(small_cache, small_findings):
    classes = tuple(
        replace(small_findings.classes[0], class_index=index, recall=Proportion(count=index, total=100))
        for index in range(30)
    )
    cache = replace(
        small_cache,
        class_names=tuple(f"name-{index:02d}" for index in range(30)),
        logits=np.zeros((60, 30), np.float32),
        superclasses=None,
    )
    text = analysis_summary(cache, replace(small_findings, classes=classes, pairs=(), recommendations=()))
    weakest = text.split("Classes with the lowest recall (10 of 30)")[1].split("Classes with the highest recall")[0]
    strongest = text.split("Classes with the highest recall (10 of 30)")[1].split("Most confused")[0]
    for part, indices in ((weakest, range(10)), (strongest, range(29, 19, -1))):
        named = [line.split()[0] for line in part.splitlines() if line.startswith("name-")]
        assert named == [f"name-{index:02d}" for index in indices]
    assert "No rule fired." in text


def test_recommendations_hold_every_rule_those_that_fired_first_with_advice_and_evidence(small_cache, small_findings):
    text = " ".join(recommendations_text(small_cache, small_findings).split())
    fired, rest = text.split("Rules that did not fire")
    for item in small_findings.recommendations:
        told = describe(item, small_cache, small_findings)
        place = fired if item.fired else rest
        for part in (told.headline, told.advice, told.evidence, told.details):
            assert " ".join(part.split()) in place
    num_fired = sum(item.fired for item in small_findings.recommendations)
    assert f"{num_fired} of {len(Rule)} rules fired." in fired


def test_a_perfect_model_is_described_without_gaps(perfect):
    cache, findings = perfect
    for text in (analysis_summary(cache, findings), recommendations_text(cache, findings)):
        assert "nan" not in text
        assert "None" not in text
    assert "The model makes no errors on this test set." in analysis_summary(cache, findings)
    assert "most confused  no errors" in console_summary(cache, findings)


def test_the_console_names_the_weakest_classes_and_the_most_confused_pairs(small_cache, small_findings):
    lines = console_summary(small_cache, small_findings).splitlines()
    assert lines[0] == headline(small_findings, small_cache)
    assert "63.3% (95% CI 50.7–74.4%, n = 60)" in lines[2]
    assert lines[3].startswith("lowest recall  =1+1 25.0%, 猫 50.0%, a/b 66.7%, con 75.0%, Ünïcode & <tag> 100%")
    assert lines[4].startswith("most confused  =1+1 → 猫 7 of 12, 猫 → =1+1 6 of 12, a/b → con 4 of 12")


def test_prose_keeps_to_the_width_of_a_page(small_cache, small_findings):
    for line in recommendations_text(small_cache, small_findings).splitlines():
        assert len(line) <= 88
        assert line == line.rstrip()
