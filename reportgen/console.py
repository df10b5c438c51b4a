"""The terminal's view of a run: progress with rate and remaining time, the duration of each stage, and the log."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from reportgen.plain_text import to_one_line

_OWN: Final = "reportgen"
_LIBRARIES: Final = (
    "PIL",
    "absl",
    "datasets",
    "huggingface_hub",
    "keras",
    "matplotlib",
    "timm",
    "torch",
    "torchvision",
    "transformers",
)
"""Loggers that may have handlers of their own."""


@contextmanager
def log_to_stderr(*, verbose: bool) -> Iterator[None]:
    """Write reportgen's own warnings to stderr; if verbose, the whole log and all that libraries warn about.

    Warnings of libraries name lines of their code, which users of the command line cannot change. What matters of them
    is checked, and reported in the words of reportgen.
    """
    if not verbose:  # read when torch is imported
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        os.environ.setdefault("TORCH_LOGS", "-all")
    root, own = logging.getLogger(), logging.getLogger(_OWN)
    handler, silence = _StderrHandler(), logging.NullHandler()  # without any handler, Python would write to stderr
    (root if verbose else own).addHandler(handler)
    root.addHandler(silence)
    levels = {} if verbose else dict.fromkeys(_LIBRARIES, logging.CRITICAL)
    levels |= {"": logging.INFO} if verbose else {}
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
        root.removeHandler(silence)
        (root if verbose else own).removeHandler(handler)


class _StderrHandler(logging.Handler):
    """Writes to what stderr is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"{record.levelname}: {to_one_line(record.getMessage())}", err=True)


class ConsoleObserver:
    """Progress with rate and remaining time on stderr, on a terminal only; records the duration of each stage."""

    def __init__(self) -> None:
        from rich.console import Console

        self.seconds: dict[str, float] = {}
        self._console = Console(stderr=True)

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """A stage of the run, timed; inside it, calls with a number of examples or files move the bar."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        columns: list[Any] = [SpinnerColumn(), TextColumn("{task.description}")]
        if total is not None:
            columns += [BarColumn(), MofNCompleteColumn(), _RateColumn(), TimeRemainingColumn()]
        started = time.perf_counter()
        with Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        ) as progress:
            task = progress.add_task(name, total=total)
            yield lambda count: progress.update(task, advance=count)
        self.seconds[name] = time.perf_counter() - started

    def say(self, message: str) -> None:
        """One sentence on stderr."""
        click.echo(f"note: {to_one_line(message)}", err=True)


def _RateColumn() -> Any:  # noqa: N802  stands where a rich column class would
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")

    return RateColumn()
