"""Cutting a network in two at one layer, so that autograd records the head behind it and nothing before it."""

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from reportgen.errors import ModelError


class HeadTap:
    """A hook on one call of one layer, there from `with` to its end.

    The layer's output goes on as a tensor of its own that requires a gradient. Where no parameter and no input does,
    that is where autograd begins to record: the forward costs and holds what plain inference does, and only the head
    can be differentiated. A path that bypasses the layer is a constant to it, so the gradient is exact.

    Some networks change a layer's output in place later: torchvision's DenseNet by `F.relu(features, inplace=True)`.
    The tensor handed out here is then the changed one, and the gradient is taken with respect to the very same tensor:
    values and gradient always belong together.
    """

    def __init__(
        self,
        layer: nn.Module,
        call: int = 0,
        *,
        autocast: torch.dtype | None = None,
        float32_head: bool = True,
    ) -> None:
        """Prepare the tap.

        Args:
            layer: the layer whose output is tapped.
            call: which of the layer's calls within one forward, counted from 0; a module may be used repeatedly.
            autocast: the precision that the network runs in; `None` for its own.
            float32_head: whether the head behind the layer runs in float32 all the same, as bfloat16 resolves logits to
                no more than 1 part in 256. Not for a head that also reads what bypasses the layer: that is bfloat16.
        """
        self._layer = layer
        self._call = call
        self._autocast = autocast
        self._float32_head = float32_head
        self._num_calls = 0
        self._substitute: Tensor | None = None
        self._tapped: Tensor | None = None
        self._contexts = ExitStack()
        self._handle: torch.utils.hooks.RemovableHandle | None = None
        self.output: Tensor | None = None
        """The layer's output in the last run before anything could change it in place, float32."""

    def __enter__(self) -> Self:
        self._handle = self._layer.register_forward_hook(self._take_over)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._handle.remove()
        self._handle = None
        self.output = self._tapped = self._substitute = None

    def run(self, network: nn.Module, inputs: Tensor, *, substitute: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One forward of a batch.

        Args:
            network: the network that the layer is part of, with frozen parameters.
            inputs: float32 (B, 3, H, W).
            substitute: stands in for the layer's output, of the same shape.

        Returns:
            float32 logits (B, K), and what the head has read from the layer: float32, of the shape of its output.

        Raises:
            ModelError: the network's output holds no logits, or the layer was not called.
        """
        self._num_calls, self._substitute = 0, substitute
        self.output = self._tapped = None
        with ExitStack() as self._contexts:
            if self._autocast is not None:
                self._contexts.enter_context(torch.autocast(inputs.device.type, dtype=self._autocast))
            logits = extract_logits(network(inputs))
        return _widened(logits), self._require_tapped()

    def _require_tapped(self) -> Tensor:
        if self._tapped is None:
            raise ModelError(
                "The target layer is not called in every forward of the network.",
                hint="Name another layer with --layer: one that every image passes through.",
            )
        return self._tapped

    def _take_over(self, _layer: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        call, self._num_calls = self._num_calls, self._num_calls + 1
        if call != self._call:
            return output
        if self._autocast is not None and self._float32_head:
            self._contexts.enter_context(torch.autocast(output.device.type, enabled=False))
        with torch.enable_grad():
            source = output if self._substitute is None else self._substitute
            self.output = _widened(source.detach()).requires_grad_()
            self._tapped = self.output.clone()  # a leaf must not be changed in place, a copy of it may
        return self._tapped


def _widened(tensor: Tensor) -> Tensor:
    """In float32 where it is coarser."""
    return tensor.float() if tensor.dtype in {torch.bfloat16, torch.float16} else tensor


def extract_logits(output: Any) -> Tensor:
    """The logits (B, K) in what a network returns: a tensor, the first of a tuple, or the field `logits`.

    Raises:
        ModelError: there are none.
    """
    if isinstance(output, Mapping):
        found = output.get("logits")
    elif isinstance(output, (tuple, list)) and not hasattr(output, "logits"):
        found = output[0] if output else None
    else:
        found = getattr(output, "logits", output)
    if isinstance(found, Tensor) and found.ndim == 2 and found.is_floating_point():
        return found
    raise ModelError(
        f"The network returns {_describe(output)}, where logits of shape (batch, classes) are needed.",
        hint="Let the model factory return a classifier: a module whose output is one row of class logits per image.",
    )


def _describe(output: Any) -> str:
    if isinstance(output, Tensor):
        return f"a {str(output.dtype).removeprefix('torch.')} tensor of shape {tuple(output.shape)}"
    if isinstance(output, Mapping):
        return f"a {type(output).__name__} with the keys {', '.join(map(str, output)) or 'none'}"
    if isinstance(output, (tuple, list)) and output:
        return f"a {type(output).__name__} whose first element is {_describe(output[0])}"
    return f"a {type(output).__name__}"
