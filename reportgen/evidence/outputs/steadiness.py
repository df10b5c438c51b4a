"""Whether a network's outputs depend on their own image, and on nothing else."""

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn

from reportgen.errors import ModelError, setting
from reportgen.evidence.layers.outputs import forward_hint

_MAX_CHANGE: Final = 1e-3
"""Between two passes over the same batch, as a fraction of the outputs' standard deviation: rounding is far below."""
_MAX_INFLUENCE: Final = 0.05
"""Of the rest of the batch, likewise: bfloat16 rounds to 0.4%, and other kernels may be chosen."""


def require_steady(
    network: nn.Module, images: Tensor, values: Tensor, choose: Callable[[Any], Tensor], *, is_opaque: bool
) -> None:
    """Check outputs with another pass over the same batch, and one over half of it.

    Args:
        network: in evaluation mode.
        images: float32 (P, 3, H, W), several different images.
        values: float (P,) or (P, K), its outputs for them.
        choose: takes the output that counts from what the network returns.
        is_opaque: whether the network may take batches of one size only.

    Raises:
        ModelError: the outputs are the same for every image, differ between two passes, or depend on other images.
    """
    finite = values.double().nan_to_num()
    if len(values) > 1 and bool((finite == finite[:1]).all()):
        raise ModelError(
            f"The model returns the same outputs for every image: {_some_text(finite[0])}.",
            hint=f"Check that its weights were loaded ({setting('weights', 'FILE')}), and {setting('mean')} and "
            f"{setting('std')}.",
        )
    scale = finite.std(dim=0).max().clamp_min(1e-12)
    change = (_run(network, images, choose) - finite).abs().max() / scale
    if change > _MAX_CHANGE:
        raise ModelError(
            "Two passes over the same images give different outputs, although the network is in evaluation mode.",
            hint="Something in it is random, such as dropout that is always on: use nn.Dropout, or "
            "functional.dropout(x, training=self.training).",
        )
    if is_opaque or len(images) < 2:
        return
    half = len(images) // 2
    influence = (_run(network, images[:half], choose) - finite[:half]).abs().max() / scale
    if influence > _MAX_INFLUENCE:
        raise ModelError(
            "The outputs for an image depend on the other images of its batch, although the network is in evaluation "
            "mode.",
            hint="Batch normalization that always uses the statistics of the batch is the usual cause: let it use its "
            "running statistics in evaluation mode.",
        )


def _run(network: nn.Module, images: Tensor, choose: Callable[[Any], Tensor]) -> Tensor:
    with forward_hint(images), torch.no_grad():
        return choose(network(images)).double().nan_to_num()


def _some_text(values: Tensor) -> str:
    listed = ", ".join(f"{value:.4g}" for value in values.reshape(-1)[:3].tolist())
    return f"{listed}, …" if values.numel() > 3 else listed
