"""The first principal component of a layer's channels, for Eigen-CAM: batched, and on the device."""

from typing import Final

import torch
from torch import Tensor

_NUM_SQUARINGS: Final = 20
"""The second eigenvector is suppressed by the ratio of the eigenvalues to the power 2^20: one part in 10^5 between them
is told apart, about what float32 resolves."""

_PURE_TRACE: Final = 1 + 1e-4
"""Of a matrix of norm 1 up to which it is a projection on one vector, to one part in 10^8 after one squaring more."""


def project_on_first_component(values: Tensor) -> Tensor:
    """Each place's channels, less their mean over the places, along the direction in which they vary most.

    This is L = O V₁ of Eigen-CAM (Muhammad and Yeasin 2020, "Class activation map using principal components") with O
    centered, as principal components are and as pytorch-grad-cam has it. The sign of a principal component is
    arbitrary. Here the map increases with the plain sum over the channels: larger values mean more activation, or more
    evidence if the values are gradients times activations.

    Args:
        values: float (B, C, h, w).

    Returns:
        float (B, h, w), in the unit of the values; its places sum to 0. All 0 where no channel varies.
    """
    flat = values.flatten(2)  # (B, C, P)
    centered = flat - flat.mean(dim=2, keepdim=True)
    unit = centered.abs().amax(dim=(1, 2), keepdim=True).clamp_min(torch.finfo(values.dtype).tiny)
    centered = centered / unit  # squares of small gradients would vanish
    num_channels, num_places = centered.shape[1:]
    if num_places <= num_channels:
        by_place = centered.transpose(1, 2) @ centered  # (B, P, P)
        strongest = _first_eigenvector(by_place)  # (B, P)
        strength = torch.linalg.vector_norm(_times(by_place, strongest), dim=1, keepdim=True)
        projected = strongest * strength.sqrt()
    else:
        by_channel = centered @ centered.transpose(1, 2)  # (B, C, C)
        projected = _times(centered.transpose(1, 2), _first_eigenvector(by_channel))
    falls = (projected * centered.sum(dim=1)).sum(dim=1, keepdim=True) < 0
    projected = torch.where(falls, -projected, projected) * unit[:, 0]
    return projected.view(values.shape[0], *values.shape[2:])


def _first_eigenvector(matrices: Tensor) -> Tensor:
    """The eigenvector (B, n) of the largest eigenvalue of each symmetric, non-negative matrix (B, n, n), of length 1.

    Repeated squaring and scaling turns a matrix into the projection on that eigenvector. These batched products of
    small matrices cost half of a batched eigendecomposition or a quarter of an SVD, and never synchronize a GPU. On a
    CPU each matrix is squared until it is a projection, usually about eight times.
    """
    power = _scaled(matrices)
    waiting = torch.arange(len(power), device=power.device)
    for _ in range(_NUM_SQUARINGS):
        if not power.is_cpu:  # the check would synchronize it
            power = _scaled(power @ power)
            continue
        if not len(waiting):
            break
        rest = power[waiting]
        is_impure = rest.diagonal(dim1=1, dim2=2).sum(dim=1) > _PURE_TRACE
        power[waiting] = _scaled(rest @ rest)
        waiting = waiting[is_impure]
    # Of a projection, the longest column is the most precise.
    longest = power.diagonal(dim1=1, dim2=2).argmax(dim=1)  # (B,)
    vectors = power.gather(2, longest[:, None, None].expand(-1, power.shape[1], 1)).squeeze(2)
    return _scaled(_times(matrices, _scaled(vectors)))  # removes the remainder of weak eigenvectors


def _scaled(tensors: Tensor) -> Tensor:
    """Each of the tensors (B, ...) divided by its Euclidean norm; 0 stays 0."""
    norms: Tensor = torch.linalg.vector_norm(tensors, dim=tuple(range(1, tensors.ndim)), keepdim=True)
    return tensors / norms.clamp_min(torch.finfo(tensors.dtype).tiny)


def _times(matrices: Tensor, vectors: Tensor) -> Tensor:
    """(B, m, n) times (B, n)."""
    product: Tensor = matrices @ vectors[:, :, None]
    return product.squeeze(2)
