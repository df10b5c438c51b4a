"""Classifiers of torchvision by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from reportgen.errors import ModelError
from reportgen.inputs.networks.source import PRETRAINED, ModelSource, WeightsRule
from reportgen.inputs.suggestions import nearest_text
from reportgen.settings import ModelSettings

if TYPE_CHECKING:
    from reportgen.inputs.networks.classifier import Network

_AUXILIARY_HEADS: Final = {"googlenet": "aux1", "inception_v3": "AuxLogits"}
"""Networks with heads that only training uses, which a checkpoint may lack, by the names of their first one."""


@dataclass(frozen=True, kw_only=True)
class TorchvisionModel(ModelSource):
    """A classifier of torchvision.

    Attributes:
        name: as `torchvision.models` calls it.
    """

    title: ClassVar = "torchvision"
    forms: ClassVar = ("torchvision:NAME",)
    prefix: ClassVar = "torchvision"
    aliases: ClassVar = ("tv",)
    weights_rule: ClassVar = WeightsRule.REQUIRED

    name: str

    @classmethod
    def match(cls, settings: ModelSettings) -> Self | None:
        """The source, if the spec starts with `torchvision:`."""
        prefix, _, name = settings.model.partition(":")
        return cls(settings=settings, name=name) if name and prefix == cls.prefix else None

    def describe(self) -> str:
        """The spec."""
        return f"{self.prefix}:{self.name}"

    def files(self) -> tuple[Path, ...]:
        """None: the library defines the network."""
        return ()

    def class_names(self) -> tuple[str, ...]:
        """The classes of the pretrained weights; a name that two classes share gets their indices."""
        from torchvision import models

        if self.settings.weights != PRETRAINED or self.name not in models.list_models(module=models):
            return ()
        names = tuple(models.get_model_weights(self.name).DEFAULT.meta.get("categories", ()))
        return tuple(name if names.count(name) == 1 else f"{name} ({index})" for index, name in enumerate(names))

    def load(self, num_classes: int) -> "Network":
        """The network, with its pretrained weights if there is no checkpoint."""
        from torchvision import models

        from reportgen.inputs.networks.classifier import Network
        from reportgen.inputs.networks.library_models import build_quietly, explain_origin
        from reportgen.inputs.preprocessing import Preprocessing

        known = models.list_models(module=models)  # without detection, segmentation and video
        if self.name not in known:
            raise ModelError(f"torchvision has no classifier {self.name}.", hint=nearest_text(self.name, known))
        is_pretrained = self.checkpoint is None
        weights = models.get_model_weights(self.name).DEFAULT
        options: dict[str, Any] = {"weights": weights}
        note = ""
        if not is_pretrained:
            own_options, note = self._read_options()
            options = {"weights": None, "num_classes": num_classes, **own_options}
        transforms = weights.transforms()
        return Network(
            name=self.name,
            module=build_quietly(self.describe(), lambda: models.get_model(self.name, **options)),
            weights_name=str(weights) if is_pretrained else "",
            notes=(note,) if note else (),
            preprocessing=Preprocessing(
                mean=tuple(transforms.mean),
                std=tuple(transforms.std),
                resize=transforms.resize_size[0],
                crop=transforms.crop_size[0],
                interpolation=transforms.interpolation.value,
                source=explain_origin(f"torchvision's {weights}", is_pretrained=is_pretrained),
            ),
        )

    def _read_options(self) -> tuple[dict[str, bool], str]:
        """What the weights in the checkpoint ask of the constructor, and a note on what they do not record."""
        heads = _AUXILIARY_HEADS.get(self.name)
        if heads is None or self.checkpoint is None:
            return {}, ""
        from reportgen.inputs.networks.checkpoints import load_weights

        names = load_weights(self.checkpoint, self.settings.weights_key).tensors
        has_heads = any(f".{name}".find(f".{heads}.") >= 0 for name in names)
        note = (
            f"The checkpoint does not record whether {self.name} was built with transform_input. True is assumed, as "
            "for the pretrained weights of torchvision, with the normalization that belongs to it."
        )
        return {"aux_logits": has_heads, "transform_input": True, "init_weights": False}, note
