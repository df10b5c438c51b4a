"""From settings to an explainer: the map sources that the methods need."""

import logging
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from reportgen.errors import NoMapsError
from reportgen.evidence.attention.source import AttentionMaps
from reportgen.evidence.attention.survey import find_attention
from reportgen.evidence.attention.tap import Rollout
from reportgen.evidence.devices import is_out_of_memory
from reportgen.evidence.layers.outputs import check_logits, forward_hint
from reportgen.evidence.layers.target_layers import TargetLayer, find_target_layers
from reportgen.evidence.methods.closed_form import find_closed_form
from reportgen.evidence.methods.explained_batch import Explainer
from reportgen.evidence.methods.map_sources import LayerMaps, MapSource
from reportgen.methods import list_methods
from reportgen.settings import ModelSettings

log = logging.getLogger(__name__)

OPAQUE_REASON = (
    "The network is a compiled program: its layers can be neither hooked nor differentiated, so that there are "
    "predictions, but no maps."
)

_NUM_PROBED = 4
_NUM_VERSIONS = 5  # of each image, by which a layer is found


def choose_num_probed(batch_size: int) -> int:
    """The number of images that a network is probed with: no more than fit into memory, in all their versions."""
    return max(1, min(_NUM_PROBED, batch_size // _NUM_VERSIONS))


def build_explainer(
    network: nn.Module, images: Tensor, settings: ModelSettings, *, num_classes: int | None, is_opaque: bool = False
) -> Explainer:
    """The explainer for all methods of the settings that need no forwards of their own.

    Args:
        network: in evaluation mode, frozen, on its device.
        images: float32 (P, 3, H, W), some normalised images.
        settings: methods, layers and precision.
        num_classes: how many logits the network has to have; `None` takes any number.
        is_opaque: whether the network can be neither hooked nor differentiated: logits alone.

    Raises:
        LayerError: no layer gives maps, or the one asked for does not.
        ModelError: the network fails on such images, or its output holds no logits, or not one for each class.
    """
    autocast = torch.bfloat16 if settings.precision == "bf16" else None
    sources: list[MapSource] = []
    no_maps_reason = OPAQUE_REASON if is_opaque else ""
    if not is_opaque:
        cam_methods = [method for method in settings.methods if method in list_methods("cam")]
        if cam_methods:
            try:
                sources.append(_find_layer_maps(network, images, cam_methods, settings, num_classes))
            except NoMapsError as error:
                no_maps_reason = error.message
    if not sources:
        _check_outputs(network, images, num_classes)
    attention_methods = [method for method in settings.methods if method in list_methods("attention") and not is_opaque]
    if attention_methods:  # first: its hooks must run before those of a target layer
        rollout = Rollout(head_fusion=settings.head_fusion, discard_ratio=settings.discard_ratio)
        sources.insert(0, AttentionMaps(find_attention(network, images), attention_methods, rollout=rollout))
    return Explainer(network, sources, autocast=autocast, no_maps_reason="" if sources else no_maps_reason)


def _find_layer_maps(
    network: nn.Module, images: Tensor, methods: list[str], settings: ModelSettings, num_classes: int | None
) -> LayerMaps:
    targets = find_target_layers(network, images, settings.layers, num_classes=num_classes)
    for target in targets:
        log.info("target layer %s, grid %s×%s", target.name, *target.grid)
    return LayerMaps(
        targets,
        methods,
        aggregate=settings.aggregate,
        closed_form=find_closed_form(network, images, targets[0]) if len(targets) == 1 else None,
        float32_head=settings.precision == "fp32" or _runs_float32_head(network, images, targets),
    )


def _runs_float32_head(network: nn.Module, images: Tensor, targets: Sequence[TargetLayer]) -> bool:
    """Whether the network runs if autocast ends at the last of the layers; what bypasses them stays in bfloat16."""
    if not any(target.is_bypassed for target in targets):
        return True
    try:
        with Explainer(network, [LayerMaps(targets, ())], autocast=torch.bfloat16) as explainer:
            explainer.run(images[:1])
    except RuntimeError as error:  # an operation on two precisions
        if is_out_of_memory(error):
            raise
        return False
    return True


def _check_outputs(network: nn.Module, images: Tensor, num_classes: int | None) -> None:
    """Check one forward of some images.

    Raises:
        ModelError: the network fails on such images, or its output holds no logits, or not one for each class.
    """
    with forward_hint(images), torch.no_grad():
        output = network(images)
    check_logits(output, len(images), num_classes)
