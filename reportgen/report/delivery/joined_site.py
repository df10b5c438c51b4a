"""Pages of a written site joined into one HTML file that needs no other.

Style sheets, pictures and scripts are written into the file, ids are kept apart by a prefix, and links between the
pages become fragments; a link to anything else loses its target and keeps its text. The file's policy allows the very
styles and scripts that it holds, by their digests, and nothing from elsewhere.

Left out are what a template marks `data-site-only` and the scripts of all pages but the first: that of class pages is
made for one class a page (image details, opacity, the filter of the gallery). The other choices about maps need no
script; they stand once and apply to the whole file.
"""

import base64
import hashlib
import json
import posixpath
import re
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from urllib.parse import parse_qs, quote, unquote, urlsplit

from markupsafe import Markup

from reportgen.errors import SiteError, setting
from reportgen.report.delivery.tokens import EndTag, Tag, Token, join_tokens, parse_tokens, split_tokens
from reportgen.report.urls import EXTRA_CSS_PATH, INDEX_PATH

GENERATOR = '<meta name="generator" content="reportgen, single file">'
"""The mark at the beginning of every single file."""

_CLASSES_SCRIPT_PATH = "assets/classes.js"
_FIGURES = "figures"
_MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".svg": "image/svg+xml"}

# Attributes that name elements of their own page, by id and as url(#id).
_REFERENCES = {
    *("for", "list", "form", "headers", "aria-labelledby", "aria-describedby", "aria-controls", "aria-details"),
    *("aria-owns", "aria-flowto", "aria-activedescendant", "aria-errormessage"),
}
_PAINTS = {"fill", "stroke", "filter", "mask", "clip-path", "marker-start", "marker-mid", "marker-end"}
_PAINT_ID = re.compile(r"url\(#([^)]*)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A page that follows the first one: its path in the site, and its title."""

    path: str
    title: str


def join_site(
    read: Callable[[str], bytes], paths: Collection[str], chapters: Sequence[Chapter], *, note: str, style: str
) -> bytes:
    """The file as HTML.

    Args:
        read: returns the content of a file of the site.
        paths: all files of the site.
        chapters: the pages that follow the first one.
        note: a sentence on the contents of the file.
        style: CSS rules that only a single file needs.

    Raises:
        SiteError: a page lacks the structure of the built-in templates.
    """
    first = _read_page(read, INDEX_PATH, anchor="")
    others = [_read_page(read, chapter.path, anchor=_anchor(chapter.path)) for chapter in chapters]
    binder = _Binder(read, paths, [first, *others])
    styles = _styles(read, [first, *others], style)
    scripts = _scripts(read, first, binder)
    parts = [
        binder.bind(first, first.start),
        _head(binder, first, styles, scripts),
        binder.bind(first, first.before),
        binder.definitions(),
        _contents(chapters, note, binder),
        binder.bind(first, first.content),
        next((binder.bind(page, page.controls) for page in others if page.controls), ""),
        *(_article(page, chapter, binder) for page, chapter in zip(others, chapters, strict=True)),
        binder.figures_section(),
        binder.bind(first, first.after),
        *(f"<script>{script}</script>\n" for script in scripts),
        binder.bind(first, first.end),
    ]
    return "".join(parts).encode()


# ---- Pages


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class _Page:
    """A page of the site, in parts.

    Attributes:
        anchor: its id in the file; empty for the first page, whose own ids are kept.
        start: up to and including `<head>`.
        head: the content of the head.
        before: from the end of the head up to and including `<main>`.
        content: the content of the main element without parts that the file omits.
        after: from the end of the main element to the end of the body.
        end: the rest.
        filters: the SVG filters that color its pictures, by id: the same on every page.
        controls: the controls of its maps.
        ids: the ids of `content` and `after`.
    """

    path: str
    anchor: str
    start: list[Token]
    head: list[Token]
    before: list[Token]
    content: list[Token]
    after: list[Token]
    end: list[Token]
    filters: Mapping[str, list[Token]]
    controls: list[Token]
    ids: frozenset[str]

    def id_in_file(self, name: str) -> str:
        """The id in the file of an element of this page."""
        return f"{self.anchor}-{name}" if self.anchor else name


def _anchor(path: str) -> str:
    """`classes-042-leopard` for `classes/042-leopard.html`."""
    return path.removesuffix(".html").replace("/", "-")


def _read_page(read: Callable[[str], bytes], path: str, *, anchor: str) -> _Page:
    tokens, _ = split_tokens(parse_tokens(read(path).decode()), lambda tag: tag.has("data-site-only"))
    tokens, filters = split_tokens(tokens, lambda tag: tag.name == "filter")
    start, head, rest = _cut(tokens, "head", path)
    rest, _ = split_tokens(rest, lambda tag: tag.name == "script")
    before, content, rest = _cut(rest, "main", path)
    body_end = _find_end(rest, "body", path)
    after = rest[:body_end]
    if anchor:  # of another page, the pictures that it defines and its main element are taken
        _, definitions = split_tokens(before, lambda tag: "definitions" in tag.get("class").split())
        before, content, after = [], [*chain.from_iterable(definitions), *content], []
    content, controls = split_tokens(content, lambda tag: bool(anchor) and tag.has("data-map-controls"))
    return _Page(
        path=path,
        anchor=anchor,
        start=start,
        head=head,
        before=before,
        content=content,
        after=after,
        end=rest[body_end:],
        filters={tag.get("id"): found for found in filters if isinstance(tag := found[0], Tag)},
        controls=list(chain.from_iterable(controls)),
        ids=frozenset(tag.get("id") for tag in [*before, *content, *after] if isinstance(tag, Tag) and tag.has("id")),
    )


def _cut(tokens: list[Token], name: str, path: str) -> tuple[list[Token], list[Token], list[Token]]:
    """The tokens up to and including an element's start tag, its content, and the tokens from its end tag."""
    starts = [place for place, token in enumerate(tokens) if isinstance(token, Tag) and token.name == name]
    first, last = next(iter(starts), -1) + 1, _find_end(tokens, name, path)
    return tokens[:first], tokens[first:last], tokens[last:]


def _find_end(tokens: list[Token], name: str, path: str) -> int:
    """The index of an element's end tag."""
    if EndTag(name) not in tokens:
        raise SiteError(
            f"The page {path} cannot be joined with others: it has no <{name}> of its own.",
            hint=f"Make the templates of {setting('templates')} extend builtin/base.html.j2, or omit "
            f"{setting('single_file')}.",
        )
    return tokens.index(EndTag(name))


# ---- References


class _Binder:
    """Turns references between files into references within one file."""

    def __init__(self, read: Callable[[str], bytes], paths: Collection[str], pages: Sequence[_Page]) -> None:
        self._read = read
        self._pages = {page.path: page for page in pages}
        self._filters = {name: filter for page in pages for name, filter in page.filters.items()}
        # Pictures that pages link to, with the text of the first link to each.
        self._figures: dict[str, str] = {}
        for page in pages:
            for path, text in _linked_pictures(page):
                if path in paths:
                    self._figures.setdefault(path, text)

    @property
    def has_figures(self) -> bool:
        return bool(self._figures)

    def bind(self, page: _Page, tokens: Iterable[Token]) -> str:
        """A part of a page with its references changed."""
        return join_tokens(self._bind(page, token) if isinstance(token, Tag) else token for token in tokens)

    def definitions(self) -> str:
        """The filters of all pages, each once: the style sheets refer to them."""
        filters = join_tokens(chain.from_iterable(self._filters.values()))
        return f'<svg class="definitions" width="0" height="0" aria-hidden="true">{filters}</svg>\n'

    def figures_section(self) -> str:
        """The section of the pictures that pages link to; empty without any."""
        if not self._figures:
            return ""
        figures = "\n".join(
            f'<figure id="{self._figure_id(path)}"><img src="{self._data_url(path)}" alt="{text}"'
            f"{_size_attributes(self._read(path))}><figcaption>{text}</figcaption></figure>"
            for path, text in self._figures.items()
        )
        return (
            f'<section class="page" id="{_FIGURES}" aria-labelledby="{_FIGURES}-title">\n'
            f'<h2 id="{_FIGURES}-title">Figures</h2>\n<div class="figure-list">\n{figures}\n</div>\n</section>\n'
        )

    def link(self, page: _Page, url: str) -> str | None:
        """The target in the file of a link; `None` if the file omits the target."""
        parts = urlsplit(url)
        if parts.scheme:
            return url
        target = _target(page, parts.path)
        if target in self._figures:
            return f"#{self._figure_id(target)}"
        if target not in self._pages:
            return None
        other, name = self._pages[target], unquote(parts.fragment)
        if "=" in name and name not in other.ids:  # what the page's script shows
            if not parts.path:
                return None
            name = f"e{parse_qs(name).get('image', [''])[0]}"  # the image's place in the gallery
        return f"#{quote(other.id_in_file(name) if name in other.ids else other.anchor)}"

    def _bind(self, page: _Page, tag: Tag) -> Tag:
        attributes: dict[str, str | None] = {}
        for name, value in tag.attributes.items():
            if name in {"href", "xlink:href", "src"}:
                bound = self.link(page, value or "") if tag.name == "a" else self._resource(page, value or "")
                if bound is not None:
                    attributes[name] = bound
                elif tag.has("aria-label"):  # only links and pictures may be named so
                    attributes["role"] = "img"
            elif value is not None and name == "id":
                attributes[name] = page.id_in_file(value)
            elif value is not None and name in _REFERENCES:
                attributes[name] = " ".join(page.id_in_file(part) for part in value.split())
            elif value is not None and name in _PAINTS:
                attributes[name] = _PAINT_ID.sub(lambda found: f"url(#{self._definition(page, found[1])})", value)
            else:
                attributes[name] = value
        return replace(tag, attributes=attributes)

    def _resource(self, page: _Page, url: str) -> str:
        if url.startswith("#"):
            return f"#{self._definition(page, url[1:])}"
        return url if url.startswith("data:") else self._data_url(_target(page, url))

    def _definition(self, page: _Page, name: str) -> str:
        return name if name in self._filters else page.id_in_file(name)

    def _data_url(self, path: str) -> str:
        media_type = _MEDIA_TYPES.get(posixpath.splitext(path)[1], "application/octet-stream")
        return f"data:{media_type};base64,{base64.b64encode(self._read(path)).decode()}"

    def _figure_id(self, path: str) -> str:
        return f"figure-{1 + list(self._figures).index(path)}"


def _target(page: _Page, path: str) -> str:
    """The file of the site that a relative path refers to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page.path), unquote(path))) if path else page.path


def _linked_pictures(page: _Page) -> Iterator[tuple[str, str]]:
    """The PNG files that a page links to, with the texts of the links."""
    for place, token in enumerate(page.content):
        if isinstance(token, Tag) and token.name == "a" and token.get("href").endswith(".png"):
            end = page.content.index(EndTag("a"), place)
            text = "".join(part for part in page.content[place:end] if isinstance(part, str))
            yield _target(page, token.get("href")), text.strip().removesuffix(" (PNG)")


def _size_attributes(png: bytes) -> str:
    """Width and height of a PNG, read from its first chunk."""
    width, height = struct.unpack(">II", png[16:24])
    return f' width="{width}" height="{height}"'


# ---- Additions


def _head(binder: _Binder, first: _Page, styles: Sequence[str], scripts: Sequence[str]) -> str:
    policy = (
        f"default-src 'none'; script-src {_digests(scripts)}; style-src {_digests(styles)}; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    kept = [token for token in _without_scripts(first.head) if not (isinstance(token, Tag) and _is_replaced(token))]
    return "\n".join(
        [
            '\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            GENERATOR,
            binder.bind(first, kept).strip(),
            *(f"<style>{style}</style>" for style in styles),
            "",
        ]
    )


def _digests(sources: Sequence[str]) -> str:
    """The sources of inline styles or scripts for the policy: their SHA-256 digests."""
    digests = (base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() for source in sources)
    return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"


def _without_scripts(tokens: list[Token]) -> list[Token]:
    return split_tokens(tokens, lambda tag: tag.name == "script")[0]


def _is_replaced(tag: Tag) -> bool:
    """Whether a tag of the head is replaced or dropped."""
    if tag.name == "link":
        return tag.get("rel") != "icon"
    return tag.name == "meta" and (tag.has("charset") or tag.has("http-equiv") or tag.get("name") == "generator")


def _styles(read: Callable[[str], bytes], pages: Iterable[_Page], own: str) -> list[str]:
    """The style sheets of all pages, each once; the user's own is last."""
    sheets = dict.fromkeys(
        _target(page, tag.get("href"))
        for page in pages
        for tag in page.head
        if isinstance(tag, Tag) and tag.name == "link" and tag.get("rel") == "stylesheet"
    )
    is_extra = EXTRA_CSS_PATH in sheets
    sheets.pop(EXTRA_CSS_PATH, None)
    texts = [*(_decode(read(path)) for path in sheets), own, *([_decode(read(EXTRA_CSS_PATH))] if is_extra else [])]
    return [text.replace("</", "<\\/") for text in texts]  # nothing in a string may end the element


def _scripts(read: Callable[[str], bytes], first: _Page, binder: _Binder) -> list[str]:
    """The scripts of the first page, with the addresses of class pages changed to fragments."""
    paths = [tag.get("src") for tag in first.head if isinstance(tag, Tag) and tag.name == "script" and tag.has("src")]
    texts = []
    for path in paths:
        text = _decode(read(path))
        if path == _CLASSES_SCRIPT_PATH:
            start, end = text.index("["), text.rindex("]") + 1
            listing = [[name, binder.link(first, url)] for name, url in json.loads(text[start:end])]
            text = text[:start] + json.dumps(listing, ensure_ascii=False, separators=(",", ":")) + text[end:]
        texts.append(text.replace("</", "<\\/").replace("<!--", "<\\!--"))
    return texts


def _decode(content: bytes) -> str:
    """The text as the browser sees it: the policy contains its digest."""
    return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def _contents(chapters: Sequence[Chapter], note: str, binder: _Binder) -> str:
    links = [(_anchor(chapter.path), chapter.title) for chapter in chapters]
    links += [(_FIGURES, "Figures")] if binder.has_figures else []
    items = Markup("\n").join(Markup('<a href="#{}">{}</a>').format(anchor, title) for anchor, title in links)
    return Markup('<nav class="walk contents" aria-label="In this file"><span>{}</span>\n{}</nav>\n').format(
        note, items
    )


def _article(page: _Page, chapter: Chapter, binder: _Binder) -> str:
    start = Markup('<article class="page" id="{}" aria-label="{}">').format(page.anchor, chapter.title)
    return f"{start}\n{binder.bind(page, page.content)}\n</article>\n"
