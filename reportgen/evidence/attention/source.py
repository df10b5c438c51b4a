"""The attention methods as a source of maps, and once more by another way: for the self-check."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from reportgen.evidence.attention.layers import AttentionLayer, recognise_attention
from reportgen.evidence.attention.maps import discard_smallest, fuse_heads, roll_out, weigh_attention
from reportgen.evidence.attention.tap import Attention, AttentionTap, Rollout, without_fused_encoders


class AttentionMaps:
    """Attention rollout and relevance on the attention of a network: a `MapSource`.

    A map of rollout holds shares: those of all tokens sum to 1. A map of relevance is in units of the logit's first
    order change where attention grows by its own size; it is never negative.
    """

    def __init__(self, attention: Attention, methods: Sequence[str], *, rollout: Rollout) -> None:
        """Prepare the hooks.

        Args:
            attention: of the network.
            methods: words of `settings.ATTENTION_METHODS`, one or more.
            rollout: how attention is rolled out.
        """
        self._attention = attention
        self._methods = tuple(methods)
        self._rollout = rollout
        self.needs_gradients = "chefer" in methods
        self._tap = AttentionTap(
            attention, rollout=rollout if "rollout" in methods else None, records=self.needs_gradients
        )
        self.grids: Mapping[str, tuple[int, int]] = dict.fromkeys(methods, attention.layout.grid)
        self.layers = (attention.describe(),)
        self.warnings = attention.warnings

    def __enter__(self) -> Self:
        self._tap.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._tap.__exit__(kind, error, traceback)

    def begin(self, contexts: ExitStack) -> None:  # noqa: ARG002 - of the protocol
        """Forget the last forward: another one is about to begin."""
        self._tap.reset()

    def values(self) -> tuple[Tensor, ...]:
        """The outputs of the attention layers, where relevance is asked for."""
        return tuple(self._tap.outputs)

    def make_agnostic_maps(self, values: Sequence[Tensor]) -> dict[str, Tensor]:  # noqa: ARG002 - of the protocol
        """The maps (B, h, w) of rollout, where it is among the methods."""
        return {"rollout": self._tap.rollout_maps()} if "rollout" in self._methods else {}

    def make_maps(
        self,
        values: Sequence[Tensor],  # noqa: ARG002 - of the protocol
        gradients: Sequence[Tensor],
        classes: Tensor,  # noqa: ARG002 - of the protocol
    ) -> dict[str, Tensor]:
        """The maps (B, h, w) of relevance, where it is among the methods."""
        return {"chefer": self._tap.relevance_maps(gradients)} if self.needs_gradients else {}

    def on(self, network: nn.Module) -> "PlainAttentionMaps":
        """The same methods on a copy of the network, by another way."""
        return PlainAttentionMaps(network, self._attention, self._methods, rollout=self._rollout)


class PlainAttentionMaps:
    """The same maps, from a network whose attention layers hand on what is computed from the attention itself.

    So autograd gives the gradient by the attention without a chain rule of ours, and whole matrices are multiplied from
    the first layer to the last, not a row from the last to the first. Twice the time and many times the memory.
    """

    def __init__(self, network: nn.Module, attention: Attention, methods: Sequence[str], *, rollout: Rollout) -> None:
        """Prepare the hooks.

        Args:
            network: a copy of the network.
            attention: of the network itself.
            methods: words of `settings.ATTENTION_METHODS`, one or more.
            rollout: how attention is rolled out.
        """
        self._attention = attention
        self._methods = tuple(methods)
        self._rollout = rollout
        self._layers = dict(_copies(network, attention.layers))
        self._hooks = ExitStack()
        self._matrices: list[Tensor] = []
        self.grids: Mapping[str, tuple[int, int]] = dict.fromkeys(methods, attention.layout.grid)
        self.layers = (attention.describe(),)
        self.warnings = attention.warnings
        self.needs_gradients = "chefer" in methods

    def __enter__(self) -> Self:
        for module in self._layers:
            self._hooks.callback(module.register_forward_hook(self._substitute, with_kwargs=True).remove)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._hooks.close()
        self._matrices = []

    def begin(self, contexts: ExitStack) -> None:
        """Forget the last forward: another one is about to begin."""
        contexts.enter_context(without_fused_encoders())
        self._matrices = []

    def values(self) -> tuple[Tensor, ...]:
        """The attention (B, heads, N, N) of each layer."""
        return tuple(self._matrices)

    def make_agnostic_maps(self, values: Sequence[Tensor]) -> dict[str, Tensor]:
        """The maps (B, h, w) of rollout, where it is among the methods."""
        if "rollout" not in self._methods:
            return {}
        rolled: Tensor | None = None
        for matrix in values:
            fused = fuse_heads(matrix.detach(), self._rollout.head_fusion)
            kept = discard_smallest(fused, self._rollout.discard_ratio, self._attention.is_class_token.to(fused.device))
            rolled = roll_out(rolled, kept)
        assert rolled is not None  # there is a layer
        return {"rollout": self._read(rolled)}

    def make_maps(
        self,
        values: Sequence[Tensor],
        gradients: Sequence[Tensor],
        classes: Tensor,  # noqa: ARG002 - of the protocol
    ) -> dict[str, Tensor]:
        """The maps (B, h, w) of relevance, where it is among the methods."""
        if "chefer" not in self._methods:
            return {}
        identity = torch.eye(values[0].shape[-1]).to(values[0])
        relevance = identity
        for matrix, gradient in zip(values, gradients, strict=True):
            relevance = relevance + weigh_attention(matrix.detach(), gradient) @ relevance
        return {"chefer": self._read(relevance - identity)}

    def on(self, network: nn.Module) -> "PlainAttentionMaps":
        """The same on another copy of the network."""
        return PlainAttentionMaps(network, self._attention, self._methods, rollout=self._rollout)

    def _substitute(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        layer = self._layers[module]
        tokens = layer.read_input(args, kwargs)
        matrix, values = layer.attend(tokens)
        self._matrices.append(matrix)
        substitute = layer.to_batch_first(layer.combine(matrix, values, tokens))
        return (substitute, *output[1:]) if isinstance(output, tuple) else substitute

    def _read(self, matrices: Tensor) -> Tensor:
        """The maps in the mean of the rows (B, N, N) that the head reads."""
        is_read = self._attention.is_read.to(matrices.device)
        return self._attention.to_maps(matrices[:, is_read].mean(dim=1))


def _copies(network: nn.Module, layers: Sequence[AttentionLayer]) -> Iterator[tuple[nn.Module, AttentionLayer]]:
    """Each layer's counterpart in a copy of the network, by its module."""
    for layer in layers:
        module = network.get_submodule(layer.name)
        copied = recognise_attention(layer.name, module)
        if copied is None:
            raise ValueError(f"{layer.name} is no attention layer of the copy")
        yield module, copied
