"""The plot area of a diagram, and the marks along its axes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from markupsafe import Markup

from reportgen.report.pictures.svg import element

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """The plot area in the diagram's units. x runs from 0 to 1, y from `y_low` at the bottom to `y_high` at the top."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    y_low: float = 0.0
    y_high: float = 1.0

    def x(self, fraction: float) -> float:
        """Where a fraction of the x axis lies."""
        return self.left + fraction * (self.right - self.left)

    def y(self, value: float) -> float:
        """Where a value of the y axis lies."""
        return self.bottom - (value - self.y_low) / (self.y_high - self.y_low) * (self.bottom - self.top)

    def y_axis(self, ticks: Iterable[float], text: Callable[[float], str], *, end: float | None = None) -> Markup:
        """A grid line at each tick, as far as `end` or the right edge, with its text on the left."""
        return Markup().join(
            element("line", class_="grid", x1=self.left, x2=self.right if end is None else end, y1=y, y2=y)
            + element("text", text(tick), x=self.left, y=y, dx=-6, dy="0.32em", text_anchor="end")
            for tick, y in ((tick, self.y(tick)) for tick in ticks)
        )

    def x_axis(
        self, ticks: Iterable[float], text: Callable[[float], str], *, anchors: Callable[[float], str] | None = None
    ) -> Markup:
        """The text of each tick below the plot, centered unless `anchors` says otherwise."""
        return Markup().join(
            element(
                "text",
                text(tick),
                x=self.x(tick),
                y=self.bottom,
                dy=16,
                text_anchor="middle" if anchors is None else anchors(tick),
            )
            for tick in ticks
        )
