import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.metrics import jaccard_score

from reportgen.analysis.annotations import (
    SWEEP_THRESHOLDS,
    centered_blob,
    compare_maps,
    compute_annotation_findings,
)
from reportgen.analysis.ties import ROUNDING
from reportgen.cache import Annotations, CamPair

SIZE = (12, 16)


def scale(maps: np.ndarray, size) -> np.ndarray:
    """torch's own scaling of the positive parts."""
    positive = torch.from_numpy(np.maximum(maps, 0).astype(np.float64))[:, None]
    return torch.nn.functional.interpolate(positive, size=size, mode="bilinear", align_corners=False)[:, 0].numpy()


def make_pairs(num: int, seed: int, size=SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Signed maps (num, 4, 5), and masks that are a random rectangle each."""
    random = np.random.default_rng(seed)
    maps = random.normal(0, 1, (num, 4, 5)).astype(np.float16)
    masks = np.zeros((num, *size), bool)
    for mask in masks:
        (top, left), (height, width) = (random.integers(0, np.array(size)), random.integers(1, 9, 2))
        mask[top : top + height, left : left + width] = True
    return maps, masks


@given(st.integers(0, 10**6), st.floats(0.06, 0.94))
@example(126, 0.5)  # two pixels of a map are its maximum; float32 and float64 choose different ones
def test_iou_energy_and_pointing_are_those_of_a_plain_implementation(seed, threshold):
    maps, masks = make_pairs(4, seed)
    scores = compare_maps(maps, masks, iou_threshold=threshold)

    for row, (scaled, mask) in enumerate(zip(scale(maps, SIZE), masks, strict=True)):
        levels = scaled / scaled.max()
        covered = levels.ravel()[:, np.newaxis] >= np.array([threshold, *SWEEP_THRESHOLDS]) - ROUNDING
        marked = np.broadcast_to(mask.ravel()[:, np.newaxis], covered.shape)
        np.testing.assert_allclose([scores.iou[row], *scores.sweep[row]], jaccard_score(marked, covered, average=None))
        assert scores.energy_inside[row] == pytest.approx(scaled[mask].sum() / scaled.sum())
        maxima = np.argwhere(levels >= 1 - ROUNDING)
        assert scores.is_hit[row] == (cdist(maxima, np.argwhere(mask)).min() <= 15 / 224 * 12)
    assert not scores.is_blank.any()


def test_a_map_equal_to_its_mask_agrees_completely():
    mask = np.zeros((1, 8, 8), bool)
    mask[0, 2:5, 3:7] = True

    scores = compare_maps(mask.astype(np.float16), mask)

    assert scores.iou.tolist() == scores.energy_inside.tolist() == [1.0]
    assert scores.is_hit.tolist() == [True]
    np.testing.assert_array_equal(scores.sweep, 1)


def test_evidence_against_the_class_counts_as_none():
    maps, masks = make_pairs(6, 1)
    lowered = np.where(maps < 0, 10 * maps, maps)

    for name in ("iou", "is_hit", "energy_inside", "sweep"):
        np.testing.assert_array_equal(
            getattr(compare_maps(maps, masks), name), getattr(compare_maps(lowered, masks), name)
        )


def test_a_blank_map_has_no_overlap_and_no_hit():
    maps, masks = make_pairs(3, 2)
    maps[1] = -abs(maps[1])

    scores = compare_maps(maps, masks)

    assert scores.is_blank.tolist() == [False, True, False]
    assert scores.iou[1] == 0
    assert not scores.is_hit[1]
    assert math.isnan(scores.energy_inside[1])
    assert (scores.sweep[1] == 0).all()
    assert math.isnan(scores[1].energy_inside)


def test_of_several_maxima_the_nearest_decides():
    maps, _ = make_pairs(4, 126)
    scaled = scale(maps, SIZE)
    tied = [np.argwhere(own >= own.max() * (1 - ROUNDING)) for own in scaled]
    row = next(row for row, places in enumerate(tied) if len(places) > 1 and math.dist(places[0], places[-1]) > 1)

    for place in tied[row]:
        only = np.zeros((1, *SIZE), bool)
        only[0, *place] = True
        assert compare_maps(maps[row : row + 1], only).is_hit.tolist() == [True]


def test_a_flat_map_points_everywhere():
    masks = np.zeros((2, 20, 30), bool)
    masks[0, 0, 0] = masks[1, -1, -1] = True

    assert compare_maps(np.full((2, 1, 1), 0.3), masks).is_hit.all()


def test_the_corner_of_the_image_belongs_to_its_outermost_cell():
    cam, mask = np.zeros((1, 4, 4), np.float16), np.zeros((1, 64, 64), bool)
    cam[0, 3, 3] = 1
    mask[0, -1, -1] = True

    assert compare_maps(cam, mask).is_hit.tolist() == [True]


def test_a_level_within_rounding_of_the_threshold_covers_its_pixel():
    cam, mask = np.array([[[1.0, 0.5 - 1e-9, 0.5 - 1e-4]]]), np.array([[[True, True, True]]])

    scores = compare_maps(cam, mask, iou_threshold=0.5)

    assert scores.iou[0] == scores.sweep[0, SWEEP_THRESHOLDS.index(0.5)] == pytest.approx(2 / 3)


@pytest.mark.parametrize(("distance", "hit"), [(0, True), (14, True), (15, True), (16, False)])
def test_pointing_game_allows_fifteen_pixels_of_224(distance, hit):
    cam, mask = np.zeros((1, 224, 300), np.float16), np.zeros((1, 224, 300), bool)
    cam[0, 100, 200] = 1
    mask[0, 90:110, 200 + distance : 290] = True

    assert compare_maps(cam, mask).is_hit.tolist() == [hit]


@given(st.integers(0, 10**6))
def test_the_scale_of_a_map_changes_nothing(seed):
    maps, masks = make_pairs(3, seed)
    once, twice = compare_maps(maps.astype(np.float64), masks), compare_maps(maps * 4.0, masks)

    np.testing.assert_array_equal(once.iou, twice.iou)
    np.testing.assert_allclose(once.energy_inside, twice.energy_inside)


def test_the_blob_is_centered_and_a_quarter_of_the_image_wide():
    blob = centered_blob((40, 80))

    np.testing.assert_allclose(blob, blob[::-1, ::-1])
    density = stats.norm(scale=1 / 4).pdf((np.arange(80) + 0.5) / 80 - 0.5)
    np.testing.assert_allclose(blob[20] / blob[20].max(), density / density.max())


def find(make_predictions, *, num=30, seed=5):
    """Findings on 30 of 40 examples of three classes, a third of them wrong, the last class without annotations."""
    random = np.random.default_rng(seed)
    labels = np.arange(40) % 3
    labels[labels == 2] = np.where(np.arange(40)[labels == 2] % 2, 0, 1)
    predicted = np.where(np.arange(40) % 3 == 0, 2, labels)
    maps, masks = make_pairs(40, seed)
    others = np.where((predicted == labels)[:, None, None], maps, make_pairs(40, seed + 1)[0])
    cam = CamPair(true=maps, predicted=others)
    cam.predicted[3] = -1
    positions = np.sort(random.permutation(40)[:num])
    positions[0] = 3 if 3 not in positions else positions[0]
    positions = np.sort(positions)
    annotations = Annotations(positions=positions, masks=masks[positions], source="a test")
    predictions = make_predictions(labels, predicted, np.full(40, 0.5))
    found = compute_annotation_findings(cam, annotations, predictions, labels, 3, iou_threshold=0.4)
    return found, cam, annotations, predictions, labels


def test_groups_are_correct_predictions_and_errors_and_classes(make_predictions):
    found, cam, annotations, predictions, labels = find(make_predictions)
    right = predictions.is_correct[annotations.positions]
    true = compare_maps(cam.true[annotations.positions], annotations.masks, iou_threshold=0.4)
    predicted = compare_maps(cam.predicted[annotations.positions], annotations.masks, iou_threshold=0.4)

    np.testing.assert_array_equal(found.predicted.iou, predicted.iou)
    np.testing.assert_array_equal(found.predicted.is_hit, predicted.is_hit)
    for group, scores, rows in (
        (found.overall_true, true, right | True),
        (found.overall_predicted, predicted, right | True),
        (found.correct, true, right),
        (found.misclassified_true, true, ~right),
        (found.misclassified_predicted, predicted, ~right),
    ):
        assert group.n == group.maps.iou.n == group.blob.iou.n == rows.sum()
        assert group.maps.iou.value == pytest.approx(scores.iou[rows].mean())
        assert group.maps.hits.count == scores.is_hit[rows].sum()
        assert group.maps.energy_inside.value == pytest.approx(np.nanmean(scores.energy_inside[rows]))
        assert group.num_blank == scores.is_blank[rows].sum()
    assert found.misclassified_predicted.num_blank == 1
    assert found.misclassified_predicted.maps.energy_inside.n == found.misclassified_predicted.n - 1
    assert [group.class_index for group in found.classes] == [0, 1]
    for group in found.classes:
        rows = labels[annotations.positions] == group.class_index
        assert group.true.maps.iou.value == pytest.approx(true.iou[rows].mean())
        assert group.predicted.maps.iou.value == pytest.approx(predicted.iou[rows].mean())
    assert sum(group.true.n for group in found.classes) == len(annotations.positions)


def test_the_gain_over_the_blob_is_paired(make_predictions):
    found, _, annotations, *_ = find(make_predictions)
    shape = annotations.masks.shape
    blob = compare_maps(np.broadcast_to(centered_blob(shape[1:]), shape), annotations.masks, iou_threshold=0.4)
    group, true = found.overall_true, found.true

    np.testing.assert_array_equal(found.blob.iou, blob.iou)
    interval = stats.ttest_rel(true.iou, blob.iou).confidence_interval(0.95)
    assert group.iou_gain.value == pytest.approx(group.maps.iou.value - group.blob.iou.value)
    assert (group.iou_gain.low, group.iou_gain.high) == pytest.approx((interval.low, interval.high))
    hits = stats.ttest_rel(true.is_hit.astype(float), blob.is_hit.astype(float)).confidence_interval(0.95)
    assert (group.hits_gain.low, group.hits_gain.high) == pytest.approx((hits.low, hits.high))
    energy = stats.ttest_rel(true.energy_inside, blob.energy_inside).confidence_interval(0.95)
    assert (group.energy_gain.low, group.energy_gain.high) == pytest.approx((energy.low, energy.high))


def test_the_sweep_is_the_mean_at_each_threshold(make_predictions):
    found, cam, annotations, *_ = find(make_predictions)

    for threshold, true, predicted in zip(SWEEP_THRESHOLDS, found.sweep_true, found.sweep_predicted, strict=True):
        for maps, mean in ((cam.true, true), (cam.predicted, predicted)):
            scores = compare_maps(maps[annotations.positions], annotations.masks, iou_threshold=threshold)
            assert mean.value == pytest.approx(scores.iou.mean())


def test_a_class_agnostic_map_is_compared_once(make_predictions):
    _, cam, annotations, predictions, labels = find(make_predictions)
    agnostic = CamPair(true=cam.true, predicted=cam.true, is_class_agnostic=True)

    found = compute_annotation_findings(agnostic, annotations, predictions, labels, 3)

    assert found.predicted is found.true
    assert found.misclassified_true == found.misclassified_predicted


def test_groups_without_examples_have_no_means(make_predictions):
    _, cam, annotations, _, labels = find(make_predictions)
    all_right = make_predictions(labels, labels, np.full(40, 0.5))

    found = compute_annotation_findings(cam, annotations, all_right, labels, 3)

    assert found.misclassified_true.n == 0
    assert math.isnan(found.misclassified_true.maps.iou.value)
    assert math.isnan(found.misclassified_true.maps.hits.value)
    assert found.correct.n == len(annotations.positions)
