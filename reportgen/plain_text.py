"""Text from outside as text on one line: no line breaks, and no control character that a terminal would obey."""

import re
import unicodedata

_WHITESPACE = re.compile(r"\s+")


def to_one_line(text: str) -> str:
    """The text with every run of whitespace as one space, and control characters as visible symbols.

    ESC becomes `␛`, and what cannot be written as UTF-8 `�`. Marks that reverse the direction of writing are left out,
    as they would reorder what follows.
    """
    line = _WHITESPACE.sub(" ", text).strip()
    return line if line.isascii() and line.isprintable() else "".join(map(_visible, line))


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if unicodedata.category(character) in ("Cc", "Cs"):  # half of a pair, as in file names that are not UTF-8
        return "�"
    return "" if character in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" else character
