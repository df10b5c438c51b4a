"""Signals that end a command: each ends it as Ctrl-C does, with cleaning up, a message and an exit code of its own."""

import signal
from types import FrameType
from typing import Final

_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows lacks the last

_received: list[int] = []


def interrupt_on_signals() -> None:
    """Let the signals raise `KeyboardInterrupt`; one that is ignored, as under nohup, stays so.

    The second signal ends the process at once.
    """
    _received.clear()
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def interrupted_code() -> int:
    """The exit code of an interrupted command: 128 plus the number of the signal, 130 for Ctrl-C."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def interrupted_text(written: list[str]) -> str:
    """What an interrupted command says, with the files and sites that it had finished."""
    if not written:
        return "Interrupted. Files of earlier runs are unchanged."
    return f"Interrupted. Written before: {', '.join(written)}. Other files of earlier runs are unchanged."


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _received.append(number)
    for name in _NAMES:
        other = getattr(signal, name, None)
        if other is not None and signal.getsignal(other) is _interrupt:
            signal.signal(other, signal.SIG_DFL)
    raise KeyboardInterrupt
