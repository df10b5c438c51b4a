"""How sure a number is: every proportion and every mean in the report is one of these two."""

from dataclasses import dataclass

CONFIDENCE_LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """A count out of a total, with its Wilson interval (Wilson 1927).

    Attributes:
        count: number of successes.
        total: number of trials; 0 makes value and bounds NaN.
        level: confidence level of the interval.
    """

    count: int
    total: int
    level: float = CONFIDENCE_LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value that is no proportion, with its interval.

    Attributes:
        value: the point estimate; NaN where it is undefined.
        low: lower bound of the 95 % interval.
        high: upper bound.
        n: number of examples behind it.
    """

    value: float
    low: float
    high: float
    n: int
