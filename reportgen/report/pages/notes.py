"""A reviewer's notes for the first page: Markdown -> HTML with text, tables and links only.

Raw HTML is shown as it is typed. Pictures are refused, for a report shows its own and loads nothing. A link leads into
the site, to an `https:` address or to a mail address; anything else is refused with its line.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from reportgen.errors import SettingsError, setting
from reportgen.report.urls import EXTERNAL_REL

MAX_BYTES = 65_536

_SECTION_HEADING = 2  # the level of "Notes" itself
_SMALLEST_HEADING = 6


def load_notes(path: Path) -> Markup:
    """The notes in a file, as HTML.

    Raises:
        SettingsError: the file cannot be read, or holds what a report may not carry.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"The notes {path} cannot be read: {error.strerror}.", hint=f"Give a Markdown file with {setting('notes')}."
        ) from error
    if len(content) > MAX_BYTES:
        raise SettingsError(
            f"The notes {path} have {len(content):,} bytes, more than {MAX_BYTES:,}.",
            hint="Shorten them, and link to the rest.",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"The notes {path} are not UTF-8 text: byte {error.start:,} is invalid.", hint="Save them as UTF-8."
        ) from error
    if not text.strip():
        raise SettingsError(f"The notes {path} are empty.", hint=f"Add text, or omit {setting('notes')}.")
    return render_notes(text, name=path.name)


def render_notes(text: str, *, name: str) -> Markup:
    """Markdown (CommonMark, tables, strikethrough) as HTML.

    Args:
        text: the Markdown.
        name: what to call it in messages.

    Raises:
        SettingsError: it holds a picture or a link that leads where a report may not.
    """
    markdown = _Markdown("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = markdown.parse(text)
    _check(tokens, name)
    _demote_headings(tokens)
    return Markup(markdown.renderer.render(list(_dress(tokens)), markdown.options, {}))


class _Markdown(MarkdownIt):
    """Parses every link, so that an unwanted link becomes an error instead of text."""

    def validateLink(self, url: str) -> bool:  # noqa: N802, ARG002  the library's name
        return True


def _check(tokens: list[Token], name: str) -> None:
    """Reject pictures and unwanted links, and mark links that leave the site."""
    for block in tokens:
        line = 1 + (block.map or [0])[0]
        for token in block.children or []:
            if token.type == "image":
                raise SettingsError(
                    f"The notes {name}, line {line}, contain the image {token.attrGet('src')!s:.80}.",
                    hint="Link to it instead: [text](https://…). Reports load no external images.",
                )
            if token.type == "link_open":
                url = str(token.attrGet("href"))
                _check_link(url, name, line)
                if urlsplit(url).scheme:
                    token.attrs = {"rel": EXTERNAL_REL, **token.attrs}


def _check_link(url: str, name: str, line: int) -> None:
    try:
        parts = urlsplit(url)
        is_inside = not parts.scheme and not parts.netloc and not url.startswith("/") and bool(url)
        is_allowed = is_inside or (parts.scheme == "https" and bool(parts.hostname)) or parts.scheme == "mailto"
    except ValueError:  # such as an unclosed bracket in the host
        is_allowed = False
    if not is_allowed:
        raise SettingsError(
            f"The notes {name}, line {line}, link to {url[:80] or 'nothing'}.",
            hint="Link to a page of the report (classes/042-leopard.html), an https: address or a mailto: one.",
        )


def _demote_headings(tokens: list[Token]) -> None:
    """Give headings consecutive levels, below the heading of the notes."""
    outline: list[str] = []
    for token in tokens:
        if token.type == "heading_open":
            while outline and outline[-1] >= token.tag:
                outline.pop()
            outline.append(token.tag)
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(_SECTION_HEADING + len(outline), _SMALLEST_HEADING)}"


def _dress(tokens: list[Token]) -> Iterator[Token]:
    """Put tables in scrolling boxes and turn their alignment into a class: pages have no inline styles."""
    numbers = count(1)
    for token in tokens:
        if token.type in {"th_open", "td_open"}:
            token.attrs = {"class": "n"} if "right" in str(token.attrGet("style")) else {}
        if token.type == "table_open":
            label = f"Table {next(numbers)} of the notes"
            yield _html(f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">\n')
        yield token
        if token.type == "table_close":
            yield _html("</div>\n")


def _html(content: str) -> Token:
    return Token("html_block", "", 0, content=content)
