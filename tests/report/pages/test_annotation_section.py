"""The annotations on the pages and in the files: what is shown, and that its numbers are the findings'."""

import csv
import html
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from reportgen.analysis.annotations import compute_annotation_findings
from reportgen.analysis.findings import Findings, compute_findings
from reportgen.cache import Annotations, CamPair, EvaluationCache
from reportgen.report import exports
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.settings import RenderSettings

POSITIONS = np.arange(3, 45)


def annotate(cache: EvaluationCache) -> EvaluationCache:
    random = np.random.default_rng(3)
    masks = np.zeros((len(POSITIONS), 16, 16), bool)
    for mask in masks:
        top, left = random.integers(0, 8, 2)
        mask[top : top + 7, left : left + 6] = True
    return replace(cache, annotations=Annotations(positions=POSITIONS, masks=masks, source="LabelMe & co, 42 of 60"))


@pytest.fixture(scope="module")
def cache(small_cache: EvaluationCache) -> EvaluationCache:
    return annotate(small_cache)


@pytest.fixture(scope="module")
def findings(cache: EvaluationCache) -> Findings:
    return compute_findings(cache, RenderSettings(iou_threshold=0.4))


def render(cache: EvaluationCache, findings: Findings) -> dict[str, bytes]:
    return dict(render_site(cache, findings, load_presentation(RenderSettings())))


@pytest.fixture(scope="module")
def site(cache: EvaluationCache, findings: Findings) -> dict[str, bytes]:
    return render(cache, findings)


def section_of(site: dict[str, bytes], path: str) -> str:
    found = re.search(r'<section id="annotations".*?</section>', site[path].decode(), re.DOTALL)
    assert found
    return found[0]


