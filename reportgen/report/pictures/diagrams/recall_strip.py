"""The strip: the recall of every class with its interval, best to worst."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from reportgen.analysis.intervals import Proportion, chance_band
from reportgen.report.pictures.diagrams.axes import Axes
from reportgen.report.pictures.svg import CaptionedPicture, element, group_of_links, number, titled
from reportgen.report.words.text import count_text, percent_interval_text, percent_text


@dataclass(frozen=True, slots=True, kw_only=True)
class StripClass:
    """A class with support: its recall, where its dot leads, and whether the rule about weak classes reports it."""

    name: str
    url: str
    recall: Proportion
    is_weak: bool


def draw_recall_strip(classes: Sequence[StripClass], accuracy: float) -> CaptionedPicture:
    """One dot and interval for each class, each a link, over the chance band at the mean support.

    Args:
        classes: the classes with support, in index order.
        accuracy: over all examples, in [0, 1].
    """
    ranked = sorted(classes, key=lambda item: -item.recall.value)
    support = round(float(np.mean([item.recall.total for item in ranked])))
    band_low, band_high = chance_band(accuracy, support)
    floor = math.floor(min(item.recall.low for item in ranked) * 4) / 4
    axes = Axes(width=1120, height=208, left=40, right=1112, top=18, bottom=188, y_low=floor)
    step = 1 / len(ranked)
    best, worst = (f"{item.name} {percent_text(item.recall.value, digits=0)}" for item in (ranked[0], ranked[-1]))
    band_top = axes.y(band_high)
    return CaptionedPicture(
        title=f"Recall of {count_text(len(ranked))} classes, best to worst",
        note="If all classes were equally good, 95% of them would lie in the chance band,"
        f" {percent_text(band_low, digits=0)} to {percent_text(band_high, digits=0)}.{_weak_text(ranked)}",
        picture=group_of_links(
            axes.width,
            axes.height,
            element(
                "rect", class_="band", x=axes.left, y=band_top, width=axes.right, height=axes.y(band_low) - band_top
            ),
            axes.y_axis(
                [floor + i * 0.25 for i in range(round((1 - floor) / 0.25) + 1)],
                lambda tick: percent_text(tick, digits=0),
                end=axes.width,
            ),
            *(_draw_class(axes, axes.x((rank + 0.5) * step), item) for rank, item in enumerate(ranked)),
            element("text", best, class_="end", x=axes.left, y=axes.y(ranked[0].recall.high), dx=4, dy=-5),
            element(
                "text",
                worst,
                class_="end",
                x=axes.width,
                y=axes.y(ranked[-1].recall.low),
                dx=-4,
                dy=14,
                text_anchor="end",
            ),
            label=f"Dot plot of the recall of each class with its 95% CI, from {best} to {worst}",
            class_="strip",
        ),
    )


def _weak_text(classes: Sequence[StripClass]) -> str:
    num_weak = sum(item.is_weak for item in classes)
    if not num_weak:
        return ""
    what = "the class" if num_weak == 1 else f"the {count_text(num_weak)} classes"
    return f" Orange: {what} with a recall significantly below the accuracy."


def _draw_class(axes: Axes, x: float, item: StripClass) -> Markup:
    recall, at = item.recall, number(x)
    low, middle, high = (number(axes.y(value)) for value in (recall.low, recall.value, recall.high))
    return titled(
        "a",
        f"{item.name}: recall {percent_text(recall.value)}"
        f" ({percent_interval_text(recall)}, n = {count_text(recall.total)})",
        element("path", d=f"M{at} {low}V{high}M{at} {middle}m-3 0a3 3 0 106 0 3 3 0 10-6 0"),
        href=item.url,
        tabindex="-1",
        class_="below" if item.is_weak else None,
    )
