"""A network whose last weights are shuffled: what it learned about the classes is gone, everything else stays."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_SEED = 17


def find_head_weights(network: nn.Module, images: Tensor, num_classes: int) -> list[nn.Parameter]:
    """The weights of the last linear layer, or of several parallel ones; empty if the network ends otherwise.

    Modules without called children are visited from the last call backward, as long as their weight matrices have one
    row (in Keras: one column) per class. A 1x1 convolution counts as a linear layer.

    Args:
        network: in evaluation mode.
        images: float32 (P, 3, H, W), normalised.
        num_classes: K.
    """
    called: dict[nn.Module, None] = {}  # in the order of their last calls
    handles = [module.register_forward_hook(lambda own, *_: _move_last(called, own)) for module in network.modules()]
    try:
        with torch.no_grad():
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    found: list[nn.Parameter] = []
    for module in reversed(called):
        if any(child in called for child in module.modules() if child is not module):
            continue
        matrices = [parameter for parameter in module.parameters() if parameter.ndim >= 2]
        if any(not _is_onto_classes(matrix, num_classes) for matrix in matrices):
            break
        found += matrices
    return found


def _move_last(called: dict[nn.Module, None], module: nn.Module) -> None:
    called.pop(module, None)
    called[module] = None


def _is_onto_classes(matrix: Tensor, num_classes: int) -> bool:
    return num_classes in matrix.shape and sum(length > 1 for length in matrix.shape) <= 2


@contextmanager
def shuffled(weights: Sequence[nn.Parameter]) -> Iterator[None]:
    """Within it, the values of each parameter are permuted at random, with a fixed seed; afterwards restored."""
    found = [weight.data for weight in weights]
    generator = torch.Generator().manual_seed(_SEED)
    try:
        for weight, values in zip(weights, found, strict=True):
            order = torch.randperm(values.numel(), generator=generator).to(values.device)
            weight.data = torch.empty_like(values).copy_(values.flatten()[order].view(values.shape))  # its own layout
        yield
    finally:
        for weight, values in zip(weights, found, strict=True):
            weight.data = values
