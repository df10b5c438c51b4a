"""Results of the pass in the host's memory: arrays for all N examples, filled batch by batch."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from reportgen.cache import FLOAT16_MAX, CamPair, to_float16
from reportgen.errors import LayerError, ModelError, setting
from reportgen.evidence.trust.recomputation import RecomputeSample
from reportgen.inputs.data.evaluation_set import EvaluationSet
from reportgen.inputs.preprocessing import thumbnail
from reportgen.methods import is_class_agnostic


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class HostBatch:
    """Results for B examples, as tensors in the host's memory.

    Attributes:
        start: position of the first of them in the evaluation set.
        views: uint8 (B, H, W, 3), what the model saw.
        logits: float32 (B, K).
        predicted: int64 (B,).
        maps: by method, float32 (B, h, w) each, the maps of the true and of the predicted class.
        sum_error: float32 (), the largest of `compute_sum_errors`; `None` where that check does not apply.
    """

    start: int
    views: NDArray[np.uint8]
    logits: Tensor
    predicted: Tensor
    maps: Mapping[str, tuple[Tensor, Tensor]]
    sum_error: Tensor | None


class PassResults:
    """The arrays of an `EvaluationCache`, allocated once, and the sample for the self-check.

    Attributes:
        logits: float32 (N, K).
        cams: the maps by method, float16 (N, h, w).
        thumbnails: uint8 (N, H, W, 3).
        worst_sum_error: the largest so far; `None` where that check does not apply.
    """

    def __init__(
        self,
        evaluation_set: EvaluationSet,
        *,
        grids: Mapping[str, tuple[int, int]],
        first_view: NDArray[np.uint8],
        thumbnail_size: int,
        sampled: NDArray[np.int64],
    ) -> None:
        """Allocate.

        Args:
            evaluation_set: the N examples.
            grids: rows and columns of the maps, by method.
            first_view: uint8 (H, W, 3), of the size that all views have.
            thumbnail_size: longest side of the thumbnails in pixels.
            sampled: positions of the examples whose maps are recomputed, ascending.
        """
        num_examples = len(evaluation_set.labels)
        self._evaluation_set = evaluation_set
        self._thumbnail_size = thumbnail_size
        self._is_scaled = max(first_view.shape[:2]) > thumbnail_size
        self.logits = np.empty((num_examples, len(evaluation_set.class_names)), np.float32)
        self.cams = {method: _allocate(method, num_examples, grid) for method, grid in grids.items()}
        self.thumbnails = np.empty((num_examples, *thumbnail(first_view, thumbnail_size).shape), np.uint8)
        self.worst_sum_error: float | None = None
        self._has_clipped = False
        self._sample = RecomputeSample(
            positions=sampled,
            views=np.empty((len(sampled), *first_view.shape), np.uint8),
            classes=np.empty((len(sampled), 2), np.int64),
            maps={method: np.empty((len(sampled), 2, *grid), np.float32) for method, grid in grids.items()},
        )

    @property
    def sample(self) -> RecomputeSample:
        """The examples whose maps are recomputed, complete once all batches are in place."""
        return self._sample

    def place(self, batch: HostBatch) -> None:
        """Put a batch where it belongs.

        Raises:
            LayerError: a map contains NaN.
            ModelError: a logit is not finite.
        """
        rows = slice(batch.start, batch.start + len(batch.views))
        self.logits[rows] = batch.logits.numpy()
        self._require_finite_logits(rows)
        for method, (true, predicted) in batch.maps.items():
            cam = self.cams[method]
            self._place_maps(cam.true[rows], true, batch.start)
            if not cam.is_class_agnostic:
                self._place_maps(cam.predicted[rows], predicted, batch.start)
        if self._is_scaled:
            for row, view in zip(self.thumbnails[rows], batch.views, strict=True):
                row[...] = thumbnail(view, self._thumbnail_size)
        else:
            self.thumbnails[rows] = batch.views
        if batch.sum_error is not None:
            self.worst_sum_error = max(self.worst_sum_error or 0.0, float(batch.sum_error))
        self._place_sample(batch)

    def warnings(self) -> tuple[str, ...]:
        """Caveats for the reader of the report, as sentences."""
        warnings = []
        if self._has_clipped:
            warnings.append(
                f"Some maps exceed ±{FLOAT16_MAX:,.0f}, the range they are stored in, and were cut off there."
            )
        return tuple(warnings)

    def _require_finite_logits(self, rows: slice) -> None:
        # Minus infinity is the logit of a class that the network rules out; NaN passes through the maximum.
        largest = self.logits[rows].max(axis=1)
        is_finite = np.isfinite(largest)
        if not is_finite.all():
            position = rows.start + int(np.argmin(is_finite))
            raise ModelError(
                f"The logits of example {self._evaluation_set.example_ids[position]} are not finite.",
                hint=f"Check the weights for NaN, and {setting('mean')} and {setting('std')}; instead of bf16, try "
                f"{setting('precision', 'fp32')}.",
            )

    def _place_maps(self, rows: NDArray[np.float16], maps: Tensor, start: int) -> None:
        values = maps.numpy()
        peak = np.abs(values).max()  # NaN where one is
        if np.isnan(peak):
            position = start + int(np.argmax(np.isnan(values).any(axis=(1, 2))))
            raise LayerError(
                f"The map of example {self._evaluation_set.example_ids[position]} contains NaN.",
                hint=f"Give another layer with {setting('layers')}.",
            )
        self._has_clipped |= bool(peak > FLOAT16_MAX)
        rows[...] = to_float16(values)

    def _place_sample(self, batch: HostBatch) -> None:
        sample = self._sample
        first, last = np.searchsorted(sample.positions, [batch.start, batch.start + len(batch.views)])
        for slot in range(first, last):
            row = int(sample.positions[slot]) - batch.start
            sample.views[slot] = batch.views[row]
            sample.classes[slot] = self._evaluation_set.labels[batch.start + row], int(batch.predicted[row])
            for method, (true, predicted) in batch.maps.items():
                sample.maps[method][slot] = true[row].numpy(), predicted[row].numpy()


def _allocate(method: str, num_examples: int, grid: tuple[int, int]) -> CamPair:
    true = np.empty((num_examples, *grid), np.float16)
    is_agnostic = is_class_agnostic(method)
    return CamPair(true=true, predicted=true if is_agnostic else np.empty_like(true), is_class_agnostic=is_agnostic)
