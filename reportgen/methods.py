"""The one table of methods: what each is called, where it was published, what its maps show and what it needs.

To add a method, add a row here, and its function to the registry of its family: `evidence.methods.cam.CAM_FUNCTIONS`,
`evidence.attention.source.ATTENTION_FUNCTIONS` or `evidence.methods.selective_maps.SELECTIVE_FUNCTIONS`.
Settings, help, self-checks, pages and documentation read the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

LOGIT_UNITS: Final = "units of the logit"
OWN_UNITS: Final = "arbitrary units"

Family = Literal["cam", "attention", "selective", "given"]
"""`cam`: activations and gradients of target layers, from the one forward of every example. `attention`: the attention
weights of a transformer, from the same forward. `selective`: many forwards of its own, for the shown examples only.
`given`: computed elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method that computes maps.

    Attributes:
        name: the word for it on the command line and in the cache.
        title: its name in the report, as its authors write it.
        paper: where it was published; empty where it was not.
        formula: how a map is computed, as the rest of a sentence.
        unit: `LOGIT_UNITS`, or `OWN_UNITS` where values compare within the method only.
        is_signed: whether evidence against the class is negative.
        is_class_agnostic: whether an example has one map, the same for every class.
        sums_to_logit: whether a map plus the bias sums to the logit, where the head is global average pooling and one
            linear layer.
        is_ill_conditioned: whether rounding alone can change a map much: it divides by what may be close to 0, or takes
            a direction or a sign that may be close to undecided.
        options: the fields of the settings that shape its maps, besides the layers.
    """

    name: str
    title: str
    paper: str
    formula: str
    family: Family
    unit: str = OWN_UNITS
    is_signed: bool = False
    is_class_agnostic: bool = False
    sums_to_logit: bool = False
    is_ill_conditioned: bool = False
    options: tuple[str, ...] = ()

    @property
    def nature(self) -> str:
        """`signed, in units of the logit`, or `in arbitrary units, class-agnostic`."""
        unit = f"in {LOGIT_UNITS}" if self.unit == LOGIT_UNITS else f"in {OWN_UNITS}"
        parts = ("signed" if self.is_signed else "", unit, "class-agnostic" if self.is_class_agnostic else "")
        return ", ".join(filter(None, parts))


_ROWS: Final = (
    Method(
        name="gradcam",
        title="Grad-CAM",
        paper="Selvaraju et al. 2017",
        formula="each channel is weighted by the mean gradient of the class’s logit over the layer’s locations, and"
        " the weighted channels are summed",
        family="cam",
        unit=LOGIT_UNITS,
        is_signed=True,
        sums_to_logit=True,
    ),
    Method(
        name="hirescam",
        title="HiResCAM",
        paper="Draelos and Carin 2020",
        formula="at each location the activations are multiplied by the gradients of the class’s logit there, and"
        " the products are summed over channels",
        family="cam",
        unit=LOGIT_UNITS,
        is_signed=True,
        sums_to_logit=True,
    ),
    Method(
        name="gradcam++",
        title="Grad-CAM++",
        paper="Chattopadhay et al. 2018",
        formula="each channel is weighted by the sum of the positive gradients of the class’s logit, each times a"
        " coefficient built from its second and third powers, and the weighted channels are summed",
        family="cam",
        is_ill_conditioned=True,
    ),
    Method(
        name="xgradcam",
        title="XGrad-CAM",
        paper="Fu et al. 2020",
        formula="each channel is weighted by the mean gradient of the class’s logit, where each location is"
        " weighted by its fraction of the channel’s activation, and the weighted channels are summed",
        family="cam",
        unit=LOGIT_UNITS,
        is_signed=True,
        is_ill_conditioned=True,
    ),
    Method(
        name="layercam",
        title="LayerCAM",
        paper="Jiang et al. 2021",
        formula="at each location the activations are multiplied by the positive gradients of the class’s logit"
        " there, and the products are summed over channels",
        family="cam",
    ),
    Method(
        name="eigencam",
        title="EigenCAM",
        paper="Muhammad and Yeasin 2020",
        formula="the activations are projected onto their first principal component; it does not depend on a class",
        family="cam",
        is_class_agnostic=True,
        is_ill_conditioned=True,
    ),
    Method(
        name="eigengradcam",
        title="EigenGradCAM",
        paper="Gildenblat et al. 2021, pytorch-grad-cam",
        formula="the products of activations and gradients of the class’s logit are projected onto their first"
        " principal component",
        family="cam",
        is_ill_conditioned=True,
    ),
    Method(
        name="gradcam-elementwise",
        title="element-wise Grad-CAM",
        paper="Gildenblat et al. 2021, pytorch-grad-cam",
        formula="at each location and channel the product of activation and gradient of the class’s logit"
        " is kept where it is positive, and summed over channels",
        family="cam",
    ),
    Method(
        name="rollout",
        title="attention rollout",
        paper="Abnar and Zuidema 2020",
        formula="the attention of each layer, with its heads combined, is averaged with the identity to account for"
        " residual connections, and the layers are multiplied: how much of each patch reaches the output, for all"
        " classes"
        " alike",
        family="attention",
        is_class_agnostic=True,
        options=("head_fusion", "discard_ratio"),
    ),
    Method(
        name="chefer",
        title="Chefer et al.",
        paper="Chefer et al. 2021, rules 5 and 6",
        formula="the attention of each layer, multiplied by its gradients of the class’s logit, clipped at zero and"
        " averaged over heads, is accumulated layer by layer into the relevance of the patches",
        family="attention",
    ),
    Method(
        name="scorecam",
        title="ScoreCAM",
        paper="Wang et al. 2020",
        formula="each channel is weighted by the class’s score on the image masked with that channel",
        family="selective",
    ),
    Method(
        name="ablationcam",
        title="AblationCAM",
        paper="Desai and Ramaswamy 2020",
        formula="each channel is weighted by the drop of the class’s logit without it, and the weighted channels are"
        " summed",
        family="selective",
        is_signed=True,
    ),
    Method(
        name="fullgrad",
        title="FullGrad",
        paper="Srinivas and Fleuret 2019",
        formula="the gradients of the class’s logit with respect to the image and to the biases of convolutions and"
        " batch normalizations are multiplied by the image and those biases, and the absolute values, each channel"
        " rescaled to 0…1, are summed",
        family="selective",
    ),
)

METHODS: Final[Mapping[str, Method]] = MappingProxyType({method.name: method for method in _ROWS})
"""All that reportgen computes, by name."""

GIVEN_METHOD: Final = "given"
"""The name in the cache of maps that came with the predictions, by a method that reportgen does not know."""

_GIVEN: Final = Method(
    name=GIVEN_METHOD,
    title="supplied maps",
    paper="",
    formula="supplied with the predictions, not computed by this report",
    family="given",
)


def find_method(name: str) -> Method:
    """The method of a cache's maps; an unknown one keeps its name for a title."""
    if name == GIVEN_METHOD:
        return _GIVEN
    unknown = Method(name=name, title=name, paper="", formula="not computed by this report", family="given")
    return METHODS.get(name, unknown)


def list_methods(family: Family) -> tuple[str, ...]:
    """The names of the methods of a family, in the order of the table."""
    return tuple(name for name, method in METHODS.items() if method.family == family)


def is_class_agnostic(name: str) -> bool:
    """Whether a method gives one map for all classes."""
    return find_method(name).is_class_agnostic
