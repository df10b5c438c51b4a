"""Which labels may be wrong: those that typical images of another class contradict, outside of mixed-up pairs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtrc

from reportgen.analysis.confusion import compute_confusion, without_diagonal
from reportgen.analysis.intervals import Proportion
from reportgen.analysis.predictions import scaled_probabilities
from reportgen.analysis.ties import ROUNDING, settle_ties

MIN_TYPICALITY = 0.25
"""Least typicality of an issue. Three of four wrong labels reach it, and hardly any image of two mixed-up classes."""

MIN_PROBABILITY = 0.5
"""Least probability of the suggested class: below it the model itself does not take the label for wrong."""

MIN_EXCESS = 0.003
"""Fewer than three more contradictions in a thousand images than expected are not worth a review."""

MIN_CLASSES = 5
"""With fewer classes there are no other pairs to tell a mixed-up pair from; the typicality of all errors decides."""

MIN_MEAN_TYPICALITY = 0.34
"""Least mean typicality of errors with so few classes, as a lower bound: 0.5 if all labels of errors are wrong; about
0.33 for two classes of which three in ten images are confused, and less for fewer."""

_LABEL_NOISE = 0.01
_PAIR_LEVEL = 0.05
_NUM_TRIED = 24
_MAX_FACTOR = 5.0
_NUM_FITTED = 2000
_UNIFORM_DEVIATION = 12**-0.5
_ONE_SIDED_95 = 1.645


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelIssue:
    """An example whose label the model contradicts: a candidate for review, not a proven error.

    Attributes:
        position: 0..N-1, position in the cache.
        suggested_index: the predicted class.
        label_probability: probability of the label after temperature scaling of its predicted class.
        typicality: fraction of the correct examples of the suggested class whose margin over the labeled class, the
            difference of both logits, does not exceed that of the example.
    """

    position: int
    label_index: int
    suggested_index: int
    label_probability: float
    suggested_probability: float
    typicality: float

    @property
    def margin(self) -> float:
        """The probability of the suggested class minus that of the label."""
        return self.suggested_probability - self.label_probability


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelIssues:
    """The labels to review, and how many to expect.

    Attributes:
        issues: by descending margin, ties by position.
        found: the issues out of the examples that could be one: typical of their predicted class.
        num_expected: number of issues that the probabilities predict if all labels are correct.
        num_mixed_pairs: ordered pairs of classes without issues, because they are confused far more often than others.
    """

    issues: tuple[LabelIssue, ...]
    found: Proportion
    num_expected: float
    num_mixed_pairs: int

    def withheld(self) -> "LabelIssues":
        """The same without an issue: if labels and outputs are in different orders, no label can be doubted."""
        return replace(self, issues=(), found=replace(self.found, count=0))


@dataclass(frozen=True, eq=False, slots=True)
class _Members:
    """The examples predicted as one class: positions, margins over all classes (n, K), probabilities (n, K)."""

    index: int
    positions: NDArray[np.intp]
    margins: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    is_correct: NDArray[np.bool_]


def find_label_issues(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> LabelIssues:
    """The labels to review.

    An issue is predicted as another class and has at least `MIN_TYPICALITY` and `MIN_PROBABILITY`: among the images
    that the model predicts as the class, it looks like those that are labeled so. Pairs of classes that are confused
    far more often than the others of the class have no issues: there the model is more likely to be wrong than the
    labels. With fewer than `MIN_CLASSES` classes no pair can be excluded, and there are issues only if errors are as
    typical as wrong labels.

    The expected number comes from the probabilities, with a temperature for each predicted class that is fitted with a
    floor, `_LABEL_NOISE` spread over the other classes, so that wrong labels do not pass for overconfidence.

    Args:
        logits: float32 (N, K), before softmax.
        labels: int64 (N,).
    """
    num_classes = logits.shape[1]
    predicted = logits.argmax(axis=1)
    mixed = _mixed_pairs(compute_confusion(labels, predicted, num_classes))
    issues: list[LabelIssue] = []
    typicalities: list[NDArray[np.float64]] = []
    num_expected, num_tested = 0.0, 0
    for members in _predicted_classes(logits, labels, predicted, mixed):
        correct = np.sort(members.margins[members.is_correct], axis=0)
        limits = correct[int(MIN_TYPICALITY * (len(correct) - 1))]
        is_typical = (members.margins >= limits - ROUNDING) & ~mixed[:, members.index]
        is_typical[:, members.index] = False
        is_typical &= members.probabilities[:, [members.index]] >= MIN_PROBABILITY
        num_expected += float(members.probabilities[is_typical].sum())
        num_tested += int(np.count_nonzero(is_typical.any(axis=1)))
        errors = np.flatnonzero(~members.is_correct)
        errors = errors[~mixed[labels[members.positions[errors]], members.index]]
        given = labels[members.positions[errors]]
        typicality = (correct[:, given] <= members.margins[errors, given] + ROUNDING).mean(axis=0)
        typicalities.append(typicality)
        issues += [
            LabelIssue(
                position=int(members.positions[at]),
                label_index=int(label),
                suggested_index=members.index,
                label_probability=float(members.probabilities[at, label]),
                suggested_probability=float(members.probabilities[at, members.index]),
                typicality=float(typical),
            )
            for at, label, typical in zip(errors, given, typicality, strict=True)
            if is_typical[at, label]
        ]
    if num_classes < MIN_CLASSES and not _are_typical(typicalities):
        issues = []
    issues.sort(key=lambda issue: issue.position)
    order = np.argsort(-settle_ties(np.array([issue.margin for issue in issues])), kind="stable")
    return LabelIssues(
        issues=tuple(issues[at] for at in order),
        found=Proportion(count=len(issues), total=num_tested, exact=True),
        num_expected=num_expected,
        num_mixed_pairs=int(mixed.sum()),
    )


def _mixed_pairs(confusion: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pairs, in both directions, with more errors than a Poisson count at the average of the class: bool (K, K)."""
    num_classes = len(confusion)
    if num_classes < MIN_CLASSES:
        return np.zeros((num_classes, num_classes), dtype=np.bool_)
    errors = without_diagonal(confusion)
    average = (errors.sum(axis=1, keepdims=True) - errors + 1) / (num_classes - 2)
    level = _PAIR_LEVEL / (num_classes * (num_classes - 1))
    is_mixed = (errors > 0) & (pdtrc(np.maximum(errors - 1, 0), average) < level)
    return np.asarray(is_mixed | is_mixed.T)


