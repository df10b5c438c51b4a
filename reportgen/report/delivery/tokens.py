"""A page as a flat list of tags and texts, to be cut, changed and put together again."""

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html.parser import HTMLParser

_VOID = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A start tag.

    Attributes:
        name: the element, in lower case.
        attributes: names in lower case and values; `None` where an attribute has no value. HTML gives elements and
            attributes of SVG their capitals back.
        is_leaf: whether no end tag belongs to it.
        slash: what closes an element without content.
    """

    name: str
    attributes: dict[str, str | None]
    is_leaf: bool
    slash: str = ""

    def get(self, name: str) -> str:
        """An attribute's value; empty where it has none, or is missing."""
        return self.attributes.get(name) or ""

    def has(self, name: str) -> bool:
        """Whether the attribute is there."""
        return name in self.attributes


@dataclass(frozen=True, slots=True)
class EndTag:
    """An end tag."""

    name: str


Token = Tag | EndTag | str
"""A tag, or text as it stands in the source."""


def parse_tokens(page: str) -> list[Token]:
    """The tags and texts of a page; comments are left out."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    return parser.tokens


def join_tokens(tokens: Iterable[Token]) -> str:
    """The page that the tokens stand for."""
    return "".join(_source(token) for token in tokens)


def split_tokens(tokens: Iterable[Token], is_chosen: Callable[[Tag], bool]) -> tuple[list[Token], list[list[Token]]]:
    """What stands outside the chosen elements, and each outermost chosen element with all that is in it."""
    outside: list[Token] = []
    chosen: list[list[Token]] = []
    depth = 0  # of the element at hand below the outermost chosen one
    for token in tokens:
        if depth:
            chosen[-1].append(token)
            depth += _step(token)
        elif isinstance(token, Tag) and is_chosen(token):
            chosen.append([token])
            depth = _step(token)
        else:
            outside.append(token)
    return outside, chosen


def _step(token: Token) -> int:
    if isinstance(token, Tag):
        return 0 if token.is_leaf else 1
    return -1 if isinstance(token, EndTag) else 0


def _source(token: Token) -> str:
    if isinstance(token, str):
        return token
    if isinstance(token, EndTag):
        return f"</{token.name}>"
    values = (
        f' {name}="{html.escape(value)}"' if value is not None else f" {name}"
        for name, value in token.attributes.items()
    )
    return f"<{token.name}{''.join(values)}{token.slash}>"


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.tokens: list[Token] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tokens.append(Tag(name=tag, attributes=dict(attrs), is_leaf=tag in _VOID))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tokens.append(Tag(name=tag, attributes=dict(attrs), is_leaf=True, slash="/"))

    def handle_endtag(self, tag: str) -> None:
        self.tokens.append(EndTag(tag))

    def handle_data(self, data: str) -> None:
        self.tokens.append(data)

    def handle_entityref(self, name: str) -> None:
        self.tokens.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.tokens.append(f"&#{name};")

    def handle_decl(self, decl: str) -> None:
        self.tokens.append(f"<!{decl}>")
