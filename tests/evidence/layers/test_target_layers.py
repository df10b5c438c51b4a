import re
from collections.abc import Callable

import pytest
import torch
import torchvision
from one_layer import find_target_layer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from reportgen.errors import LayerError, ModelError
from reportgen.evidence.layers.layouts import Layout
from reportgen.evidence.layers.target_layers import find_target_layers


def _images(side: int = 16) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))


def _torchvision(name: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.get_model(name, weights=None, num_classes=4, **options)


class WithTuple(nn.Module):
    """The deepest grid leaves its module in a tuple."""

    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(6, 6, 3)

        def forward(self, x):
            return torch.tanh(self.conv(x)), None

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.pair, self.head = nn.Conv2d(3, 6, 3), self.Pair(), nn.Linear(6, 4)

    def forward(self, x):
        return self.head(self.pair(self.stem(x))[0].mean((2, 3)))


class FrozenTrunk(nn.Module):
    """A trunk under no_grad, a head that no_grad does not reach, and a grid that no gradient reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.neck = nn.Conv2d(3, 6, 3, stride=2), nn.Conv2d(6, 6, 3)
        self.aside = nn.Conv2d(6, 6, 1)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        with torch.no_grad():
            x = self.trunk(x)
        x = self.neck(x)
        self.aside(x)
        return self.head(x.mean((2, 3)))


class Attended(nn.Module):
    """A mask of one channel is the deepest grid; weights of channels mean nothing there."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.mask, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 1, 1), nn.Linear(6, 4)

    def forward(self, x):
        x = self.features(x)
        return self.head((x * self.mask(x).sigmoid()).mean((2, 3)))


class Vgg(nn.Module):
    """VGG-11 as torchvision makes it, but narrow: its pooling makes 7x7 cells of any number."""

    def __init__(self) -> None:
        super().__init__()
        widths = [8, "M", 16, "M", 32, 32, "M", 64, 64, "M", 64, 64, "M"]
        self.features = torchvision.models.vgg.make_layers(widths, batch_norm=True)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(nn.Linear(64 * 49, 8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class Block(nn.Module):
    """A transformer's block, with queries, keys and values in one or apart."""

    def __init__(self, is_apart: bool) -> None:
        super().__init__()
        self.norm1, self.proj, self.norm2 = nn.LayerNorm(12), nn.Linear(12, 12), nn.LayerNorm(12)
        names = "qkv" if is_apart else ["qkv"]
        self.attention = nn.ModuleDict({name: nn.Linear(12, 12 if is_apart else 36) for name in names})
        self.mlp = nn.Sequential(nn.Linear(12, 48), nn.GELU(), nn.Linear(48, 12))

    def forward(self, x):
        y = self.norm1(x)
        q, k, v = torch.cat([project(y) for project in self.attention.values()], dim=-1).chunk(3, dim=-1)
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v))
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    """Two blocks on a class token and 5x5 patches of 4 pixels, and a head that reads some of these tokens."""

    def __init__(self, reads: slice = slice(1), *, is_apart: bool = False) -> None:
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, 12, 4, stride=4), nn.Parameter(torch.randn(1, 1, 12))
        self.blocks = nn.Sequential(Block(is_apart), Block(is_apart))
        self.norm, self.head, self.reads = nn.LayerNorm(12), nn.Linear(12, 4), reads

    def forward(self, x):
        patches = self.patches(x).flatten(2).transpose(1, 2)
        x = self.blocks(torch.cat([self.token.expand(len(x), -1, -1), patches], dim=1))
        return self.head(self.norm(x)[:, self.reads].mean(1))


CLASS_TOKEN, PATCHES, ALL_TOKENS = slice(1), slice(1, None), slice(None)
USUAL = "the last layer whose patches are read, as is usual"


