"""Attention weights, recomputed from the projections of an attention module, which does not return them.

Libraries compute attention in fused kernels that do not return it. But it equals softmax(q kᵀ · scale), and q, k and v
come from projections that are the module's children. Modules are recognized by these projections, not by their class;
`survey` verifies the result numerically.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

_SEPARATE_NAMES: Final = (("q_proj", "k_proj", "v_proj"), ("query", "key", "value"), ("q", "k", "v"))
_OUTPUT_NAMES: Final = ("proj", "o_proj", "out_proj")
_NUM_HEADS_NAMES: Final = ("num_heads", "num_attention_heads")
_SCALE_NAMES: Final = ("scale", "scaling")
_ATTENTION_MARKS: Final = frozenset({"qkv", "kv", *(name for names in _SEPARATE_NAMES for name in names)})


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class AttentionLayer:
    """One attention module, and how its attention follows from its input. N tokens, C channels.

    Children are called through `forward`, so that hooks on them see only the calls of the network itself.

    Attributes:
        name: dotted name.
        module: the attention module.
        num_heads: number of heads.
        scale: factor of q kᵀ; `None` for 1 / sqrt(channels of a head).
        is_batch_first: whether tokens come as (B, N, C), not (N, B, C).
        project: (B, N, C) -> queries, keys and values, each (B, N, heads · d).
        merge: (the heads' attended values (B, N, heads · d), the module's input (B, N, C)) -> the module's output.
    """

    name: str
    module: nn.Module
    num_heads: int
    scale: float | None
    is_batch_first: bool
    project: Callable[[Tensor], tuple[Tensor, ...]]
    merge: Callable[[Tensor, Tensor], Tensor]

    def read_input(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """The tokens (B, N, C) among the arguments of a call: the first."""
        return self.to_batch_first(args[0] if args else next(iter(kwargs.values())))

    def to_batch_first(self, tokens: Tensor) -> Tensor:
        """Tokens or their gradient as (B, N, C), a view; and back, as it swaps two axes or none."""
        return tokens if self.is_batch_first else tokens.transpose(0, 1)

    def attend(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The attention weights, and the values that they weight.

        Args:
            tokens: (B, N, C), the module's input.

        Returns:
            (B, heads, N, N), rows sum to 1; and (B, heads, N, d). In the precision of the module's weights.
        """
        tokens = self._in_own_precision(tokens)
        with torch.autocast(tokens.device.type, enabled=False):
            queries, keys, values = map(self._split_heads, self.project(tokens))
            queries, keys = self._normalize("q_norm", queries), self._normalize("k_norm", keys)
            scale = queries.shape[-1] ** -0.5 if self.scale is None else self.scale
            return (queries * scale @ keys.transpose(-2, -1)).softmax(dim=-1), values

    def combine(self, attention: Tensor, values: Tensor, tokens: Tensor) -> Tensor:
        """The module's output (B, N, C), out of attention and values."""
        tokens = self._in_own_precision(tokens)
        with torch.autocast(tokens.device.type, enabled=False):
            return self.merge((attention @ values).transpose(1, 2).flatten(2), tokens)

    def differentiate(self, tokens: Tensor, output_gradient: Tensor) -> tuple[Tensor, Tensor]:
        """The attention and the gradient with respect to it, by the chain rule through this one module.

        Attention affects the logits only through the module's output, so the network's own backward gives the rest of
        the chain. Nothing as large as the attention has to be kept during the pass.

        Args:
            tokens: (B, N, C), the module's input.
            output_gradient: (B, N, C), derivative of the logits with respect to its output.

        Returns:
            Both (B, heads, N, N).
        """
        with torch.no_grad():
            attention, values = self.attend(tokens)
        attention.requires_grad_()
        with torch.enable_grad():
            output = self.combine(attention, values, tokens)
        (gradient,) = torch.autograd.grad(output, attention, output_gradient)
        return attention.detach(), gradient

    def _split_heads(self, tokens: Tensor) -> Tensor:
        return tokens.reshape(*tokens.shape[:2], self.num_heads, -1).transpose(1, 2)  # (B, heads, N, d)

    def _normalize(self, name: str, heads: Tensor) -> Tensor:
        norm = getattr(self.module, name, None)
        return norm.forward(heads) if isinstance(norm, nn.Module) else heads

    def _in_own_precision(self, tokens: Tensor) -> Tensor:
        weights = next(self.module.parameters(), None)
        return tokens if weights is None else tokens.to(weights.dtype)


def looks_like_attention(module: nn.Module) -> bool:
    """Whether a module has projections of queries, keys and values, of a known kind or not."""
    return isinstance(module, nn.MultiheadAttention) or not _ATTENTION_MARKS.isdisjoint(dict(module.named_children()))


def recognize_attention(name: str, module: nn.Module) -> AttentionLayer | None:
    """The attention layer that a module's projections suggest; `None` if they are of no known kind.

    Known kinds: `nn.MultiheadAttention`; one projection `qkv`, as in timm; three projections, as in transformers, with
    or without an output projection. Norms of queries, keys and output, and a gate, are applied if the module has them.

    Args:
        name: dotted name.
        module: the module.
    """
    if isinstance(module, nn.MultiheadAttention):
        return _recognize_multihead(name, module)
    num_heads = next((n for n in (getattr(module, h, None) for h in _NUM_HEADS_NAMES) if isinstance(n, int)), None)
    project = _recognize_projections(module)
    if num_heads is None or project is None:
        return None
    return AttentionLayer(
        name=name,
        module=module,
        num_heads=num_heads,
        scale=next((s for s in (getattr(module, n, None) for n in _SCALE_NAMES) if isinstance(s, float)), None),
        is_batch_first=True,
        project=project,
        merge=_recognize_merge(module),
    )


def _recognize_multihead(name: str, module: nn.MultiheadAttention) -> AttentionLayer | None:
    weight: Tensor | None = module.in_proj_weight
    out = module.out_proj
    if weight is None:  # keys and values have another width than queries: cross-attention
        return None
    return AttentionLayer(
        name=name,
        module=module,
        num_heads=module.num_heads,
        scale=None,
        is_batch_first=module.batch_first,
        project=lambda tokens: functional.linear(tokens, weight, module.in_proj_bias).chunk(3, dim=-1),
        merge=lambda attended, _tokens: out.forward(attended),
    )


def _recognize_projections(module: nn.Module) -> Callable[[Tensor], tuple[Tensor, ...]] | None:
    children = dict(module.named_children())
    if (qkv := children.get("qkv")) is not None:
        return lambda tokens: qkv.forward(tokens).chunk(3, dim=-1)
    for names in _SEPARATE_NAMES:
        if children.keys() >= set(names):
            projections = [children[name] for name in names]
            return lambda tokens: tuple(projection.forward(tokens) for projection in projections)
    return None


def _recognize_merge(module: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    children = dict(module.named_children())
    norm, gate = children.get("norm"), children.get("gate")
    output = next((children[name] for name in _OUTPUT_NAMES if name in children), None)

    def merge(attended: Tensor, tokens: Tensor) -> Tensor:
        if norm is not None:
            attended = norm.forward(attended)
        if gate is not None:
            attended = attended * gate.forward(tokens).sigmoid()
        return attended if output is None else output.forward(attended)

    return merge
