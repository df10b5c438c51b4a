"""Outputs of a model that ran elsewhere: they replace model and test set."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from reportgen.errors import DataError
from reportgen.inputs.files import file_digest, require_file
from reportgen.inputs.source import Source
from reportgen.settings import AnalyzeSettings

if TYPE_CHECKING:
    from reportgen.cache import CacheKey
    from reportgen.inputs.data.array_results import ArrayResults


@dataclass(frozen=True, kw_only=True)
class ArraysFile(Source):
    """A `.npz` file with labels and outputs."""

    title: ClassVar = "outputs of a model that ran elsewhere"
    forms: ClassVar = ("FILE.npz",)

    settings: AnalyzeSettings
    path: Path

    def describe(self) -> str:
        """The file's name."""
        return self.path.name

    def files(self) -> dict[str, Path]:
        """The file.

        Raises:
            DataError: it does not exist.
        """
        hint = "Give a .npz file."
        return {self.path.name: require_file(self.path, "The arrays file", error=DataError, hint=hint)}

    def digest(self) -> str:
        """SHA-256 of the file."""
        (path,) = self.files().values()
        return file_digest(path)

    def load(self, key: "CacheKey") -> "ArrayResults":
        """These outputs as a cache, and the examples with their images.

        Raises:
            DataError: the file cannot be read, or its members do not fit together.
        """
        from reportgen.inputs.data.array_results import load_array_results

        return load_array_results(self.settings, key)