class Wrapped(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.model = network

    def forward(self, x):
        return {"logits": self.model(x)}


SMALL: dict[str, tuple[Callable[[], nn.Module], str, tuple[int, int]]] = {
    "tuple": (WithTuple, "pair", (12, 12)),
    "no_grad": (FrozenTrunk, "neck", (5, 5)),
    "mask": (Attended, "features", (14, 14)),
    "probabilities": (lambda: nn.Sequential(WithTuple(), nn.Softmax(1)), "0.pair", (12, 12)),
    "wrapped": (lambda: Wrapped(WithTuple()), "model.pair", (12, 12)),
}


@pytest.mark.parametrize("case", SMALL)
def test_the_deepest_layer_with_a_grid_and_a_gradient_is_found(case):
    torch.manual_seed(0)
    build, name, grid = SMALL[case]
    found = find_target_layer(build(), _images())
    assert (found.name, found.grid, found.is_given) == (name, grid, False)


@pytest.mark.parametrize(
    ("name", "grid", "layout"),
    [
        ("pooling", (8, 8), "NCHW"),
        ("mlp", (4, 4), "NCHW"),
        ("conv head", (4, 4), "NCHW"),
        ("in place", (8, 8), "NCHW"),
        ("channels last", (4, 4), "NHWC"),
    ],
)
def test_features_are_found_in_small_networks(build, name, grid, layout):
    found = find_target_layer(build(name), _images())
    assert (found.name, found.layout) == ("features", Layout(kind=layout, grid=grid))


def test_a_shared_module_is_taken_at_its_deepest_call(build):
    found = find_target_layer(build("shared"), _images())
    assert (found.name, found.call, found.channels) == ("relu", 1, 8)


@pytest.mark.parametrize(("side", "name"), [(128, "features"), (224, "features"), (64, "features.27")])
def test_a_pooling_that_stretches_the_grid_is_passed_over(side, name):
    torch.manual_seed(0)
    assert find_target_layer(Vgg(), _images(side)).name == name


def test_an_earlier_layer_at_small_images_is_said_so():
    found = find_target_layer(_torchvision("resnet18"), _images(32))
    assert (found.name, found.grid) == ("layer2", (4, 4))
    coarse, depth, *rest = found.warnings[1:]
    assert "4×4 cells, each of which covers about 8×8 pixels" in found.warnings[0]
    assert "`layer2`" in coarse and "`layer3` has 2×2" in coarse  # noqa: PT018
    assert "Most of the network's layers lie behind `layer2`" in depth
    assert rest == []


def test_no_layer_at_all_is_an_error_with_a_remedy(build):
    with pytest.raises(LayerError, match="4×4 cells or more") as caught:
        find_target_layer(build("shared"), _images(3))
    assert "resize" in caught.value.hint


def test_a_fine_grid_gives_no_warning(build):
    assert find_target_layer(build("pooling"), _images()).warnings == ()


def test_a_bypass_is_found_and_said(build):
    found = find_target_layer(build("skip"), _images())
    assert found.is_bypassed
    assert "bypasses `features`" in found.warnings[0]
    assert not find_target_layer(build("pooling"), _images()).is_bypassed


@pytest.mark.parametrize("is_apart", [False, True], ids=["in one", "apart"])
@pytest.mark.parametrize(
    ("reads", "name", "is_bypassed"),
    [(CLASS_TOKEN, "blocks.1.norm1", True), (PATCHES, "norm", False), (ALL_TOKENS, "norm", True)],
    ids=["class token", "patches", "all tokens"],
)
def test_the_last_layer_whose_patches_are_read_is_found(reads, name, is_bypassed, is_apart):
    torch.manual_seed(0)
    found = find_target_layer(Vit(reads, is_apart=is_apart), _images(20))
    assert (found.name, found.channels, found.is_bypassed) == (name, 12, is_bypassed)
    assert found.layout == Layout(kind="tokens", grid=(5, 5), num_prefix_tokens=1)
    assert [USUAL in warning for warning in found.warnings] == [True] * is_bypassed


def test_the_last_layer_is_the_last_also_where_it_is_named():
    torch.manual_seed(0)
    network = Vit()
    last, earlier = find_target_layers(network, _images(20), ["blocks.1.norm1", "blocks.0"])
    assert last.is_given
    assert USUAL in last.warnings[0]
    assert earlier.is_bypassed
    assert "Part of the evidence bypasses `blocks.0`" in earlier.warnings[-1]


def test_pieces_of_tokens_can_be_named_but_are_not_listed():
    torch.manual_seed(0)
    network = Vit()
    assert find_target_layer(network, _images(20), "blocks.1.attention.qkv").channels == 36
    for name in ("head", "blocks.1", "blocks.1.attention.q"):
        with pytest.raises(LayerError) as caught:
            find_target_layer(network, _images(20), name)
        assert caught.value.hint == (
            "Candidates, deepest first: blocks.1.norm1 (26×12), blocks.0 (26×12), blocks.0.mlp (26×12), "
            "blocks.0.norm2 (26×12), blocks.0.norm1 (26×12), patches (12×5×5)."
        )


def test_a_named_layer_behind_the_last_attention_is_refused():
    torch.manual_seed(0)
    with pytest.raises(LayerError, match="No gradient reaches layer `blocks`"):
        find_target_layer(Vit(), _images(20), "blocks")


def test_a_named_layer_is_taken(build):
    found = find_target_layer(build("pooling"), _images(), "stem")
    assert (found.name, found.grid, found.channels, found.is_given) == ("stem", (16, 16), 6, True)


def test_a_named_layer_that_is_changed_in_place_is_said_so(build):
    assert (
        "changes the output of `features` in place"
        in find_target_layer(build("in place"), _images(), "features").warnings[0]
    )


@pytest.mark.parametrize("name", ["layer4", "features.7", ""])
def test_a_wrong_name_lists_the_candidates_with_their_shapes(build, name):
    with pytest.raises(LayerError, match=re.escape(f"`{name}`")) as caught:
        find_target_layer(build("pooling"), _images(), name)
    assert caught.value.hint == (
        "Candidates, deepest first: features (8×8×8), features.0 (8×8×8), bn (6×16×16), stem (6×16×16)."
    )


def test_a_long_list_of_candidates_is_cut():
    network = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(20)), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(LayerError) as caught:
        find_target_layer(network, _images(), "x")
    assert "19 (3×16×16), 18" in caught.value.hint
    assert caught.value.hint.endswith("8 (3×16×16) and 8 more.")


