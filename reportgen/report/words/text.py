"""Numbers as text. Percent signs, rounding and the dash for an undefined value exist only here."""

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from reportgen.analysis.intervals import Estimate, Proportion

DASH = "–"
_RANGE_DASH = "–"


def count_text(count: int) -> str:
    """`10,000`."""
    return f"{count:,}"


def percent_text(fraction: float, *, digits: int = 1) -> str:
    """A fraction in [0, 1] as `65.7%`. 0% and 100% are printed only where the value is exactly that; NaN is a dash."""
    return DASH if math.isnan(fraction) else f"{percent_number(fraction, digits=digits)}%"


def percent_number(fraction: float, *, digits: int = 1) -> str:
    """The number of `percent_text`, without its sign; `>99.9` and `<0.1` where rounding would reach an end."""
    if math.isnan(fraction):
        return DASH
    if fraction in (0.0, 1.0):
        return f"{fraction * 100:.0f}"
    step = Decimal(1).scaleb(-digits)
    number = (Decimal(repr(float(fraction))) * 100).quantize(
        step, ROUND_HALF_UP
    )  # 0.6565 is 65.7, whatever binary says
    if number == 0 and fraction > 0:
        return f"<{step}"
    if number == 100 and fraction < 1:
        return f">{100 - step}"
    return str(number).replace("-", "−")


def percent_interval_text(measured: Estimate | Proportion, *, digits: int = 1) -> str:
    """The interval of a proportion as `64.7–66.6%`; a dash where it is undefined."""
    if math.isnan(measured.low) or math.isnan(measured.high):
        return DASH
    low, high = (percent_number(bound, digits=digits) for bound in (measured.low, measured.high))
    return f"{low}{_RANGE_DASH}{high}%"


def number_text(value: float, *, digits: int = 3) -> str:
    """A plain number as `1.219`, with a true minus sign; a dash where it is undefined."""
    return DASH if math.isnan(value) else f"{value:.{digits}f}".replace("-", "−")


def peak_text(peak: float) -> str:
    """The peak of a map as `12.4`, `0.81`, `0.0041`, `3.2e-05`: never 0.00 unless it is 0."""
    if peak == 0:
        return "0"
    if abs(peak) < 0.001:
        return f"{peak:.1e}"
    return number_text(peak, digits=1 if peak >= 10 else max(2, 1 - math.floor(math.log10(abs(peak)))))


def number_interval_text(measured: Estimate | Proportion, *, digits: int = 3) -> str:
    """The interval of a plain number as `1.201 to 1.237`; a dash where it is undefined."""
    if math.isnan(measured.low) or math.isnan(measured.high):
        return DASH
    return f"{number_text(measured.low, digits=digits)} to {number_text(measured.high, digits=digits)}"


def points_text(difference: float, *, digits: int = 1) -> str:
    """A difference of two fractions as `4.4 points`, for tables and tiles."""
    return f"{number_text(100 * difference, digits=digits)} points"


def percentage_points_text(difference: float, *, digits: int = 1) -> str:
    """A difference of two fractions as `4.4 percentage points`, for sentences."""
    return f"{number_text(100 * difference, digits=digits)} percentage points"


def points_interval_text(measured: Estimate, *, digits: int = 1) -> str:
    """The interval of a difference of two fractions as `3.4 to 5.3`, in percentage points."""
    scaled = Estimate(value=100 * measured.value, low=100 * measured.low, high=100 * measured.high, n=measured.n)
    return number_interval_text(scaled, digits=digits)


def plural_text(count: int, noun: str, plural: str | None = None) -> str:
    """`1 image`, `25 images`."""
    return f"{count_text(count)} {noun if count == 1 else plural or noun + 's'}"


def list_text(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def value_text(value: str) -> str:
    """A value of a metadata column; an empty one is made visible."""
    return value.strip() or "(empty)"
