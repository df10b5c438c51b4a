import re
from dataclasses import replace

import numpy as np
import pytest

from reportgen.analysis.confusion import ConfusedPair
from reportgen.analysis.findings import compute_findings
from reportgen.analysis.intervals import Proportion
from reportgen.cache import CamPair
from reportgen.report.pictures import figures
from reportgen.report.pictures.example_pictures import make_pictures
from reportgen.report.words.text import peak_text, percent_text

CLASSES = range(6)
EVEN_MAPS = np.ones((60, 8, 8), np.float16)
AGNOSTIC_MAPS = CamPair(true=EVEN_MAPS, predicted=EVEN_MAPS, is_class_agnostic=True)


@pytest.mark.parametrize("class_index", CLASSES)
def test_nothing_on_a_class_figure_overlaps_or_runs_off(small_cache, small_findings, record_page, class_index):
    page = record_page(figures, figures.class_figure, small_cache, small_findings, class_index)
    assert page.overlapping_texts() == []
    assert page.texts_outside() == []
    rows, columns = np.nonzero((page.pixels < 250).any(axis=2))
    assert rows.max() < page.pixels.shape[0] - 20
    assert min(rows.min(), columns.min()) >= 36  # the margin
    assert columns.max() < page.pixels.shape[1] - 36


def test_long_names_do_not_break_the_layout(small_cache, record_page):
    names = tuple(f"{'a very long name of a class ' * 3}{index}" for index in CLASSES)
    cache = replace(small_cache, class_names=names)
    findings = compute_findings(cache)
    for draw, what in ((figures.class_figure, 3), (figures.confused_pair_figure, findings.pairs[0])):
        page = record_page(figures, draw, cache, findings, what)
        assert page.overlapping_texts() == []
        assert page.texts_outside() == []


def test_each_example_of_a_class_is_shown_with_what_was_said_of_it(small_cache, small_findings, record_page):
    page = record_page(figures, figures.class_figure, small_cache, small_findings, 1)
    selection, predictions = small_findings.selections[1], small_findings.predictions
    names = small_cache.class_names
    verdicts = [text for text in page.texts if text.startswith("Predicted: ") or text == "Correct"]
    expected = [
        "Correct" if predictions.is_correct[at] else f"Predicted: {names[predictions.predicted[at]]}"
        for at in (*selection.worst, *selection.best)
    ]
    assert verdicts == expected
    rests = [text for text in page.texts if text.startswith(" (")]
    for text, at in zip(rests, (*selection.worst, *selection.best), strict=True):
        assert text.startswith(f" ({percent_text(predictions.confidence[at])})")
        if not predictions.is_correct[at]:
            probability, rank = percent_text(predictions.true_probability[at]), predictions.true_rank[at]
            assert text.endswith(f". A/b: {probability}, rank {rank}")


def test_a_mistake_shows_four_pictures_and_a_right_answer_three(small_cache, small_findings, record_page):
    page = record_page(figures, figures.class_figure, small_cache, small_findings, 1)
    selection, predictions = small_findings.selections[1], small_findings.predictions
    expected = []
    for at in (*selection.worst, *selection.best):
        pictures = make_pictures(small_cache, [at])[0]
        expected.append(pictures.photo)
        if not predictions.is_correct[at]:
            expected.append(pictures.true_overlay)
        expected += [pictures.predicted_overlay, pictures.predicted_map]
    shown = [pixels for _, _, pixels in page.pictures if pixels.shape == expected[0].shape]
    num_wrong = np.count_nonzero(~predictions.is_correct[[*selection.worst, *selection.best]])
    num_right = len(selection.worst) + len(selection.best) - num_wrong
    assert len(shown) == len(expected) == 4 * num_wrong + 3 * num_right
    assert num_wrong >= 3
    assert num_right >= 4
    for one, other in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    for x, y, pixels in page.pictures:
        height, width = pixels.shape[:2]
        np.testing.assert_array_equal(page.pixels[y : y + height, x : x + width], pixels)


def test_peaks_stand_below_the_overlays_and_a_blank_map_is_said_in_words(
    small_cache, small_findings, record_page, blank_position
):
    assert blank_position in small_findings.selections[1].worst
    page = record_page(figures, figures.class_figure, small_cache, small_findings, 1)
    assert page.texts.count("no evidence") == 2  # the blank map, and the legend
    first = make_pictures(small_cache, [small_findings.selections[1].worst[0]])[0]
    assert f"peak {peak_text(first.true_peak)}" in page.texts
    assert f"peak {peak_text(first.predicted_peak)}" in page.texts


def test_a_column_says_how_many_of_its_mistakes_it_shows(small_cache, small_findings, record_page):
    def note(worst, num_worst_set_aside=0):
        selection = replace(small_findings.selections[3], worst=tuple(worst), num_worst_set_aside=num_worst_set_aside)
        selections = (*small_findings.selections[:3], selection, *small_findings.selections[4:])
        page = record_page(
            figures, figures.class_figure, small_cache, replace(small_findings, selections=selections), 3
        )
        return page.texts[page.texts.index("Most confident errors") + 1]

    positions = np.flatnonzero(small_cache.labels == 3)
    is_correct = small_findings.predictions.is_correct[positions]
    wrong, right = positions[~is_correct].tolist(), positions[is_correct].tolist()
    assert note(wrong[:5]) == "5 of 9"
    assert note([*wrong[:3], *right[:2]]) == "3 of 9, then correct images"
    assert note(wrong[1:4], num_worst_set_aside=1) == "3 of 9, 1 possible label error not shown"


