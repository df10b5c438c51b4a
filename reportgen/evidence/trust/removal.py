"""Removal of pixels in the order of an explanation, and their replacement.

Three replacements: one color, a blurred image (RISE, Petsiuk et al. 2018), and imputation from the rest of the image
(ROAD, Rong et al. 2022).
"""

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

BLUR_SIDES: Final = 1 / 16
"""Standard deviation of the blur, in shorter sides of the picture. RISE's own, 5 pixels of 224 in a window of 11, would
leave a 32-pixel picture as it is."""

NOISE: Final = 0.01
"""Standard deviation of the noise on filled pixels, in units of the network's input (ROAD's own choice)."""

_NUM_STEPS = 1 << 16
_TOLERANCE = 5e-5  # of the residual to the right side: the worst pixel of a 224-pixel picture is then 0.003 off
_CHECKED_EVERY = 8  # the check for convergence synchronizes a GPU


def rank_pixels(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """The place of every pixel in the order of importance: int64 (B, H, W), 0 the most important, each place once.

    A map is scaled bilinearly with half-pixel centres. Of pixels that are equal to a 65,536th of the map's largest
    absolute value the first in reading order comes first, so that any number of pixels can be taken exactly, and
    rounding decides nothing.

    Args:
        maps: float (B, h, w), signed: evidence against the class ranks behind none.
        size: H and W of the pictures.
    """
    scaled = F.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False).flatten(1)
    largest = scaled.abs().amax(dim=1, keepdim=True)
    steps = (scaled / torch.where(largest > 0, largest, 1) * _NUM_STEPS).round()
    order = steps.argsort(dim=1, descending=True, stable=True)
    places = torch.arange(order.shape[1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places).view(-1, *size)


def blur(images: Tensor) -> Tensor:
    """The pictures (B, C, H, W) under a Gaussian of `BLUR_SIDES`, cut off at three deviations, edges repeated."""
    sigma = BLUR_SIDES * min(images.shape[2:])
    radius = math.ceil(3 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    batch, channels, height, width = images.shape
    flat = images.reshape(batch * channels, 1, height, width)  # one channel: every one is blurred alike
    flat = F.conv2d(F.pad(flat, (0, 0, radius, radius), mode="replicate"), kernel.view(1, 1, -1, 1))
    flat = F.conv2d(F.pad(flat, (radius, radius, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    return flat.view(batch, channels, height, width)


def fill_linearly(images: Tensor, is_missing: Tensor) -> Tensor:
    """The pictures with each missing pixel the weighted mean of its eight neighbors, missing ones among them.

    ROAD's linear imputation without its noise: weights 1/6 for a neighbor beside or above, 1/12 for a diagonal one;
    at an edge the others' are scaled up. The equations are symmetric and positive definite, so that conjugate gradients
    (Hestenes and Stiefel 1952) solve those of all pictures at once, starting from a filling by a pyramid of means.
    Where a whole picture is missing, it becomes 0, the mean of normalised pictures.

    Args:
        images: float32 (B, C, H, W).
        is_missing: bool (B, 1, H, W).

    Returns:
        float32 (B, C, H, W).
    """
    hole = is_missing.to(images)
    known = images * (1 - hole)
    weights = _sum_neighbors(torch.ones_like(hole[:1]))  # (1, 1, H, W), 1 but at the edges

    def apply(filling: Tensor) -> Tensor:
        """The equations' left side, for a filling that is 0 outside the hole."""
        return hole * (weights * filling - _sum_neighbors(filling))

    right = hole * _sum_neighbors(known)
    filling = hole * _fill_by_pyramid(known, 1 - hole)
    residual = right - apply(filling)
    limit = (_TOLERANCE * _squared(right).sqrt()) ** 2
    direction, size = residual, _squared(residual)
    for step in range(2 * sum(images.shape[2:])):  # waves as long as the image converge last
        if step % _CHECKED_EVERY == 0 and bool((size <= limit).all()):
            break
        image = apply(direction)
        length = size / _dot(direction, image).clamp_min(1e-30)
        filling.addcmul_(length, direction)
        residual = torch.addcmul(residual, length, image, value=-1)
        last_size, size = size, _squared(residual)
        direction = torch.addcmul(residual, size / last_size.clamp_min(1e-30), direction)
    return known + filling


def _dot(first: Tensor, second: Tensor) -> Tensor:
    return torch.einsum("bchw,bchw->bc", first, second)[:, :, None, None]


def _squared(values: Tensor) -> Tensor:
    return _dot(values, values)


def _sum_neighbors(values: Tensor) -> Tensor:
    """The weighted sum of the eight neighbors of each pixel, 0 beyond the edges."""
    # (1, 2, 1) down times (1, 2, 1) across is 1 at the corners, 2 at the sides and 4 in the middle: twelfths of it.
    down = 2 * values
    down[:, :, 1:] += values[:, :, :-1]
    down[:, :, :-1] += values[:, :, 1:]
    across = 2 * down
    across[:, :, :, 1:] += down[:, :, :, :-1]
    across[:, :, :, :-1] += down[:, :, :, 1:]
    return across.sub_(values, alpha=4).div_(12)


def _fill_by_pyramid(known: Tensor, weights: Tensor) -> Tensor:
    """Holes filled from pictures of half the size, whose pixels are the means of what is known of theirs.

    Args:
        known: float (B, C, H, W), 0 in the holes.
        weights: float (B, 1, H, W), 1 where known and 0 in the holes.
    """
    if max(known.shape[2:]) == 1:
        return known
    share = F.avg_pool2d(weights, 2, ceil_mode=True)
    coarse = F.avg_pool2d(known, 2, ceil_mode=True) / share.clamp_min(1e-12)
    filled = _fill_by_pyramid(coarse * (share > 0), (share > 0).to(known))
    return torch.where(weights > 0, known, F.interpolate(filled, size=known.shape[2:], mode="bilinear"))
