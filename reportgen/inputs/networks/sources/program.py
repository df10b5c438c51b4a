"""Networks saved as TorchScript or as exported programs."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

from reportgen.errors import ModelError
from reportgen.inputs.files import require_file
from reportgen.inputs.networks.source import ModelSource, WeightsRule
from reportgen.settings import ModelSettings

if TYPE_CHECKING:
    from reportgen.inputs.networks.classifier import Network

SUFFIXES: Final = (".pt", ".pts", ".ts", ".torchscript", ".pt2")


@dataclass(frozen=True, kw_only=True)
class ProgramFile(ModelSource):
    """A program that `torch.jit.save` or `torch.export.save` has written."""

    title: ClassVar = "TorchScript or an exported program"
    forms: ClassVar = ("FILE.pt", "FILE.pt2")
    note: ClassVar = "TorchScript or exported program: " + " ".join(f"`{suffix}`" for suffix in SUFFIXES)
    weights_rule: ClassVar = WeightsRule.FIXED

    path: Path

    @classmethod
    def match(cls, settings: ModelSettings) -> Self | None:
        """The source, if the spec ends as a program's file does."""
        is_program = settings.model.lower().endswith(SUFFIXES)
        return cls(settings=settings, path=Path(settings.model)) if is_program else None

    def describe(self) -> str:
        """The file's name."""
        return self.path.resolve().name

    def files(self) -> tuple[Path, ...]:
        """The file."""
        hint = "Give a file that torch.jit.save or torch.export.save has written."
        return (require_file(self.path, "The program", error=ModelError, hint=hint),)

    def load(self, num_classes: int) -> "Network":  # noqa: ARG002  fixed by the file
        """The network in the file."""
        from reportgen.inputs.networks.program_models import build_program

        return build_program(self.path)
