"""Predictions: what follows from the logits of each example."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.ties import settle_ties

ZERO_LOG_LOSS = -math.log(float(np.finfo(np.float32).tiny))
"""The log-loss of a label with a probability of 0, in nats: that of the smallest normal number of float32."""

_BLOCK_SIZE = 1 << 18
"""Numbers processed at a time: 2 MB in float64, which fit into the processor's cache."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Predictions:
    """One row per example, in the order of the cache.

    Attributes:
        predicted: int64 (N,), class index of the largest logit; the lowest index if several are equal.
        confidence: float64 (N,), probability of the predicted class; confidences that differ by rounding alone are
            equal.
        true_probability: float64 (N,), probability of the true class.
        true_rank: int64 (N,), 1 if the true class has the largest logit; equal logits rank by class index.
        log_loss: float64 (N,), negative logarithm of the true class's probability; `ZERO_LOG_LOSS` if that is 0.
        brier: float64 (N,), sum over classes of the squared difference of probability and 0/1 label.
        is_correct: bool (N,).
        is_tied: bool (N,), whether several classes share the largest logit.
    """

    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]
    true_probability: NDArray[np.float64]
    true_rank: NDArray[np.int64]
    log_loss: NDArray[np.float64]
    brier: NDArray[np.float64]
    is_correct: NDArray[np.bool_]
    is_tied: NDArray[np.bool_]


def compute_predictions(
    logits: NDArray[np.float32], labels: NDArray[np.int64], *, temperature: float = 1.0
) -> Predictions:
    """The predictions for N examples. Memory: that of the result.

    Args:
        logits: float32 (N, K), of any magnitude: the softmax is computed in float64 from differences. Minus infinity
            is a probability of 0.
        labels: int64 (N,).
        temperature: divisor of the logits; it changes neither ranks nor predicted classes.
    """
    n, k = logits.shape
    predicted, true_rank = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    confidence, true_probability, log_loss, brier = (np.empty(n) for _ in range(4))
    is_tied = np.empty(n, dtype=np.bool_)
    classes = np.arange(k)
    for block in row_blocks(n, k):
        scores, true = logits[block], labels[block]
        rows = np.arange(len(true))
        best = predicted[block] = scores.argmax(axis=1)
        is_tied[block] = np.count_nonzero(scores == scores[rows, best][:, np.newaxis], axis=1) > 1
        true_scores = scores[rows, true][:, np.newaxis]
        ahead = (scores > true_scores) | ((scores == true_scores) & (classes < true[:, np.newaxis]))
        true_rank[block] = 1 + np.count_nonzero(ahead, axis=1)

        shifted = scores.astype(np.float64)
        shifted -= scores[rows, best][:, np.newaxis]
        shifted /= temperature
        true_shifted = shifted[rows, true]
        probabilities = np.exp(shifted, out=shifted)
        total = probabilities.sum(axis=1)
        probabilities /= total[:, np.newaxis]
        confidence[block] = probabilities[rows, best]
        true_probability[block] = probabilities[rows, true]
        log_loss[block] = np.log(total) - true_shifted  # finite where the probability itself underflows to 0
        probabilities[rows, true] -= 1
        brier[block] = np.einsum("nk,nk->n", probabilities, probabilities)
    confidence = settle_ties(confidence)
    log_loss[np.isinf(log_loss)] = ZERO_LOG_LOSS
    return Predictions(
        predicted=predicted,
        confidence=confidence,
        true_probability=np.minimum(true_probability, confidence),
        true_rank=true_rank,
        log_loss=log_loss,
        brier=brier,
        is_correct=predicted == labels,
        is_tied=is_tied,
    )


def scaled_probabilities(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """The softmax of logits (n, K) divided by a temperature: float64 (n, K)."""
    weights = logits.astype(np.float64)
    weights -= weights.max(axis=1, keepdims=True)
    weights /= temperature
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def row_blocks(num_rows: int, num_columns: int) -> Iterator[slice]:
    """Slices that cover the rows of a matrix, `_BLOCK_SIZE` numbers at a time."""
    step = max(1, _BLOCK_SIZE // num_columns)
    return (slice(start, min(start + step, num_rows)) for start in range(0, num_rows, step))
