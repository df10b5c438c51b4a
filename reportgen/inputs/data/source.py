"""A test set as the settings name it, before anything is read: the interface of `data/sources/`.

No source imports torch or NumPy before `load`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from reportgen.inputs.files import joint_digest
from reportgen.inputs.source import Source
from reportgen.settings import AnalyzeSettings

if TYPE_CHECKING:
    from reportgen.inputs.data.evaluation_set import LabelledImages


@dataclass(frozen=True, kw_only=True)
class DataSource(Source, ABC):
    """The test set that some settings name. Subclasses may add the parts of the spec as fields."""

    suffixes: ClassVar[tuple[str, ...]] = ()
    """Endings of the file name, in lower case; empty if the source is not a file."""

    settings: AnalyzeSettings

    @classmethod
    @abstractmethod
    def match(cls, settings: AnalyzeSettings) -> Self | None:
        """The source, if the spec `settings.data` has one of its forms."""

    @abstractmethod
    def describe(self) -> str:
        """The spec without folders."""

    @abstractmethod
    def files(self) -> Mapping[str, Path]:
        """The files that the test set is read from, by names that do not depend on where it is stored.

        Raises:
            DataError: one is missing.
        """

    @abstractmethod
    def load(self) -> "LabelledImages":
        """The images with their labels.

        Raises:
            DataError: they cannot be read.
        """

    def digest(self) -> str:
        """SHA-256 of the content."""
        return joint_digest(self.files())


@dataclass(frozen=True, kw_only=True)
class FileDataSource(DataSource):
    """A test set whose spec is a file with one of `suffixes`."""

    @classmethod
    def match(cls, settings: AnalyzeSettings) -> Self | None:
        """The source, if the spec is an existing file with one of `suffixes`."""
        path = Path(settings.data)
        return cls(settings=settings) if path.suffix.lower() in cls.suffixes and path.is_file() else None

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.settings.data)

    def describe(self) -> str:
        """The file's name."""
        return self.path.resolve().name

    def files(self) -> Mapping[str, Path]:
        """The file alone."""
        return {self.describe(): self.path}
