"""SVG markup: escaped, with numbers written in one way, and never without a text alternative.

Shape and place are attributes; colors and fonts belong to the style sheets, which know the elements by their classes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionedPicture:
    """A picture with the words that stand beside it."""

    title: str
    note: str
    picture: Markup


def element(name: str, /, *children: str, **attributes: float | str | None) -> Markup:
    """One element; text among its children is escaped.

    Args:
        name: the tag.
        children: markup or text; without any, the element closes itself.
        attributes: `class_` becomes `class` and `text_anchor` becomes `text-anchor`; `None` leaves an attribute out.
    """
    words = Markup().join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), value if isinstance(value, str) else number(value))
        for key, value in attributes.items()
        if value is not None
    )
    if not children:
        return Markup("<{}{}/>").format(name, words)
    return Markup("<{}{}>{}</{}>").format(name, words, Markup().join(children), name)


def picture(width: float, height: float, /, *children: str, label: str, class_: str | None = None) -> Markup:
    """A picture that assistive technologies read as its label."""
    view_box = f"0 0 {number(width)} {number(height)}"
    return element("svg", *children, class_=class_, viewBox=view_box, role="img", aria_label=label)


def group_of_links(width: float, height: float, /, *children: str, label: str, class_: str) -> Markup:
    """A picture whose parts lead somewhere: assistive technologies read its label, and can enter it."""
    view_box = f"0 0 {number(width)} {number(height)}"
    return element("svg", *children, class_=class_, viewBox=view_box, role="group", aria_label=label)


def decoration(width: float, height: float, /, *children: str, class_: str) -> Markup:
    """A picture that says nothing which the words beside it do not: hidden from assistive technologies."""
    view_box = f"0 0 {number(width)} {number(height)}"
    return element("svg", *children, class_=class_, viewBox=view_box, aria_hidden="true")


def titled(name: str, /, title: str, *children: str, **attributes: float | str | None) -> Markup:
    """An element with a title, which a pointer shows as a tooltip."""
    return element(name, element("title", title), *children, **attributes)


def polyline(points: Iterable[tuple[float, float]]) -> str:
    """Path `d` of a line through points."""
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def number(value: float) -> str:
    """A coordinate with at most one decimal, always written alike."""
    return f"{value:.1f}".removesuffix(".0")