def test_a_class_figure_names_its_source_and_its_numbers(small_cache, small_findings, record_page):
    page = record_page(figures, figures.class_figure, small_cache, small_findings, 3)
    assert page.texts[:2] == ["=1+1", "net <v2> · small & odd"]
    told = " ".join(page.texts)
    assert "Recall 25.0% (8.9–53.2%), 3 of 12 images · precision 33.3% (12.1–64.6%), 3 of 9" in told
    assert "Grad-CAM at features.3, 8×8 cells" in told
    assert "Predicted as" in page.texts
    assert page.texts[page.texts.index("Predicted as") + 1 :][:2] == ["class 4", "7"]


@pytest.mark.parametrize(
    ("class_index", "sentences"),
    [
        (2, ["Least confident correct images", "Mistaken for this class"]),
        (5, ["No image of this class in the test set", "The test set has no images of no, images."]),
    ],
)
def test_a_class_without_mistakes_or_images_says_so(small_cache, small_findings, record_page, class_index, sentences):
    page = record_page(figures, figures.class_figure, small_cache, small_findings, class_index)
    for sentence in sentences:
        assert sentence in page.texts
    assert "Most confident errors" not in page.texts


def test_a_class_that_is_never_right_says_so(small_cache, record_page):
    logits = small_cache.logits.copy()
    logits[small_cache.labels == 0] = [0, 9, 0, 0, 0, 0]
    cache = replace(small_cache, logits=logits)
    page = record_page(figures, figures.class_figure, cache, compute_findings(cache), 0)
    assert "No image of con is classified correctly." in page.texts
    assert page.texts_outside() == []


def test_a_pair_is_shown_both_ways_by_falling_confidence(small_cache, small_findings, record_page):
    pair = small_findings.pairs[2]  # a/b predicted as con, 4 of 12; in reverse 2 of 12
    page = record_page(figures, figures.confused_pair_figure, small_cache, small_findings, pair)
    assert page.texts[0] == "a/b → con"
    assert "a/b predicted as con" in page.texts
    assert "con predicted as a/b" in page.texts
    assert page.texts.count("Predicted: con") == 4
    assert page.texts.count("Predicted: a/b") == 2
    told = " ".join(page.texts)
    confidences = [float(number) for number in re.findall(r" \([<>]?([\d.]+)%\)\. A/b: ", told)][:4]
    assert len(confidences) == 4
    assert confidences == sorted(confidences, reverse=True)
    assert "4 of 12 images of a/b are predicted as con: 33.3% (13.8–60.9%); in reverse 2 of 12" in told
    assert page.overlapping_texts() == []


def test_a_pair_that_is_confused_one_way_only_says_so(small_cache, small_findings, record_page):
    pair = next(pair for pair in small_findings.pairs if pair.reverse.count == 0 and pair.reverse.total)
    page = record_page(figures, figures.confused_pair_figure, small_cache, small_findings, pair)
    names = small_cache.class_names
    assert f"No image of {names[pair.predicted_index]} is predicted as {names[pair.true_index]}." in page.texts


def test_a_pair_with_a_class_without_images_is_drawn(small_cache, small_findings):
    pair = ConfusedPair(
        true_index=3,
        predicted_index=5,
        share=Proportion(count=1, total=12),
        reverse=Proportion(count=0, total=0),
        same_superclass=True,
    )
    assert figures.confused_pair_figure(small_cache, small_findings, pair).startswith(b"\x89PNG")


def test_figures_of_all_classes_come_in_order_and_are_those_of_each(small_cache, small_findings):
    drawn = list(figures.class_figures(small_cache, small_findings))
    assert drawn == [figures.class_figure(small_cache, small_findings, index) for index in CLASSES]


def test_a_figure_that_fails_is_heard_and_a_reader_that_stops_is_not_held_up(small_cache, small_findings):
    ahead = figures.class_figures(small_cache, small_findings)
    next(ahead)
    ahead.close()
    with pytest.raises(IndexError):
        list(figures.class_figures(small_cache, replace(small_findings, classes=small_findings.classes[:3])))


def test_the_same_findings_give_the_same_bytes(small_cache, small_findings):
    pair = small_findings.pairs[0]
    for draw, what in ((figures.class_figure, 1), (figures.confused_pair_figure, pair)):
        assert draw(small_cache, small_findings, what) == draw(small_cache, small_findings, what)


PARTIAL = {
    "no maps": {"cams": {}},
    "no images": {"thumbnails": None},
    "no class": {"cams": {"rollout": AGNOSTIC_MAPS}},
    "no class, no images": {
        "cams": {"rollout": AGNOSTIC_MAPS},
        "thumbnails": None,
    },
}


@pytest.mark.parametrize("name", PARTIAL)
def test_figures_of_partial_caches_hold_what_there_is(small_cache, record_page, name):
    cache = replace(small_cache, **PARTIAL[name])
    findings = compute_findings(cache)
    for draw, what in ((figures.class_figure, 1), (figures.confused_pair_figure, findings.pairs[0])):
        page = record_page(figures, draw, cache, findings, what)
        assert page.overlapping_texts() == []
        assert page.texts_outside() == []
        assert ("photo" in page.texts) == ("no images" not in name)
        assert ("map alone" in page.texts) == (name == "no class")
        assert ("map" in page.texts) == ("no class" in name)
        assert any("There are no maps" in text for text in page.texts) == (name == "no maps")
        assert ("the higher peak of the two maps" in page.texts) == (name == "no images")


def test_examples_with_nothing_to_show_have_no_figure(small_cache):
    cache = replace(small_cache, cams={}, thumbnails=None)
    assert list(figures.class_figures(cache, compute_findings(cache))) == []
