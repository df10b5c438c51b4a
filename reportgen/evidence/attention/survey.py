"""The attention layers of a network, and the tokens that its head reads, found by probing and verified numerically."""

import logging
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor, nn

from reportgen.errors import LayerError, setting
from reportgen.evidence.attention.layers import AttentionLayer, looks_like_attention, recognize_attention
from reportgen.evidence.attention.tap import Attention, AttentionTap, first_of, without_fused_encoders
from reportgen.evidence.devices import is_out_of_memory
from reportgen.evidence.layers.layouts import Layout, disturb_images, find_layout
from reportgen.evidence.layers.outputs import extract_logits
from reportgen.evidence.layers.target_layers import MIN_GRID_SIDE
from reportgen.evidence.model_state import frozen

log = logging.getLogger(__name__)

_HINT: Final = f"Choose a method that needs no attention, such as {setting('methods', ('gradcam',))}."
_TOLERANCE: Final = 1e-4
_COARSE_TOLERANCE: Final = 1e-2  # if the user allows float32 products with a shorter mantissa
_MIN_READ: Final = 1e-6  # of the largest gradient; a head that takes single tokens leaves exactly 0 at the others

# What a recipe raises on a module that it does not fit.
_RECIPE_ERRORS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def find_attention(network: nn.Module, images: Tensor) -> Attention:
    """The attention of a network; each layer's is verified against the module's output.

    Projections identify an attention module. On some images, its output recomputed through softmax(q kᵀ · scale) must
    equal its own.

    Args:
        network: the network; left as found.
        images: float32 (P, 3, H, W), one or more normalised images on the network's device.

    Raises:
        LayerError: the network has no attention over the whole image, or that of a module cannot be recovered.
    """
    with frozen(network):
        survey = _Survey(network, images)
        if not survey.layers:
            raise LayerError("The network has no attention layer.", hint=_HINT)
        attention = Attention(
            layers=tuple(survey.layers),
            layout=survey.find_layout(),
            is_read=torch.ones(survey.num_tokens, dtype=torch.bool, device=images.device),
        )
        attention = replace(attention, is_read=_find_read_tokens(network, images, attention))
    log.info("%s, %s tokens read", attention.describe(), int(attention.is_read.sum()))
    return attention


class _Survey:
    """All calls of attention modules in one forward, each verified.

    Attributes:
        layers: in the order of their calls.
        num_tokens: N, of each of them.
    """

    def __init__(self, network: nn.Module, images: Tensor) -> None:
        self.layers: list[AttentionLayer] = []
        self.num_tokens = 0
        self._first_tokens: Tensor | None = None
        self._image_size = (images.shape[2], images.shape[3])
        self._names = {module: name for name, module in network.named_modules() if looks_like_attention(module)}
        versions = disturb_images(images)
        self._num_rows = len(versions)
        with torch.no_grad(), without_fused_encoders(), ExitStack() as contexts:
            for module in self._names:
                contexts.callback(module.register_forward_hook(self._look_at, with_kwargs=True).remove)
            network(versions)

    def find_layout(self) -> Layout:
        """How the tokens form an image: measured at the first layer's input, before tokens exchange information.

        Raises:
            LayerError: they do not form an image, or the grid is too coarse.
        """
        name = self.layers[0].name
        layout = find_layout(self._first_tokens, self._image_size, self._num_rows)
        if layout is None:
            raise LayerError(
                f"The {self.num_tokens} tokens of layer `{name}` do not form a grid over the image.", hint=_HINT
            )
        if min(layout.grid) < MIN_GRID_SIDE:
            raise LayerError(
                f"The tokens of layer `{name}` are {layout.grid[0]}×{layout.grid[1]} patches of the image; "
                f"{MIN_GRID_SIDE}×{MIN_GRID_SIDE} is the minimum for a map.",
                hint=f"Give larger images with {setting('resize')}, if the network accepts them, or a network with "
                "smaller patches.",
            )
        return layout

    def _look_at(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        name = self._names[module]
        try:
            layer, problem = self._examine(name, module, args, kwargs, output)
        except _RECIPE_ERRORS as error:
            if is_out_of_memory(error):
                raise
            log.debug("the attention of %s cannot be recomputed", name, exc_info=True)
            layer, problem = None, "it does not fit its projections"
        if layer is None or problem:
            raise LayerError(
                f"The attention of layer `{name}` ({type(module).__name__}) cannot be recovered: {problem}.", hint=_HINT
            )
        self.layers.append(layer)

    def _examine(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> tuple[AttentionLayer | None, str]:
        """The layer, and its problem in words; empty if there is none."""
        layer = recognize_attention(name, module)
        if layer is None:
            return None, "its projections of queries, keys and values are of no known kind"
        tokens, own = layer.read_input(args, kwargs), layer.to_batch_first(first_of(output))
        if tokens.ndim != 3 or len(tokens) != self._num_rows:
            return layer, f"it looks at windows or parts of the image, {'×'.join(map(str, tokens.shape))}"
        if self._first_tokens is None:
            self._first_tokens, self.num_tokens = tokens, tokens.shape[1]
        if tokens.shape[1] != self.num_tokens:
            return layer, f"it attends to {tokens.shape[1]} tokens, where the first layer attends to {self.num_tokens}"
        attention, values = layer.attend(tokens)
        error = float((layer.combine(attention, values, tokens) - own).abs().max() / own.abs().max().clamp_min(1e-12))
        log.debug("%s recomputed with a relative error of %.1e", name, error)
        is_coarse = own.dtype != torch.float32 or torch.get_float32_matmul_precision() != "highest"
        if not error <= (_COARSE_TOLERANCE if is_coarse else _TOLERANCE):
            return layer, f"its output is not that of softmax(q·k), by {error:.2g} of its largest value"
        return layer, ""


def _find_read_tokens(network: nn.Module, images: Tensor, attention: Attention) -> Tensor:
    """Which of the N tokens the head reads: bool (N,).

    These are the tokens behind the last attention layer at which a random mixture of the logits has a gradient: after
    it, no information moves between tokens.
    """
    with AttentionTap(attention, rollout=None, records=True) as tap:
        logits = extract_logits(network(images))
        weights = torch.randn(logits.shape[1], generator=torch.Generator().manual_seed(0)).to(logits)
        last = attention.layers[-1]
        gradient = _gradient_of((logits * weights).sum(), tap.outputs[-1])
        for layer, before, output in zip(attention.layers[1:], tap.outputs, tap.outputs[1:], strict=False):
            if _gradient_of(output.sum(), before) is None:
                raise LayerError(
                    f"The attention layer `{layer.name}` does not use the output of the one before it: the two run in"
                    " parallel.",
                    hint=_HINT,
                )
    if gradient is None or not gradient.any():
        raise LayerError(f"No gradient reaches the attention layer `{last.name}` from the logits.", hint=_HINT)
    strength = last.to_batch_first(gradient).abs().amax(dim=(0, 2))
    return strength > _MIN_READ * strength.max()


def _gradient_of(value: Tensor, tensor: Tensor) -> Tensor | None:
    """The gradient; `None` where the value does not depend on the tensor."""
    if not value.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(value, tensor, allow_unused=True, retain_graph=True)
    return gradient
