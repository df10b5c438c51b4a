"""The target layer: the deepest one with a spatial grid, found by probing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from reportgen.errors import LayerError, NoMapsError, setting
from reportgen.evidence.layers.head_tap import HeadTap
from reportgen.evidence.layers.layer_survey import LayerOutput, survey_layers
from reportgen.evidence.layers.layouts import NUM_VERSIONS, Layout
from reportgen.evidence.layers.outputs import check_logits, extract_logits, forward_hint
from reportgen.evidence.model_state import frozen

MIN_GRID_SIDE: Final = 4
FEW_CELLS: Final = 16

_MAX_LISTED = 12
_MAX_SHARE_BEHIND = 0.5
_MAX_BYPASS = 1e-3
_NO_MAPS_HINT: Final = "Explain networks with spatial layers, whose outputs have gradients."


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TargetLayer:
    """The layer that the maps come from.

    Attributes:
        name: dotted name.
        module: the layer.
        call: which of the layer's calls within one forward, from 0.
        layout: which axes of its output are the picture's.
        channels: number of its channels.
        is_given: whether the user chose it; otherwise it was found by probing.
        is_bypassed: whether the logits also depend on the image by a path that does not pass through the cells of the
            layer's grid: one around the layer, or through its tokens without a position.
        warnings: what a reader of the maps has to know about the layer, as sentences.
    """

    name: str
    module: nn.Module
    call: int
    layout: Layout
    channels: int
    is_given: bool
    is_bypassed: bool
    warnings: tuple[str, ...]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of its maps."""
        return self.layout.grid

    def to_nchw(self, output: Tensor) -> Tensor:
        """An output or gradient of the layer as (B, C, h, w), a view."""
        return self.layout.to_nchw(output)


def find_target_layers(
    network: nn.Module, images: Tensor, names: Sequence[str] = (), *, num_classes: int | None = None
) -> tuple[TargetLayer, ...]:
    """The target layers of class activation maps.

    Without names, one layer is found: the last in order of execution whose output has at least two channels on a
    spatial grid of at least 4x4 cells, and which a gradient reaches from the logits. Of layers with the same output,
    the outermost is taken, such as a stage instead of its last block. Class names are not used.

    In a transformer the cells of the grid are tokens. Behind the last attention no gradient reaches them where a class
    token is read, so that the layer in front of that attention is found, and the last layer where tokens are averaged.
    Two kinds of layers hold only parts of the tokens and are skipped: those whose width differs from that of most
    layers on such a grid (joint queries, keys and values, or the inside of an MLP), and those that share their input
    with another layer (separate queries, keys and values).

    Args:
        network: the network; left as found.
        images: float32 (P, 3, H, W), one or more normalised images on the network's device.
        names: the dotted names of the layers to take instead.
        num_classes: how many logits the network has to have; `None` takes any number.

    Raises:
        LayerError: no layer fits, or a named one does not.
        NoMapsError: no layer of the network could fit, whatever the size of the images.
        ModelError: the network fails on such images, or its output holds no logits, or not one for each class.
    """
    with frozen(network):
        outputs = _survey(network, images, num_classes)
        if not names:
            return (_probe(network, images, outputs),)
        return tuple(_check_given(network, images, outputs, name) for name in names)


def _survey(network: nn.Module, images: Tensor, num_classes: int | None) -> list[LayerOutput]:
    with forward_hint(images):
        outputs, output = survey_layers(network, images)
    check_logits(output, NUM_VERSIONS * len(images), num_classes)
    return outputs


def _probe(network: nn.Module, images: Tensor, outputs: Sequence[LayerOutput]) -> TargetLayer:
    deepest = _find_deepest(network, images, outputs)
    if deepest is not None:
        return _describe(network, images, outputs, deepest, is_given=False)
    if all(max(output.grid) <= 1 for output in outputs):
        raise NoMapsError(
            "None of the network's layers has a spatial grid.",
            hint=_NO_MAPS_HINT,
        )
    if not _is_differentiable(network, images):
        raise NoMapsError(
            "The outputs of the network cannot be differentiated.",
            hint=_NO_MAPS_HINT,
        )
    height, width = images.shape[2:]
    raise LayerError(
        f"No layer of the network gives maps: at {height}×{width} pixels, none that a gradient reaches has a grid of "
        f"{MIN_GRID_SIDE}×{MIN_GRID_SIDE} cells or more.",
        hint=f"Give larger images with {setting('resize')}, or a layer with {setting('layers')}. "
        f"{_listing(network, images, outputs)}",
    )


