"""Numbers as text. Per cent, rounding and the dash for an undefined value exist only here."""

import math
from collections.abc import Sequence

from reportgen.analysis.intervals import Estimate, Proportion

DASH = "–"
_FIGURE_DASH = "–"


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
    step = 10.0**-digits
    if 0 < fraction < 1:
        if fraction * 100 < step / 2:
            return f"<{step:.{digits}f}"
        if fraction * 100 > 100 - step / 2:
            return f">{100 - step:.{digits}f}"
    return f"{fraction * 100:.{digits}f}"


def percent_interval_text(measured: Estimate | Proportion, *, digits: int = 1) -> str:
    """The interval of a proportion as `64.7–66.6%`; a dash where it is undefined."""
    if math.isnan(measured.low) or math.isnan(measured.high):
        return DASH
    low, high = (percent_number(bound, digits=digits) for bound in (measured.low, measured.high))
    return f"{low}{_FIGURE_DASH}{high}%"


def number_text(value: float, *, digits: int = 3) -> str:
    """A plain number as `1.219`, with a true minus sign; a dash where it is undefined."""
    return DASH if math.isnan(value) else f"{value:.{digits}f}".replace("-", "−")  # noqa: RUF001


def number_interval_text(measured: Estimate | Proportion, *, digits: int = 3) -> str:
    """The interval of a plain number as `1.201 to 1.237`; a dash where it is undefined."""
    if math.isnan(measured.low) or math.isnan(measured.high):
        return DASH
    return f"{number_text(measured.low, digits=digits)} to {number_text(measured.high, digits=digits)}"


def plural_text(count: int, noun: str, plural: str | None = None) -> str:
    """`1 image`, `25 images`."""
    return f"{count_text(count)} {noun if count == 1 else plural or noun + 's'}"


def list_text(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
