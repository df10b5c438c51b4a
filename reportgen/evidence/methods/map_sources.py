"""Map sources: what a family of methods records in a forward, and the maps that it computes from it."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self

import torch
from torch import Tensor, nn

from reportgen.evidence.layers.head_tap import HeadTap, widened
from reportgen.evidence.layers.target_layers import TargetLayer
from reportgen.evidence.methods.aggregation import aggregate_maps, finest_grid
from reportgen.evidence.methods.cam import CAM_FUNCTIONS
from reportgen.evidence.methods.closed_form import ClosedForm
from reportgen.methods import is_class_agnostic


class MapSource(Protocol):
    """One family of methods on one network. Its hooks are on the network within a `with` block.

    Recording (`values`) and maps (`make_maps`) are separate, so that all families share one forward and all methods one
    gradient per class, and so that a self-check can compute maps from other values.
    """

    @property
    def grids(self) -> Mapping[str, tuple[int, int]]:
        """Rows and columns of the maps of each method."""
        ...

    @property
    def layers(self) -> tuple[str, ...]:
        """The dotted names of the layers that the maps come from."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """Caveats for the reader of the maps, as sentences."""
        ...

    @property
    def needs_gradients(self) -> bool:
        """Whether the maps of some method need the gradients of a logit by the values."""
        ...

    def __enter__(self) -> Self:
        """Hook the network."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the hooks away, and forget the last forward."""
        ...

    def begin(self, contexts: ExitStack) -> None:
        """Forget the last forward: another one is about to begin.

        Args:
            contexts: closed when that forward has ended.
        """
        ...

    def values(self) -> tuple[Tensor, ...]:
        """The tensors recorded in the last forward, with respect to which gradients are taken."""
        ...

    def make_agnostic_maps(self, values: Sequence[Tensor]) -> dict[str, Tensor]:
        """The maps (B, h, w) of each class-agnostic method."""
        ...

    def make_maps(self, values: Sequence[Tensor], gradients: Sequence[Tensor], classes: Tensor) -> dict[str, Tensor]:
        """The maps (B, h, w) of each other method.

        Args:
            values: as `values` gives them.
            gradients: of the explained logit of each example by them, of their shapes; empty where none are needed.
            classes: int64 (B,), the explained class.
        """
        ...

    def on(self, network: nn.Module) -> "MapSource":
        """The same methods on a copy of the network, by full gradients: for the self-check."""
        ...


class LayerMaps:
    """The CAM methods on the outputs of target layers."""

    def __init__(
        self,
        targets: Sequence[TargetLayer],
        methods: Sequence[str],
        *,
        aggregate: str = "mean",
        closed_form: ClosedForm | None = None,
        float32_head: bool = True,
    ) -> None:
        """Prepare the taps.

        Args:
            targets: the layers, one or more.
            methods: names of the family `cam`, one or more.
            aggregate: how the maps of several layers become one, a word of `settings.AGGREGATES`.
            closed_form: the gradients of a head that is known to be linear behind the one layer; nothing is recorded
                then. `None` differentiates the head.
            float32_head: whether the head behind the last of the layers runs in float32 also under autocast, as
                bfloat16 resolves logits to no more than 1 part in 256. A head that also reads what bypasses the layers
                may not run in float32, as that is bfloat16.
        """
        self.targets = tuple(targets)
        self.closed_form = closed_form
        self._aggregate = aggregate
        self._agnostic = [method for method in methods if is_class_agnostic(method)]
        self._specific = [method for method in methods if not is_class_agnostic(method)]
        self._float32_head = float32_head
        self._taps = [HeadTap(t.module, t.call, records=self.needs_gradients) for t in self.targets]
        grid = finest_grid([target.grid for target in self.targets])
        self.grids: Mapping[str, tuple[int, int]] = dict.fromkeys(methods, grid)
        self.layers = tuple(target.name for target in self.targets)
        self.warnings = tuple(dict.fromkeys(warning for target in self.targets for warning in target.warnings))

    @property
    def needs_gradients(self) -> bool:
        """Whether the head has to be differentiated."""
        return self.closed_form is None and bool(self._specific)

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # all hooks or none
            for tap in self._taps:
                stack.enter_context(tap)
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for tap in self._taps:
            tap.__exit__(kind, error, traceback)

    def begin(self, contexts: ExitStack) -> None:
        """Forget the last forward: another one is about to begin."""
        num_waiting = len(self._taps)

        def pass_one(device_type: str) -> bool:
            nonlocal num_waiting
            num_waiting -= 1
            if num_waiting == 0 and self._float32_head and torch.is_autocast_enabled(device_type):
                contexts.enter_context(torch.autocast(device_type, enabled=False))
            return num_waiting == 0

        for tap in self._taps:
            tap.begin(pass_one=pass_one)

    def values(self) -> tuple[Tensor, ...]:
        """Each layer's output as the head read it, in the layer's own layout."""
        return tuple(tap.tapped for tap in self._taps)

    def changes_in_place(self) -> dict[str, float]:
        """By layer, how far its output was changed in place after it had left the layer, in the last forward.

        Relative to its largest |value|; 0 where it was not recorded to be differentiated.
        """
        return {target.name: tap.change_in_place for target, tap in zip(self.targets, self._taps, strict=True)}

    def make_agnostic_maps(self, values: Sequence[Tensor]) -> dict[str, Tensor]:
        """The maps (B, h, w) of the class-agnostic methods."""
        activations = self._by_channel(values)
        return {method: self._make(method, activations, activations) for method in self._agnostic}

    def make_maps(self, values: Sequence[Tensor], gradients: Sequence[Tensor], classes: Tensor) -> dict[str, Tensor]:
        """The maps (B, h, w) of all other methods, from gradients or the closed form."""
        if not self._specific:
            return {}
        activations = self._by_channel(values)
        if self.closed_form is not None:
            by_channel = [self.closed_form.gradients(classes)]
        else:
            by_channel = self._by_channel(gradients)
        return {method: self._make(method, activations, by_channel) for method in self._specific}

    def on(self, network: nn.Module) -> "LayerMaps":
        """The same methods on a copy of the network, by full gradients."""
        targets = [replace(target, module=network.get_submodule(target.name)) for target in self.targets]
        return LayerMaps(targets, tuple(self.grids), aggregate=self._aggregate)

    def _by_channel(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """(B, C, h, w) of each layer, without a record."""
        return [target.to_nchw(widened(tensor.detach())) for target, tensor in zip(self.targets, tensors, strict=True)]

    def _make(self, method: str, activations: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
        maps = [CAM_FUNCTIONS[method](*layer) for layer in zip(activations, gradients, strict=True)]
        return aggregate_maps(maps, self._aggregate)
