"""The attention of one forward, of which no more is kept than the maps need."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from reportgen.errors import LayerError, setting
from reportgen.evidence.attention.layers import AttentionLayer
from reportgen.evidence.attention.maps import (
    discard_smallest,
    fuse_heads,
    pass_relevance_back,
    roll_out,
    weigh_attention,
)
from reportgen.evidence.layers.layouts import Layout
from reportgen.evidence.layers.target_layers import FEW_CELLS


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Attention:
    """The attention of a network whose N tokens stay the same from its first attention layer to its head.

    Attributes:
        layers: in the order of their calls.
        layout: which tokens are patches of the image.
        is_read: bool (N,), the tokens that the head reads: the class token, it and the distillation token, or all
            patches where the head averages them.
    """

    layers: tuple[AttentionLayer, ...]
    layout: Layout
    is_read: Tensor

    @property
    def is_class_token(self) -> Tensor:
        """The tokens that the head reads and that are not patches: bool (N,)."""
        places = torch.arange(len(self.is_read), device=self.is_read.device)
        return self.is_read & (places < self.layout.num_prefix_tokens)

    @property
    def reading(self) -> Tensor:
        """The mean of the tokens that the head reads, as weights of all tokens: float32 (N,)."""
        return self.is_read.float() / self.is_read.sum()

    def to_maps(self, rows: Tensor) -> Tensor:
        """The patches' part of values of all tokens (B, N), as maps (B, h, w)."""
        return self.layout.to_nchw(rows[:, :, None])[:, 0]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the maps has to know, as sentences."""
        rows, columns = self.layout.grid
        if rows * columns > FEW_CELLS:
            return ()
        return (
            f"Maps of attention have only {rows}×{columns} cells, the network's patches: they show places coarsely.",
        )

    def describe(self) -> str:
        """In words, such as `attention of 12 layers`."""
        return f"attention of {len(self.layers)} layer{'s' if len(self.layers) > 1 else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How attention is rolled out.

    Attributes:
        head_fusion: `mean`, `max` or `min` over the heads.
        discard_ratio: share of the smallest attentions set to 0, in [0, 1).
    """

    head_fusion: str = "mean"
    discard_ratio: float = 0.0


class AttentionTap:
    """Hooks on the attention layers, within a `with` block.

    The network runs in its own kernels, and its outputs do not change. For rollout, a layer's attention is recomputed
    from its input, multiplied into the rollout so far, and dropped: one (B, N, N) is kept. For relevance, autograd
    records only from the first attention layer's output on; the layers' inputs and outputs, (B, N, C) each, are kept as
    well. Attention and its gradient, (B, heads, N, N), exist for one layer at a time.
    """

    def __init__(self, attention: Attention, *, rollout: Rollout | None, records: bool) -> None:
        """Prepare the tap.

        Args:
            attention: what is followed.
            rollout: how attention is rolled out; `None` if not at all.
            records: whether logits are to be differentiated with respect to the layers, for relevance.
        """
        self._attention = attention
        self._rollout = rollout
        self._records = records
        self._contexts = ExitStack()
        self._num_calls = 0
        self._rolled: Tensor | None = None
        self._inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        """The layers' outputs in the last forward, if recorded: what the logits are to be differentiated by."""

    def __enter__(self) -> Self:
        self._contexts.enter_context(without_fused_encoders())
        for module in dict.fromkeys(layer.module for layer in self._attention.layers):
            handle = module.register_forward_hook(self._look_at, with_kwargs=True)
            self._contexts.callback(handle.remove)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._contexts.close()
        self.reset()

    def reset(self) -> None:
        """Forget the last forward. To be called before each."""
        self._num_calls, self._rolled = 0, None
        self._inputs, self.outputs = [], []

    def rollout_maps(self) -> Tensor:
        """By attention rollout, the fraction of each patch in the tokens that the head reads: float32 (B, h, w).

        Raises:
            LayerError: the last forward has not called each layer once.
        """
        self._require_all_calls()
        assert self._rolled is not None, "the tap was not asked for a rollout"
        return self._attention.to_maps(torch.einsum("i,bij->bj", self._attention.reading, self._rolled.float()))

    def relevance_maps(self, gradients: Sequence[Tensor]) -> Tensor:
        """The relevance of each patch to a logit, through the tokens that the head reads: float32 (B, h, w).

        The initial identity is subtracted. It is 0 on the patches in a class token's row; where the head averages the
        patches, it is 1 / N on each, hundreds of times the contribution of attention.

        Args:
            gradients: derivative of each example's logit with respect to each of `outputs`.

        Raises:
            LayerError: the last forward has not called each layer once.
        """
        self._require_all_calls()
        reading = self._attention.reading
        relevance = reading.expand(len(self._inputs[0]), -1)
        followed = zip(self._attention.layers, self._inputs, gradients, strict=True)
        for layer, tokens, gradient in reversed(list(followed)):
            weighted = weigh_attention(*layer.differentiate(tokens, layer.to_batch_first(gradient)))
            relevance = pass_relevance_back(relevance, weighted.float())
        return self._attention.to_maps(relevance - reading)

    def _look_at(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        call, self._num_calls = self._num_calls, self._num_calls + 1
        layers = self._attention.layers
        if call >= len(layers) or layers[call].module is not module:
            raise _other_calls(len(layers))
        tokens = layers[call].read_input(args, kwargs).detach()
        if self._rollout is not None:
            self._roll_out(layers[call], tokens, self._rollout)
        return self._record(tokens, output) if self._records else output

    @torch.no_grad()
    def _roll_out(self, layer: AttentionLayer, tokens: Tensor, rollout: Rollout) -> None:
        attention, _ = layer.attend(tokens)
        fused = fuse_heads(attention, rollout.head_fusion)
        kept = discard_smallest(fused, rollout.discard_ratio, self._attention.is_class_token)
        self._rolled = roll_out(self._rolled, kept)

    def _record(self, tokens: Tensor, output: Any) -> Any:
        attended = first_of(output)
        with torch.enable_grad():
            held = attended if attended.requires_grad else attended.detach().requires_grad_()
            handed_on = held.clone()  # it may be changed in place
        self._inputs.append(tokens)
        self.outputs.append(held)
        return (handed_on, *output[1:]) if isinstance(output, tuple) else handed_on

    def _require_all_calls(self) -> None:
        if self._num_calls != len(self._attention.layers):
            raise _other_calls(len(self._attention.layers))


def first_of(output: Any) -> Tensor:
    """The tokens in what an attention module returns: a tensor, or the first of a tuple."""
    tokens: Tensor = output[0] if isinstance(output, tuple) else output
    return tokens


@contextmanager
def without_fused_encoders() -> Iterator[None]:
    """Within it, PyTorch's encoder layers call their attention modules and their hooks instead of a fused kernel."""
    switch = getattr(torch.backends, "mha", None)  # newer than PyTorch 2.2
    if switch is None:
        yield
        return
    was_enabled = switch.get_fastpath_enabled()
    switch.set_fastpath_enabled(False)
    try:
        yield
    finally:
        switch.set_fastpath_enabled(was_enabled)


def _other_calls(num_layers: int) -> LayerError:
    return LayerError(
        f"The network does not call its {num_layers} attention layers in the same order for every batch.",
        hint=f"Its attention cannot be followed: choose another method, such as {setting('methods', ('gradcam',))}.",
    )
