"""A model as the settings name it, before anything is loaded: the interface of `networks/sources/`.

No source imports torch before `load`: the cache's key is computed without it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

from reportgen.errors import CheckpointError, ModelError, setting
from reportgen.inputs.files import file_digest, require_file
from reportgen.inputs.networks.foreign_files import refuse_foreign
from reportgen.inputs.source import Source
from reportgen.settings import ModelSettings

if TYPE_CHECKING:
    from reportgen.inputs.networks.classifier import Network

PRETRAINED: Final = "pretrained"


class WeightsRule(Enum):
    """Where the weights of a source may come from."""

    OPTIONAL = auto()
    """The model's code may set them; a checkpoint replaces them."""
    REQUIRED = auto()
    """From a checkpoint, or from the library on request."""
    INCLUDED = auto()
    """They come with the network; a checkpoint replaces them."""
    FIXED = auto()
    """They are part of the file."""


@dataclass(frozen=True, kw_only=True)
class ModelSource(Source, ABC):
    """The model that some settings name. Subclasses add the parts of the spec as fields.

    Attributes:
        prefix: what the spec starts with, up to the colon; empty for the other forms.
        aliases: prefixes that people write instead.
        weights_rule: where the weights may come from.
        orders_labels: whether `class_names` sets the order of a test set's labels.
    """

    prefix: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    weights_rule: ClassVar[WeightsRule] = WeightsRule.OPTIONAL
    orders_labels: ClassVar[bool] = False

    settings: ModelSettings

    @classmethod
    @abstractmethod
    def match(cls, settings: ModelSettings) -> Self | None:
        """The source, if the spec `settings.model` has one of its forms."""

    @classmethod
    def suggest(cls, spec: str) -> str:  # noqa: ARG003
        """A hint for a spec that has no known form but probably means this source; empty otherwise."""
        return ""

    @abstractmethod
    def describe(self) -> str:
        """The spec without folders."""

    @abstractmethod
    def files(self) -> tuple[Path, ...]:
        """The files that define the network; empty where a library does.

        Raises:
            ModelError: one is missing.
        """

    @abstractmethod
    def load(self, num_classes: int) -> "Network":
        """The network, with its own weights unless there is a checkpoint.

        Args:
            num_classes: number of outputs, where the weights do not fix it; 0 if unknown.

        Raises:
            ModelError: it cannot be built.
        """

    def digest(self) -> str:
        """SHA-256 of what defines the network; empty where a library does."""
        paths = self.files()
        return file_digest(paths[0]) if paths else ""

    def weights_digest(self) -> str:
        """SHA-256 of the weights; for weights of a library `pretrained`, for those that code sets nothing."""
        if self.checkpoint is None:
            return self.own_weights_digest()
        key = self.settings.weights_key
        return file_digest(self.checkpoint) + (f" {key}" if key is not None else "")

    def own_weights_digest(self) -> str:
        """As `weights_digest`, for weights that come with the network."""
        return self.settings.weights or ""

    def class_names(self) -> tuple[str, ...]:
        """The names of the outputs in index order, where the source knows them; empty otherwise."""
        return ()

    def own_checkpoint(self) -> Path | None:
        """The checkpoint that comes with the network, if it is a separate file."""
        return None

    @cached_property
    def checkpoint(self) -> Path | None:
        """The file that the weights are read from; `None` where they come with the network.

        Raises:
            ModelError: the settings and `weights_rule` do not agree.
            CheckpointError: there is no such file, or its kind is not read.
        """
        given = self.settings.weights
        if self.settings.weights_key is not None and given in (None, PRETRAINED):
            raise ModelError(
                f"{setting('weights_key', self.settings.weights_key)} is given without a checkpoint.",
                hint=f"Give a checkpoint with {setting('weights', 'FILE')}, or omit {setting('weights_key')}.",
            )
        if given is not None and self.weights_rule is WeightsRule.FIXED:
            raise ModelError(
                f"{setting('weights', given)} is given, but {self.describe()} contains its own weights.",
                hint=f"Omit {setting('weights')}.",
            )
        if given is None and self.weights_rule is WeightsRule.REQUIRED:
            raise ModelError(
                f"The model {self.describe()} has no weights; a report on a random network would be meaningless.",
                hint=f"Give {setting('weights', 'FILE')}, or {setting('weights', PRETRAINED)} for the weights of "
                f"{self.prefix}.",
            )
        if given == PRETRAINED and self.weights_rule is WeightsRule.OPTIONAL:
            raise ModelError(
                f"There are no pretrained weights for the model {self.describe()}: it is not from a library.",
                hint=f"Give a checkpoint with {setting('weights', 'FILE')}, or omit {setting('weights')} if the code "
                "sets the weights.",
            )
        if given is None or given == PRETRAINED:
            return self.own_checkpoint()
        hint = "Give a checkpoint: .pth, .pt, .th, .ckpt or .safetensors."
        refuse_foreign(Path(given), "The checkpoint", error=CheckpointError)
        return require_file(Path(given), "The checkpoint", error=CheckpointError, hint=hint)
