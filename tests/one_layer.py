"""The one target layer of a network, for tests that are about something else."""

from torch import Tensor, nn

from reportgen.evidence.layers.target_layers import TargetLayer, find_target_layers


def find_target_layer(
    network: nn.Module, images: Tensor, name: str | None = None, *, num_classes: int | None = None
) -> TargetLayer:
    (target,) = find_target_layers(network, images, () if name is None else (name,), num_classes=num_classes)
    return target
