"""Label issues: confident learning, restricted to class pairs that people also confuse."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.calibration import fit_temperature
from reportgen.analysis.intervals import Proportion
from reportgen.analysis.predictions import Predictions, compute_predictions, row_blocks, scaled_probabilities
from reportgen.analysis.ties import ROUNDING, settle_ties

MIN_CONFIDENCE = 0.75
"""Smallest probability of the suggested class. Confident learning alone requires the average of the class, which a weak
model exceeds with its own errors.
"""

MIN_CONFUSABILITY = 0.1
"""Smallest confusability of the two classes, and at least twice that of an even spread. People confuse a tiger with a
leopard; a lion predicted as a tractor is an error of the model, whatever its confidence.

Both were chosen on the 10,000 test labels of CIFAR-100 by looking at the images, with a model of 65.7% accuracy.
Confident learning alone flags 1,458. Of the 227 with a probability of at least 0.8, 38% looked wrong or debatable,
whatever their margin; of the 103 among them with similar classes, 68%. With 0.75 it is some 60% of 135.
"""

MIN_CLASSES = 5
"""With fewer classes the remaining probability has nowhere else to go, and confusability is uninformative."""

MIN_CONFIDENCE_ALONE = 0.95
"""Smallest probability of the suggested class where confusability is uninformative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelIssue:
    """A label that the model contradicts: a candidate for review, not a proven error.

    Probabilities are those after temperature scaling.

    Attributes:
        position: 0..N-1 in the cache.
        label_index: class of the label.
        suggested_index: predicted class.
        confusability: how often each of the two classes is mistaken for the other, in [0, 1]: the geometric mean over
            both directions of the fraction of one class's off-label probability that goes to the other.
    """

    position: int
    label_index: int
    suggested_index: int
    label_probability: float
    suggested_probability: float
    confusability: float

    @property
    def margin(self) -> float:
        """Difference of the probabilities of the suggested class and of the label."""
        return self.suggested_probability - self.label_probability


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelIssues:
    """The labels to review, and the number to expect.

    Attributes:
        issues: by falling margin, ties by position.
        found: the issues, out of all examples with as much confidence as an issue requires.
        num_expected: number of those confident examples that the probabilities themselves expect to contradict a label
            of a similar class. More issues than that are evidence of wrong labels. A lower number clears no label: the
            temperature is fitted on the same labels, and wrong ones lower the confidence.
        min_probability: smallest probability of the suggested class.
        num_confident_learning: number of labels that confident learning alone would flag.
        temperature: divisor of the logits before the softmax, fitted on all examples.
    """

    issues: tuple[LabelIssue, ...]
    found: Proportion
    num_expected: float
    min_probability: float
    num_confident_learning: int
    temperature: float

    def withheld(self) -> "LabelIssues":
        """The same without an issue: where labels and outputs are in different orders, no label can be doubted."""
        return replace(self, issues=(), found=replace(self.found, count=0))


