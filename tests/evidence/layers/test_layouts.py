import pytest
import torch
from torch import nn

from reportgen.evidence.layers.layouts import Layout, disturb_images, find_layout, measure_locality


def _images(height: int = 16, width: int | None = None) -> torch.Tensor:
    return torch.randn(3, 3, height, width or height, generator=torch.Generator().manual_seed(0))


def _find(module: nn.Module, height: int = 16, width: int | None = None) -> Layout | None:
    images = _images(height, width)
    with torch.no_grad():
        return find_layout(module.eval()(disturb_images(images)), tuple(images.shape[2:]), 15)


class Attention(nn.Module):
    """An attention matrix (B, heads, tokens, tokens) between patches: as square as a grid, but none."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.mixed = nn.Conv2d(3, 32, 4, stride=4), nn.Linear(32, 64)
        self.matrix = nn.Softmax(dim=-1)

    def forward(self, x):
        tokens = self.mixed(self.patches(x).flatten(2).transpose(1, 2))  # (B, tokens, 2 * 32)
        query, key = tokens.unflatten(2, (2, 4, 8)).permute(2, 0, 3, 1, 4)  # each (B, 4, tokens, 8)
        return self.matrix(query @ key.transpose(2, 3))


class Rearrange(nn.Module):
    def __init__(self, *order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x):
        return x.permute(*self.order)


class Tokens(nn.Module):
    """Patches as tokens, behind others that know all of the image, mixed a little by one attention."""

    def __init__(self, num_prefix_tokens: int, patch: int = 4) -> None:
        super().__init__()
        self.patches, self.attention = nn.Conv2d(3, 8, patch, stride=patch), nn.MultiheadAttention(8, 2)
        self.prefix = nn.Parameter(torch.randn(num_prefix_tokens, 1, 8))

    def forward(self, x):
        tokens = self.patches(x).flatten(2).permute(2, 0, 1)
        tokens = torch.cat([self.prefix.expand(-1, len(x), -1), tokens])
        return (tokens + self.attention(tokens, tokens, tokens)[0]).transpose(0, 1)


def test_each_image_is_disturbed_in_each_half_alone():
    images = _images()
    versions = disturb_images(images).unflatten(0, (5, 3))
    changed = (versions != images).any(dim=2)  # (5, 3, H, W)
    assert not changed[0].any()
    assert changed[1, :, :8].all() and not changed[1, :, 8:].any()  # noqa: PT018
    assert changed[2, :, 8:].all() and not changed[2, :, :8].any()  # noqa: PT018
    assert changed[3, :, :, :8].all() and not changed[3, :, :, 8:].any()  # noqa: PT018
    assert changed[4, :, :, 8:].all() and not changed[4, :, :, :8].any()  # noqa: PT018


def test_a_shift_of_the_grid_to_the_other_half_is_no_grid():
    versions = disturb_images(_images())
    assert min(measure_locality(versions)) > 5
    assert max(measure_locality(versions.roll(8, dims=2))) < -5
    assert max(measure_locality(versions.roll(8, dims=3))) < -5


def test_a_map_that_is_the_same_everywhere_has_no_locality():
    everywhere = disturb_images(_images()).mean((2, 3), keepdim=True).expand(-1, -1, 4, 4)
    assert measure_locality(everywhere) == pytest.approx([0, 0, 0], abs=1e-5)
    assert measure_locality(torch.zeros(15, 3, 4, 4)) == [0, 0, 0]
    assert measure_locality(torch.full((15, 3, 4, 4), torch.nan)) == [0, 0, 0]


@pytest.mark.parametrize(
    ("module", "kind", "grid"),
    [
        (nn.Conv2d(3, 5, 3, stride=2, padding=1), "NCHW", (8, 8)),
        (nn.Conv2d(3, 8, 3, stride=2, padding=1), "NCHW", (8, 8)),  # shapes alone would not tell
        (nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), Rearrange(0, 2, 3, 1)), "NHWC", (4, 4)),
        (nn.Conv2d(3, 5, 4, stride=4), "NCHW", (4, 4)),
        (nn.AdaptiveAvgPool2d(1), "NCHW", (1, 1)),
    ],
    ids=["grid", "cube", "channels last", "coarse", "pooled"],
)
def test_layouts_are_told_by_measurement(module, kind, grid):
    torch.manual_seed(0)
    for convolution in module.modules():
        if isinstance(convolution, nn.Conv2d):
            convolution.reset_parameters()
    assert _find(module) == Layout(kind=kind, grid=grid)


@pytest.mark.parametrize("num_prefix_tokens", [0, 1, 4, 5, 16])
@pytest.mark.parametrize("size", [(16, 16), (32, 32), (24, 40), (42, 19), (18, 31)], ids=str)
def test_tokens_are_told_from_those_without_a_place(num_prefix_tokens, size):
    torch.manual_seed(0)
    grid = (size[0] // 4, size[1] // 4)
    found = _find(Tokens(num_prefix_tokens), *size)
    assert found == Layout(kind="tokens", grid=grid, num_prefix_tokens=num_prefix_tokens)


def test_a_grid_that_was_rounded_up_is_found():
    torch.manual_seed(0)
    padded = nn.Sequential(nn.ZeroPad2d((0, 3, 0, 1)), Tokens(1, 5))
    assert _find(padded, 44, 12) == Layout(kind="tokens", grid=(9, 3), num_prefix_tokens=1)


@pytest.mark.parametrize(
    "module",
    [
        nn.Flatten(),
        nn.Flatten(2),  # (B, 3, 256): channels, each with all places
        nn.Sequential(Tokens(1), Rearrange(0, 2, 1)),
        nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.Flatten(2), nn.Linear(16, 16)),
    ],
    ids=["flat", "channels", "channels by tokens", "mixed places"],
)
def test_an_output_without_places_has_no_layout(module):
    assert _find(module, 32 if isinstance(module, nn.Flatten) else 16) is None


def test_an_attention_matrix_is_no_grid():
    for seed in range(20):
        torch.manual_seed(seed)
        assert _find(Attention(), 32) is None


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        (Layout(kind="NCHW", grid=(2, 3)), (4, 5, 2, 3)),
        (Layout(kind="NHWC", grid=(2, 3)), (4, 2, 3, 5)),
        (Layout(kind="tokens", grid=(2, 3)), (4, 6, 5)),
        (Layout(kind="tokens", grid=(2, 3), num_prefix_tokens=2), (4, 8, 5)),
    ],
    ids=["NCHW", "NHWC", "tokens", "prefix"],
)
def test_any_layout_becomes_rows_and_columns_without_a_copy(layout, shape):
    output = torch.zeros(shape)
    maps = layout.to_nchw(output)
    assert maps.shape == (4, 5, 2, 3)
    maps[1, 3, 1, 2] = 7
    place = {"NCHW": (1, 3, 1, 2), "NHWC": (1, 1, 2, 3), "tokens": (1, -1, 3)}[layout.kind]
    assert output[place] == 7
    assert output.count_nonzero() == 1
