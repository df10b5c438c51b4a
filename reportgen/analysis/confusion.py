"""Which classes are taken for which: the confusion matrix, its pairs and its superclasses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.intervals import Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusedPair:
    """An ordered pair of classes: examples of one that are predicted as the other.

    Attributes:
        true_index: class index of the label.
        predicted_index: class index of the prediction, another one.
        share: examples of the true class predicted as the other, out of the true class's support.
        reverse: the other way: examples of the predicted class predicted as the true one, out of its support.
        same_superclass: whether both lie in one superclass; `None` where superclasses are not known.
    """

    true_index: int
    predicted_index: int
    share: Proportion
    reverse: Proportion
    same_superclass: bool | None


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class SuperclassFindings:
    """The mistakes seen through the superclasses.

    Attributes:
        names: the S superclasses' names.
        confusion: int64 (S, S), rows true, columns predicted; the diagonal holds right answers and mistakes inside.
        accuracy: examples whose prediction lies in the right superclass, out of all.
        recall: for each superclass, the same out of its support.
        inside: mistakes that stay inside the superclass, out of all mistakes.
        chance: share in [0, 1] of mistakes that would stay inside if wrong answers were spread evenly over the other
            classes.
    """

    names: tuple[str, ...]
    confusion: NDArray[np.int64]
    accuracy: Proportion
    recall: tuple[Proportion, ...]
    inside: Proportion
    chance: float