def find_label_issues(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> LabelIssues:
    """The labels to review (confident learning, Northcutt et al. 2021, with two further conditions).

    The threshold t_j of a class is the mean probability p_j over the examples labeled j. An issue is labeled i and
    predicted as j with p_j >= t_j (confident learning) and p_j >= `MIN_CONFIDENCE`, and i and j are similar: each
    receives at least `MIN_CONFUSABILITY` of the other's off-label probability (geometric mean of both), and at least
    twice an even share, without counting the example itself. With fewer than `MIN_CLASSES` classes all are similar, and
    p_j has to reach `MIN_CONFIDENCE_ALONE`. A value within rounding of its threshold reaches it.

    Args:
        logits: float32 (N, K), before softmax.
        labels: int64 (N,).
    """
    num_classes = logits.shape[1]
    has_confusability = num_classes >= MIN_CLASSES
    least_confidence = MIN_CONFIDENCE if has_confusability else MIN_CONFIDENCE_ALONE
    least_confusability = max(MIN_CONFUSABILITY, 2 / (num_classes - 1)) if has_confusability else 0.0
    temperature, _is_limit = fit_temperature(logits, labels)
    scaled = compute_predictions(logits, labels, temperature=temperature)
    predicted, confidence = scaled.predicted, scaled.confidence
    sums = _probability_sums(logits, labels, temperature)
    support = np.bincount(labels, minlength=num_classes)
    with np.errstate(invalid="ignore"):
        thresholds = np.diagonal(sums) / support - ROUNDING  # NaN without support, which nothing reaches
    stray = sums
    np.fill_diagonal(stray, 0)

    is_confident = (confidence >= least_confidence - ROUNDING) & (confidence >= thresholds[predicted])
    candidates = np.flatnonzero(is_confident & ~scaled.is_correct)
    confusability = _confusability_on_the_others(stray, scaled, labels, candidates)
    issues = [
        LabelIssue(
            position=int(i),
            label_index=int(labels[i]),
            suggested_index=int(predicted[i]),
            label_probability=float(scaled.true_probability[i]),
            suggested_probability=float(confidence[i]),
            confusability=float(alike),
        )
        for i, alike in zip(candidates, confusability, strict=True)
        if alike >= least_confusability - ROUNDING
    ]
    margins = settle_ties(np.array([issue.margin for issue in issues]))

    is_alike = _confusability(stray) >= least_confusability - ROUNDING
    np.fill_diagonal(is_alike, False)
    num_expected, num_confident_learning = 0.0, 0
    for block in row_blocks(*logits.shape):
        probabilities = scaled_probabilities(logits[block], temperature)
        confident = is_confident[block]
        num_expected += float(np.einsum("nk,nk->", probabilities[confident], is_alike[predicted[block][confident]]))
        num_confident_learning += _count_contradicted(probabilities, labels[block], thresholds)
    return LabelIssues(
        issues=tuple(issues[at] for at in np.argsort(-margins, kind="stable")),
        found=Proportion(count=len(issues), total=int(np.count_nonzero(is_confident)), exact=True),
        num_expected=num_expected,
        min_probability=least_confidence,
        num_confident_learning=num_confident_learning,
        temperature=temperature,
    )


def _confusability(stray: NDArray[np.float64]) -> NDArray[np.float64]:
    """The confusability of any two classes: float64 (K, K), symmetric.

    Args:
        stray: float64 (K, K), sum of the probabilities over the examples of each label, without the diagonal.
    """
    shares = _ratio(stray, stray.sum(axis=1, keepdims=True))
    return np.sqrt(shares * shares.T)


def _confusability_on_the_others(
    stray: NDArray[np.float64], scaled: Predictions, labels: NDArray[np.int64], candidates: NDArray[np.intp]
) -> NDArray[np.float64]:
    """For each of n errors, the confusability of its two classes without the example itself: float64 (n,)."""
    given, suggested = labels[candidates], scaled.predicted[candidates]
    totals = stray.sum(axis=1)
    there = _ratio(
        stray[given, suggested] - scaled.confidence[candidates],
        totals[given] - (1 - scaled.true_probability[candidates]),
    )
    return np.sqrt(there * _ratio(stray[suggested, given], totals[suggested]))


def _probability_sums(
    logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float
) -> NDArray[np.float64]:
    """Sum of the probabilities over the examples of each label: float64 (K, K), one row per label."""
    n, k = logits.shape
    sums = np.zeros((k, k))
    by_label = np.argsort(labels, kind="stable")
    for block in row_blocks(n, k):
        rows = by_label[block]
        present, starts = np.unique(labels[rows], return_index=True)
        sums[present] += np.add.reduceat(scaled_probabilities(logits[rows], temperature), starts, axis=0)
    return sums


def _count_contradicted(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], thresholds: NDArray[np.float64]
) -> int:
    """Number of labels that confident learning alone flags: the most probable class above its threshold is another.

    Args:
        probabilities: float64 (n, K).
        labels: int64 (n,).
        thresholds: float64 (K,).
    """
    reaching = np.where(probabilities >= thresholds, probabilities, -1)
    best = reaching.argmax(axis=1)
    return int(np.count_nonzero((best != labels) & (reaching[np.arange(len(best)), best] >= 0)))


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Elementwise part / whole, without negative rounding errors; 0 where the whole is 0."""
    return np.divide(np.maximum(part, 0), whole, out=np.zeros(part.shape), where=whole > 1e-12)
