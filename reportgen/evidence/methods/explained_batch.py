"""One batch explained: logits and maps of each example by all methods, from one forward and shared gradients."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import torch
from torch import Tensor, nn

from reportgen.evidence.layers.head_tap import widened
from reportgen.evidence.layers.outputs import extract_logits, forward_hint
from reportgen.evidence.methods.map_sources import MapSource


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ExplainedBatch:
    """Results of the pass for B examples, on the network's device.

    Attributes:
        logits: float32 (B, K).
        predicted: int64 (B,), index of the largest logit, the first of equals.
        maps: by method, float32 (B, h, w) each, the maps of the true and of the predicted class.
    """

    logits: Tensor
    predicted: Tensor
    maps: Mapping[str, tuple[Tensor, Tensor]]


class Explainer:
    """A network with its map sources: runs batches, and computes maps of any of their logits.

    Hooks are on the network within a `with` block.
    """

    def __init__(
        self,
        network: nn.Module,
        sources: Sequence[MapSource] = (),
        *,
        autocast: torch.dtype | None = None,
        no_maps_reason: str = "",
    ) -> None:
        """Prepare.

        Args:
            network: in evaluation mode, frozen.
            sources: where maps come from; none for logits alone.
            autocast: the precision that the network runs in; `None` for its own.
            no_maps_reason: why there are no sources, as a sentence; empty where there are.
        """
        self.network = network
        self.sources = tuple(sources)
        self.autocast = autocast
        self.no_maps_reason = no_maps_reason
        self._hooks = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for source in self.sources:
                stack.enter_context(source)
            self._hooks = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._hooks.close()

    def run(self, inputs: Tensor) -> Tensor:
        """The logits (B, K) of a batch, float32, with the record that `explain` needs.

        Args:
            inputs: float32 (B, 3, H, W).

        Raises:
            ModelError: the network's output holds no logits.
        """
        with ExitStack() as contexts:
            if self.autocast is not None:
                contexts.enter_context(torch.autocast(inputs.device.type, dtype=self.autocast))
            contexts.enter_context(torch.set_grad_enabled(any(source.needs_gradients for source in self.sources)))
            for source in self.sources:
                source.begin(contexts)
            return widened(extract_logits(self.network(inputs)))

    def explain(self, logits: Tensor, classes: Sequence[Tensor]) -> dict[str, tuple[Tensor, ...]]:
        """The maps of the batch that has just run, by method: float32 (B, h, w) for each requested class.

        The logits of a batch are differentiated as one sum: no example's logits depend on another example, so this
        gives the gradient of each. An example whose class is also its first requested one gets the same map again.

        Args:
            logits: what `run` returned.
            classes: int64 (B,) each, one or more: the class of each example.

        Raises:
            ModelError: a target layer was not called.
        """
        maps: dict[str, tuple[Tensor, ...]] = {}
        for source in self.sources:
            values = source.values()
            for method, agnostic in source.make_agnostic_maps(values).items():
                maps[method] = (agnostic,) * len(classes)
        first = self._explain_class(logits, classes[0], is_last=len(classes) == 1)
        specific: dict[str, tuple[Tensor, ...]] = {method: (made,) for method, made in first.items()}
        for place, chosen in enumerate(classes[1:], start=1):
            differs = chosen != classes[0]
            # On a GPU this check would synchronize.
            if differs.is_cpu and not differs.any():
                found = first
            else:
                found = self._explain_class(logits, chosen, is_last=place == len(classes) - 1)
                found = {m: torch.where(differs[:, None, None], made, first[m]) for m, made in found.items()}
            specific = {method: (*made, found[method]) for method, made in specific.items()}
        return maps | specific

    def explain_batch(self, inputs: Tensor, labels: Tensor) -> ExplainedBatch:
        """The logits and both maps of each example of a batch.

        Args:
            inputs: float32 (B, 3, H, W).
            labels: int64 (B,), true class index.

        Raises:
            ModelError: the network's output holds no logits, or a target layer was not called.
        """
        with forward_hint(inputs):
            recorded = self.run(inputs)
        logits = recorded.detach()
        predicted = logits.argmax(dim=1)
        maps = self.explain(recorded, (labels, predicted))
        return ExplainedBatch(
            logits=logits,
            predicted=predicted,
            maps={method: (true, of_predicted) for method, (true, of_predicted) in maps.items()},
        )

    def differentiate(self, logits: Tensor, classes: Tensor, *, is_last: bool = True) -> list[tuple[Tensor, ...]]:
        """For each source the gradients of each example's explained logit by its values, of their shapes.

        Args:
            logits: what `run` returned.
            classes: int64 (B,), the explained class.
            is_last: whether the record is no longer needed.
        """
        values = [source.values() if source.needs_gradients else () for source in self.sources]
        flat = [value for some in values for value in some]
        if not flat:
            return values
        explained = logits.gather(1, classes[:, None]).sum()
        gradients = iter(torch.autograd.grad(explained, flat, retain_graph=not is_last, materialize_grads=True))
        return [tuple(next(gradients) for _ in some) for some in values]

    def _explain_class(self, logits: Tensor, classes: Tensor, *, is_last: bool) -> dict[str, Tensor]:
        maps: dict[str, Tensor] = {}
        gradients = self.differentiate(logits, classes, is_last=is_last)
        for source, own in zip(self.sources, gradients, strict=True):
            maps |= source.make_maps(source.values(), own, classes)
        return maps
