"""Which axes of a layer's output are spatial, found by disturbing halves of the image.

A layer's maps can only be laid over the image if a change in one half of the image shows most in the same half of the
layer's output. This distinguishes a spatial grid from an attention matrix, (B, C, h, w) from (B, h, w, C), and patch
tokens from tokens without a position, by measurement.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor

NUM_VERSIONS: Final = 5
"""Of each image: as it is, and with its top, bottom, left and right half disturbed."""

_MAX_PREFIX_TOKENS = 16  # class and distillation token, and up to eight registers in the networks that there are
_MIN_MEASURABLE_SIDE = 4
_MIN_LOCALITY = 0.1
"""Measured on 40 architectures of torchvision, timm and transformers with random weights: grids of 4x4 cells and more
reach 0.14 to 20; attention matrices, heads by tokens and grids read in the wrong layout scatter around 0 along one axis
at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a layer's output forms an image.

    Attributes:
        kind: (B, C, h, w), (B, h, w, C), or tokens (B, p + h w, C), row by row.
        grid: h and w.
        num_prefix_tokens: p, the leading tokens without a position: a class token, registers.
    """

    kind: Literal["NCHW", "NHWC", "tokens"]
    grid: tuple[int, int]
    num_prefix_tokens: int = 0

    def to_nchw(self, output: Tensor) -> Tensor:
        """An output (or its gradient) as (B, C, h, w): a view without the tokens that have no place."""
        if self.kind == "NCHW":
            return output
        if self.kind == "tokens":
            output = output[:, self.num_prefix_tokens :].reshape(len(output), *self.grid, -1)
        return output.movedim(-1, 1)


def disturb_images(images: Tensor) -> Tensor:
    """The images five times: as they are, then with seeded noise on their top, bottom, left and right half.

    Args:
        images: float32 (P, 3, H, W), normalised.

    Returns:
        float32 (5 P, 3, H, W): all images as they are, then all with a disturbed top half, and so on.
    """
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0)).to(images)
    versions = [images]
    for axis in (2, 3):
        length = images.shape[axis]
        half = length // 2
        for start in (0, length - half):
            disturbed = images.clone()
            disturbed.narrow(axis, start, half).add_(noise.narrow(axis, start, half))
            versions.append(disturbed)
    return torch.cat(versions).contiguous(memory_format=torch.channels_last)


def measure_locality(maps: Tensor) -> list[float]:
    """How much more a disturbed half of each image shows in the same half of a layer's output than in the other.

    The logarithm of the geometric mean of two odds, for the two halves across one axis; the worse of the axes counts.

    Args:
        maps: (5 P, C, h, w), a layer's output for `disturb_images`, read in some layout.

    Returns:
        A value for each of the P images: 0 if position has no effect, as in a constant map.
    """
    changes = _measure_changes(maps.movedim(1, -1))  # (4, P, h, w)
    if min(changes.shape[2:]) < 2:
        return [0.0] * changes.shape[1]
    along_axis = []
    for axis in (0, 1):
        half = changes.shape[2 + axis] // 2
        profile = changes[2 * axis : 2 * axis + 2].mean(dim=3 - axis)  # (2, P, length)
        near, far = profile[..., :half].mean(-1), profile[..., -half:].mean(-1)  # (2, P), seen from the axis' start
        floor = 1e-9 * torch.stack([near, far]).amax(dim=(0, 1)) + torch.finfo(near.dtype).tiny
        odds = (near[0] + floor) * (far[1] + floor) / ((far[0] + floor) * (near[1] + floor))
        along_axis.append(0.5 * odds.log())
    return torch.stack(along_axis).amin(dim=0).nan_to_num(nan=0.0).tolist()


def find_layout(output: Any, image_size: tuple[int, int], num_rows: int) -> Layout | None:
    """The layout in which position in the output follows position in the image, if there is one.

    A grid of four axes that is too small to be measured is taken to be in PyTorch's own layout.

    Args:
        output: what a layer has put out for `disturb_images`.
        image_size: height and width of the images.
        num_rows: how many there were, in all versions.
    """
    if not isinstance(output, Tensor) or not output.is_floating_point() or len(output) != num_rows:
        return None
    layouts = list(_possible_layouts(output, image_size))
    if not layouts:
        return None
    if output.ndim == 3:
        contrasts = _measure_contrasts(output)
        layouts = [max(layouts, key=lambda layout: _match(contrasts, layout))]
    measured = {layout: measure_locality(layout.to_nchw(output)) for layout in layouts}
    best = max(layouts, key=lambda layout: sum(measured[layout]))
    if min(measured[best]) > 0 and sum(measured[best]) >= _MIN_LOCALITY * len(measured[best]):
        return best
    is_too_small = output.ndim == 4 and min(output.shape[2:]) < _MIN_MEASURABLE_SIDE
    return layouts[0] if is_too_small else None


def _measure_changes(output: Tensor) -> Tensor:
    """How much each disturbance changes each place: of an output (5 P, ..., C), mean absolute changes (4, P, ...)."""
    versions = output.detach().float().reshape(NUM_VERSIONS, -1, *output.shape[1:])
    return (versions[1:] - versions[:1]).abs().mean(dim=-1)


def _measure_contrasts(output: Tensor) -> Tensor:
    """For each token of (5 P, N, C), whether it is at the top (1) or the bottom (-1), and at the left or right: (2, N).

    Tokens that see the whole image, or none of it, are close to 0.
    """
    changes = _measure_changes(output)  # (4, P, N)
    first, second = changes[0::2], changes[1::2]
    return ((first - second) / (first + second).clamp_min(torch.finfo(first.dtype).tiny)).mean(dim=1)


def _match(contrasts: Tensor, layout: Layout) -> float:
    """How well the tokens' contrasts (2, N) fit a layout: the matched filter, in which tokens without a place are 0.

    That also tells a first row of patches from as many tokens without a place, which locality alone does not.
    """
    rows, columns = (torch.sign((length - 1) / 2 - torch.arange(length)) for length in layout.grid)
    expected = contrasts.new_zeros(contrasts.shape)
    expected[:, layout.num_prefix_tokens :] = torch.stack(
        [rows.repeat_interleave(len(columns)), columns.repeat(len(rows))]
    )
    return float((expected * contrasts).sum() / expected.norm())


def _possible_layouts(output: Tensor, image_size: tuple[int, int]) -> Iterator[Layout]:
    if output.ndim == 4:
        _, *others = output.shape
        yield Layout(kind="NCHW", grid=(others[1], others[2]))
        yield Layout(kind="NHWC", grid=(others[0], others[1]))
    elif output.ndim == 3:
        num_tokens = output.shape[1]
        for num_prefix_tokens in range(min(_MAX_PREFIX_TOKENS, num_tokens - 1) + 1):
            for grid in _possible_grids(num_tokens - num_prefix_tokens, image_size):
                yield Layout(kind="tokens", grid=grid, num_prefix_tokens=num_prefix_tokens)


def _possible_grids(num_cells: int, image_size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The grids of that many cells, 2x2 and more, that square patches make of an image of that size.

    There is a side s with floor(H / s) = h and floor(W / s) = w, or the same rounded up.
    """
    height, width = image_size
    for rows in range(2, math.isqrt(num_cells * (height + width) // width) + 2):
        columns, rest = divmod(num_cells, rows)
        if rest or columns < 2:
            continue
        fits_down = max(height / (rows + 1), width / (columns + 1)) < min(height / rows, width / columns)
        fits_up = max(height / rows, width / columns) < min(height / (rows - 1), width / (columns - 1))
        if fits_down or fits_up:
            yield rows, columns
