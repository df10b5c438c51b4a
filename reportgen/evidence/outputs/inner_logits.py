"""The logits inside a network that ends in a softmax or sigmoid, found by comparing values."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from reportgen.evidence.layers.head_tap import widened

_ACTIVATIONS: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "probabilities": lambda logits: logits.softmax(dim=-1),
    "log-probabilities": lambda logits: logits.log_softmax(dim=-1),
    "sigmoid": torch.sigmoid,
}
_TOLERANCE: Final = 1e-4
_COARSE_TOLERANCE: Final = 1e-2


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Place:
    """Where in a network its logits are: at the last call of a module.

    Attributes:
        module: the module.
        is_input: whether the logits are its input; otherwise they are its output.
    """

    module: nn.Module
    is_input: bool


def find_inner_logits(network: nn.Module, images: Tensor, kind: str, element: Callable[[Any], Tensor]) -> Place | None:
    """The last place in a network whose values, through a softmax or sigmoid, are the network's output.

    Args:
        network: in evaluation mode.
        images: float32 (P, 3, H, W), several normalised images.
        kind: of the output, a word of `OUTPUT_KINDS`.
        element: takes the output out of what the network returns.
    """
    activate = _ACTIVATIONS.get(kind)
    if activate is None:
        return None
    seen: dict[tuple[nn.Module, bool], Tensor] = {}

    def see(module: nn.Module, value: Any, *, is_input: bool) -> None:
        seen.pop((module, is_input), None)  # the last call comes last
        if isinstance(value, Tensor) and value.is_floating_point() and len(value) == len(images) and value.ndim <= 2:
            seen[module, is_input] = value.clone()  # the network may change it in place

    with ExitStack() as hooks, torch.no_grad():
        for module in network.modules():
            if module is network:
                continue
            before = module.register_forward_pre_hook(lambda own, args: see(own, next(iter(args), 0), is_input=True))
            after = module.register_forward_hook(lambda own, _, output: see(own, output, is_input=False))
            hooks.callback(before.remove)
            hooks.callback(after.remove)
        output = element(network(images))
    tolerance = _TOLERANCE if output.dtype in {torch.float32, torch.float64} else _COARSE_TOLERANCE
    for (module, is_input), value in reversed(seen.items()):
        if value.shape != output.shape or _differ(value, output) <= tolerance:  # log-softmax keeps its own output
            continue
        if _differ(activate(widened(value)), output) <= tolerance:
            return Place(module=module, is_input=is_input)
    return None


def _differ(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.double()).abs().nan_to_num(nan=0.0, posinf=1e9).max())
