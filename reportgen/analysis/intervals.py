"""Proportions and estimates: every number of the report with its confidence interval."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, betaincinv, stdtrit

CONFIDENCE_LEVEL = 0.95

NUM_RESAMPLES = 1000
_BOOTSTRAP_SEED = 20
_CELLS_PER_DRAW = 1 << 20
"""Counts drawn at a time: 8 MB, for any number of classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """A count out of a total, with its Wilson interval (Wilson 1927).

    Attributes:
        total: number of trials; value and bounds are NaN if it is 0.
        level: confidence level of the interval.
        exact: whether the interval is that of Clopper and Pearson (1934) instead. It is slightly wider and keeps its
            level where Wilson's does not: far in the tails, and for a few successes in many trials.
    """

    count: int
    total: int
    level: float = CONFIDENCE_LEVEL
    exact: bool = False

    def __post_init__(self) -> None:
        """Check the count and the level.

        Raises:
            ValueError: the count is not in 0..total, or the level not in (0, 1).
        """
        if not 0 <= self.count <= self.total:
            raise ValueError(f"count {self.count} is not in 0..{self.total}")
        if not 0 < self.level < 1:
            raise ValueError(f"level {self.level} is not in (0, 1)")

    @property
    def value(self) -> float:
        """The fraction in [0, 1]; NaN without trials."""
        return self.count / self.total if self.total else math.nan

    @property
    def low(self) -> float:
        """Lower bound of the interval; NaN without trials."""
        return float(self._interval(self.count, self.total, self.level)[0])

    @property
    def high(self) -> float:
        """Upper bound of the interval; NaN without trials."""
        return float(self._interval(self.count, self.total, self.level)[1])

    @property
    def n(self) -> int:
        """Number of trials: `total`, under the name that it has in `Estimate`."""
        return self.total

    @property
    def _interval(self) -> "IntervalFunction":
        return exact_interval if self.exact else wilson_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value that is not a proportion, with its 95% CI.

    Attributes:
        value: NaN if it is undefined.
        low: lower bound; NaN if it cannot be estimated.
        high: upper bound; NaN if it cannot be estimated.
        n: number of examples.
    """

    value: float
    low: float
    high: float
    n: int


IntervalFunction = Callable[[ArrayLike, ArrayLike, float], tuple[NDArray[np.float64], NDArray[np.float64]]]


def wilson_interval(
    count: ArrayLike, total: ArrayLike, level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper Wilson bounds, elementwise; NaN where the total is 0.

    Args:
        count: successes, any shape.
        total: trials, a shape that broadcasts with it.
        level: two-sided confidence level.
    """
    count, total = np.asarray(count, dtype=np.float64), np.asarray(total, dtype=np.float64)
    trials = np.where(total > 0, total, np.nan)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = count / trials
    center = share + z**2 / (2 * trials)
    half = z * np.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    shrink = 1 + z**2 / trials
    # The ends are exact where no trial, or every trial, succeeded; rounding would leave them an ulp inside or outside.
    low = np.where(count == 0, 0 * trials, np.maximum((center - half) / shrink, 0))
    high = np.where(count == total, 1 + 0 * trials, np.minimum((center + half) / shrink, 1))
    return low, high


