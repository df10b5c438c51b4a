"""Faithfulness tests: do the pixels that maps highlight matter more to the model than those of a baseline?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from reportgen.analysis.intervals import CONFIDENCE_LEVEL, Estimate, mean_estimate
from reportgen.analysis.ties import ROUNDING
from reportgen.cache import BASELINES, Faithfulness, RemovalCurves

HIGH_CORRELATION = 0.5
"""Mean correlation above which maps count as insensitive to the randomized head."""


class Measure(StrEnum):
    """A test by removing pixels, with one number per example, the area under curves."""

    DELETION = "deletion"
    INSERTION = "insertion"
    ROAD = "road"


class Verdict(StrEnum):
    """Comparison of a method's maps with both baselines in all measures, by intervals that hold together.

    BEATS: better than both baselines in every measure. WORSE: worse than one in some measure. PARTLY: better in some,
    and in the others not distinguishable. NOT_TOLD_APART: no difference beyond chance.
    """

    BEATS = "better than both baselines"
    PARTLY = "partly better than a baseline"
    NOT_TOLD_APART = "not significantly different from the baselines"
    WORSE = "worse than a baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationScores:
    """Results of removing pixels in the order of one explanation.

    Attributes:
        name: a method, `random` or `centre`.
        areas: mean area under the curve with its 95% CI, as a fraction of the whole square. Deletion: in [0, 1], lower
            is better. Insertion: in [0, 1], higher is better. ROAD: area between the curve that removes the least
            important pixels first and the one that removes the most important first, in [-1, 1], higher is better.
        deletion: mean probability at each fraction of pixels.
        insertion: the same.
        road_most: the same, most important pixels first.
        road_least: the same, least important pixels first.
    """

    name: str
    areas: Mapping[Measure, Estimate]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    road_most: tuple[float, ...]
    road_least: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Gain of a method's maps over a baseline on the same examples.

    Attributes:
        baseline: `random` or `centre`.
        gain: mean difference of the areas, above 0 if the method is better, with Student's interval of paired
            differences; widened (Bonferroni) so that with 95% confidence all intervals of the method hold together.
    """

    baseline: str
    measure: Measure
    gain: Estimate

    @property
    def is_better(self) -> bool:
        """Whether the whole interval lies above 0 by more than rounding."""
        return self.gain.low > ROUNDING

    @property
    def is_worse(self) -> bool:
        """Whether the whole interval lies below 0 by more than rounding."""
        return self.gain.high < -ROUNDING


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodFaithfulness:
    """Results of the faithfulness tests of one method.

    Attributes:
        comparisons: one for each baseline and measure.
        correlation: mean absolute rank correlation of a map with that of the same class by the network with a
            randomized head, over the examples where it is defined; `None` if the head was not randomized.
    """

    scores: ExplanationScores
    comparisons: tuple[Comparison, ...]
    verdict: Verdict
    correlation: Estimate | None

    @property
    def is_insensitive_to_head(self) -> bool:
        """Whether the maps change little when the weights of the head are randomized."""
        return self.correlation is not None and self.correlation.low > HIGH_CORRELATION


@dataclass(frozen=True, slots=True, kw_only=True)
class FaithfulnessFindings:
    """Results of the faithfulness tests.

    Attributes:
        num_examples: number of examples tested.
        fractions: of the pixels removed or restored, ascending from 0 to 1.
        methods: in the order of the cache.
        baselines: `random` and `centre`.
    """

    num_examples: int
    fractions: tuple[float, ...]
    methods: tuple[MethodFaithfulness, ...]
    baselines: tuple[ExplanationScores, ...]


