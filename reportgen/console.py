"""The terminal's view of a run: progress with rate and remaining time, and the duration of each stage."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click


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
        click.echo(f"note: {message}", err=True)


def _RateColumn() -> Any:  # noqa: N802  stands where a rich column class would
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")

    return RateColumn()
