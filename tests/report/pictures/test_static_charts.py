from dataclasses import replace

import numpy as np
import pytest

from reportgen.analysis.findings import compute_findings
from reportgen.cache import CamPair, Superclasses
from reportgen.report.pictures import static_charts
from reportgen.report.pictures.colormaps import color_levels
from reportgen.report.pictures.images import confusion_levels


def make_cache(small_cache, num_classes: int, *, seed: int = 0):
    """Four examples a class, half of them taken for a neighbour."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(num_classes), 4)
    said = np.where(rng.random(len(labels)) < 0.5, labels, (labels + 1 + rng.integers(0, 2, len(labels))) % num_classes)
    n = len(labels)
    logits = rng.normal(0, 0.1, (n, num_classes)).astype(np.float32)
    logits[np.arange(n), said] += 3
    maps = np.zeros((n, 4, 4), np.float16)
    return replace(
        small_cache,
        example_index=np.arange(n),
        example_id=np.array([str(i) for i in range(n)]),
        labels=labels,
        logits=logits,
        cams={"gradcam": CamPair(true=maps, predicted=maps)},
        thumbnails=np.zeros((n, 2, 2, 3), np.uint8),
        class_names=tuple(f"class number {index}" for index in range(num_classes)),
        superclasses=None,
    )


@pytest.mark.parametrize("num_classes", [2, 10, 30, 100, 250])
def test_every_class_is_named_on_both_axes_without_overlap(small_cache, record_page, num_classes):
    cache = make_cache(small_cache, num_classes)
    page = record_page(static_charts, static_charts.confusion_matrix_figure, cache, compute_findings(cache))
    times = 3 if num_classes > 40 else 2
    for name in cache.class_names:
        assert page.texts.count(name) == times
    assert page.overlapping_texts() == []
    assert page.texts_outside() == []


@pytest.mark.slow
def test_a_thousand_classes_name_those_with_room_and_keep_each_cell(small_cache, record_page):
    cache = make_cache(small_cache, 1000)
    findings = compute_findings(cache)
    page = record_page(static_charts, static_charts.confusion_matrix_figure, cache, findings)
    named = [name for name in cache.class_names if name in page.texts]
    assert 150 < len(named) < 1000
    assert page.overlapping_texts() == []
    mistakes = findings.confusion.sum(axis=0) + findings.confusion.sum(axis=1) - 2 * np.diagonal(findings.confusion)
    assert cache.class_names[int(mistakes.argmax())] in named
    assert max(page.pixels.shape) < 6000


def test_cells_have_the_color_of_their_count_in_the_order_of_the_findings(small_cache, small_findings, record_page):
    page = record_page(static_charts, static_charts.confusion_matrix_figure, small_cache, small_findings)
    order = small_findings.class_order
    levels = confusion_levels(small_findings.confusion[np.ix_(order, order)])
    picture = next(pixels for _, _, pixels in page.pictures if pixels.shape[0] == pixels.shape[1])
    side = picture.shape[0] // 6
    for row in range(6):
        for column in range(6):
            color = picture[row * side + side // 2, column * side + side // 2]
            if row == column:
                assert color.tolist() == [239, 236, 229]
            elif levels[row, column]:
                np.testing.assert_array_equal(color, color_levels("counts-light")[levels[row, column]])
            else:
                assert color.tolist() == [255, 255, 255]


def test_few_classes_have_their_counts_in_the_cells_and_recall_in_the_margin(small_cache, small_findings, record_page):
    page = record_page(static_charts, static_charts.confusion_matrix_figure, small_cache, small_findings)
    assert "22 errors on 60 images" in page.texts
    for text in ("75%", "67%", "100%", "25%", "50%"):
        assert text in page.texts
    counts = small_findings.confusion[~np.eye(6, dtype=bool)]
    ticks = {"1", "2", "4", "7"}
    for count in np.unique(counts[counts > 0]):
        shown = page.texts.count(str(count)) - (str(count) in ticks)
        assert shown == np.count_nonzero(counts == count)
    assert "things & <such>" in page.texts
    assert page.overlapping_texts() == []
    assert page.texts_outside() == []


def test_superclasses_of_one_thin_row_each_do_not_overlap(small_cache, record_page):
    cache = make_cache(small_cache, 400)
    groups = Superclasses(names=tuple(f"group {index}" for index in range(400)), superclass_of=np.arange(400))
    cache = replace(cache, superclasses=groups)
    page = record_page(static_charts, static_charts.confusion_matrix_figure, cache, compute_findings(cache))
    assert page.overlapping_texts() == []
    assert 100 < sum(text.startswith("group ") for text in page.texts) < 400


def test_a_perfect_model_has_an_empty_matrix_and_no_pairs(small_cache, record_page):
    logits = np.zeros_like(small_cache.logits)
    logits[np.arange(60), small_cache.labels] = 9
    cache = replace(small_cache, logits=logits)
    findings = compute_findings(cache)
    page = record_page(static_charts, static_charts.confusion_matrix_figure, cache, findings)
    assert "0 errors on 60 images" in page.texts
    page = record_page(static_charts, static_charts.top_confused_pairs_figure, cache, findings)
    assert "No class is confused with another." in page.texts


def test_bars_of_a_pair_have_the_length_of_its_shares_both_ways(small_cache, small_findings, record_page):
    page = record_page(static_charts, static_charts.top_confused_pairs_figure, small_cache, small_findings)
    assert page.overlapping_texts() == []
    assert page.texts_outside() == []
    assert page.texts.count("7 of 12") == page.texts.count("6 of 12") == 2
    ticks = {
        text: box for text, box in zip(page.texts, page.boxes, strict=True) if text.endswith("%") and text[0].isdigit()
    }
    zero, full = (sum(ticks[text][::2]) / 2 for text in ("0%", "80%"))
    colors = {"wrong": (0xB4, 0x49, 0x0F), "other": (0xB9, 0xB5, 0xAB)}
    text_index = page.texts.index("=1+1 → class 4")
    _, top, _, bottom = page.boxes[text_index]
    row = page.pixels[int(top) - 30 : int(bottom) + 30]
    for color, share in ((colors["wrong"], 7 / 12), (colors["other"], 6 / 12)):
        # The first row of pixels in which the bar's color is found: above its interval.
        lengths = (row == color).all(axis=2)[:, int(zero) - 2 :].sum(axis=1)
        length = lengths[np.flatnonzero(lengths)[0]]
        assert abs(length - share * (full - zero) / 0.8) <= 2


def test_the_same_findings_give_the_same_bytes(small_cache, small_findings):
    for draw in (static_charts.confusion_matrix_figure, static_charts.top_confused_pairs_figure):
        assert draw(small_cache, small_findings) == draw(small_cache, small_findings)