def compute_faithfulness(measured: Faithfulness) -> FaithfulnessFindings:
    """Means and verdicts from the curves and the correlations of each example.

    The examples count as a simple random sample; they are stratified, so the intervals are slightly too wide.
    """
    fractions = measured.fractions.astype(np.float64)
    areas = {name: _compute_areas(curves, fractions) for name, curves in measured.curves.items()}
    scores = {name: _summarize(name, curves, areas[name]) for name, curves in measured.curves.items()}
    methods = []
    for name in measured.curves:
        if name in BASELINES:
            continue
        comparisons = tuple(
            Comparison(baseline=baseline, measure=measure, gain=_compare(areas[name], areas[baseline], measure))
            for baseline in BASELINES
            for measure in Measure
        )
        methods.append(
            MethodFaithfulness(
                scores=scores[name],
                comparisons=comparisons,
                verdict=judge(comparisons),
                correlation=_mean_correlation(measured.randomized.get(name)),
            )
        )
    return FaithfulnessFindings(
        num_examples=len(measured.positions),
        fractions=tuple(fractions.tolist()),
        methods=tuple(methods),
        baselines=tuple(scores[name] for name in BASELINES),
    )


def judge(comparisons: tuple[Comparison, ...]) -> Verdict:
    """The verdict of all comparisons of one method."""
    if any(comparison.is_worse for comparison in comparisons):
        return Verdict.WORSE
    num_better = sum(comparison.is_better for comparison in comparisons)
    if num_better == len(comparisons):
        return Verdict.BEATS
    return Verdict.PARTLY if num_better else Verdict.NOT_TOLD_APART


def area_under(curves: NDArray[np.float32], fractions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The area under each of M curves (M, F) by the trapezoidal rule, over the range of the fractions: float64 (M,)."""
    steps = np.diff(fractions) / (fractions[-1] - fractions[0])
    values = curves.astype(np.float64)
    areas: NDArray[np.float64] = (values[:, 1:] + values[:, :-1]) @ steps / 2
    return areas


def _compute_areas(curves: RemovalCurves, fractions: NDArray[np.float64]) -> dict[Measure, NDArray[np.float64]]:
    most, least = (area_under(curves.road[:, :, order], fractions) for order in (0, 1))
    return {
        Measure.DELETION: area_under(curves.deletion, fractions),
        Measure.INSERTION: area_under(curves.insertion, fractions),
        Measure.ROAD: least - most,
    }


def _summarize(name: str, curves: RemovalCurves, areas: Mapping[Measure, NDArray[np.float64]]) -> ExplanationScores:
    def mean_curve(values: NDArray[np.float32]) -> tuple[float, ...]:
        return tuple(values.mean(axis=0, dtype=np.float64).tolist())

    return ExplanationScores(
        name=name,
        areas={
            measure: mean_estimate(own, within=(-1 if measure is Measure.ROAD else 0, 1))
            for measure, own in areas.items()
        },
        deletion=mean_curve(curves.deletion),
        insertion=mean_curve(curves.insertion),
        road_most=mean_curve(curves.road[:, :, 0]),
        road_least=mean_curve(curves.road[:, :, 1]),
    )


def _compare(
    own: Mapping[Measure, NDArray[np.float64]], other: Mapping[Measure, NDArray[np.float64]], measure: Measure
) -> Estimate:
    """The mean paired difference, higher is better, at the level for all comparisons of a method."""
    gains = other[measure] - own[measure] if measure is Measure.DELETION else own[measure] - other[measure]
    n, value = len(gains), float(gains.mean())
    if n < 2:
        return Estimate(value=value, low=math.nan, high=math.nan, n=n)
    tail = (1 - CONFIDENCE_LEVEL) / (2 * len(BASELINES) * len(Measure))
    half = float(stdtrit(n - 1, 1 - tail) * gains.std(ddof=1) / math.sqrt(n))
    return Estimate(value=value, low=value - half, high=value + half, n=n)


def _mean_correlation(correlations: NDArray[np.float32] | None) -> Estimate | None:
    if correlations is None:
        return None
    defined = correlations[~np.isnan(correlations)].astype(np.float64)
    return mean_estimate(np.abs(defined), within=(0, 1))
