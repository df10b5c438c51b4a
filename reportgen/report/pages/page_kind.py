"""The kinds of pages that sites are made of: what each shows, how it is built, and where the navigation leads to it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from reportgen.report.pages.map_sheet import Files
from reportgen.report.pictures.colormaps import DEFAULT_COLORMAP
from reportgen.report.views.shared import Link, SiteFrame

Context = TypeVar("Context")
"""What a site is made from: `ReportContext` for a report, `Explanations` for single images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageEntry:
    """One page: its path in the site, and its content in one sentence."""

    path: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NavigationItem:
    """An entry of the bar at the top of every page.

    Attributes:
        place: its order in the bar, from 1.
        url: from the site's root.
    """

    place: int
    text: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Need(Generic[Context]):
    """What has to be known for a kind of page to exist."""

    text: str
    is_met: Callable[[Context], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageKind(Generic[Context]):
    """Pages that share a template and a builder.

    Attributes:
        record: the view record that the template sees as `page`.
        list_pages: the pages of this kind in a site, in their order.
        build: the record of the page at a place among them, and the files that it shows.
        colormaps: what its gray pictures can be colored with.
        needs: without all of these, a site has no page of this kind.
    """

    name: str
    template: str
    record: type[Any]
    list_pages: Callable[[Context], Sequence[PageEntry]]
    build: Callable[[Context, SiteFrame, int], tuple[Any, Files]]
    colormaps: tuple[str, ...] = (DEFAULT_COLORMAP,)
    navigation: tuple[NavigationItem, ...] = ()
    needs: tuple[Need[Context], ...] = ()

    def is_in(self, context: Context) -> bool:
        """Whether the site has pages of this kind."""
        return all(need.is_met(context) for need in self.needs)


def make_navigation(kinds: Iterable[PageKind[Context]]) -> tuple[Link, ...]:
    """The bar of a site that has pages of these kinds."""
    items = sorted((item for kind in kinds for item in kind.navigation), key=lambda item: item.place)
    return tuple(Link(text=item.text, url=item.url) for item in items)
