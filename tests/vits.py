"""Small vision transformers of every kind, and their attention maps written plainly from the papers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

NUM_CLASSES = 5
SIZE = 32
_DEPTH = 3


class EncoderNet(nn.Module):
    """Patches, PyTorch's own encoder, an average, and tokens in the order (N, B, C) where asked for."""

    def __init__(self, *, batch_first: bool = True) -> None:
        super().__init__()
        self.batch_first = batch_first
        self.patches = nn.Conv2d(3, 16, 8, 8)
        self.positions = nn.Parameter(torch.randn(16, 16))
        layer = nn.TransformerEncoderLayer(16, 2, 24, dropout=0.1, batch_first=batch_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        x = self.encoder(x) if self.batch_first else self.encoder(x.transpose(0, 1)).transpose(0, 1)
        return self.head(x.mean(1))


def _timm(name: str, **options) -> nn.Module:
    timm = pytest.importorskip("timm")
    sizes = {"img_size": SIZE, "patch_size": 8, "depth": _DEPTH, "embed_dim": 24, "num_heads": 3}
    return timm.create_model(name, num_classes=NUM_CLASSES, **sizes, **options)


def _hf(name: str, **options) -> nn.Module:
    transformers = pytest.importorskip("transformers")
    sizes = {"image_size": SIZE, "patch_size": 8, "hidden_size": 24, "num_hidden_layers": _DEPTH}
    config = getattr(transformers, f"{name}Config")(
        num_attention_heads=3, intermediate_size=48, num_labels=NUM_CLASSES, **sizes, **options
    )
    return getattr(transformers, f"{name}ForImageClassification")(config)


def _torchvision() -> nn.Module:
    from torchvision.models import VisionTransformer

    return VisionTransformer(SIZE, 8, _DEPTH, 2, 24, 48, num_classes=NUM_CLASSES)


_BUILDERS: dict[str, tuple[Callable[[], nn.Module], int, tuple[int, ...]]] = {
    "torch encoder": (EncoderNet, 0, tuple(range(16))),
    "torch encoder, (N, B, C)": (lambda: EncoderNet(batch_first=False), 0, tuple(range(16))),
    "torchvision": (_torchvision, 1, (0,)),
    "timm": (lambda: _timm("vit_tiny_patch16_224"), 1, (0,)),
    "timm, norms": (lambda: _timm("vit_tiny_patch16_224", qk_norm=True, scale_attn_norm=True), 1, (0,)),
    "timm, average": (lambda: _timm("vit_tiny_patch16_224", global_pool="avg"), 1, tuple(range(1, 17))),
    "timm, registers": (lambda: _timm("vit_small_patch14_reg4_dinov2"), 5, (0,)),
    "timm, distilled": (lambda: _timm("deit_tiny_distilled_patch16_224"), 2, (0, 1)),
    "transformers, sdpa": (lambda: _hf("ViT", attn_implementation="sdpa"), 1, (0,)),
    "transformers, eager": (lambda: _hf("ViT", attn_implementation="eager"), 1, (0,)),
    "transformers, DeiT": (lambda: _hf("DeiT"), 2, (0,)),
    "transformers, DINOv2": (lambda: _hf("Dinov2"), 1, tuple(range(17))),
}

NAMES = tuple(_BUILDERS)


def build_vit(name: str) -> nn.Module:
    """A small seeded vision transformer with sharp attention, in evaluation mode, for images of `SIZE` pixels."""
    torch.manual_seed(0)
    network = _BUILDERS[name][0]().eval()
    for parameter in network.parameters():  # some heads start at 0, and attention near uniform
        parameter.data.add_(torch.randn_like(parameter) * 0.1)
    for name_of, parameter in network.named_parameters():
        if any(part in name_of for part in ("qkv", "in_proj", "q_proj", "k_proj")):
            parameter.data.mul_(3)
    return network


def prefix_of(name: str) -> int:
    """The number of tokens in front of the patches."""
    return _BUILDERS[name][1]


def read_tokens(name: str) -> tuple[int, ...]:
    """The tokens that the head reads."""
    return _BUILDERS[name][2]


@contextmanager
def _kept_attention(kept: list[Tensor]) -> Iterator[None]:
    """Within it, PyTorch's own attention function is replaced by its formula, and the attention is kept."""
    fused = F.scaled_dot_product_attention

    def attend(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):  # noqa: PLR0917
        assert attn_mask is None
        assert not any((dropout_p, is_causal, enable_gqa))
        attention = torch.exp(q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale))
        attention = attention / attention.sum(-1, keepdim=True)
        attention.retain_grad()
        kept.append(attention)
        return attention @ v

    F.scaled_dot_product_attention = attend
    try:
        yield
    finally:
        F.scaled_dot_product_attention = fused


def plain_attention(
    network: nn.Module, image: Tensor, class_index: int
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Attention and gradient (heads, N, N) of each layer, for one image (3, H, W) and one class, in float64."""
    if hasattr(network, "set_attn_implementation"):
        network.set_attn_implementation("sdpa")
    kept: list[Tensor] = []
    with _kept_attention(kept):
        output = network.double()(image[None].double().requires_grad_())
    getattr(output, "logits", output)[0, class_index].backward()
    return [a[0].detach().numpy() for a in kept], [a.grad[0].numpy() for a in kept]


def plain_rollout(
    attentions: list[NDArray[np.float64]], name: str, *, fusion: str = "mean", ratio: float = 0.0
) -> NDArray[np.float64]:
    """Attention rollout of one image (h, w), entry by entry (Abnar & Zuidema 2020)."""
    num_tokens = attentions[0].shape[-1]
    rolled = np.eye(num_tokens)
    class_tokens = [token for token in read_tokens(name) if token < prefix_of(name)]
    for heads in attentions:
        fused = getattr(np, fusion)(heads, axis=0)
        places = [(fused[i, j], i, j) for i in range(num_tokens) for j in range(num_tokens) if i not in class_tokens]
        for _, i, j in sorted(places)[: int(ratio * len(places))]:
            fused[i, j] = 0
        mixed = fused + np.eye(num_tokens)
        rolled = (mixed / mixed.sum(axis=1, keepdims=True)) @ rolled
    return _to_map(rolled, name)


def plain_relevance(
    attentions: list[NDArray[np.float64]], gradients: list[NDArray[np.float64]], name: str
) -> NDArray[np.float64]:
    """Relevance of one image (h, w), by rules 5 and 6 of Chefer et al., ICCV 2021, without what it starts from."""
    relevance = np.eye(attentions[0].shape[-1])
    for attention, gradient in zip(attentions, gradients, strict=True):
        weighted = np.maximum(gradient * attention, 0).mean(axis=0)
        relevance = relevance + weighted @ relevance
    return _to_map(relevance - np.eye(len(relevance)), name)


def _to_map(matrix: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    row = matrix[list(read_tokens(name))].mean(axis=0)[prefix_of(name) :]
    return row.reshape(SIZE // 8, SIZE // 8)
