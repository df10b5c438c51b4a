"""What follows a run: nothing, or the progress bars of a notebook. The terminal's observer is in `console`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Observer(Protocol):
    """Follows the stages of a run."""

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:
        """A stage of the run. Inside the context, calls with a number of examples or files report progress.

        Args:
            name: the stage, as a verb phrase.
            total: number of examples or files, where it is known.
        """
        ...

    def say(self, message: str) -> None:
        """Pass on one sentence that the user should read."""
        ...


class SilentObserver:
    """Shows nothing."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Callable[[int], None]]:  # noqa: ARG002
        """A stage without a trace."""
        yield lambda _: None

    def say(self, message: str) -> None:
        """Drop the message."""


class NotebookObserver:
    """A progress bar for each stage, below the notebook's cell."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """A stage with a bar that disappears at its end."""
        from tqdm.auto import tqdm

        with tqdm(total=total, desc=name, leave=False) as bar:

            def advance(count: int) -> None:
                bar.update(count)

            yield advance

    def say(self, message: str) -> None:
        """One line of output."""
        from tqdm.auto import tqdm

        tqdm.write(message)


def choose_observer() -> Observer:
    """Progress bars in a notebook; elsewhere nothing."""
    return NotebookObserver() if "ipykernel" in sys.modules else SilentObserver()
