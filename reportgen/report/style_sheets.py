"""What a style sheet refers to, as a browser would read it: by parsing, so that escapes and comments hide nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import tinycss2

from reportgen.errors import SettingsError

MAX_CSS_BYTES: Final = 512_000
_URL_FUNCTIONS: Final = ("url", "src")
_STRING_FUNCTIONS: Final = ("image-set", "-webkit-image-set", "image", "cross-fade", "-webkit-cross-fade")


def check_style_sheet(content: bytes, path: Path) -> None:
    """Check that a style sheet is UTF-8 and refers to no other file.

    Args:
        content: of the file.
        path: for messages.

    Raises:
        SettingsError: it is not, or it does.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"The style sheet {path} is not UTF-8 text: byte {error.start:,} is invalid.", hint="Save it as UTF-8."
        ) from error
    try:
        found = next(find_references(text), None)
    except RecursionError as error:
        raise SettingsError(
            f"The style sheet {path} is nested too deeply.", hint="Use fewer brackets inside one another."
        ) from error
    if found is not None:
        line, reference = found
        raise SettingsError(
            f"The style sheet {path}, line {line}, refers to another file: {reference:.60}",
            hint="Reports load no other files: keep all rules in this file and embed images as url(data:…).",
        )


def find_references(text: str) -> Iterator[tuple[int, str]]:
    """The references of CSS to other files, as (line, reference); `data:` and `#` refer to no file.

    Args:
        text: a style sheet, or the content of a `style` attribute.
    """
    yield from _walk(tinycss2.parse_component_value_list(text))


def _walk(tokens: list[Any]) -> Iterator[tuple[int, str]]:
    for token in tokens:
        if token.type == "at-keyword" and token.lower_value == "import":
            yield token.source_line, "@import"
        elif token.type == "url" and not _stays(token.value):
            yield token.source_line, f"url({token.value})"
        elif token.type == "error" and token.kind == "bad-url":
            yield token.source_line, "url()"
        elif token.type == "function":
            if token.lower_name in (*_URL_FUNCTIONS, *_STRING_FUNCTIONS):
                strings = [part.value for part in token.arguments if part.type == "string"]
                leaving = [value for value in strings if not _stays(value)]
                # Without a text in it, such as src(var(--x)), nothing says where it leads.
                if leaving or (not strings and token.lower_name in _URL_FUNCTIONS):
                    yield token.source_line, f"{token.lower_name}({leaving[0] if leaving else ''})"
            yield from _walk(token.arguments)
        elif token.type in ("() block", "[] block", "{} block"):
            yield from _walk(token.content)


def _stays(url: str) -> bool:
    """Whether an address leads to no other file."""
    return url.strip().lower().startswith(("data:", "#"))
