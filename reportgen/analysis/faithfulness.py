"""Are the maps to be trusted? Whether what they point at matters to the model more than what a baseline points at."""

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
"""From this mean on, maps are said to change little when what the head has learned is destroyed."""


class Measure(StrEnum):
    """A test by removal; each has one number an example, the area under curves."""

    DELETION = "deletion"
    INSERTION = "insertion"
    ROAD = "road"


class Verdict(StrEnum):
    """How a method's maps stand against both baselines in all measures, by intervals that hold for all comparisons.

    BEATS: better than either baseline in every measure. WORSE: worse than one in some measure. PARTLY: better in some,
    in the others not told apart. NOT_TOLD_APART: none differs by more than chance explains.
    """

    BEATS = "better than both baselines"
    PARTLY = "partly better than a baseline"
    NOT_TOLD_APART = "not significantly different from the baselines"
    WORSE = "worse than a baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationScores:
    """What came of removing pixels in the order of one explanation.

    Attributes:
        name: a method, `random` or `centre`.
        areas: mean area under the curve with its 95 % interval, a share of the whole square. Deletion: in [0, 1], the
            less the better. Insertion: in [0, 1], the more the better. ROAD: by how much the curve that removes the
            least important first runs above that of the most important first, in [-1, 1], the more the better.
        deletion: mean probability at each fraction.
        insertion: likewise.
        road_most: likewise, the most important first.
        road_least: likewise, the least important first.
    """

    name: str
    areas: Mapping[Measure, Estimate]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    road_most: tuple[float, ...]
    road_least: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """By how much a method's maps do better than a baseline, on the same examples.

    Attributes:
        baseline: `random` or `centre`.
        measure: the measure.
        gain: mean difference of the areas, above 0 where the method does better, with Student's interval of paired
            differences; widened (Bonferroni) so that with 95 % confidence all intervals of the method hold at once.
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
    """How one method's maps stood their tests.

    Attributes:
        scores: what came of removing pixels in their order.
        comparisons: one for each baseline and measure.
        verdict: what they say together.
        correlation: mean absolute rank correlation of a map with that of the same class by the network with a shuffled
            head, over the examples where it is defined; `None` where no head was shuffled.
    """

    scores: ExplanationScores
    comparisons: tuple[Comparison, ...]
    verdict: Verdict
    correlation: Estimate | None

    @property
    def is_insensitive_to_head(self) -> bool:
        """Whether the maps change little when what the head has learned is destroyed."""
        return self.correlation is not None and self.correlation.low > HIGH_CORRELATION


@dataclass(frozen=True, slots=True, kw_only=True)
class FaithfulnessFindings:
    """What the tests of the maps found.

    Attributes:
        num_examples: number of examples tested.
        fractions: shares of the pixels removed or restored, ascending from 0 to 1.
        methods: in the cache's order.
        baselines: `random` and `centre`.
    """

    num_examples: int
    fractions: tuple[float, ...]
    methods: tuple[MethodFaithfulness, ...]
    baselines: tuple[ExplanationScores, ...]


def compute_faithfulness(measured: Faithfulness) -> FaithfulnessFindings:
    """What the curves and the correlations say, example by example and then in the mean.

    The examples are taken for a simple random sample: as they are stratified, the intervals are a little too wide.
    """
    fractions = measured.fractions.astype(np.float64)
    areas = {name: _compute_areas(curves, fractions) for name, curves in measured.curves.items()}
    scores = {name: _summarise(name, curves, areas[name]) for name, curves in measured.curves.items()}
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
                correlation=_mean_correlation(measured.randomised.get(name)),
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


def _summarise(name: str, curves: RemovalCurves, areas: Mapping[Measure, NDArray[np.float64]]) -> ExplanationScores:
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
    """The mean paired difference, turned so that more is better, at the level for all comparisons of a method."""
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
