"""A network made to return its logits, whatever it returned before."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from reportgen.errors import ModelError, setting
from reportgen.evidence.layers.head_tap import widened
from reportgen.evidence.layers.outputs import extract_logits
from reportgen.evidence.outputs.elements import choose_element, list_elements
from reportgen.evidence.outputs.inner_logits import Place, find_inner_logits
from reportgen.evidence.outputs.input_channels import feeding_channels
from reportgen.evidence.outputs.kinds import recognize_kind, resembles_sigmoid
from reportgen.evidence.outputs.steadiness import require_steady
from reportgen.output_reading import OutputReading
from reportgen.settings import ModelSettings

_CONVERSIONS = {"probabilities": "logarithm", "sigmoid": "inverse sigmoid"}


class OutputReader:
    """Hooks that replace a network's output by its logits, float (B, K).

    They are bound methods of one object, so that a deep copy of the network reads its own logits.
    """

    def __init__(self, reading: OutputReading, place: Place | None) -> None:
        """Prepare.

        Args:
            reading: what to do.
            place: where the logits are inside the network, if they are read there.
        """
        self.reading = reading
        self._is_inside = place is not None
        self._inner: Tensor | None = None

    @contextmanager
    def on(self, network: nn.Module, place: Place | None) -> Iterator[None]:
        """Within it, the network returns its logits."""
        handles = [network.register_forward_hook(self._replace)]
        if place is not None and place.is_input:
            handles.append(place.module.register_forward_pre_hook(self._keep_input))
        elif place is not None:
            handles.append(place.module.register_forward_hook(self._keep_output))
        try:
            yield
        finally:
            self._inner = None
            for handle in handles:
                handle.remove()

    def _keep_input(self, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._inner = inputs[0].clone()  # what follows may change it in place

    def _keep_output(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        self._inner = output.clone()

    def _replace(self, _module: nn.Module, _inputs: object, output: Any) -> Tensor:
        values, self._inner = self._inner, None
        if values is None:
            values = list_elements(output)[self.reading.element]
        values = widened(values)
        if not self._is_inside:
            values = _CONVERT[self.reading.conversion](values)
        return _as_two_logits(values) if self.reading.num_outputs == 1 else values


@contextmanager
def reading_logits(
    network: nn.Module, images: Tensor, settings: ModelSettings, *, num_classes: int | None, is_opaque: bool
) -> Iterator[OutputReading | None]:
    """Within it, the network returns its logits; says how its outputs are read, `None` where they fit nothing.

    Args:
        network: in evaluation mode.
        images: float32 (P, 3, H, W), several normalised images.
        settings: the output that is wanted and its kind.
        num_classes: K; `None` if unknown.
        is_opaque: whether nothing inside the network can be hooked.

    Raises:
        ModelError: the network fails on these images, or its outputs are unusable.
    """
    with feeding_channels(network, images) as (output, num_channels):
        element = choose_element(output, len(images), num_classes, settings.output)
        if element is None:
            yield None  # the pass says what is wrong
            return
        values = list_elements(output)[element]
        _require_numbers(values)
        require_steady(network, images, values, lambda returned: list_elements(returned)[element], is_opaque=is_opaque)
        kind = recognize_kind(values) if settings.outputs == "auto" else settings.outputs
        place = None
        if not is_opaque:
            place = find_inner_logits(network, images, kind, lambda returned: list_elements(returned)[element])
        if kind == "sigmoid" and place is None and settings.outputs == "auto" and not resembles_sigmoid(values):
            kind = "logits"
        reading = OutputReading(
            kind=kind,
            element=element,
            elements=tuple(filter(None, list_elements(output))),
            num_outputs=1 if values.ndim == 1 else values.shape[1],
            conversion=_CONVERSIONS.get(kind, "none") if place is None else "inner logits",
            is_given=settings.outputs != "auto",
            num_channels=num_channels,
        )
        if reading.conversion == "none" and reading.num_outputs > 1 and _is_read_anyway(output, values):
            yield reading
            return
        with OutputReader(reading, place).on(network, place):
            yield reading


def _is_read_anyway(output: Any, values: Tensor) -> bool:
    """Whether the logits of an output are these values without any hook."""
    try:
        return extract_logits(output) is values
    except ModelError:
        return False


def _require_numbers(values: Tensor) -> None:
    is_number = values.reshape(len(values), -1).amax(dim=1).isfinite()  # NaN passes through; minus infinity is allowed
    if not is_number.any():
        raise ModelError(
            "The outputs of the model are not finite: for every image that was tried, one is NaN or infinite.",
            hint=f"Check the weights for NaN, and {setting('mean')} and {setting('std')}.",
        )


def _log_of_probabilities(values: Tensor) -> Tensor:
    return values.clamp_min(torch.finfo(values.dtype).tiny).log()


def _inverse_sigmoid(values: Tensor) -> Tensor:
    limits = torch.finfo(values.dtype)
    return values.clamp_min(limits.tiny).log() - (-values.clamp_max(1 - limits.eps)).log1p()


_CONVERT = {"none": lambda values: values, "logarithm": _log_of_probabilities, "inverse sigmoid": _inverse_sigmoid}


def _as_two_logits(logit: Tensor) -> Tensor:
    """Two logits (B, 2), symmetric, whose softmax is the sigmoid of one, (B,) or (B, 1)."""
    half = logit.reshape(-1, 1) / 2
    return torch.cat([-half, half], dim=1)
