"""The outputs of all layers of a network for some images, and which of them are spatial maps."""

import weakref
from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from reportgen.evidence.layers.layouts import Layout, disturb_images, find_layout
from reportgen.evidence.layers.outputs import first_tensor


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class LayerOutput:
    """The output of one call of one layer.

    Attributes:
        name: the layer's dotted name.
        module: the layer.
        call: which of the layer's calls within one forward, from 0.
        order: position among the calls of all layers, by completion.
        group: number shared by consecutive layers with the same output, such as a stage and its last block.
        source: number shared by layers with the same input tensor; `None` for layers that return their input.
        shape: shape of the output for one image, as text; the type's name if the output is not a tensor.
        layout: which axes are spatial; `None` if none are.
        channels: number of channels, 0 without a layout.
        upsamples: whether the output has more cells than the layer's own input, so that its cells are not its own.
        has_weights: whether the layer itself, not its children, has parameters.
    """

    name: str
    module: nn.Module
    call: int
    order: int
    group: int
    source: int | None
    shape: str
    layout: Layout | None
    channels: int
    upsamples: bool
    has_weights: bool

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns, (0, 0) without a layout."""
        return (0, 0) if self.layout is None else self.layout.grid


def survey_layers(network: nn.Module, images: Tensor) -> tuple[list[LayerOutput], Any]:
    """The outputs of all layers in the order of their completion, from one forward of five versions of each image.

    Args:
        network: in evaluation mode.
        images: float32 (P, 3, H, W), normalised. One is enough; several separate chance from position better.

    Returns:
        One record for each call of each layer but the network itself, and the network's own output.
    """
    versions = disturb_images(images)
    survey = _Survey(network, (images.shape[2], images.shape[3]), len(versions))
    with torch.no_grad(), survey:
        output = network(versions)
    return survey.outputs, output


class _Survey:
    """Hooks on all layers during one forward. Only measurements of tensors are kept."""

    def __init__(self, network: nn.Module, image_size: tuple[int, int], num_rows: int) -> None:
        self._image_size = image_size
        self._num_rows = num_rows
        self.outputs: list[LayerOutput] = []
        self._names: dict[nn.Module, str] = {}
        for name, module in network.named_modules(remove_duplicate=False):
            known = self._names.get(module)
            if name and module is not network and (known is None or name.count(".") < known.count(".")):
                self._names[module] = name
        self._num_calls: Counter[nn.Module] = Counter()
        self._previous: Tensor | None = None
        self._previous_version = 0
        self._sources: dict[int, tuple[weakref.ref[Tensor], int]] = {}
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> None:
        for module in self._names:
            self._handles.append(module.register_forward_hook(self._look_at))

    def __exit__(self, *_exception: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._previous = None

    def _look_at(self, module: nn.Module, inputs: tuple[Any, ...], returned: Any) -> None:
        output = first_tensor(returned)
        layout = find_layout(output, self._image_size, self._num_rows)
        maps = layout.to_nchw(output) if layout is not None else None
        self.outputs.append(
            LayerOutput(
                name=self._names[module],
                module=module,
                call=self._num_calls[module],
                order=len(self.outputs),
                group=self._group_of(output),
                source=self._source_of(inputs, output),
                shape="×".join(map(str, output.shape[1:])) if isinstance(output, Tensor) else type(output).__name__,
                layout=layout,
                channels=0 if maps is None else maps.shape[1],
                upsamples=layout is not None and _has_fewer_cells(inputs, layout),
                has_weights=any(p is not None for p in module._parameters.values()),
            )
        )
        self._num_calls[module] += 1
        self._previous = output if isinstance(output, Tensor) else None
        self._previous_version = 0 if self._previous is None else _version(self._previous)

    def _group_of(self, output: Any) -> int:
        """The group of the previous layer, if its output was the same: one unchanged tensor, or one of equal values."""
        last = self.outputs[-1].group if self.outputs else -1
        if not isinstance(output, Tensor) or self._previous is None:
            return last + 1
        if output is self._previous:
            return last if _version(output) == self._previous_version else last + 1
        is_equal = output.shape == self._previous.shape and bool(torch.equal(output, self._previous))
        return last if is_equal else last + 1

    def _source_of(self, inputs: tuple[Any, ...], output: Any) -> int | None:
        """The number of a layer's first input; `None` if the layer returns it, as dropout does here."""
        first = inputs[0] if inputs else None
        if not isinstance(first, Tensor) or first is output:
            return None
        reference, number = self._sources.get(id(first), (None, 0))
        if reference is None or reference() is not first:  # an id is reused once its tensor is freed
            number = len(self.outputs)
            self._sources[id(first)] = (weakref.ref(first), number)
        return number


def _version(tensor: Tensor) -> int:
    """Number of changes in place; inference tensors do not count them."""
    return 0 if tensor.is_inference() else tensor._version


def _has_fewer_cells(inputs: tuple[Any, ...], layout: Layout) -> bool:
    """Whether a layer's first input, read in the layout of its output, has fewer cells."""
    first = inputs[0] if inputs else None
    if layout.kind == "tokens" or not isinstance(first, Tensor) or first.ndim != 4:
        return False
    rows, columns = layout.to_nchw(first).shape[2:]
    return rows * columns < layout.grid[0] * layout.grid[1]
