"""The command line without a new process: what a command returned and printed."""

from collections.abc import Callable
from typing import NamedTuple


class Done(NamedTuple):
    """A finished command."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]
