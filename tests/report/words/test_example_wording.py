"""Examples and groups of them in words, and that pages, figures and alternative texts share them."""

import html

import numpy as np
import pytest

from reportgen.analysis.findings import Findings
from reportgen.analysis.intervals import Proportion
from reportgen.cache import EvaluationCache
from reportgen.report.pictures import figures
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.report.words.example_wording import (
    confidence_text,
    describe_best,
    describe_confident_errors,
    describe_confusions,
    describe_mistaken,
    describe_worst,
    outcome_text,
    photo_alt_text,
    true_class_text,
)
from reportgen.settings import RenderSettings


def test_an_error_and_a_correct_example(small_cache: EvaluationCache, small_findings: Findings):
    predictions = small_findings.predictions
    error = int(np.flatnonzero(~predictions.is_correct)[0])
    correct = int(np.flatnonzero(predictions.is_correct)[0])
    logits = small_cache.logits[error].astype(float)
    probabilities = np.exp(logits) / np.exp(logits).sum()
    label = int(small_cache.labels[error])
    rank = 1 + int((probabilities > probabilities[label]).sum())
    assert outcome_text(small_findings, error, predicted="seal") == "Predicted: seal"
    assert outcome_text(small_findings, correct, predicted="seal") == "Correct"
    assert confidence_text(small_findings, error) == f"{100 * probabilities.max():.1f}%"
    assert true_class_text(small_findings, error, true="otter").startswith("Otter: ")
    assert true_class_text(small_findings, error, true="otter").endswith(f"%, rank {rank}")
    confidence = confidence_text(small_findings, error)
    alt = photo_alt_text(small_findings, error, true="otter", predicted="seal")
    assert alt == f"Photo of otter, predicted as seal with {confidence} confidence"
    alt = photo_alt_text(small_findings, correct, true="otter", predicted="otter")
    assert alt.startswith("Photo of otter, predicted correctly with ")


ASIDE = "Not shown: 1 possible label error with a higher confidence."


@pytest.mark.parametrize(
    ("num_right", "shown", "words"),
    [
        (67, (5, 0, 0), ("Most confident errors", "5 of 33 errors, by descending confidence.", "5 of 33")),
        (
            98,
            (1, 2, 1),
            (
                "Most confident errors",
                "1 of 2 errors, by descending confidence. Then 2 of 98 correct images, by ascending confidence."
                f" {ASIDE}",
                "1 of 2, 1 possible label error not shown, then correct images",
            ),
        ),
        (
            100,
            (0, 5, 0),
            ("Least confident correct images", "5 of 100 correct images, by ascending confidence.", "5 of 100"),
        ),
        (
            99,
            (0, 2, 1),
            (
                "Least confident correct images",
                f"2 of 99 correct images, by ascending confidence. {ASIDE}",
                "2 of 99, 1 possible label error not shown",
            ),
        ),
    ],
)
def test_the_worst_examples_of_a_class(num_right: int, shown: tuple[int, int, int], words: tuple[str, str, str]):
    num_errors, num_correct, num_set_aside = shown
    made = describe_worst(
        "otter",
        Proportion(count=num_right, total=100),
        num_errors=num_errors,
        num_correct=num_correct,
        num_set_aside=num_set_aside,
    )
    assert (made.title, made.note, made.short_note) == words
    assert made.empty_text == "The test set has no images of otter."


def test_other_groups(small_findings: Findings):
    best = describe_best("otter", Proportion(count=67, total=100), num_shown=3)
    assert (best.note, best.short_note) == ("3 of 67 correct images, by descending confidence.", "3 of 67")
    metrics = small_findings.classes[0]
    mistaken = describe_mistaken("con", metrics, num_shown=3, num_set_aside=2)
    assert mistaken.title == "Mistaken for con"
    assert mistaken.note == (
        "3 of 5 images of other classes predicted as con, by descending confidence."
        " Not shown: 2 possible label errors with a higher confidence."
    )
    pair = describe_confusions("otter", "seal", num_shown=4, total=13)
    assert (pair.title, pair.short_note) == ("otter predicted as seal", "4 of 13")
    assert pair.empty_text == "No image of otter is predicted as seal."
    none = describe_confident_errors(num_shown=0, total=0, num_set_aside=0)
    assert none.empty_text == "No errors have a confidence of 90% or more."
    some = describe_confident_errors(num_shown=6, total=9, num_set_aside=1)
    assert some.note == (
        "6 of 9 errors with a confidence of 90% or more, by descending confidence."
        " Not shown: 1 possible label error, listed on a separate page."
    )


def test_pages_and_figures_say_the_same(small_cache: EvaluationCache, small_findings: Findings, record_page):
    site = dict(render_site(small_cache, small_findings, load_presentation(RenderSettings())))
    page = html.unescape(site["classes/003-1-1.html"].decode())
    figure = record_page(figures, figures.class_figure, small_cache, small_findings, 3)
    position = small_findings.selections[3].worst[0]
    for text in (
        "Most confident errors",
        "Most confident correct images",
        true_class_text(small_findings, position, true="=1+1"),
    ):
        assert text in page
        assert any(text in told for told in figure.texts), text
