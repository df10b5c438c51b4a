"""The kind of an output, recognized by its values: logits, probabilities, their logarithms, or a sigmoid's."""

from typing import Final

from torch import Tensor

_TOLERANCE: Final = 2e-3
_COARSE_TOLERANCE: Final = 3e-2  # of the sum of probabilities in bfloat16 or float16
_NEAR_END: Final = 0.1
_MIN_VALUES: Final = 16  # so many values within [0, 1] are no accident


def recognize_kind(output: Tensor) -> str:
    """The kind of an output (B, K) of several images, a word of `OUTPUT_KINDS`."""
    values = output.detach().double()
    tolerance = _TOLERANCE if output.dtype.itemsize >= 4 else _COARSE_TOLERANCE
    is_single = values.ndim == 1 or values.shape[1] == 1
    is_share = bool(((values >= 0) & (values <= 1)).all())
    if not is_single and is_share and bool(((values.sum(dim=1) - 1).abs() <= tolerance).all()):
        return "probabilities"
    if not is_single and bool((values <= tolerance).all() and (values.logsumexp(dim=1).abs() <= tolerance).all()):
        return "log-probabilities"
    is_varied = bool(values.max() > values.min())
    return "sigmoid" if is_share and is_varied and values.numel() >= _MIN_VALUES else "logits"


def resembles_sigmoid(output: Tensor) -> bool:
    """Whether values in [0, 1] may be those of a sigmoid: none is 0, and several outputs reach near both ends.

    A single output needs no more: as a logit it would be negative for one of the two classes.
    """
    values = output.detach().double()
    is_single = values.ndim == 1 or values.shape[1] == 1
    reaches_ends = bool(values.min() < _NEAR_END and values.max() > 1 - _NEAR_END)
    return bool(values.min() > 0) and (is_single or reaches_ends)
