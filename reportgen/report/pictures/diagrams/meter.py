"""The bar beside a number of a table."""

import math

from markupsafe import Markup

from reportgen.report.pictures.svg import element


def draw_meter(fraction: float) -> Markup:
    """A bar that covers a fraction in [0, 1] of its cell; empty for NaN.

    It is decorative: the number stands beside it.
    """
    percent = 0.0 if math.isnan(fraction) else 100 * fraction
    return element("svg", element("rect", width=f"{percent:.1f}%"), class_="meter", aria_hidden="true")
