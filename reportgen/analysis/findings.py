"""All findings in one frozen record: the only thing that the report reads besides the cache."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.calibration import Calibration
from reportgen.analysis.confusion import ConfusedPair, SuperclassFindings
from reportgen.analysis.metrics import ClassMetrics, OverallMetrics
from reportgen.analysis.predictions import Predictions
from reportgen.analysis.recommendations import Recommendation
from reportgen.analysis.selection import ClassSelection


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Findings:
    """What the analysis found in a cache of N examples and K classes.

    Attributes:
        predictions: what the model said of each example.
        overall: the headline numbers.
        classes: the K classes, in index order.
        confusion: int64 (K, K), rows true, columns predicted; sums to N.
        pairs: the most confused ordered pairs, falling by count, then by share, then by indices.
        superclasses: the mistakes seen through the superclasses, where those are known.
        calibration: how confidence and accuracy agree.
        selections: the examples shown for each class, in index order.
        confident_errors: positions of the mistakes with a confidence of at least `HIGH_CONFIDENCE`, falling.
        recommendations: one for each rule; those that fired first.
    """

    predictions: Predictions
    overall: OverallMetrics
    classes: tuple[ClassMetrics, ...]
    confusion: NDArray[np.int64]
    pairs: tuple[ConfusedPair, ...]
    superclasses: SuperclassFindings | None
    calibration: Calibration
    selections: tuple[ClassSelection, ...]
    confident_errors: tuple[int, ...]
    recommendations: tuple[Recommendation, ...]
