"""Models that the user's own code builds: a function in a file or in an importable module."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from reportgen.errors import ModelError
from reportgen.inputs.files import require_file
from reportgen.inputs.networks.python_modules import locate_module
from reportgen.inputs.networks.source import ModelSource
from reportgen.settings import ModelSettings

if TYPE_CHECKING:
    from reportgen.inputs.networks.classifier import Network


@dataclass(frozen=True, kw_only=True)
class Factory(ModelSource):
    """A function without arguments that returns the network.

    Attributes:
        place: the file, or the module's dotted name.
        name: the function.
    """

    place: str
    name: str

    @classmethod
    def match(cls, settings: ModelSettings) -> Self | None:
        """The source, if the spec is a place and an identifier."""
        place, _, name = settings.model.rpartition(":")
        return cls(settings=settings, place=place, name=name) if name.isidentifier() and cls.is_place(place) else None

    @classmethod
    @abstractmethod
    def is_place(cls, text: str) -> bool:
        """Whether a text names a file or module of this kind."""

    @cached_property
    @abstractmethod
    def path(self) -> Path:
        """The file that defines the function.

        Raises:
            ModelError: there is none.
        """

    def describe(self) -> str:
        """The spec without the folder."""
        return f"{self.place}:{self.name}"

    def files(self) -> tuple[Path, ...]:
        """The file that defines the function, found without importing it."""
        return (self.path,)


class FileFactory(Factory):
    """A function in a Python file."""

    title: ClassVar = "a function in a file"
    forms: ClassVar = ("FILE.py:factory",)

    @classmethod
    def is_place(cls, text: str) -> bool:
        """Whether a text is the name of a Python file."""
        return text.endswith(".py")

    @classmethod
    def suggest(cls, spec: str) -> str:
        """Add the function to the name of a Python file."""
        return f"Add the name of the function: {spec}:build_model." if spec.lower().endswith(".py") else ""

    def describe(self) -> str:
        """The spec without the folder."""
        return f"{Path(self.place).name}:{self.name}"

    @cached_property
    def path(self) -> Path:
        """The file.

        Raises:
            ModelError: there is none.
        """
        hint = f"Check the path, which is relative to {Path.cwd()}."
        return require_file(Path(self.place), "The model file", error=ModelError, hint=hint)

    def load(self, num_classes: int) -> "Network":  # noqa: ARG002  the code decides
        """The network that the function returns."""
        from reportgen.inputs.networks.factories import build_from_file

        return build_from_file(self.path, self.name)


class ModuleFactory(Factory):
    """A function in an importable module."""

    title: ClassVar = "a function in a module"
    forms: ClassVar = ("package.module:factory",)

    @classmethod
    def is_place(cls, text: str) -> bool:
        """Whether a text is a dotted name, and not that of a Python file."""
        return not text.endswith(".py") and all(part.isidentifier() for part in text.split("."))

    @cached_property
    def path(self) -> Path:
        """The module's file.

        Raises:
            ModelError: there is no such module, or it has no file.
        """
        return locate_module(self.place)

    def load(self, num_classes: int) -> "Network":  # noqa: ARG002  the code decides
        """The network that the function returns."""
        from reportgen.inputs.networks.factories import build_from_module

        return build_from_module(self.place, self.name)
