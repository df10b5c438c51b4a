"""Agreement of maps with annotations, next to a blob in the center of the image as a baseline.

Only positive evidence counts. A map is scaled to the resolution of its mask first, and its peak is the largest value
there. Values within rounding (`ROUNDING`) of a threshold reach it, and all pixels within rounding of the peak are
maxima: bilinear scaling often makes several, such as the corner of an image whose outermost cell is the largest.
"""

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from reportgen.analysis.intervals import Estimate, Proportion, mean_estimate
from reportgen.analysis.predictions import Predictions, row_blocks
from reportgen.analysis.scaling import scale_maps
from reportgen.analysis.selection import split_by_class
from reportgen.analysis.ties import ROUNDING
from reportgen.cache import Annotations, CamPair

DEFAULT_IOU_THRESHOLD: Final = 0.5

SWEEP_THRESHOLDS: Final = tuple(step / 20 for step in range(1, 20))
"""0.05 to 0.95: fractions of the peak above which a pixel is covered."""

POINTING_TOLERANCE: Final = 15 / 224
"""Largest distance of a map's maximum from the mask, in units of the shorter image side: 15 pixels of 224."""

BLOB_SIGMA: Final = 1 / 4
"""Standard deviation of the centered blob, in units of the image's height and width."""

Mask = NDArray[np.bool_]
_Value = TypeVar("_Value", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement of one map with an annotation.

    Attributes:
        iou: intersection over union, in [0, 1], of the mask and the pixels at or above a fraction of the map's peak; 0
            if the map is blank.
        is_hit: whether a maximum of the map lies in the mask, or at most `POINTING_TOLERANCE` beside it (pointing game,
            Zhang et al. 2018); of several maxima the nearest decides; false if the map is blank.
        energy_inside: fraction in [0, 1] of the evidence inside the mask (energy-based pointing game, Wang et al.
            2020); NaN if the map is blank.
    """

    iou: float
    is_hit: bool
    energy_inside: float


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Agreements:
    """Agreement of each of A maps with its annotation; see `Agreement`.

    Attributes:
        iou: float64 (A,).
        is_hit: bool (A,).
        energy_inside: float64 (A,).
        is_blank: bool (A,), whether the map has no positive evidence.
        sweep: float64 (A, 19), IoU at each of `SWEEP_THRESHOLDS`.
    """

    iou: NDArray[np.float64]
    is_hit: NDArray[np.bool_]
    energy_inside: NDArray[np.float64]
    is_blank: NDArray[np.bool_]
    sweep: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.iou)

    def __getitem__(self, row: int) -> Agreement:
        return Agreement(
            iou=float(self.iou[row]), is_hit=bool(self.is_hit[row]), energy_inside=float(self.energy_inside[row])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanAgreement:
    """Mean agreement of a group of maps with their annotations.

    Attributes:
        iou: a blank map counts as 0.
        hits: maps with a maximum in the mask, out of all.
        energy_inside: over the maps that are not blank.
    """

    iou: Estimate
    hits: Proportion
    energy_inside: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAgreement:
    """One map of each example of a group, and the centered blob on the same examples.

    Attributes:
        iou_gain: mean of the map's IoU - the blob's, paired by example.
        hits_gain: the same for hits, each 0 or 1.
        energy_gain: the same for the fraction of evidence inside, over the maps that are not blank.
        num_blank: number of blank maps.
    """

    maps: MeanAgreement
    blob: MeanAgreement
    iou_gain: Estimate
    hits_gain: Estimate
    energy_gain: Estimate
    num_blank: int

    @property
    def n(self) -> int:
        """Number of examples in the group."""
        return self.maps.hits.total


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAgreement:
    """The annotated examples of one class.

    Attributes:
        class_index: the true class.
        true: agreement of the true class's map.
        predicted: agreement of the predicted class's map.
    """

    class_index: int
    true: GroupAgreement
    predicted: GroupAgreement


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class AnnotationFindings:
    """Agreement of the maps of the cache's first method with the annotations of A examples.

    Attributes:
        positions: int64 (A,), ascending, the annotated examples.
        iou_threshold: fraction of its peak above which a map covers a pixel, for every IoU outside the sweep.
        true: the true class's map.
        predicted: the predicted class's map.
        overall_true: the true class's map, over all annotated examples.
        overall_predicted: the predicted class's map, over the same.
        correct: the map of the true and predicted class, over correct predictions.
        misclassified_true: the true class's map, over errors.
        misclassified_predicted: the predicted class's map, over errors.
        sweep_true: mean IoU of the true class's map at each of `SWEEP_THRESHOLDS`.
        classes: the classes with annotated examples, in index order.
    """

    positions: NDArray[np.int64]
    iou_threshold: float
    true: Agreements
    predicted: Agreements
    blob: Agreements
    overall_true: GroupAgreement
    overall_predicted: GroupAgreement
    correct: GroupAgreement
    misclassified_true: GroupAgreement
    misclassified_predicted: GroupAgreement
    sweep_true: tuple[Estimate, ...]
    sweep_predicted: tuple[Estimate, ...]
    sweep_blob: tuple[Estimate, ...]
    classes: tuple[ClassAgreement, ...]


def compute_annotation_findings(
    cam: CamPair,
    annotations: Annotations,
    predictions: Predictions,
    labels: NDArray[np.int64],
    num_classes: int,
    *,
    iou_threshold: float = DEFAULT_IOU_THRESHOLD,
) -> AnnotationFindings:
    """Agreement of the maps of the annotated examples with their annotations.

    Args:
        cam: both maps of N examples.
        annotations: the masks of A of them.
        predictions: of the N examples.
        labels: int64 (N,).
        num_classes: K.
        iou_threshold: fraction of its peak above which a map covers a pixel, in (0, 1).
    """
    positions, masks = annotations.positions, annotations.masks
    is_misclassified = ~predictions.is_correct[positions]
    true = compare_maps(cam.true[positions], masks, iou_threshold=iou_threshold)
    if cam.is_class_agnostic or not is_misclassified.any():
        predicted = true
    else:  # a correct prediction's map is that of the true class
        others = compare_maps(
            cam.predicted[positions[is_misclassified]], masks[is_misclassified], iou_threshold=iou_threshold
        )
        predicted = _with_rows(true, is_misclassified, others)
    shape = masks.shape[1:]
    blob = compare_maps(
        np.broadcast_to(centered_blob((shape[0], shape[1])), masks.shape), masks, iou_threshold=iou_threshold
    )
    everyone = np.arange(len(positions))
    correct, misclassified = np.flatnonzero(~is_misclassified), np.flatnonzero(is_misclassified)
    members = split_by_class(everyone, labels[positions], num_classes)
    sweeps = [_mean_sweep(scores.sweep) for scores in (true, predicted, blob)]
    return AnnotationFindings(
        positions=positions,
        iou_threshold=iou_threshold,
        true=true,
        predicted=predicted,
        blob=blob,
        overall_true=_summarize(true, blob, everyone),
        overall_predicted=_summarize(predicted, blob, everyone),
        correct=_summarize(true, blob, correct),
        misclassified_true=_summarize(true, blob, misclassified),
        misclassified_predicted=_summarize(predicted, blob, misclassified),
        sweep_true=sweeps[0],
        sweep_predicted=sweeps[1],
        sweep_blob=sweeps[2],
        classes=tuple(
            ClassAgreement(
                class_index=class_index,
                true=_summarize(true, blob, rows),
                predicted=_summarize(predicted, blob, rows),
            )
            for class_index, rows in enumerate(members)
            if len(rows)
        ),
    )


def centered_blob(size: tuple[int, int]) -> NDArray[np.float64]:
    """The baseline that ignores the image: a Gaussian in its center, float64 (height, width), at most 1."""
    rows, columns = (np.exp(-((((np.arange(n) + 0.5) / n - 0.5) / BLOB_SIGMA) ** 2) / 2) for n in size)
    return np.outer(rows, columns)


def compare_maps(
    maps: NDArray[np.floating], masks: Mask, *, iou_threshold: float = DEFAULT_IOU_THRESHOLD
) -> Agreements:
    """Agreement of each of A maps with its mask.

    Args:
        maps: (A, h, w), signed, in any unit.
        masks: bool (A, H, W), each with at least one marked pixel.
        iou_threshold: fraction of its peak above which a map covers a pixel, in (0, 1).
    """
    num_maps, height, width = masks.shape
    iou, energy, sweep = np.empty(num_maps), np.empty(num_maps), np.empty((num_maps, len(SWEEP_THRESHOLDS)))
    is_hit, is_blank = np.empty(num_maps, dtype=np.bool_), np.empty(num_maps, dtype=np.bool_)
    for block in row_blocks(num_maps, height * width):
        marked = masks[block].reshape(-1, height * width)
        levels = _levels(maps[block], (height, width))
        total = levels.sum(axis=1)
        is_blank[block] = total == 0
        covered = levels >= iou_threshold - ROUNDING
        iou[block] = np.count_nonzero(covered & marked, axis=1) / np.count_nonzero(covered | marked, axis=1)
        sweep[block] = _sweep(levels, marked)
        energy[block] = np.einsum("np,np->n", levels, marked) / np.where(total > 0, total, np.nan)
        is_maximum = (levels >= 1 - ROUNDING).reshape(-1, height, width)
        is_hit[block] = _points_at(is_maximum, masks[block])
    return Agreements(iou=iou, is_hit=is_hit, energy_inside=np.minimum(energy, 1), is_blank=is_blank, sweep=sweep)


def _levels(maps: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.float64]:
    """The positive parts of maps at another size, as fractions of their peaks there: float64 (n, H * W); 0 if blank."""
    evidence = np.maximum(maps, 0)
    levels = (evidence if maps.shape[1:] == size else scale_maps(evidence, size)).reshape(len(maps), -1)
    peaks = levels.max(axis=1, keepdims=True)
    shares: NDArray[np.float64] = levels / np.where(peaks > 0, peaks, 1)
    return shares


def _sweep(levels: NDArray[np.float64], marked: Mask) -> NDArray[np.float64]:
    """The IoU of levels (n, P) with masks (n, P) at each of `SWEEP_THRESHOLDS`: float64 (n, 19)."""
    num_maps, num_steps = len(levels), len(SWEEP_THRESHOLDS) + 1
    # How many thresholds each pixel reaches, counted per map, and summed from the top: what reaches each threshold.
    reached = ((levels + ROUNDING) * num_steps).astype(np.int64).clip(max=num_steps - 1)
    reached += np.arange(num_maps)[:, np.newaxis] * num_steps
    covered, inside = (
        np.bincount(pixels, minlength=num_maps * num_steps).reshape(num_maps, num_steps)[:, :0:-1].cumsum(axis=1)
        for pixels in (reached.ravel(), reached[marked])
    )
    union = covered + np.count_nonzero(marked, axis=1)[:, np.newaxis] - inside
    shares: NDArray[np.float64] = inside / union
    return shares[:, ::-1]


def _points_at(is_maximum: Mask, masks: Mask) -> Mask:
    """Whether any maximum of a map (n, H, W) lies in its mask (n, H, W) or near it: bool (n,)."""
    tolerance = POINTING_TOLERANCE * min(masks.shape[1:]) + ROUNDING
    is_hit: Mask = np.any(is_maximum & masks, axis=(1, 2))
    for row in np.flatnonzero(~is_hit & is_maximum.any(axis=(1, 2))):
        is_hit[row] = distance_transform_edt(~masks[row])[is_maximum[row]].min() <= tolerance
    return is_hit


def _with_rows(scores: Agreements, rows: Mask, others: Agreements) -> Agreements:
    """The same scores with some rows (A,) replaced by those of `others`."""

    def replaced(own: NDArray[_Value], new: NDArray[_Value]) -> NDArray[_Value]:
        merged = own.copy()
        merged[rows] = new
        return merged

    return Agreements(
        iou=replaced(scores.iou, others.iou),
        is_hit=replaced(scores.is_hit, others.is_hit),
        energy_inside=replaced(scores.energy_inside, others.energy_inside),
        is_blank=replaced(scores.is_blank, others.is_blank),
        sweep=replaced(scores.sweep, others.sweep),
    )


def _summarize(maps: Agreements, blob: Agreements, rows: NDArray[np.intp]) -> GroupAgreement:
    """The means over some rows (n,) of the annotated examples."""
    shown = rows[~maps.is_blank[rows]]
    hits_gain = maps.is_hit[rows].astype(np.float64) - blob.is_hit[rows]
    energy_gain = maps.energy_inside[shown] - blob.energy_inside[shown]
    return GroupAgreement(
        maps=_means(maps, rows),
        blob=_means(blob, rows),
        iou_gain=mean_estimate(maps.iou[rows] - blob.iou[rows], within=(-1, 1)),
        hits_gain=mean_estimate(hits_gain, within=(-1, 1)),
        energy_gain=mean_estimate(energy_gain, within=(-1, 1)),
        num_blank=len(rows) - len(shown),
    )


def _means(scores: Agreements, rows: NDArray[np.intp]) -> MeanAgreement:
    energy = scores.energy_inside[rows]
    return MeanAgreement(
        iou=mean_estimate(scores.iou[rows], within=(0, 1)),
        hits=Proportion(count=int(np.count_nonzero(scores.is_hit[rows])), total=len(rows)),
        energy_inside=mean_estimate(energy[~np.isnan(energy)], within=(0, 1)),
    )


def _mean_sweep(sweep: NDArray[np.float64]) -> tuple[Estimate, ...]:
    return tuple(mean_estimate(values, within=(0, 1)) for values in sweep.T)
