"""The strongest pattern in the channels of a layer: what Eigen-CAM shows, in batches and without leaving the device."""

from typing import Final

import torch
from torch import Tensor

_NUM_SQUARINGS: Final = 20
"""The second eigenvector is suppressed by the ratio of the eigenvalues to the power 2^20: one part in 10^5 between them
is told apart, about what float32 resolves. Each squaring is one batched product of small matrices, which costs less
than a batched eigendecomposition (a half on two cores, a third of an SVD on one) and does not stop a GPU."""


def project_on_first_component(values: Tensor) -> Tensor:
    """Each place's channels, less their mean over the places, along the direction in which they vary most.

    This is L = O V₁ of Eigen-CAM (Muhammad and Yeasin 2020, "Class activation map using principal components") with O
    centred, as principal components are and as pytorch-grad-cam has it. The sign of a principal component is arbitrary.
    Here it is such that the map rises with the plain sum over the channels, not falls: more is more activation, or more
    evidence where the values are gradients times activations.

    Args:
        values: float (B, C, h, w).

    Returns:
        float (B, h, w), in the unit of the values; its places sum to 0. All 0 where no channel varies.
    """
    flat = values.flatten(2)  # (B, C, P)
    centred = flat - flat.mean(dim=2, keepdim=True)
    unit = centred.abs().amax(dim=(1, 2), keepdim=True).clamp_min(torch.finfo(values.dtype).tiny)
    centred = centred / unit  # squares of small gradients would vanish
    num_channels, num_places = centred.shape[1:]
    if num_places <= num_channels:
        by_place = centred.transpose(1, 2) @ centred  # (B, P, P)
        strongest = _first_eigenvector(by_place)  # (B, P)
        projected = strongest * _times(by_place, strongest).norm(dim=1, keepdim=True).sqrt()
    else:
        by_channel = centred @ centred.transpose(1, 2)  # (B, C, C)
        projected = _times(centred.transpose(1, 2), _first_eigenvector(by_channel))
    falls = (projected * centred.sum(dim=1)).sum(dim=1, keepdim=True) < 0
    projected = torch.where(falls, -projected, projected) * unit[:, 0]
    return projected.view(values.shape[0], *values.shape[2:])


def _first_eigenvector(matrices: Tensor) -> Tensor:
    """The eigenvector (B, n) of the largest eigenvalue of each symmetric, non-negative matrix (B, n, n), of length 1.

    A matrix that is squared again and again, and scaled, becomes the projection on that eigenvector; of a projection,
    the longest column is the most precise.
    """
    tiny = torch.finfo(matrices.dtype).tiny
    power = matrices
    for _ in range(_NUM_SQUARINGS):
        power = power / power.flatten(1).norm(dim=1).clamp_min(tiny)[:, None, None]
        power = power @ power
    longest = power.diagonal(dim1=1, dim2=2).argmax(dim=1)  # (B,)
    vectors = power.gather(2, longest[:, None, None].expand(-1, power.shape[1], 1))[:, :, 0]
    vectors = vectors / vectors.norm(dim=1, keepdim=True).clamp_min(tiny)
    polished = _times(matrices, vectors)  # takes off what rounding has left of the weak eigenvectors
    return polished / polished.norm(dim=1, keepdim=True).clamp_min(tiny)


def _times(matrices: Tensor, vectors: Tensor) -> Tensor:
    """(B, m, n) times (B, n)."""
    return torch.bmm(matrices, vectors[:, :, None]).squeeze(2)
