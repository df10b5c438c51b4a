"""The attention methods as a source of maps, and the same maps from whole matrices: for the self-check."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

import torch
from torch import Tensor, nn

from reportgen.evidence.attention.layers import AttentionLayer, recognize_attention
from reportgen.evidence.attention.maps import discard_smallest, fuse_heads, roll_out, weigh_attention
from reportgen.evidence.attention.tap import Attention, AttentionTap, Rollout, without_fused_encoders
from reportgen.methods import is_class_agnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionFunctions:
    """How a method computes its maps: in the pass, and independently in the self-check.

    Attributes:
        from_tap: (the tap after a forward, gradients by its outputs) -> maps (B, h, w).
        from_matrices: (attention (B, heads, N, N) of each layer, gradients by it, the layers, how attention is rolled
            out) -> (B, N, N), of which the rows that the head reads become the maps. A class-agnostic method gets no
            gradients.
    """

    from_tap: Callable[[AttentionTap, Sequence[Tensor]], Tensor]
    from_matrices: Callable[[Sequence[Tensor], Sequence[Tensor], Attention, Rollout], Tensor]


class AttentionMaps:
    """Attention rollout and relevance on the attention of a network: a `MapSource`.

    A map of rollout holds shares: those of all tokens sum to 1. A map of relevance is in units of the logit's first
    order change where attention grows by its own size; it is never negative.
    """

    def __init__(self, attention: Attention, methods: Sequence[str], *, rollout: Rollout) -> None:
        """Prepare the hooks.

        Args:
            attention: of the network.
            methods: names of the family `attention`, one or more.
            rollout: how attention is rolled out.
        """
        self._attention = attention
        self._agnostic, self._specific = _split(methods)
        self._rollout = rollout
        self.needs_gradients = bool(self._specific)
        self._tap = AttentionTap(attention, rollout=rollout if self._agnostic else None, records=self.needs_gradients)
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
        """The outputs of the attention layers, where a method needs gradients."""
        return tuple(self._tap.outputs)

    def make_agnostic_maps(self, values: Sequence[Tensor]) -> dict[str, Tensor]:  # noqa: ARG002 - of the protocol
        """The maps (B, h, w) of the class-agnostic methods."""
        return {method: ATTENTION_FUNCTIONS[method].from_tap(self._tap, ()) for method in self._agnostic}

    def make_maps(
        self,
        values: Sequence[Tensor],  # noqa: ARG002 - of the protocol
        gradients: Sequence[Tensor],
        classes: Tensor,  # noqa: ARG002 - of the protocol
    ) -> dict[str, Tensor]:
        """The maps (B, h, w) of the other methods."""
        return {method: ATTENTION_FUNCTIONS[method].from_tap(self._tap, gradients) for method in self._specific}

    def on(self, network: nn.Module) -> "AttentionMatrixMaps":
        """The same methods on a copy of the network, from whole attention matrices."""
        return AttentionMatrixMaps(network, self._attention, tuple(self.grids), rollout=self._rollout)


class AttentionMatrixMaps:
    """The same maps, from a network whose attention layers return what is computed from the recorded attention.

    Autograd differentiates with respect to the attention itself, and whole matrices are multiplied from the first layer
    to the last, where `AttentionMaps` applies the chain rule and multiplies rows from the last layer to the first.
    Twice the time and many times the memory.
    """

    def __init__(self, network: nn.Module, attention: Attention, methods: Sequence[str], *, rollout: Rollout) -> None:
        """Prepare the hooks.

        Args:
            network: a copy of the network.
            attention: of the network itself.
            methods: names of the family `attention`, one or more.
            rollout: how attention is rolled out.
        """
        self._attention = attention
        self._agnostic, self._specific = _split(methods)
        self._rollout = rollout
        self._layers = dict(_copies(network, attention.layers))
        self._hooks = ExitStack()
        self._matrices: list[Tensor] = []
        self.grids: Mapping[str, tuple[int, int]] = dict.fromkeys(methods, attention.layout.grid)
        self.layers = (attention.describe(),)
        self.warnings = attention.warnings
        self.needs_gradients = bool(self._specific)

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
        """The maps (B, h, w) of the class-agnostic methods."""
        return {method: self._make(method, values, ()) for method in self._agnostic}

    def make_maps(
        self,
        values: Sequence[Tensor],
        gradients: Sequence[Tensor],
        classes: Tensor,  # noqa: ARG002 - of the protocol
    ) -> dict[str, Tensor]:
        """The maps (B, h, w) of the other methods."""
        return {method: self._make(method, values, gradients) for method in self._specific}

    def on(self, network: nn.Module) -> "AttentionMatrixMaps":
        """The same on another copy of the network."""
        return AttentionMatrixMaps(network, self._attention, tuple(self.grids), rollout=self._rollout)

    def _substitute(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        layer = self._layers[module]
        tokens = layer.read_input(args, kwargs)
        matrix, values = layer.attend(tokens)
        self._matrices.append(matrix)
        substitute = layer.to_batch_first(layer.combine(matrix, values, tokens))
        return (substitute, *output[1:]) if isinstance(output, tuple) else substitute

    def _make(self, method: str, values: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
        """The maps in the mean of the rows that the head reads, of a method's matrices (B, N, N)."""
        matrices = ATTENTION_FUNCTIONS[method].from_matrices(
            [matrix.detach() for matrix in values], gradients, self._attention, self._rollout
        )
        is_read = self._attention.is_read.to(matrices.device)
        return self._attention.to_maps(matrices[:, is_read].mean(dim=1))