def test_a_named_layer_with_a_grid_under_4x4_is_refused_with_an_earlier_one():
    network = _torchvision("resnet18")
    for name, grid in (("layer4", "1×1"), ("layer3", "2×2")):
        with pytest.raises(LayerError, match=grid) as caught:
            find_target_layer(network, _images(32), name)
        assert "layer2 (128×4×4)" in caught.value.hint


def test_a_named_layer_without_a_grid_is_refused(build):
    with pytest.raises(LayerError, match=re.escape("(5)")):
        find_target_layer(build("pooling"), _images(), "head")


def test_a_named_layer_that_is_never_called_is_refused(build):
    network = build("pooling")
    network.unused = nn.Conv2d(3, 3, 1)
    with pytest.raises(LayerError, match="not called"):
        find_target_layer(network, _images(), "unused")


def test_a_named_layer_that_no_gradient_reaches_is_refused():
    with pytest.raises(LayerError, match="No gradient"):
        find_target_layer(FrozenTrunk(), _images(), "aside")


def test_a_number_of_outputs_that_is_not_that_of_the_classes_is_an_error(build):
    with pytest.raises(ModelError, match="5 outputs, the test set has 100 classes"):
        find_target_layer(build("pooling"), _images(), num_classes=100)


def test_a_network_that_fails_is_reported_with_the_image_size(build):
    with pytest.raises(ModelError, match="20×20 pixels") as caught:
        find_target_layer(build("mlp"), _images(20))
    assert "resize" in caught.value.hint


def test_outputs_that_are_not_one_row_an_image_are_an_error():
    class Merged(nn.Module):
        def forward(self, x):
            return x.mean((2, 3)).mean(0, keepdim=True)

    with pytest.raises(ModelError, match="1 rows of logits"):
        find_target_layer(Merged(), _images())


def test_probing_leaves_the_network_as_found(build):
    network = build("pooling").train()
    find_target_layer(network, _images())
    assert all(module.training for module in network.modules())
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_function_that_is_no_module_behind_the_layer_does_not_matter(build):
    class Activated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features, self.head = nn.Conv2d(3, 6, 3), nn.Linear(6, 4)

        def forward(self, x):
            return self.head(F.relu(self.features(x)).amax((2, 3)))

    assert find_target_layer(Activated(), _images()).name == "features"
