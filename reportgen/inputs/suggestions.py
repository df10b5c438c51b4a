"""What the user may have meant: the nearest candidates to a name that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches

_NUM_SHOWN = 5


def nearest_text(name: str, candidates: Iterable[str]) -> str:
    """`Did you mean resnet18 or resnet34?`, or the first few candidates where none is near."""
    known = list(dict.fromkeys(candidates))
    lowered = {candidate.lower(): candidate for candidate in reversed(known)}
    near = [lowered[match] for match in get_close_matches(name.lower(), lowered, n=3, cutoff=0.6)]
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"Available: {few_text(known)}." if known else "None is known."


def few_text(names: Iterable[str]) -> str:
    """The first few names, and how many more there are: `a, b, c, d, e and 7 more`."""
    every = list(names)
    shown = ", ".join(every[:_NUM_SHOWN])
    return shown if len(every) <= _NUM_SHOWN else f"{shown} and {len(every) - _NUM_SHOWN} more"
