"""The demo's own annotations, from the run to the numbers: the boxes of its digits, and where its maps point."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from loaded import load_evaluation_set

from reportgen import pipeline
from reportgen.analysis.annotations import compute_annotation_findings
from reportgen.analysis.findings import Findings, compute_findings
from reportgen.analysis.intervals import Proportion
from reportgen.analysis.scaling import scale_maps
from reportgen.cache import EvaluationCache
from reportgen.demo.dataset import shared_test_set
from reportgen.inputs.annotations.matching import load_annotations
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.settings import AnalyzeSettings

SETTINGS = AnalyzeSettings(model="demo", data="demo", device="cpu")
TENS, UNITS = 0, 1


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> EvaluationCache:
    return pipeline.analyze(SETTINGS, cache_path=tmp_path_factory.mktemp("demo") / "cache.npz")


@pytest.fixture(scope="module")
def findings(cache: EvaluationCache) -> Findings:
    return compute_findings(cache)


@pytest.mark.slow
def test_the_demos_run_knows_the_boxes_of_all_its_digits(cache: EvaluationCache, findings: Findings):
    assert cache.annotations.source == "the boxes of both digits, 10,000 of 10,000 images"
    assert findings.annotations.overall_true.n == 10_000
    assert len(findings.annotations.classes) == 100


@pytest.mark.slow
def test_labelme_files_of_twenty_images_give_the_same_iou_as_the_boxes(
    cache: EvaluationCache, findings: Findings, tmp_path: Path
):
    own, boxes = findings.annotations, shared_test_set().boxes
    chosen = np.sort(np.random.default_rng(4).choice(10_000, 20, replace=False))
    for position in chosen.tolist():
        name = str(cache.example_id[position])
        shapes = [
            {"label": name[digit], "shape_type": "rectangle", "points": [[x0, y0], [x1, y1]]}
            for digit, (x0, y0, x1, y1) in enumerate(boxes[position].tolist())
        ]
        document = {"shapes": shapes, "imagePath": f"{name}.png", "imageHeight": 32, "imageWidth": 32}
        (tmp_path / f"{name}.json").write_text(json.dumps(document))

    annotations = load_annotations(
        replace(SETTINGS, annotations=tmp_path),
        load_evaluation_set(SETTINGS),
        Preprocessing(mean=(0.5,) * 3, std=(0.5,) * 3, source="a test"),
    )
    cam = next(iter(cache.cams.values()))
    found = compute_annotation_findings(cam, annotations, findings.predictions, cache.labels, cache.num_classes)

    assert annotations.source == "LabelMe, 20 of 10,000 images"
    np.testing.assert_array_equal(found.positions, chosen)
    for written, boxed in ((found.true, own.true), (found.predicted, own.predicted), (found.blob, own.blob)):
        np.testing.assert_array_equal(written.iou, boxed.iou[chosen])
        np.testing.assert_array_equal(written.is_hit, boxed.is_hit[chosen])
        np.testing.assert_array_equal(written.energy_inside, boxed.energy_inside[chosen])
        np.testing.assert_array_equal(written.sweep, boxed.sweep[chosen])


@pytest.mark.slow
def test_maps_hold_more_of_their_evidence_in_the_boxes_than_a_blob(findings: Findings):
    for group in (
        findings.annotations.correct,
        findings.annotations.misclassified_true,
        findings.annotations.misclassified_predicted,
    ):
        assert group.energy_gain.low > 0.1


@pytest.mark.slow
def test_the_pointing_game_does_not_separate_maps_from_a_blob(findings: Findings):
    """The digits are near the center, and the nearest of the blob's four central pixels counts."""
    for group in (
        findings.annotations.correct,
        findings.annotations.misclassified_true,
        findings.annotations.misclassified_predicted,
    ):
        assert group.maps.hits.low > 0.98
        assert -0.01 < group.hits_gain.low < group.hits_gain.high < 0.01


@pytest.mark.slow
def test_one_threshold_of_the_iou_misleads(findings: Findings):
    """At half of the peak the maps are worse than the blob, at their best thresholds they are better."""
    found = findings.annotations

    assert found.overall_true.iou_gain.high < 0
    assert max(mean.low for mean in found.sweep_true) > max(mean.high for mean in found.sweep_blob) + 0.05


def point_out(cache: EvaluationCache, findings: Findings, *, signed: bool) -> dict[int, Proportion]:
    """How often the difference map points at the digit that was misread, out of the times it points at one of both.

    In a mistake in one digit the predicted - the true class's map is the map of the margin by which the wrong digit
    won. It points where it is strongest: at its largest value if `signed`, else at the largest of either sign, as the
    report draws both. Places in both boxes or in neither don't count, so that chance is a half; it would be a little
    less by the boxes' areas.
    """
    predicted, labels = findings.predictions.predicted, cache.labels
    is_tens = (predicted // 10 != labels // 10) & (predicted % 10 == labels % 10)
    is_units = (predicted // 10 == labels // 10) & (predicted % 10 != labels % 10)
    cam, boxes = next(iter(cache.cams.values())), shared_test_set().boxes
    found = {}
    for digit, mistakes in ((TENS, is_tens), (UNITS, is_units)):
        margin = cam.predicted[mistakes].astype(np.float64) - cam.true[mistakes].astype(np.float64)
        scaled = scale_maps(margin, (32, 32)).reshape(len(margin), -1)
        row, column = np.divmod((scaled if signed else np.abs(scaled)).argmax(axis=1), 32)
        x0, y0, x1, y1 = np.moveaxis(boxes[mistakes], 2, 0)  # (n, 2) each
        is_inside = (x0 <= column[:, None]) & (column[:, None] < x1) & (y0 <= row[:, None]) & (row[:, None] < y1)
        at_one = is_inside.sum(axis=1) == 1
        found[digit] = Proportion(count=int(is_inside[at_one, digit].sum()), total=int(at_one.sum()), exact=True)
    return found


@pytest.mark.slow
def test_in_mistakes_in_one_digit_the_difference_map_points_at_that_digit(cache: EvaluationCache, findings: Findings):
    found = point_out(cache, findings, signed=False)

    assert found[TENS].low > 0.55
    assert found[UNITS].low > 0.7


@pytest.mark.slow
def test_what_speaks_for_the_wrong_class_points_at_the_misread_digit_over_both_digits(
    cache: EvaluationCache, findings: Findings
):
    """Of the tens alone it doesn't: only its other side, what speaks for the true class, does there."""
    found = point_out(cache, findings, signed=True)
    pooled = Proportion(
        count=found[TENS].count + found[UNITS].count, total=found[TENS].total + found[UNITS].total, exact=True
    )

    assert pooled.low > 0.5
    assert found[UNITS].low > 0.6
    assert found[TENS].low < 0.5 < found[TENS].high
