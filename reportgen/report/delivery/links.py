"""The links of a site's pages: everything that a browser would load or follow leads to a file of the site."""

import html
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from html.parser import HTMLParser
from typing import Final
from urllib.parse import unquote, urlsplit

from reportgen.report.style_sheets import find_references
from reportgen.report.urls import EXTERNAL_REL

_EXTERNAL: Final = re.compile(rb"""<a rel="%s" href="(?:https:|mailto:)[^"]*\"""" % EXTERNAL_REL.encode())
_LINK: Final = re.compile(rb"""\s(?:href|src|xlink:href)="([^"]*)\"""")
_ID: Final = re.compile(rb"""\sid="([^"]*)\"""")

_URL_ATTRIBUTES: Final = (
    *("href", "src", "xlink:href", "poster", "data", "action", "formaction", "background", "cite", "longdesc"),
    *("manifest", "classid", "codebase", "profile", "usemap"),
)
_WITHOUT_LINKS: Final = ("meta", "base")
_LIST_ATTRIBUTES: Final = ("srcset", "imagesrcset", "ping", "archive")
_CANDIDATE: Final = re.compile(r"(?:^|,)\s*(data:\S+|[^\s,]+)")
"""An address in `srcset`, behind which a width or density may stand."""
_ANY_ATTRIBUTE: Final = re.compile(
    rb"(?<![\w:.-])(?:%s|style|srcdoc)[\s/]*=|<(?:style|base)\b|[\"']?refresh\b"
    % "|".join((*_URL_ATTRIBUTES, *_LIST_ATTRIBUTES)).encode(),
    re.IGNORECASE,
)


def find_broken_links(pages: Mapping[str, bytes], paths: Iterable[str]) -> list[tuple[str, str]]:
    """The broken links, as (page, link), sorted.

    A link is broken if it leads to a file that is not in `paths`, a fragment that its page does not define, an absolute
    path or another host. Only `<a rel="external noreferrer" href="https://…">`, written exactly so, may leave the site.

    Args:
        pages: the HTML pages by relative POSIX path.
        paths: every file of the site.
    """
    known = set(paths)
    ids = {path: {html.unescape(name.decode()) for name in _ID.findall(page)} for path, page in pages.items()}
    return sorted(
        (path, link)
        for path, page in pages.items()
        for link in set(_find_links(page))
        if not _resolves(path, link, known, ids)
    )


def _find_links(page: bytes) -> Iterator[str]:
    """The links of a page, but for those that may leave the site.

    The built-in templates write attributes with links in one way, which a pattern finds. A page with an attribute in
    another form, or another one that loads something, is parsed.
    """
    inside = _EXTERNAL.sub(b"", page)
    found = _LINK.findall(inside)
    if len(found) == len(_ANY_ATTRIBUTE.findall(inside)):
        return (html.unescape(link.decode()) for link in found)
    parser = _LinkParser()
    parser.feed(page.decode())
    parser.close()
    return iter(parser.links)


class _LinkParser(HTMLParser):
    """Collects every address in a page, however it is written."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self._is_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the links of a tag."""
        given = {name: value or "" for name, value in reversed(attrs)}  # of a repeated attribute, the first counts
        self._is_style = tag == "style"
        is_external = tag == "a" and given.get("rel") == EXTERNAL_REL and _is_external(given.get("href", ""))
        if tag == "base":
            self.links.append("//base")  # would move every other link
        if "http-equiv" in given and given["http-equiv"].strip().lower() == "refresh":
            self.links.append(given.get("content", "").partition("=")[2].strip() or "//refresh")
        for name, value in given.items():
            if name in _URL_ATTRIBUTES and value and tag not in _WITHOUT_LINKS and not (is_external and name == "href"):
                self.links.append(value.strip())
            elif name in _LIST_ATTRIBUTES:
                self.links.extend(value.split() if name == "ping" else _CANDIDATE.findall(value))
            elif name == "style":
                self.links.extend(reference for _line, reference in find_references(value))
            elif name == "srcdoc":
                self.links.append("//srcdoc")  # a page within the page

    def handle_data(self, data: str) -> None:
        """Collect what a style sheet in the page refers to."""
        if self._is_style:
            self.links.extend(reference for _line, reference in find_references(data))

    def handle_endtag(self, tag: str) -> None:
        """Leave a style sheet."""
        self._is_style = self._is_style and tag != "style"


def _is_external(href: str) -> bool:
    return href.startswith(("https:", "mailto:"))


def _resolves(page: str, link: str, known: set[str], ids: Mapping[str, set[str]]) -> bool:
    parts = urlsplit(link)
    if parts.scheme == "data":
        return True
    if parts.scheme or parts.netloc or parts.path.startswith("/"):
        return False
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(parts.path))) if parts.path else page
    if target not in known:
        return False
    if "=" in parts.fragment:  # state of a page's script, such as #image=42
        return True
    return not parts.fragment or target not in ids or unquote(parts.fragment) in ids[target]
