"""The histogram of a class's confidences: correct predictions below, errors on top of them."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from reportgen.report.pictures.diagrams.axes import QUARTERS, Axes
from reportgen.report.pictures.svg import element, picture, titled
from reportgen.report.words.text import count_text, percent_text, plural_text

_AXES = Axes(width=360, height=176, left=14, right=344, top=20, bottom=152)
_NUM_BARS = 20


def draw_confidence_histogram(confidence: NDArray[np.floating], is_correct: NDArray[np.bool_]) -> Markup:
    """The confidences of n predictions, in `_NUM_BARS` intervals of equal width.

    Args:
        confidence: (n,) in [0, 1].
        is_correct: bool (n,).
    """
    edges = np.linspace(0, 1, _NUM_BARS + 1)
    right, wrong = (np.histogram(confidence[chosen], edges)[0].tolist() for chosen in (is_correct, ~is_correct))
    most = max(1, *(a + b for a, b in zip(right, wrong, strict=True)))
    return picture(
        _AXES.width,
        _AXES.height,
        element("text", plural_text(most, "image"), x=0, y=_AXES.top, dy=-6),
        element("line", class_="grid", x1=0, x2=_AXES.width, y1=_AXES.top, y2=_AXES.top),
        *(
            _draw_bar(index, counts, f"{percent_text(low, digits=0)} to {percent_text(high, digits=0)}", most)
            for index, (low, high, *counts) in enumerate(
                zip(edges[:-1].tolist(), edges[1:].tolist(), right, wrong, strict=True)
            )
            if any(counts)
        ),
        element("line", class_="axis", x1=0, x2=_AXES.width, y1=_AXES.bottom, y2=_AXES.bottom),
        _AXES.x_axis(QUARTERS, lambda tick: percent_text(tick, digits=0)),
        label=f"Histogram of confidence: {plural_text(len(confidence), 'image')},"
        f" {count_text(sum(wrong))} misclassified",
        class_="histogram",
    )


def _draw_bar(index: int, counts: Sequence[int], interval: str, most: int) -> Markup:
    num_right, num_wrong = counts
    unit, step = (_AXES.bottom - _AXES.top) / most, (_AXES.right - _AXES.left) / _NUM_BARS
    x = _AXES.left + index * step + 0.75

    def part(kind: str, count: int, below: int) -> Markup:
        y = _AXES.bottom - (below + count) * unit
        return element("rect", class_=kind, x=x, y=y, width=step - 1.5, height=count * unit)

    return titled(
        "g",
        f"Confidence {interval}: {count_text(num_right)} correct, {count_text(num_wrong)} misclassified",
        part("right", num_right, 0),
        part("wrong", num_wrong, num_right),
    )
