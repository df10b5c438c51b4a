"""Attention rollout and relevance, layer by layer.

Both are products of one matrix per layer; only the rows of the tokens that the head reads are used:
    rollout    R <- (A + I) R, rows normalised, A the layer's attention with its heads joined  (Abnar & Zuidema 2020)
    relevance  R <- R + Ā R, Ā the heads' mean of max(0, dlogit/dA · A)    (Chefer et al., ICCV 2021, rules 5 and 6)
"""

import torch
from torch import Tensor


def fuse_heads(attention: Tensor, fusion: str) -> Tensor:
    """One attention matrix per example, from those of all heads.

    Args:
        attention: float (B, heads, N, N).
        fusion: `mean`, `max` or `min`, of each entry over the heads.

    Returns:
        float (B, N, N).
    """
    return attention.mean(dim=1) if fusion == "mean" else getattr(attention, f"a{fusion}")(dim=1)


def discard_smallest(attention: Tensor, ratio: float, kept_rows: Tensor) -> Tensor:
    """The attention with its smallest entries set to 0, separately in each example; of equal entries the first goes.

    Args:
        attention: float (B, N, N), one matrix per example.
        ratio: fraction of the entries outside the kept rows that is set to 0, in [0, 1), rounded down.
        kept_rows: bool (N,), rows that are kept whole: those of the class token.

    Returns:
        float (B, N, N).
    """
    if ratio == 0:
        return attention  # indexing by a mask would synchronize a GPU
    discardable = attention[:, ~kept_rows]  # (B, M, N)
    entries = discardable.flatten(1)
    count = int(ratio * entries.shape[1])
    smallest = entries.sort(dim=1, stable=True).indices[:, :count]
    result = attention.clone()
    result[:, ~kept_rows] = entries.scatter(1, smallest, 0).view_as(discardable)
    return result


def roll_out(rolled: Tensor | None, attention: Tensor) -> Tensor:
    """The rollout one layer on: the residual path is an identity added to the attention, and rows sum to 1.

    Args:
        rolled: float (B, N, N), of the layers before; `None` before the first.
        attention: float (B, N, N), the layer's, heads joined.

    Returns:
        float (B, N, N).
    """
    mixed = attention + torch.eye(attention.shape[-1], dtype=attention.dtype, device=attention.device)
    mixed = mixed / mixed.sum(dim=-1, keepdim=True)
    return mixed if rolled is None else mixed @ rolled


def weigh_attention(attention: Tensor, gradients: Tensor) -> Tensor:
    """The attention that raises the explained logit: the mean over heads of max(0, gradient · attention), rule 5.

    Args:
        attention: float (B, heads, N, N).
        gradients: float (B, heads, N, N), derivative of the logit with respect to it.

    Returns:
        float (B, N, N).
    """
    return (gradients * attention).clamp(min=0).mean(dim=1)


def pass_relevance_back(relevance: Tensor, weighted: Tensor) -> Tensor:
    """A row of the relevance matrix one layer further back: r <- r + r Ā, rule 6.

    The matrix is (I + Ā_L) … (I + Ā_1). One row is computed from the last layer to the first, as products of a vector
    and a matrix.

    Args:
        relevance: float (B, N), the row up to the layer behind this one.
        weighted: float (B, N, N), Ā of this layer.

    Returns:
        float (B, N).
    """
    return relevance + torch.einsum("bi,bij->bj", relevance, weighted)
