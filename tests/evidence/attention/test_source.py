"""The maps of attention against the papers written plainly, on transformers of every library."""

import copy
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from torch import nn
from vits import (
    NAMES,
    NUM_CLASSES,
    SIZE,
    EncoderNet,
    build_vit,
    plain_attention,
    plain_relevance,
    plain_rollout,
)

from reportgen.errors import LayerError
from reportgen.evidence.attention.source import AttentionMaps
from reportgen.evidence.attention.survey import find_attention
from reportgen.evidence.attention.tap import Rollout
from reportgen.evidence.layers.outputs import extract_logits
from reportgen.evidence.model_state import frozen

pytestmark = pytest.mark.extra

CLASSES = torch.tensor([0, 3, 1, 4])
TOLERANCE = 2e-5  # of a map's peak: 5 times the largest error measured


@pytest.fixture
def images():
    return torch.randn((4, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(3))


def compute_maps(network, images, *, methods=("rollout", "chefer"), classes=CLASSES, plainly=False, **rollout):
    """Logits and maps by method, of one forward and one backward."""
    with frozen(network):
        source = AttentionMaps(find_attention(network, images), methods, rollout=Rollout(**rollout))
        with source.on(network) if plainly else source as source, ExitStack() as contexts:
            source.begin(contexts)
            logits = extract_logits(network(images))
            maps = source.make_agnostic_maps(source.values())
            explained = logits.gather(1, classes[:, None]).sum()
            gradients = torch.autograd.grad(explained, source.values()) if "chefer" in methods else ()
            maps |= source.make_maps(source.values(), gradients, classes)
    return logits.detach(), {method: found.detach().numpy() for method, found in maps.items()}


def assert_same_maps(computed, expected, tolerance=TOLERANCE):
    for one, other in zip(computed, expected, strict=True):
        assert np.abs(one - other).max() <= tolerance * np.abs(other).max()


@pytest.mark.parametrize("name", NAMES)
def test_maps_equal_the_papers_written_plainly(name, images):
    network = build_vit(name)
    exact = copy.deepcopy(network)
    _, maps = compute_maps(network, images)
    plain = [plain_attention(exact, image, int(index)) for image, index in zip(images, CLASSES, strict=True)]
    assert_same_maps(maps["rollout"], [plain_rollout(attentions, name) for attentions, _ in plain])
    assert_same_maps(maps["chefer"], [plain_relevance(*found, name) for found in plain])
    assert np.ptp(maps["chefer"], axis=(1, 2)).min() > 1e-4
    assert maps["rollout"].dtype == maps["chefer"].dtype == np.float32


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize("name", ["timm", "timm, distilled", "torch encoder"])
def test_rollout_with_fused_heads_and_discarded_attention_equals_the_plain_one(name, fusion, images):
    network = build_vit(name)
    exact = copy.deepcopy(network)
    _, maps = compute_maps(network, images, methods=("rollout",), head_fusion=fusion, discard_ratio=0.6)
    plain = [plain_attention(exact, image, 0)[0] for image in images]
    assert_same_maps(maps["rollout"], [plain_rollout(a, name, fusion=fusion, ratio=0.6) for a in plain])


@pytest.mark.parametrize("name", NAMES)
def test_both_ways_of_the_self_check_agree(name, images):
    network = build_vit(name)
    logits, maps = compute_maps(network, images, discard_ratio=0.3)
    double = copy.deepcopy(network).double()
    exact_logits, exact = compute_maps(double, images.double().requires_grad_(), discard_ratio=0.3, plainly=True)
    torch.testing.assert_close(logits.double(), exact_logits, rtol=1e-4, atol=1e-4)
    for method, found in maps.items():
        assert_same_maps(found, exact[method])


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_gives_the_maps_of_its_images_one_by_one(name, images):
    network = build_vit(name)
    _, maps = compute_maps(network, images, discard_ratio=0.5)
    for place in range(len(images)):
        here = slice(place, place + 1)
        _, single = compute_maps(network, images[here], classes=CLASSES[here], discard_ratio=0.5)
        for method, found in single.items():
            assert_same_maps(found, maps[method][here])


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_the_networks_own_and_nothing_is_left_behind(name, images):
    network = build_vit(name)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with torch.no_grad():
        expected = extract_logits(network(images))
    logits, _ = compute_maps(network, images)
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert torch.backends.mha.get_fastpath_enabled()


def test_rollout_records_nothing(images):
    network = build_vit("timm")
    with frozen(network):
        source = AttentionMaps(find_attention(network, images), ("rollout",), rollout=Rollout())
        assert not source.needs_gradients
        with source, ExitStack() as contexts:
            source.begin(contexts)
            assert not network(images).requires_grad
            assert source.values() == ()
            assert not source.make_agnostic_maps(())["rollout"].requires_grad


def test_nothing_before_the_first_attention_is_recorded(images):
    network = build_vit("timm")
    with frozen(network):
        source = AttentionMaps(find_attention(network, images), ("chefer",), rollout=Rollout())
        seen = {}
        for name in ("norm1", "norm2"):
            module = network.blocks[0].get_submodule(name)
            module.register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out.requires_grad}))
        with source, ExitStack() as contexts:
            source.begin(contexts)
            network(images)
    assert seen == {"norm1": False, "norm2": True}


def test_attention_output_that_is_changed_in_place_later_does_no_harm(images):
    class InPlaceNet(EncoderNet):
        def __init__(self):
            super().__init__()
            for layer in self.encoder.layers:
                layer.dropout1 = Doubled()

    class Doubled(nn.Module):
        def forward(self, x):
            return x.mul_(2)

    torch.manual_seed(0)
    network = InPlaceNet().eval()
    double = copy.deepcopy(network).double()
    _, maps = compute_maps(network, images, methods=("chefer",))
    plain = [plain_attention(double, image, int(index)) for image, index in zip(images, CLASSES, strict=True)]
    assert_same_maps(maps["chefer"], [plain_relevance(*found, "torch encoder") for found in plain])


def test_classes_have_maps_of_their_own_but_share_the_rollout(images):
    network = build_vit("transformers, sdpa")
    found = [compute_maps(network, images, classes=torch.full((4,), index))[1] for index in range(NUM_CLASSES)]
    assert all(np.array_equal(maps["rollout"], found[0]["rollout"]) for maps in found)
    assert not np.allclose(found[0]["chefer"], found[1]["chefer"], rtol=0.1)


def test_another_number_of_calls_than_at_probing_is_an_error(images):
    class Moody(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.is_short = build_vit("torch encoder"), False

        def forward(self, x):
            if self.is_short:
                return self.inner.head(self.inner.patches(x).mean((2, 3)))
            return self.inner(x)

    network = Moody().eval()
    source = AttentionMaps(find_attention(network, images), ("rollout",), rollout=Rollout())
    network.is_short = True
    with source, ExitStack() as contexts:
        source.begin(contexts)
        network(images)
        with pytest.raises(LayerError, match="same order"):
            source.make_agnostic_maps(())


def test_hooks_are_gone_after_an_exception(images):
    network = build_vit("torchvision")
    source = AttentionMaps(find_attention(network, images), ("rollout",), rollout=Rollout())
    with pytest.raises(RuntimeError, match="stop"), source:
        raise RuntimeError("stop")
    assert not any(module._forward_hooks for module in network.modules())
    assert torch.backends.mha.get_fastpath_enabled()
