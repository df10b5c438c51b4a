"""A page as a flat list of tags and texts, which can be split, changed and joined again."""

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
        name: in lower case.
        attributes: values by name in lower case; `None` without a value. Browsers restore the capitals of SVG.
        is_leaf: whether it has no end tag.
        slash: `/` in a self-closing tag.
    """

    name: str
    attributes: dict[str, str | None]
    is_leaf: bool
    slash: str = ""

    def get(self, name: str) -> str:
        """The value of an attribute; empty without a value, or without the attribute."""
        return self.attributes.get(name) or ""

    def has(self, name: str) -> bool:
        """Whether the tag has the attribute."""
        return name in self.attributes


@dataclass(frozen=True, slots=True)
class EndTag:
    """An end tag."""

    name: str


Token = Tag | EndTag | str
"""A tag, or text as in the source."""


def parse_tokens(page: str) -> list[Token]:
    """The tags and texts of a page, without comments."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    return parser.tokens


def join_tokens(tokens: Iterable[Token]) -> str:
    """The source of a page."""
    return "".join(_source(token) for token in tokens)


def split_tokens(tokens: Iterable[Token], is_chosen: Callable[[Tag], bool]) -> tuple[list[Token], list[list[Token]]]:
    """The tokens outside the chosen elements, and those of each outermost chosen element."""
    outside: list[Token] = []
    chosen: list[list[Token]] = []
    depth = 0  # of the current element within the outermost chosen one
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
