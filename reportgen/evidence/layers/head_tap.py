"""A cut through a network at one layer, so that autograd records only the head behind it."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from reportgen.errors import ModelError, setting
from reportgen.evidence.layers.outputs import extract_logits, first_tensor, replace_first

PassOne = Callable[[str], bool]
"""Called with the device's type when a tapped layer has run; says whether it was the last of those that are tapped."""


class HeadTap:
    """A hook on one call of one layer, within a `with` block.

    The hook replaces the layer's output by a new tensor that requires a gradient. If no parameter and no input requires
    one, autograd starts to record there: the forward takes the time and memory of inference, and only the head can be
    differentiated. A path that bypasses the layer is a constant, so the gradient is exact. If something upstream is
    recorded already (attention, another tapped layer, an image), the record continues.

    Some networks change a layer's output in place later: torchvision's DenseNet by `F.relu(features, inplace=True)`.
    The tensor returned here is then the changed one, and the gradient is taken with respect to the same tensor: values
    and gradient always match.
    """

    def __init__(self, layer: nn.Module, call: int = 0, *, records: bool = True) -> None:
        """Prepare the tap.

        Args:
            layer: the layer whose output is tapped.
            call: which of the layer's calls within one forward, counted from 0; a module may be used repeatedly.
            records: whether the output is to be differentiated; otherwise it is only kept.
        """
        self._layer = layer
        self._call = call
        self._records = records
        self._num_calls = 0
        self._pass_one: PassOne = _is_only_one
        self._substitute: Tensor | None = None
        self._tapped: Tensor | None = None
        self._handle: torch.utils.hooks.RemovableHandle | None = None
        self.output: Tensor | None = None
        """The layer's output in the last forward before anything could change it in place."""

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

    def begin(self, *, substitute: Tensor | None = None, pass_one: PassOne | None = None) -> None:
        """Discard the last forward, before the next one.

        Args:
            substitute: replaces the layer's output, of the same shape.
            pass_one: called when the layer has run; `None` where no other layer is tapped.
        """
        self._num_calls, self._substitute = 0, substitute
        self._pass_one = _is_only_one if pass_one is None else pass_one
        self.output = self._tapped = None

    @property
    def tapped(self) -> Tensor:
        """The layer's output as the head read it in the last forward.

        In float32 where the head behind it, which no other tapped layer is part of, runs in that.

        Raises:
            ModelError: the layer was not called.
        """
        if self._tapped is None:
            raise ModelError(
                "The target layer is not called in every forward pass of the network.",
                hint=f"Give another layer with {setting('layers')}, one that every image passes through.",
            )
        return self._tapped

    @property
    def change_in_place(self) -> float:
        """How far the layer's output was changed in place in the last forward, relative to its largest |value|."""
        if self.output is None or self._tapped is None or self.output is self._tapped:
            return 0.0
        before, after = self.output.detach(), self._tapped.detach()
        return float((after - before).abs().max() / before.abs().max().clamp_min(1e-12))

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
        self.begin(substitute=substitute)
        return widened(extract_logits(network(inputs))), self.tapped

    def _take_over(self, _layer: nn.Module, _inputs: object, returned: Any) -> Any:
        call, self._num_calls = self._num_calls, self._num_calls + 1
        if call != self._call:
            return returned
        return replace_first(returned, self._tap(first_tensor(returned)))

    def _tap(self, output: Tensor) -> Tensor:
        source = output if self._substitute is None else self._substitute
        # Without autocast, the head behind a coarse layer has weights of that precision, and needs it.
        own_type = None if torch.is_autocast_enabled(source.device.type) else output.dtype
        if self._pass_one(source.device.type) or own_type is not None:
            source = widened(source)
        if not self._records:
            self.output = self._tapped = source
            return source if own_type is None else source.to(own_type)
        with torch.enable_grad():
            self.output = source if source.requires_grad else source.detach().requires_grad_()
            self._tapped = self.output.clone()  # a leaf must not be changed in place; a copy may
            return self._tapped if own_type is None else self._tapped.to(own_type)


def _is_only_one(_device_type: str) -> bool:
    return True


def widened(tensor: Tensor) -> Tensor:
    """The tensor in float32, if its own precision is coarser."""
    return tensor.float() if tensor.dtype in {torch.bfloat16, torch.float16} else tensor