def _is_differentiable(network: nn.Module, images: Tensor) -> bool:
    """Whether a gradient reaches the images from the logits."""
    with torch.enable_grad(), forward_hint(images):
        return extract_logits(network(images.detach().clone().requires_grad_())).requires_grad


def _find_deepest(network: nn.Module, images: Tensor, outputs: Sequence[LayerOutput]) -> LayerOutput | None:
    for candidate in _candidates(outputs):
        if candidate.channels > 1 and not candidate.upsamples and _gradient_reaches(network, images, candidate):
            return candidate
    return None


def _check_given(network: nn.Module, images: Tensor, outputs: Sequence[LayerOutput], name: str) -> TargetLayer:
    module = dict(network.named_modules(remove_duplicate=False)).get(name)
    if not name or module is None or module is network:
        raise LayerError(f"The network has no layer `{name}`.", hint=_listing(network, images, outputs))
    calls = [output for output in outputs if output.module is module]
    if not calls:
        raise LayerError(
            f"The layer `{name}` is not called when an image is classified.", hint=_listing(network, images, outputs)
        )
    given = calls[-1]
    if given.layout is None:
        raise LayerError(
            f"The output of layer `{name}` ({given.shape}) is not a grid over the image: a change in one half of the "
            "image does not change the same half of the output.",
            hint=_listing(network, images, outputs),
        )
    if min(given.grid) < MIN_GRID_SIDE:
        raise LayerError(
            f"The layer `{name}` gives maps of {_grid_text(given)} cells; {MIN_GRID_SIDE}×{MIN_GRID_SIDE} is the "
            "minimum for a map.",
            hint=f"Give an earlier layer, or larger images with {setting('resize')}. "
            f"{_listing(network, images, outputs)}",
        )
    if not _gradient_reaches(network, images, given):
        raise LayerError(
            f"No gradient reaches layer `{name}` from the logits: the logits do not depend on its output.",
            hint=_listing(network, images, outputs),
        )
    return _describe(network, images, outputs, given, is_given=True)


def _candidates(outputs: Sequence[LayerOutput]) -> list[LayerOutput]:
    """The layers with a grid that is fine enough, deepest first, of each group the outermost and then the first."""
    pieces = _find_pieces(outputs)
    groups: dict[int, LayerOutput] = {}
    for output in outputs:
        best = groups.get(output.group)
        is_outer = best is None or output.name.count(".") < best.name.count(".")
        if min(output.grid) >= MIN_GRID_SIDE and is_outer and output.group not in pieces:
            groups[output.group] = output
    return [groups[group] for group in sorted(groups, reverse=True)]


def _find_pieces(outputs: Sequence[LayerOutput]) -> set[int]:
    """The groups that hold the tokens in pieces: of an unusual width, or side by side with others on one input."""
    tokens = [output for output in outputs if output.layout is not None and output.layout.kind == "tokens"]
    counts = Counter((output.grid, output.channels) for output in tokens)
    usual: dict[tuple[int, int], int] = {}
    for (grid, channels), _count in sorted(counts.items(), key=lambda item: (item[1], -item[0][1])):
        usual[grid] = channels  # the last is the most frequent, and of equals the narrowest
    fed: dict[int, list[LayerOutput]] = {}
    for output in outputs:
        if output.source is not None:
            fed.setdefault(output.source, []).append(output)
    return {
        output.group
        for output in tokens
        if output.channels != usual[output.grid]
        or any(_are_apart(output, other) for other in fed.get(-1 if output.source is None else output.source, []))
    }


def _are_apart(layer: LayerOutput, other: LayerOutput) -> bool:
    """Whether they are different layers, and neither is part of the other."""
    return not f"{layer.name}.".startswith(f"{other.name}.") and not f"{other.name}.".startswith(f"{layer.name}.")


def _gradient_reaches(network: nn.Module, images: Tensor, candidate: LayerOutput) -> bool:
    """Whether the logits, mixed at random so that nothing cancels, have a gradient at the cells of the layer's grid."""
    with HeadTap(candidate.module, candidate.call) as tap:
        logits, activations = tap.run(network, images)
        if not logits.requires_grad:
            return False
        weights = torch.randn(logits.shape[1], generator=torch.Generator().manual_seed(0)).to(logits)
        (gradient,) = torch.autograd.grad((logits * weights).sum(), activations, allow_unused=True)
    if gradient is None or not gradient.isfinite().all():
        return False
    return bool(_require_layout(candidate).to_nchw(gradient).any())


