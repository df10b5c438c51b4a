"""What counts as equal: values that differ by rounding alone.

Logits are stored as float32, so that a probability is known to about 1e-7. A value within `ROUNDING` of a threshold
that it has to reach counts as reaching it, and an interval's bound has to exceed a threshold by more than `ROUNDING`.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

ROUNDING: Final = 1e-6

_TIE: Final = 1e-12  # a softmax in float64 depends on the order of the classes by about 1e-16


def settle_ties(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each value replaced by the lowest of those that tie with it: float64 (n,).

    Values tie where no gap of more than 1e-12 separates them, so that an order of the result never depends on rounding.
    """
    order = np.argsort(values, kind="stable")
    rising = values[order]
    is_lowest = np.diff(rising, prepend=-np.inf) > _TIE
    settled = np.empty_like(values)
    settled[order] = rising[is_lowest][np.cumsum(is_lowest) - 1]
    return settled
