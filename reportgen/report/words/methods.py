"""Each method of the maps in words: its name, its formula with the source, and what its numbers are in."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

LOGIT_UNITS: Final = "units of the logit"
OWN_UNITS: Final = "own units"


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodWords:
    """A method as the report speaks of it.

    Attributes:
        name: as its authors write it.
        formula: what its map is, as the rest of a sentence.
        source: where it was published; empty where it was not.
        unit: what its values are in: `LOGIT_UNITS`, or `OWN_UNITS` where they compare within the method only.
        is_signed: whether evidence against the class is negative in its maps.
        is_class_agnostic: whether one map stands for every class.
    """

    name: str
    formula: str
    source: str
    unit: str = OWN_UNITS
    is_signed: bool = False
    is_class_agnostic: bool = False

    @property
    def nature(self) -> str:
        """`signed, in units of the logit`, `in its own units, the same for every class`."""
        unit = f"in {LOGIT_UNITS}" if self.unit == LOGIT_UNITS else "in its own units"
        parts = ("signed" if self.is_signed else "", unit, "the same for every class" if self.is_class_agnostic else "")
        return ", ".join(filter(None, parts))


_METHODS: Final = MappingProxyType(
    {
        "gradcam": MethodWords(
            name="Grad-CAM",
            formula="each channel is weighted by the mean gradient of the class’s logit over the layer’s locations, and"
            " the weighted channels are summed",
            source="Selvaraju et al. 2017",
            unit=LOGIT_UNITS,
            is_signed=True,
        ),
        "hirescam": MethodWords(
            name="HiResCAM",
            formula="at each location the activations are multiplied by the gradients of the class’s logit there, and"
            " the products are summed over channels",
            source="Draelos and Carin 2020",
            unit=LOGIT_UNITS,
            is_signed=True,
        ),
        "gradcam++": MethodWords(
            name="Grad-CAM++",
            formula="each channel is weighted by the sum of the positive gradients of the class’s logit, each times a"
            " coefficient made of its own second and third power, and the weighted channels are summed",
            source="Chattopadhay et al. 2018",
        ),
        "xgradcam": MethodWords(
            name="XGrad-CAM",
            formula="each channel is weighted by the mean gradient of the class’s logit, in which locations count by"
            " their share of the channel’s activation, and the weighted channels are summed",
            source="Fu et al. 2020",
            unit=LOGIT_UNITS,
            is_signed=True,
        ),
        "layercam": MethodWords(
            name="LayerCAM",
            formula="at each location the activations are multiplied by the positive gradients of the class’s logit"
            " there, and the products are summed over channels",
            source="Jiang et al. 2021",
        ),
        "eigencam": MethodWords(
            name="EigenCAM",
            formula="the activations are projected onto their first principal component; no class has a part in it",
            source="Muhammad and Yeasin 2020",
            is_class_agnostic=True,
        ),
        "eigengradcam": MethodWords(
            name="EigenGradCAM",
            formula="the products of activations and gradients of the class’s logit are projected onto their first"
            " principal component",
            source="Gildenblat et al. 2021, pytorch-grad-cam",
        ),
        "gradcam-elementwise": MethodWords(
            name="element-wise Grad-CAM",
            formula="at each location and channel the product of activation and gradient of the class’s logit counts"
            " where it is positive, and is summed over channels",
            source="Gildenblat et al. 2021, pytorch-grad-cam",
        ),
        "rollout": MethodWords(
            name="attention rollout",
            formula="the attention of each layer, its heads joined, is averaged with the identity, for what passes"
            " around it, and the layers are multiplied: how much of each patch reaches the output, whatever the class",
            source="Abnar and Zuidema 2020",
            is_class_agnostic=True,
        ),
        "chefer": MethodWords(
            name="Chefer et al.",
            formula="the attention of each layer, multiplied by its gradients of the class’s logit where the product is"
            " positive and averaged over heads, is accumulated layer by layer as relevance of the patches",
            source="Chefer et al. 2021, rules 5 and 6",
        ),
        "scorecam": MethodWords(
            name="ScoreCAM",
            formula="each channel is weighted by the class’s score on the image masked with that channel",
            source="Wang et al. 2020",
        ),
        "ablationcam": MethodWords(
            name="AblationCAM",
            formula="each channel is weighted by what the class’s logit loses without it, and the weighted channels are"
            " summed",
            source="Desai and Ramaswamy 2020",
            is_signed=True,
        ),
        "fullgrad": MethodWords(
            name="FullGrad",
            formula="the gradients of the class’s logit with respect to the image and to the biases of convolutions and"
            " batch normalisations are multiplied by what they belong to, and the absolute values, each channel"
            " stretched to 0…1, are summed",
            source="Srinivas and Fleuret 2019",
        ),
        "given": MethodWords(
            name="given maps",
            formula="it came with the predictions; this report did not compute it",
            source="",
        ),
    }
)


def describe_method(method: str) -> MethodWords:
    """The words for a method of the cache; one that is not known is called what the cache calls it."""
    return _METHODS.get(method) or MethodWords(name=method, formula="this report did not compute it", source="")