def _split(methods: Sequence[str]) -> tuple[list[str], list[str]]:
    """The class-agnostic methods, and the others."""
    agnostic = [method for method in methods if is_class_agnostic(method)]
    return agnostic, [method for method in methods if method not in agnostic]


def _copies(network: nn.Module, layers: Sequence[AttentionLayer]) -> Iterator[tuple[nn.Module, AttentionLayer]]:
    """Each layer's counterpart in a copy of the network, by its module."""
    for layer in layers:
        module = network.get_submodule(layer.name)
        copied = recognize_attention(layer.name, module)
        if copied is None:
            raise ValueError(f"{layer.name} is no attention layer of the copy")
        yield module, copied


def _roll_out_matrices(
    matrices: Sequence[Tensor],
    gradients: Sequence[Tensor],  # noqa: ARG001 - of the registry
    attention: Attention,
    rollout: Rollout,
) -> Tensor:
    rolled: Tensor | None = None
    for matrix in matrices:
        fused = fuse_heads(matrix, rollout.head_fusion)
        rolled = roll_out(
            rolled, discard_smallest(fused, rollout.discard_ratio, attention.is_class_token.to(fused.device))
        )
    assert rolled is not None  # there is a layer
    return rolled


def _multiply_relevance(
    matrices: Sequence[Tensor],
    gradients: Sequence[Tensor],
    attention: Attention,  # noqa: ARG001 - of the registry
    rollout: Rollout,  # noqa: ARG001 - of the registry
) -> Tensor:
    identity = torch.eye(matrices[0].shape[-1]).to(matrices[0])
    relevance = identity
    for matrix, gradient in zip(matrices, gradients, strict=True):
        relevance = relevance + weigh_attention(matrix, gradient) @ relevance
    return relevance - identity


ATTENTION_FUNCTIONS: Final[Mapping[str, AttentionFunctions]] = MappingProxyType(
    {
        "rollout": AttentionFunctions(
            from_tap=lambda tap, _gradients: tap.rollout_maps(), from_matrices=_roll_out_matrices
        ),
        "chefer": AttentionFunctions(from_tap=AttentionTap.relevance_maps, from_matrices=_multiply_relevance),
    }
)
