"""Which labels may be wrong: confident learning, held back to what a person might have mistaken too."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.calibration import fit_temperature
from reportgen.analysis.intervals import Proportion
from reportgen.analysis.predictions import Predictions, compute_predictions, row_blocks, scaled_probabilities
from reportgen.analysis.ties import ROUNDING, settle_ties

MIN_CONFIDENCE = 0.75
"""Least probability of the suggested class. Confident learning alone asks for the class's average, which a weak model
passes with its own errors."""

MIN_CONFUSABILITY = 0.1
"""Least share of each other's stray probability that two like classes get, and at least twice an even share. Who labels
by eye takes a tiger for a leopard; a lion that is called a tractor is the model's own error, however sure it is.

Both were set on CIFAR-100's 10,000 test labels, with a model that is right 65.7 times in 100, by looking at the images.
Confident learning alone flags 1,458. Of the 227 with a probability of 0.8 or more 38 % looked wrong or open to dispute,
whatever their margin; of the 103 among them whose classes are alike 68 %. With 0.75 it is some 60 % of 135."""

MIN_CLASSES = 5
"""Among fewer classes the stray probability has nowhere else to go, and confusability tells nothing."""

MIN_CONFIDENCE_ALONE = 0.95
"""Least probability of the suggested class where confusability tells nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelIssue:
    """An example whose label the model contradicts: a candidate for a second look, not a proven error.

    Probabilities are those after temperature scaling.

    Attributes:
        position: its position 0..N-1 in the cache.
        label_index: the class index given.
        suggested_index: the class index predicted.
        label_probability: probability of the class given.
        suggested_probability: probability of the class suggested.
        confusability: how often each of the two classes is mistaken for the other, in [0, 1]: the geometric mean,
            over both directions, of the share of one class's stray probability that goes to the other.
    """

    position: int
    label_index: int
    suggested_index: int
    label_probability: float
    suggested_probability: float
    confusability: float

    @property
    def margin(self) -> float:
        """How much likelier the suggested class is than the one given: the difference of both probabilities."""
        return self.suggested_probability - self.label_probability


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelIssues:
    """The labels that deserve a second look, and how much to expect of it.

    Attributes:
        issues: by falling margin, ties by position.
        found: the issues out of all examples that are as sure of a class as an issue is of the one suggested.
        num_expected: how many of those sure examples the probabilities themselves expect to contradict a label of a
            like class. More issues than that are evidence of wrong labels. As many are no evidence against any label,
            and none for all: the temperature is fitted on the same labels, and takes wrong ones for unsureness.
        min_probability: the probability that the suggested class has to reach at least.
        num_confident_learning: how many confident learning alone would have flagged.
        temperature: what the logits were divided by before the softmax: fitted on all examples.
    """

    issues: tuple[LabelIssue, ...]
    found: Proportion
    num_expected: float
    min_probability: float
    num_confident_learning: int
    temperature: float


def find_label_issues(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> LabelIssues:
    """The labels that deserve a second look (confident learning, Northcutt et al. 2021, with two further conditions).

    The threshold t_j of a class is the mean probability p_j over the examples labelled j. An issue is labelled i and
    predicted as j with p_j >= t_j (confident learning), with p_j >= `MIN_CONFIDENCE`, and i and j are alike: each gets
    at least `MIN_CONFUSABILITY` of the other's stray probability (geometric mean of both), and twice an even share. The
    example itself does not count. With fewer than `MIN_CLASSES` classes all are alike, and p_j has
    to reach `MIN_CONFIDENCE_ALONE`. A value within rounding of its threshold reaches it.

    Args:
        logits: float32 (N, K), before softmax.
        labels: int64 (N,), true class index.
    """
    num_classes = logits.shape[1]
    has_confusability = num_classes >= MIN_CLASSES
    least_confidence = MIN_CONFIDENCE if has_confusability else MIN_CONFIDENCE_ALONE
    least_confusability = max(MIN_CONFUSABILITY, 2 / (num_classes - 1)) if has_confusability else 0.0
    temperature = fit_temperature(logits, labels)
    scaled = compute_predictions(logits, labels, temperature=temperature)
    predicted, confidence = scaled.predicted, scaled.confidence
    sums = _probability_sums(logits, labels, temperature)
    support = np.bincount(labels, minlength=num_classes)
    with np.errstate(invalid="ignore"):
        thresholds = np.diagonal(sums) / support - ROUNDING  # NaN without support, which nothing reaches
    stray = sums
    np.fill_diagonal(stray, 0)

    is_sure = (confidence >= least_confidence - ROUNDING) & (confidence >= thresholds[predicted])
    candidates = np.flatnonzero(is_sure & ~scaled.is_correct)
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
        sure = is_sure[block]
        num_expected += float(np.einsum("nk,nk->", probabilities[sure], is_alike[predicted[block][sure]]))
        num_confident_learning += _count_contradicted(probabilities, labels[block], thresholds)
    return LabelIssues(
        issues=tuple(issues[at] for at in np.argsort(-margins, kind="stable")),
        found=Proportion(count=len(issues), total=int(np.count_nonzero(is_sure)), exact=True),
        num_expected=num_expected,
        min_probability=least_confidence,
        num_confident_learning=num_confident_learning,
        temperature=temperature,
    )


def _confusability(stray: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far any two classes are taken for each other: float64 (K, K), symmetric.

    Args:
        stray: float64 (K, K), sum of the probabilities over the examples of each label; the diagonal is 0.
    """
    shares = _ratio(stray, stray.sum(axis=1, keepdims=True))
    return np.sqrt(shares * shares.T)


def _confusability_on_the_others(
    stray: NDArray[np.float64], scaled: Predictions, labels: NDArray[np.int64], candidates: NDArray[np.intp]
) -> NDArray[np.float64]:
    """For each of n mistakes, the confusability of its two classes on all examples but itself: float64 (n,)."""
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
    """Sum of the probabilities over the examples of each label: float64 (K, K), a row a label."""
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
    """How many examples confident learning alone flags: the likeliest class that reaches its threshold is another.

    Args:
        probabilities: float64 (n, K).
        labels: int64 (n,), true class index.
        thresholds: float64 (K,), each class's.
    """
    reaching = np.where(probabilities >= thresholds, probabilities, -1)
    best = reaching.argmax(axis=1)
    return int(np.count_nonzero((best != labels) & (reaching[np.arange(len(best)), best] >= 0)))


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Elementwise part / whole, cleared of rounding below 0; 0 where nothing is left of the whole."""
    return np.divide(np.maximum(part, 0), whole, out=np.zeros(part.shape), where=whole > 1e-12)
