"""A subset of a test set, for what is too expensive to compute for all examples."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reportgen.inputs.data.batches import iterate_views
from reportgen.inputs.data.evaluation_set import EvaluationSet
from reportgen.inputs.preprocessing import Preprocessing


def subset_examples(evaluation_set: EvaluationSet, positions: NDArray[np.int64]) -> EvaluationSet:
    """The test set's examples at some positions, int64 (M,), ascending."""
    return replace(
        evaluation_set,
        images=evaluation_set.images.take(positions),
        labels=evaluation_set.labels[positions],
        example_ids=tuple(evaluation_set.example_ids[position] for position in positions.tolist()),
        example_index=evaluation_set.example_index[positions],
        columns={name: column[positions] for name, column in evaluation_set.columns.items()},
    )


def iterate_inputs(
    evaluation_set: EvaluationSet,
    preprocessing: Preprocessing,
    device: torch.device,
    *,
    batch_size: int,
    workers: int | None,
) -> Iterator[Tensor]:
    """The network's inputs on their device, batch by batch, in order: float32 (B, 3, H, W), the last one shorter.

    Raises:
        DataError: an image cannot be read, or has another size after preprocessing than the first.
    """
    for views in iterate_views(evaluation_set, preprocessing, batch_size, workers):
        yield preprocessing.normalise(torch.tensor(views, device=device))