def exact_interval(count: ArrayLike, total: ArrayLike, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper Clopper-Pearson bounds, elementwise; NaN where the total is 0. Arguments as `wilson_interval`."""
    count, total = np.asarray(count, dtype=np.float64), np.asarray(total, dtype=np.float64)
    trials = np.where(total > 0, total, np.nan)
    tail = (1 - level) / 2
    # Both ends as small quantiles: 1 - tail would round away what matters at the levels of many tests.
    low = np.where(count == 0, 0 * trials, betaincinv(np.maximum(count, 1), trials - count + 1, tail))
    misses = np.maximum(trials - count, 1)
    high = np.where(count == total, 1 + 0 * trials, 1 - betaincinv(misses, count + 1, tail))
    return low, high


def chance_band(share: float, total: int) -> tuple[float, float]:
    """Range of 95% of the observed fractions if the true one is `share`: binomial quantiles over a total, in [0, 1]."""
    tail = (1 - CONFIDENCE_LEVEL) / 2
    cumulative = bdtr(np.arange(total + 1), total, share)
    low, high = (int(np.searchsorted(cumulative, quantile)) / total for quantile in (tail, 1 - tail))
    return low, high


def mean_estimate(values: NDArray[np.float64], *, within: tuple[float, float] = (-math.inf, math.inf)) -> Estimate:
    """The mean with Student's t interval; NaN for no value, bounds NaN for a single one.

    Args:
        values: float64 (n,).
        within: the least and the greatest value that the mean can take; the bounds are clipped to them.
    """
    n = len(values)
    if n == 0:
        return Estimate(value=math.nan, low=math.nan, high=math.nan, n=0)
    value = float(np.mean(values))
    if n == 1:
        return Estimate(value=value, low=math.nan, high=math.nan, n=1)
    half = float(stdtrit(n - 1, (1 + CONFIDENCE_LEVEL) / 2) * np.std(values, ddof=1) / math.sqrt(n))
    return Estimate(value=value, low=max(value - half, within[0]), high=min(value + half, within[1]), n=n)


def difference_within(values: NDArray[np.float64], is_first: NDArray[np.bool_], groups: NDArray[np.int64]) -> Estimate:
    """Mean of the first kind minus that of the second, among values of the same group.

    Groups have the weights of a least-squares fit with a constant per group, n1 n2 / (n1 + n2). The variance of each
    kind is pooled over groups, with Satterthwaite's degrees of freedom (1946). With one group it is Welch's interval.

    Args:
        values: float64 (n,).
        is_first: bool (n,), the kind of each value.
        groups: int64 (n,), the group of each value, from 0.

    Returns:
        NaN if no group has both kinds; NaN bounds if a variance cannot be estimated. Its `n` counts the values in
        groups with both kinds.
    """
    num_groups = int(groups.max(initial=-1)) + 1
    counts = np.stack([np.bincount(groups[kind], minlength=num_groups) for kind in (is_first, ~is_first)])
    used = counts.min(axis=0) > 0
    n = int(counts[:, used].sum())
    if n == 0:
        return Estimate(value=math.nan, low=math.nan, high=math.nan, n=0)
    counts = counts[:, used]
    weights = counts.prod(axis=0) / counts.sum(axis=0)
    weights /= weights.sum()
    means, variances, freedom = np.empty(counts.shape), np.empty(2), np.empty(2)
    for at, kind in enumerate((is_first, ~is_first)):
        own, member = values[kind], groups[kind]
        sums = np.bincount(member, weights=own, minlength=num_groups)
        means[at] = sums[used] / counts[at]
        centered = (own - (sums / np.maximum(np.bincount(member, minlength=num_groups), 1))[member])[used[member]]
        freedom[at] = counts[at].sum() - counts.shape[1]
        if freedom[at] > 0:
            variances[at] = centered @ centered / freedom[at] * (weights**2 / counts[at]).sum()
    value = float(weights @ (means[0] - means[1]))
    if not freedom.all():
        return Estimate(value=value, low=math.nan, high=math.nan, n=n)
    total = variances.sum()
    half = 0.0
    if total > 0:
        half = float(stdtrit(total**2 / (variances**2 / freedom).sum(), (1 + CONFIDENCE_LEVEL) / 2) * math.sqrt(total))
    return Estimate(value=value, low=value - half, high=value + half, n=n)


ConfusionStatistics = Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
"""Correct predictions, support and number predicted, each int64 (R, K) -> M statistics of R confusion matrices, (R,
M)."""


def bootstrap_estimates(confusion: NDArray[np.int64], statistics: ConfusionStatistics) -> tuple[Estimate, ...]:
    """M statistics of a confusion matrix, with percentile intervals of the bootstrap over examples (Efron 1979).

    Drawing N examples with replacement draws the cells of the matrix from a multinomial distribution. Bounds are NaN if
    all `NUM_RESAMPLES` matrices agree, as they do without errors: the variance cannot be estimated.

    Args:
        confusion: int64 (K, K), rows true, columns predicted.
        statistics: computed from the counts of each class.
    """
    rows, columns = np.nonzero(confusion)  # in the order of rows
    counts = confusion[rows, columns]
    total = int(counts.sum())
    rng = np.random.default_rng(_BOOTSTRAP_SEED)
    resampled = []
    step = max(1, _CELLS_PER_DRAW // max(len(counts), len(confusion)))
    for start in range(0, NUM_RESAMPLES, step):
        size = min(step, NUM_RESAMPLES - start)
        cells = rng.multinomial(total, counts / total, size=size)
        resampled.append(statistics(*_class_counts(cells, rows, columns, len(confusion))))
    draws = np.concatenate(resampled)
    values = statistics(*_class_counts(counts[np.newaxis], rows, columns, len(confusion)))[0]
    tail = (1 - CONFIDENCE_LEVEL) / 2
    lows, highs = np.quantile(draws, [tail, 1 - tail], axis=0)
    # In a few examples the bootstrap's bias can put the value outside its own interval: the interval is then widened.
    lows, highs = np.minimum(lows, values), np.maximum(highs, values)
    constant = np.ptp(draws, axis=0) == 0
    lows[constant] = highs[constant] = np.nan
    return tuple(
        Estimate(value=float(value), low=float(low), high=float(high), n=total)
        for value, low, high in zip(values, lows, highs, strict=True)
    )


def _class_counts(
    cells: NDArray[np.int64], rows: NDArray[np.intp], columns: NDArray[np.intp], num_classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Correct predictions, support and number predicted, each (R, K), from cells (R, C) in the order of rows."""
    correct = np.zeros((len(cells), num_classes), dtype=np.int64)
    correct[:, rows[rows == columns]] = cells[:, rows == columns]
    by_column = np.argsort(columns, kind="stable")
    return correct, _sum_runs(cells, rows, num_classes), _sum_runs(cells[:, by_column], columns[by_column], num_classes)


def _sum_runs(cells: NDArray[np.int64], keys: NDArray[np.intp], num_keys: int) -> NDArray[np.int64]:
    """Sums (R, num_keys) of the cells (R, C) that share a key; keys are ascending."""
    sums = np.zeros((len(cells), num_keys), dtype=np.int64)
    present, starts = np.unique(keys, return_index=True)
    sums[:, present] = np.add.reduceat(cells, starts, axis=1)
    return sums