def _describe(
    network: nn.Module, images: Tensor, outputs: Sequence[LayerOutput], chosen: LayerOutput, *, is_given: bool
) -> TargetLayer:
    is_bypassed, is_changed = _look_behind(network, images, chosen)
    behind = outputs[chosen.order + 1 :]
    warnings = []
    if chosen.grid[0] * chosen.grid[1] <= FEW_CELLS:
        height, width = images.shape[2:]
        warnings.append(
            f"Maps have only {_grid_text(chosen)} cells, each of which covers about {height / chosen.grid[0]:.0f}×"
            f"{width / chosen.grid[1]:.0f} pixels: they show places coarsely."
        )
    too_coarse = [output for output in behind if 1 < max(output.grid) < MIN_GRID_SIDE]
    if too_coarse and not is_given:
        warnings.append(
            f"Maps come from `{chosen.name}`, as layers behind it are too coarse at this image size: "
            f"`{too_coarse[-1].name}` has {_grid_text(too_coarse[-1])} cells."
        )
    num_weighted = sum(output.has_weights for output in outputs)
    if sum(output.has_weights for output in behind) > _MAX_SHARE_BEHIND * num_weighted:
        warnings.append(
            f"Most of the network's layers lie behind `{chosen.name}`: its maps show where early features matter, not "
            "where the network has recognized something."
        )
    if is_bypassed and _reads_last(network, images, outputs, chosen, is_given=is_given):
        warnings.append(
            f"Maps come from `{chosen.name}`, the last layer whose patches are read, as is usual for a transformer "
            "with a class token; what that token has gathered in earlier layers is not in them."
        )
    elif is_bypassed:
        warnings.append(
            f"Part of the evidence bypasses `{chosen.name}`: its maps show only what passes through that layer."
        )
    if is_changed and is_given:
        warnings.append(
            f"The network changes the output of `{chosen.name}` in place after that layer: maps are of the changed one."
        )
    return TargetLayer(
        name=chosen.name,
        module=chosen.module,
        call=chosen.call,
        layout=_require_layout(chosen),
        channels=chosen.channels,
        is_given=is_given,
        is_bypassed=is_bypassed,
        warnings=tuple(warnings),
    )


def _reads_last(
    network: nn.Module, images: Tensor, outputs: Sequence[LayerOutput], chosen: LayerOutput, *, is_given: bool
) -> bool:
    """Whether a token without a position reads those with one for the last time behind the layer."""
    if _require_layout(chosen).num_prefix_tokens == 0:
        return False
    return not is_given or chosen is _find_deepest(network, images, outputs)


def _look_behind(network: nn.Module, images: Tensor, chosen: LayerOutput) -> tuple[bool, bool]:
    """Whether the logits depend on the image other than through the layer's cells, and whether its output is changed.

    With fixed cells, the image is replaced by noise: logits that do not change depend on the cells alone.
    """
    layout = _require_layout(chosen)
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(1)).to(images)
    with torch.no_grad(), HeadTap(chosen.module, chosen.call) as tap:
        logits, activations = tap.run(network, images)
        output = _output_of(tap)
        is_changed = not torch.equal(output, activations)
        held_output = output
        if layout.num_prefix_tokens > 0:
            tap.run(network, noise)
            held_output = _output_of(tap).clone()
            layout.to_nchw(held_output).copy_(layout.to_nchw(output))
        held, _ = tap.run(network, noise, substitute=held_output)
    held, logits = (values.nan_to_num(neginf=0) for values in (held, logits))  # classes that are ruled out
    difference = (held - logits).abs().max() / logits.abs().max().clamp_min(1e-12)
    return bool(difference > _MAX_BYPASS), is_changed


def _output_of(tap: HeadTap) -> Tensor:
    """The output of the tapped layer in the last run."""
    if tap.output is None:
        raise RuntimeError("the tap has not run")
    return tap.output


def _require_layout(output: LayerOutput) -> Layout:
    """The layout of a layer that has one."""
    if output.layout is None:
        raise ValueError(f"{output.name} has no layout")
    return output.layout


def _grid_text(output: LayerOutput) -> str:
    return "×".join(map(str, output.grid))


def _listing(network: nn.Module, images: Tensor, outputs: Sequence[LayerOutput]) -> str:
    """The possible target layers, from the default one on."""
    candidates = _candidates(outputs)
    deepest = _find_deepest(network, images, outputs)
    if deepest is not None:
        candidates = candidates[candidates.index(deepest) :]
    if not candidates:
        return "No layer of this network has a spatial grid that is fine enough."
    listed = ", ".join(f"{output.name} ({output.shape})" for output in candidates[:_MAX_LISTED])
    more = len(candidates) - _MAX_LISTED
    return f"Candidates, deepest first: {listed}{f' and {more} more' if more > 0 else ''}."
