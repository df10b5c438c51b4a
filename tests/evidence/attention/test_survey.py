"""Whose attention is found and proved, what the head reads, and what is refused."""

import pytest
import torch
from torch import nn
from vits import NAMES, SIZE, EncoderNet, build_vit, prefix_of, read_tokens

from reportgen.errors import LayerError
from reportgen.evidence.attention.survey import find_attention

pytestmark = pytest.mark.extra


@pytest.fixture
def images():
    return torch.randn((2, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", NAMES)
def test_layers_patches_and_read_tokens_are_found(name, images):
    attention = find_attention(build_vit(name), images)
    assert len(attention.layers) == (2 if "encoder" in name else 3)
    assert attention.layout.grid == (4, 4)
    assert attention.layout.num_prefix_tokens == prefix_of(name)
    assert attention.is_read.nonzero().flatten().tolist() == list(read_tokens(name))
    assert attention.is_class_token.nonzero().flatten().tolist() == [
        t for t in read_tokens(name) if t < prefix_of(name)
    ]


def test_grid_follows_the_images_aspect():
    network = pytest.importorskip("timm").create_model(
        "vit_tiny_patch16_224", img_size=(32, 64), patch_size=8, depth=1, embed_dim=24, num_classes=5
    )
    assert find_attention(network, torch.randn(2, 3, 32, 64)).layout.grid == (4, 8)


def test_network_is_left_as_found(images):
    network = EncoderNet().train()
    find_attention(network, images)
    assert network.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())
    assert torch.backends.mha.get_fastpath_enabled()


def test_no_attention_is_refused_with_a_remedy(build):
    with pytest.raises(LayerError, match="no attention layer") as caught:
        find_attention(build("pooling"), torch.randn(1, 3, 16, 16))
    assert "methods=('gradcam',)" in caught.value.hint


@pytest.mark.parametrize("library", ["torchvision", "timm", "transformers"])
def test_windows_are_refused_by_name(library):
    module = pytest.importorskip(library)
    if library == "torchvision":
        network = module.models.SwinTransformer([4, 4], 12, [1, 1], [2, 4], [4, 4], num_classes=5)
    elif library == "timm":
        network = module.create_model(
            "swin_tiny_patch4_window7_224", img_size=32, window_size=4, embed_dim=12, depths=(1, 1), num_heads=(2, 4)
        )
    else:
        config = module.SwinConfig(image_size=32, window_size=4, embed_dim=12, depths=[1, 1], num_heads=[2, 4])
        network = module.SwinForImageClassification(config)
    with pytest.raises(LayerError, match=r"`\S+attn`|`\S+attention\S*`") as caught:
        find_attention(network.eval(), torch.randn(1, 3, 32, 32))
    assert "windows" in caught.value.message
    assert "methods=('gradcam',)" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("eva02_tiny_patch14_224", "not that of softmax"),  # rotates queries and keys
        ("vit_base_patch16_siglip_224", "no known kind"),  # its head attends, too
        ("cait_xxs24_224", "not that of softmax"),  # mixes heads
    ],
)
def test_attention_of_another_kind_is_refused_by_name(name, problem):
    timm = pytest.importorskip("timm")
    network = timm.create_model(name, img_size=56, patch_size=14, depth=1, embed_dim=24, num_heads=2, num_classes=5)
    with pytest.raises(LayerError, match=problem):
        find_attention(network.eval(), torch.randn(1, 3, 56, 56))


class BiasedAttention(nn.Module):
    """Projections as timm has them, and one number more in the attention."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        self.num_heads, self.bias = 1, bias
        self.qkv, self.proj = nn.Linear(16, 48), nn.Linear(16, 16)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        attention = q @ k.mT / 4
        attention[:, :, 0] += self.bias
        return self.proj(attention.softmax(-1) @ v)


class BlockNet(nn.Module):
    def __init__(self, *attentions: nn.Module, beside: bool = False) -> None:
        super().__init__()
        self.patches, self.attentions, self.head = nn.Conv2d(3, 16, 8, 8), nn.ModuleList(attentions), nn.Linear(16, 5)
        self.beside = beside

    def forward(self, x):
        x = self.patches(x).flatten(2).mT
        if self.beside:
            return self.head((x + sum(attention(x) for attention in self.attentions)).mean(1))
        for attention in self.attentions:
            x = x + attention(x)
        return self.head(x.mean(1))


def test_a_slight_difference_is_found_and_the_layer_named(images):
    torch.manual_seed(0)
    assert len(find_attention(BlockNet(BiasedAttention(0.0), BiasedAttention(0.0)), images).layers) == 2
    with pytest.raises(LayerError, match=r"`attentions\.1` \(BiasedAttention\)"):
        find_attention(BlockNet(BiasedAttention(0.0), BiasedAttention(0.05)), images)


def test_layers_side_by_side_are_refused(images):
    with pytest.raises(LayerError, match=r"`attentions\.1` does not use the output"):
        find_attention(BlockNet(BiasedAttention(0.0), BiasedAttention(0.0), beside=True), images)


def test_one_module_may_be_used_for_several_layers(images):
    shared = BiasedAttention(0.0)
    assert len(find_attention(BlockNet(shared, shared), images).layers) == 2


def test_too_coarse_a_grid_is_refused():
    network = BlockNet(BiasedAttention(0.0))
    with pytest.raises(LayerError, match="2×2"):
        find_attention(network, torch.randn(4, 3, 16, 16))


def test_tokens_without_a_place_are_refused(images):
    class Shuffled(BlockNet):
        def forward(self, x):
            order = torch.randperm(SIZE * SIZE, generator=torch.Generator().manual_seed(0))
            return super().forward(x.flatten(2)[:, :, order].view_as(x))

    with pytest.raises(LayerError, match="not form a grid over the image"):
        find_attention(Shuffled(BiasedAttention(0.0)), images)


def test_logits_that_do_not_depend_on_attention_are_refused(images):
    network = BlockNet(BiasedAttention(0.0))
    nn.init.zeros_(network.head.weight)
    with pytest.raises(LayerError, match="No gradient reaches"):
        find_attention(network, images)