def cells_of(section: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", section)
    return [[html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]


def test_the_first_page_tells_the_means_with_their_intervals(site, findings):
    found = findings.annotations
    head, iou, hits, energy = cells_of(section_of(site, "index.html"))

    assert head[1:] == [
        "correct",
        "errors, true class",
        "errors, predicted class",
        "centered blob",
        "true class − blob",
    ]
    mean = found.correct.maps.iou
    assert iou[:2] == ["IoU at 0.40 of the peak", f"{mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f})"]
    share = found.misclassified_predicted.maps.hits
    assert hits[3].startswith(f"{100 * share.value:.1f}% ({100 * share.low:.1f}")
    gain = found.overall_true.energy_gain
    assert energy[5].strip("+−").startswith(f"{abs(100 * gain.value):.1f} points")
    assert energy[5][0] == ("−" if gain.value < 0 else "+")


def test_the_first_page_says_what_the_intervals_prove(site, findings):
    text = section_of(site, "index.html")
    group = findings.annotations.overall_true
    sentence = re.search(r"Compared with the blob, the maps of the true class show (.*?)\. A single threshold", text)[1]

    gains = {"IoU at 0.40": group.iou_gain, "pointing": group.hits_gain, "evidence inside": group.energy_gain}
    for name, gain in gains.items():
        part = next(part for part in sentence.split("; ") if name in part)
        expected = "better" if gain.low > 0 else "worse" if gain.high < 0 else "no significant difference"
        assert part.startswith(expected)
    best = max(findings.annotations.sweep_true, key=lambda mean: mean.value)
    assert f"best IoU is {best.value:.3f}" in text
    assert "Annotations: LabelMe &amp; co, 42 of 60." in text


def test_the_sweep_is_drawn_with_a_point_for_each_threshold(site):
    lines = re.findall(r'<path class="(\w+)" d="(M[^"]+)"', section_of(site, "index.html"))

    assert [kind for kind, _ in lines] == ["threshold", "true", "predicted", "blob"]
    assert {path.count("L") for kind, path in lines[1:]} == {18}


def test_class_pages_show_the_lowest_the_median_and_the_highest_iou(site, cache, findings):
    found = findings.annotations
    for group in found.classes:
        path = next(path for path in site if path.startswith(f"classes/{group.class_index:03d}"))
        section = section_of(site, path)
        rows = np.flatnonzero(cache.labels[found.positions] == group.class_index)
        ranked = rows[np.argsort(found.true.iou[rows], kind="stable")]
        expected = [ranked[0], ranked[len(ranked) // 2], ranked[-1]]
        names = re.findall(r'<b>(\w+) IoU</b>: <a href="[^"]*">([^<]*)</a>', section)
        ids = [str(cache.example_id[found.positions[row]]) for row in expected]
        assert [(kind, html.unescape(name)) for kind, name in names] == list(
            zip(("lowest", "median", "highest"), ids, strict=True)
        )
        for card, row in zip(section.split("<article")[1:], expected, strict=True):
            score = found.true[row]
            if not found.true.is_blank[row]:
                hit = "hit" if score.is_hit else "miss"
                assert f"IoU {score.iou:.2f}, {hit}, {100 * score.energy_inside:.0f}% inside" in card
        assert f"{group.true.maps.iou.value:.3f} (" in section


def test_outlines_lie_over_photo_map_and_overlays(site, findings, cache):
    card = section_of(site, "classes/000-con.html").split("<article")[1]
    outline = re.search(r'<path id="(mark-\d+)" [^>]*d="(M[^"]+z)"', card)

    assert outline
    figures = re.findall(r'<figure class="(\w+)">(.*?)</figure>', card, re.DOTALL)
    assert len(figures) == 4
    for place, (kind, figure) in enumerate(figures):
        is_plain = place == 0 and "photo" in figure.split("<b>")[1]
        assert (f'<use href="#{outline[1]}"/>' in figure) != is_plain
        assert kind in ("photo", "map", "overlay")


def test_a_class_without_annotations_has_no_panel(site, findings):
    assert 5 not in [group.class_index for group in findings.annotations.classes]
    assert b'id="annotations"' not in site["classes/005-no-images.html"]


def test_a_blank_map_is_said_in_words(cache):
    maps = cache.cams["gradcam"]
    true = np.where((cache.labels == 0)[:, None, None], -np.abs(maps.true), maps.true)
    blank = replace(cache, cams={"gradcam": CamPair(true=true, predicted=maps.predicted)})

    section = section_of(render(blank, compute_findings(blank)), "classes/000-con.html")

    assert "the true class’s map is blank and counts as IoU 0 and a miss" in section
    assert "blank map" in section


def test_a_class_agnostic_map_is_called_the_map(cache):
    maps = cache.cams["gradcam"].true
    agnostic = replace(cache, cams={"eigencam": CamPair(true=maps, predicted=maps, is_class_agnostic=True)})

    site = render(agnostic, compute_findings(agnostic))

    assert cells_of(section_of(site, "index.html"))[0][1:] == [
        "correct",
        "errors",
        "centered blob",
        "map − blob",
    ]
    assert "for all classes" in section_of(site, "classes/000-con.html")


def test_a_report_without_annotations_says_nothing_of_them(small_cache, small_findings):
    site = render(small_cache, small_findings)

    assert small_findings.annotations is None
    assert "data/annotation_report.json" not in site
    assert not [path for path, page in site.items() if path.endswith(".html") and b'id="annotations"' in page]
    assert not [path for path, page in site.items() if path.endswith(".html") and b"annotations.css" in page]
    assert "iou_true" not in site["data/predictions.csv"].decode()


def test_annotations_without_maps_are_left_out(cache):
    assert compute_findings(replace(cache, cams={})).annotations is None


def test_how_to_read_defines_what_is_measured(site):
    text = site["how-to-read.html"].decode()

    for anchor in ("annotations", "iou", "pointing", "evidence-inside", "blob"):
        assert f'<div id="{anchor}">' in text
    assert "M = {map ≥ 0.40 · peak}" in text


def test_the_annotation_report_holds_every_number(site, cache, findings):
    found, report = findings.annotations, json.loads(site["data/annotation_report.json"])

    assert report["source"] == cache.annotations.source
    assert (report["num_annotated"], report["num_examples"], report["iou_threshold"]) == (42, cache.num_examples, 0.4)
    for name in ("overall_true", "overall_predicted", "correct", "misclassified_true", "misclassified_predicted"):
        group, written = getattr(found, name), report["groups"][name]
        assert written["n"] == group.n
        assert written["maps"]["iou"]["value"] == pytest.approx(group.maps.iou.value, abs=5e-5)
        assert written["maps"]["hits"]["count"] == group.maps.hits.count
        assert written["iou_gain"]["low"] == pytest.approx(group.iou_gain.low, abs=5e-5)
    assert [entry["class_index"] for entry in report["classes"]] == [group.class_index for group in found.classes]
    assert len(report["sweep"]["thresholds"]) == len(report["sweep"]["blob"]) == 19
    assert len(report["examples"]) == 42
    for row, values in enumerate(report["examples"]):
        entry = dict(zip(report["example_columns"], values, strict=True))
        assert entry["id"] == cache.example_id[POSITIONS[row]]
        for name, scores in (("true", found.true), ("predicted", found.predicted)):
            assert entry[f"iou_{name}"] == pytest.approx(scores.iou[row], abs=5e-5)
            assert entry[f"is_hit_{name}"] == scores.is_hit[row]
            if scores.is_blank[row]:
                assert entry[f"energy_inside_{name}"] is None
            else:
                assert entry[f"energy_inside_{name}"] == pytest.approx(scores.energy_inside[row], abs=5e-5)


def test_predictions_tell_the_agreement_of_annotated_examples(cache, findings):
    found = findings.annotations
    rows = list(csv.DictReader(io.StringIO(exports.predictions_csv(cache, findings))))

    for position, row in enumerate(rows):
        if position not in POSITIONS:
            assert row["iou_true"] == row["is_hit_predicted"] == ""
            continue
        score = found.predicted[position - 3]
        assert float(row["iou_predicted"]) == pytest.approx(score.iou, abs=5e-5)
        assert row["is_hit_predicted"] == str(score.is_hit).lower()
        if np.isnan(score.energy_inside):
            assert row["energy_inside_predicted"] == ""
        else:
            assert float(row["energy_inside_predicted"]) == pytest.approx(score.energy_inside, abs=5e-5)


def test_findings_compare_the_first_method_at_the_threshold(cache, findings):
    expected = compute_annotation_findings(
        cache.cams["gradcam"], cache.annotations, findings.predictions, cache.labels, 6, iou_threshold=0.4
    )

    assert findings.annotations.iou_threshold == 0.4
    np.testing.assert_array_equal(findings.annotations.true.iou, expected.true.iou)
