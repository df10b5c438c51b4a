"""The environment of a user's templates: they can format what they are given, and do nothing else."""

from pathlib import Path
from typing import Any, Final

from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

MAX_STEPS: Final = 5_000_000
"""Rounds of loops in one page. The page of a class with 200 images takes about 1,000."""
MAX_LENGTH: Final = 10_000_000
"""Of a text or a list that a template repeats; also the largest base and exponent of a power."""


class SandboxedTemplates(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which loops, repetitions and powers of a user's templates are limited as well.

    Args:
        user_folder: the folder of the templates whose loops are counted.
        options: as for `jinja2.Environment`.
    """

    def __init__(self, user_folder: Path, **options: Any) -> None:
        super().__init__(**options)
        self.intercepted_binops = frozenset({"*", "**"})
        self._user_folder = user_folder
        self._num_steps = 0

    def start_page(self) -> None:
        """Count the rounds of loops from 0 again."""
        self._num_steps = 0

    def count_step(self) -> Markup:
        """Count one round of a loop; stands in each body.

        Raises:
            SecurityError: there are too many.
        """
        self._num_steps += 1
        if self._num_steps > MAX_STEPS:
            raise SecurityError(f"its loops take more than {MAX_STEPS:,} rounds")
        return Markup()

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute a product or a power of bounded size.

        Raises:
            SecurityError: the result would be too large.
        """
        lengths = [len(value) for value in (left, right) if hasattr(value, "__len__")]
        numbers = [value for value in (left, right) if isinstance(value, int | float)]
        if operator == "**" and max(numbers, default=0) > MAX_LENGTH:
            raise SecurityError(f"a power of {max(numbers):,g} is too large")
        if operator == "*" and lengths and lengths[0] * max(numbers, default=1) > MAX_LENGTH:
            raise SecurityError(f"it repeats a text or a list to more than {MAX_LENGTH:,} entries")
        return super().call_binop(context, operator, left, right)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        if filename is not None and Path(filename).is_relative_to(self._user_folder):
            for loop in list(tree.find_all(nodes.For)):
                counted = nodes.Call(nodes.EnvironmentAttribute("count_step"), [], [], None, None)
                loop.body.insert(0, nodes.Output([counted]).set_lineno(loop.lineno))
        return tree
