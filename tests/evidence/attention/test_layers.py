"""Attention recomputed from the projections of single modules, and its gradient by the chain rule."""

import inspect

import pytest
import torch
from torch import nn

from reportgen.evidence.attention.layers import looks_like_attention, recognize_attention


class SelfAttention(nn.Module):
    """Three projections and none of the output, which another module makes; as in older transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.num_attention_heads = 2
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))

    def forward(self, x):
        q, k, v = (p(x).view(*x.shape[:2], 2, 4).transpose(1, 2) for p in (self.query, self.key, self.value))
        return ((q @ k.mT / 2).softmax(-1) @ v).transpose(1, 2).flatten(2), None


def make_module(kind: str) -> nn.Module:
    torch.manual_seed(0)
    if kind == "apart":
        return SelfAttention()
    if kind.startswith("torch"):
        return nn.MultiheadAttention(8, 2, bias=kind != "torch, no bias", batch_first=kind != "torch, (N, B, C)").eval()
    attention = pytest.importorskip("timm.layers").Attention
    options = {"dim": 8, "num_heads": 2}
    if kind == "timm, norms and gate":
        options |= {"qk_norm": True, "scale_norm": True, "gated": True, "norm_layer": nn.LayerNorm, "attn_head_dim": 6}
        if "gated" not in inspect.signature(attention).parameters:
            pytest.skip("this timm has no gate")
    return attention(**options).eval()


KINDS = ["apart", "torch", "torch, no bias", "torch, (N, B, C)", "timm", "timm, norms and gate"]


@pytest.fixture
def tokens():
    return torch.randn((3, 5, 8), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", KINDS)
def test_output_is_the_modules_own(kind, tokens):
    module = make_module(kind)
    layer = recognize_attention("attn", module)
    given = tokens.transpose(0, 1) if "N, B" in kind else tokens
    output = module(given, given, given, need_weights=False) if kind.startswith("torch") else module(given)
    own = layer.to_batch_first(output[0] if isinstance(output, tuple) else output)
    attention, values = layer.attend(layer.read_input((given,), {}))
    assert attention.shape == (3, 2, 5, 5)
    torch.testing.assert_close(attention.sum(-1), torch.ones(3, 2, 5))
    torch.testing.assert_close(layer.combine(attention, values, tokens), own, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_that_of_central_differences(kind, tokens):
    module, tokens = make_module(kind).double(), tokens.double()
    layer = recognize_attention("attn", module)
    attention, values = layer.attend(tokens)
    upstream = torch.randn_like(layer.combine(attention, values, tokens))
    _, gradient = layer.differentiate(tokens, upstream)

    def weigh(step: float) -> float:
        moved = attention.detach().clone()
        moved[1, 0, 2, 3] += step
        return (layer.combine(moved, values, tokens) * upstream).sum().item()

    assert gradient[1, 0, 2, 3].item() == pytest.approx((weigh(1e-5) - weigh(-1e-5)) / 2e-5, rel=1e-6)


def test_gradients_are_found_where_the_module_is_frozen_and_nothing_is_recorded(tokens):
    module = make_module("timm").requires_grad_(False)
    with torch.no_grad():
        attention, gradient = recognize_attention("attn", module).differentiate(tokens, torch.ones_like(tokens))
    assert gradient.any()
    assert not attention.requires_grad


def test_attention_is_computed_in_the_weights_precision_also_under_autocast(tokens):
    layer = recognize_attention("attn", make_module("timm, norms and gate"))
    expected, values = layer.attend(tokens)
    output = layer.combine(expected, values, tokens)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        attention, values = layer.attend(tokens)
        assert torch.equal(attention, expected)
        assert torch.equal(layer.combine(attention, values, tokens), output)
    _, gradient = layer.differentiate(tokens.bfloat16(), torch.ones_like(tokens, dtype=torch.bfloat16))
    assert gradient.dtype == torch.float32


def test_the_first_argument_is_the_input_also_by_name(tokens):
    layer = recognize_attention("attn", SelfAttention())
    assert layer.read_input((), {"hidden_states": tokens, "head_mask": None}) is tokens


def test_hooks_on_projections_do_not_see_the_recomputation(tokens):
    module, calls = make_module("timm"), []
    module.qkv.register_forward_hook(lambda *_: calls.append(1))
    recognize_attention("attn", module).attend(tokens)
    assert calls == []


def test_other_modules_are_not_recognized():
    unlike = nn.ModuleDict({"qkv": nn.Linear(8, 24), "proj": nn.Linear(8, 8)})  # how many heads?
    assert looks_like_attention(unlike)
    assert recognize_attention("attn", unlike) is None
    assert not looks_like_attention(nn.TransformerEncoderLayer(8, 2))
    assert recognize_attention("attn", nn.MultiheadAttention(8, 2, kdim=4, vdim=4)) is None
