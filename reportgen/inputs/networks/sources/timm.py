"""Classifiers of timm by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from reportgen.errors import ModelError
from reportgen.inputs.libraries import TIMM
from reportgen.inputs.networks.source import ModelSource, WeightsRule
from reportgen.inputs.suggestions import nearest_text
from reportgen.settings import ModelSettings

if TYPE_CHECKING:
    from reportgen.inputs.networks.classifier import Network


@dataclass(frozen=True, kw_only=True)
class TimmModel(ModelSource):
    """A classifier of timm.

    Attributes:
        name: as `timm.create_model` takes it.
    """

    title: ClassVar = "timm"
    forms: ClassVar = ("timm:NAME",)
    libraries: ClassVar = (TIMM,)
    prefix: ClassVar = "timm"
    weights_rule: ClassVar = WeightsRule.REQUIRED

    name: str

    @classmethod
    def match(cls, settings: ModelSettings) -> Self | None:
        """The source, if the spec starts with `timm:`."""
        prefix, _, name = settings.model.partition(":")
        return cls(settings=settings, name=name) if name and prefix == cls.prefix else None

    def describe(self) -> str:
        """The spec."""
        return f"{self.prefix}:{self.name}"

    def files(self) -> tuple[Path, ...]:
        """None: the library defines the network."""
        return ()

    def load(self, num_classes: int) -> "Network":
        """The network, with its pretrained weights if there is no checkpoint."""
        from reportgen.inputs.networks.classifier import Network
        from reportgen.inputs.networks.library_models import build_quietly, explain_origin
        from reportgen.inputs.networks.timm_models import read_data_config

        timm = TIMM.load(f"The model {self.describe()}", error=ModelError)
        if not timm.is_model(self.name):
            raise ModelError(f"timm has no model {self.name}.", hint=nearest_text(self.name, timm.list_models()))
        is_pretrained = self.checkpoint is None
        options = {"pretrained": True} if is_pretrained else {"num_classes": num_classes}
        module = build_quietly(self.describe(), lambda: timm.create_model(self.name, **options))
        config = timm.data.resolve_model_data_config(module)
        tag = getattr(module, "pretrained_cfg", {}).get("tag", "")
        weights_name = f"{self.name.partition('.')[0]}.{tag}" if tag else self.name
        read = read_data_config(config, explain_origin(f"timm's {weights_name}", is_pretrained=is_pretrained))
        return Network(
            name=self.name,
            module=module,
            weights_name=weights_name if is_pretrained else "",
            preprocessing=read.preprocessing,
            unsupported=read.problem,
        )
