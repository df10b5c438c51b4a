"""The reliability diagram: accuracy against confidence, bin by bin."""

from markupsafe import Markup

from reportgen.analysis.calibration import Calibration, ReliabilityBin
from reportgen.report.pictures.diagrams.axes import QUARTERS, Axes
from reportgen.report.pictures.svg import element, picture, titled
from reportgen.report.words.text import percent_interval_text, percent_text, plural_text

_AXES = Axes(width=440, height=420, left=40, right=428, top=10, bottom=320)
_COUNT_TOP, _COUNT_BOTTOM = 346.0, 392.0


def draw_reliability(calibration: Calibration) -> Markup:
    """Accuracy with its interval over mean confidence, and the number of examples of each bin below."""
    most = max(part.accuracy.total for part in calibration.bins)
    return picture(
        _AXES.width,
        _AXES.height,
        _AXES.y_axis(QUARTERS, lambda tick: percent_text(tick, digits=0)),
        _AXES.x_axis(QUARTERS, lambda tick: percent_text(tick, digits=0)),
        element("line", class_="diagonal", x1=_AXES.left, y1=_AXES.bottom, x2=_AXES.right, y2=_AXES.top),
        *(_draw_bin(part, most) for part in calibration.bins if part.accuracy.total),
        element("text", "Confidence; bars: number of images", x=_AXES.right, y=_AXES.height, dy=-8, text_anchor="end"),
        element("text", "Accuracy", x=_AXES.left, y=_AXES.top, dx=6, dy=12),
        label="Reliability diagram: accuracy against confidence in 15 bins. A calibrated model lies on the diagonal. "
        f"Expected calibration error {percent_text(calibration.error.value)}.",
        class_="reliability",
    )


def _draw_bin(part: ReliabilityBin, most: int) -> Markup:
    height = max(part.accuracy.total / most * (_COUNT_BOTTOM - _COUNT_TOP), 1.0)
    x, left = _AXES.x(part.mean_confidence), _AXES.x(part.low)
    return titled(
        "g",
        f"Confidence {percent_text(part.mean_confidence)}: accuracy {percent_text(part.accuracy.value)}"
        f" ({percent_interval_text(part.accuracy)}), {plural_text(part.accuracy.total, 'image')}",
        element(
            "rect",
            class_="bin",
            x=left + 1,
            y=_COUNT_BOTTOM - height,
            width=_AXES.x(part.high) - left - 2,
            height=height,
        ),
        element("line", class_="whisker", x1=x, x2=x, y1=_AXES.y(part.accuracy.low), y2=_AXES.y(part.accuracy.high)),
        element("circle", cx=x, cy=_AXES.y(part.accuracy.value), r=3.6),
    )
