"""The demo's network, which comes with reportgen."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import reportgen.demo
from reportgen.inputs.networks.source import ModelSource, WeightsRule
from reportgen.settings import ModelSettings

if TYPE_CHECKING:
    from reportgen.inputs.networks.classifier import Network

_FOLDER: Final = Path(reportgen.demo.__file__).parent
WEIGHTS_PATH: Final = _FOLDER / "weights.safetensors"  # the network's own module would import torch


@dataclass(frozen=True, kw_only=True)
class DemoModel(ModelSource):
    """The demo's network."""

    title: ClassVar = "the demo"
    forms: ClassVar = ("demo",)
    weights_rule: ClassVar = WeightsRule.INCLUDED

    @classmethod
    def match(cls, settings: ModelSettings) -> Self | None:
        """The source, if the spec is `demo`."""
        return cls(settings=settings) if settings.model in cls.forms else None

    def describe(self) -> str:
        """The spec."""
        return self.forms[0]

    def files(self) -> tuple[Path, ...]:
        """The module that defines the network."""
        return (_FOLDER / "network.py",)

    def own_checkpoint(self) -> Path:
        """The trained weights."""
        return WEIGHTS_PATH

    def class_names(self) -> tuple[str, ...]:
        """The numbers 00 to 99."""
        from reportgen.demo.dataset import CLASS_NAMES

        return CLASS_NAMES

    def load(self, num_classes: int) -> "Network":  # noqa: ARG002  the demo has 100
        """The network."""
        from reportgen.demo.network import MEAN, STD, build_network
        from reportgen.inputs.networks.classifier import Network
        from reportgen.inputs.preprocessing import Preprocessing

        return Network(
            name="DemoNet",
            module=build_network(),
            preprocessing=Preprocessing(mean=MEAN, std=STD, source="the demo network"),
        )
