"""Networks in `.keras` files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

from reportgen.errors import ModelError
from reportgen.inputs.files import require_file
from reportgen.inputs.libraries import KERAS
from reportgen.inputs.networks.source import ModelSource, WeightsRule
from reportgen.settings import ModelSettings

if TYPE_CHECKING:
    from reportgen.inputs.networks.classifier import Network

_SUFFIX: Final = ".keras"
_SAVE_HINT: Final = "Save the model in the format of Keras 3, model.save('model.keras'), and give keras:model.keras."


@dataclass(frozen=True, kw_only=True)
class KerasFile(ModelSource):
    """A network that Keras 3 has saved."""

    title: ClassVar = "Keras 3"
    forms: ClassVar = (f"keras:FILE{_SUFFIX}",)
    libraries: ClassVar = (KERAS,)
    prefix: ClassVar = "keras"
    aliases: ClassVar = ("tensorflow", "tf")
    weights_rule: ClassVar = WeightsRule.FIXED

    path: Path

    @classmethod
    def match(cls, settings: ModelSettings) -> Self | None:
        """The source, if the spec starts with `keras:`."""
        prefix, _, path = settings.model.partition(":")
        return cls(settings=settings, path=Path(path)) if path and prefix == cls.prefix else None

    @classmethod
    def suggest(cls, spec: str) -> str:
        """Add the prefix to a `.keras` file, and convert an `.h5` file."""
        lowered = spec.lower()
        if lowered.endswith(_SUFFIX):
            return f"Give {cls.prefix}:{spec}."
        return _SAVE_HINT if lowered.endswith((".h5", ".hdf5")) else ""

    def describe(self) -> str:
        """The spec without the folder."""
        return f"{self.prefix}:{self.path.resolve().name}"

    def files(self) -> tuple[Path, ...]:
        """The `.keras` file."""
        path = require_file(self.path, "The Keras model", error=ModelError, hint=_SAVE_HINT)
        if path.suffix != _SUFFIX:
            raise ModelError(f"The Keras model {path} is not a {_SUFFIX} file.", hint=_SAVE_HINT)
        return (path,)

    def load(self, num_classes: int) -> "Network":  # noqa: ARG002  fixed by the file
        """The network in the file."""
        from reportgen.inputs.networks.keras_models import build_keras

        return build_keras(self.path)
