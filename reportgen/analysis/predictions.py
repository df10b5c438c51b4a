"""What the model said of each example, from its logits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Predictions:
    """One row an example, in the cache's order.

    Attributes:
        predicted: int64 (N,), class index of the largest logit; the lowest index among equals.
        confidence: float64 (N,), its probability.
        true_probability: float64 (N,), probability of the true class.
        true_rank: int64 (N,), 1 where the true class has the largest logit; equal logits rank by class index.
        log_loss: float64 (N,), minus the natural logarithm of the true class's probability.
        brier: float64 (N,), sum over classes of the squared difference of probability and 0/1 label.
        is_correct: bool (N,).
    """

    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]
    true_probability: NDArray[np.float64]
    true_rank: NDArray[np.int64]
    log_loss: NDArray[np.float64]
    brier: NDArray[np.float64]
    is_correct: NDArray[np.bool_]
