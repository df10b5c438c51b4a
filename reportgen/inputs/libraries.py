"""Optional libraries: what each is called, which extra installs it, and how it is imported."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Final

from reportgen.errors import ReportError


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """An optional library.

    Attributes:
        module: the name to import.
        title: the name in messages.
        package: the distribution on PyPI.
        extra: the extra of reportgen that installs it.
        environment: variables that are set while it is imported.
    """

    module: str
    title: str
    package: str
    extra: str
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def import_module(self) -> ModuleType:
        """The module; a broken installation raises almost any exception."""
        with _environment(self.environment):
            return import_module(self.module)

    def load(self, what: str, *, error: type[ReportError]) -> ModuleType:
        """The imported module.

        Args:
            what: what needs it, as the subject of a sentence.
            error: the class of the error raised.

        Raises:
            ReportError: of the class given; the library is not installed, or its import fails.
        """
        try:
            return self.import_module()
        except ImportError as cause:
            raise self.missing(what, cause, error=error) from cause

    def missing(self, what: str, cause: Exception, *, error: type[ReportError]) -> ReportError:
        """The error for something that needs this library."""
        return error(f"{what} needs {self.title}: {cause}.", hint=f"Run pip install 'reportgen[{self.extra}]'.")


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set some environment variables; restore them afterwards."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


TIMM: Final = Library(module="timm", title="timm", package="timm", extra="timm")
TRANSFORMERS: Final = Library(
    module="transformers", title="Hugging Face transformers", package="transformers", extra="hf"
)
HUGGINGFACE_HUB: Final = Library(
    module="huggingface_hub", title="huggingface_hub", package="huggingface-hub", extra="hf"
)
DATASETS: Final = Library(module="datasets", title="Hugging Face datasets", package="datasets", extra="hf")
KERAS: Final = Library(
    module="keras",
    title="Keras 3",
    package="keras",
    extra="keras",
    environment=MappingProxyType({"KERAS_BACKEND": "torch"}),  # read once, during the import
)
PYARROW: Final = Library(module="pyarrow", title="pyarrow", package="pyarrow", extra="parquet")
