"""A test set with images of only some of the model's classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.intervals import Proportion
from reportgen.analysis.predictions import Predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentClasses:
    """What classes without images do to the numbers.

    Attributes:
        num_absent: number of classes without images.
        num_classes: K.
        predicted_absent: predictions of classes without images, out of all.
        top1: examples predicted correctly if only classes with images compete.
    """

    num_absent: int
    num_classes: int
    predicted_absent: Proportion
    top1: Proportion


def find_present_classes(
    predictions: Predictions, logits: NDArray[np.float32], labels: NDArray[np.int64]
) -> PresentClasses | None:
    """What classes without images do to the numbers; `None` if every class has images.

    Args:
        predictions: of N examples.
        logits: float32 (N, K).
        labels: int64 (N,).
    """
    num_classes = logits.shape[1]
    present = np.unique(labels)
    if len(present) == num_classes:
        return None
    among_present = present[logits[:, present].argmax(axis=1)]
    return PresentClasses(
        num_absent=num_classes - len(present),
        num_classes=num_classes,
        predicted_absent=Proportion(
            count=int(np.count_nonzero(~np.isin(predictions.predicted, present))), total=len(labels)
        ),
        top1=Proportion(count=int(np.count_nonzero(among_present == labels)), total=len(labels)),
    )
