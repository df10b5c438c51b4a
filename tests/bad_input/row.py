"""One bad input: what is written, which command reads it, and what the command must do about it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OK, PROBLEM, USAGE = 0, 1, 2
SCALE = "--mean 0.5,0.5,0.5 --std 0.25,0.25,0.25"
RUN = f"run --model model.py:make_model --weights model.pth --data test.npz {SCALE}"
"""The command that works in the folder of `good_input.write_good_input`; a row replaces what it tries."""


@dataclass(frozen=True, slots=True)
class Row:
    """A bad input and what happens.

    `words` are parts of the message (exit code 1 or 2), or of what is printed and written into the report (exit
    code 0). `write` adds the input to a folder that holds only good ones.
    """

    input: str
    command: str | list[str]
    words: tuple[str, ...]
    write: Callable[[Path], object] = lambda _folder: None
    code: int = PROBLEM


def text(name: str, content: str) -> Callable[[Path], object]:
    """Writes a text file."""
    return lambda folder: _write(folder / name, content.encode("utf-8"))


def data(name: str, content: bytes) -> Callable[[Path], object]:
    """Writes a file of these bytes."""
    return lambda folder: _write(folder / name, content)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