def _predicted_classes(
    logits: NDArray[np.float32], labels: NDArray[np.int64], predicted: NDArray[np.intp], mixed: NDArray[np.bool_]
) -> Iterator[_Members]:
    """The examples of each predicted class with a correct one. Errors of mixed-up pairs do not enter temperatures."""
    found = np.unique(predicted[predicted == labels]).tolist()
    if not found:
        return
    is_fitted = ~mixed[labels, predicted]
    usable = np.flatnonzero(is_fitted)
    some = usable[np.unique(np.linspace(0, len(usable) - 1, min(len(usable), _NUM_FITTED)).astype(np.intp))]
    spread = float(np.median(np.ptp(np.where(np.isfinite(logits[some]), logits[some], 0), axis=1))) or 1.0
    tried = np.geomspace(spread / 100, spread * 4, _NUM_TRIED).tolist()
    best = min(tried, key=lambda temperature: _loss(logits[some], labels[some], temperature))
    temperature = _fit(logits[some], labels[some], best, prior=0)
    for index in found:
        positions = np.flatnonzero(predicted == index)
        own, fitted = logits[positions], positions[is_fitted[positions]]
        yield _Members(
            index,
            positions,
            own[:, [index]].astype(np.float64) - own,
            scaled_probabilities(own, _fit(logits[fitted], labels[fitted], temperature, prior=1)),
            labels[positions] == index,
        )


def _fit(logits: NDArray[np.float32], labels: NDArray[np.int64], near: float, *, prior: float) -> float:
    """The temperature with the least loss, within `_MAX_FACTOR` of another, which the prior keeps it near to."""
    from scipy.optimize import minimize_scalar

    bound = math.log(_MAX_FACTOR)
    found = minimize_scalar(
        lambda log: _loss(logits, labels, near * math.exp(log)) + prior * log**2,
        bounds=(-bound, bound),
        method="bounded",
        options={"xatol": 1e-3},
    )
    return near * math.exp(float(found.x))


def _loss(logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float) -> float:
    """Sum of -log(p + floor), which has a bound for wrong labels."""
    probabilities = scaled_probabilities(logits, temperature)[np.arange(len(labels)), labels]
    return -float(np.log(probabilities + _LABEL_NOISE / (logits.shape[1] - 1)).sum())


def _are_typical(typicalities: list[NDArray[np.float64]]) -> bool:
    """Whether the mean typicality of all errors exceeds `MIN_MEAN_TYPICALITY`, with a one-sided bound of 95%."""
    values = np.concatenate([np.empty(0), *typicalities])
    if len(values) == 0:
        return False
    bound = values.mean() - _ONE_SIDED_95 * _UNIFORM_DEVIATION / len(values) ** 0.5
    return bool(bound > MIN_MEAN_TYPICALITY)
