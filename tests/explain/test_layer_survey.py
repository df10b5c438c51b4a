import pytest
import torch
from torch import nn

from reportgen.explain.layer_survey import disturb_images, measure_locality, survey_layers


def _images(side: int = 16) -> torch.Tensor:
    return torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(0))


def _only(module: nn.Module, side: int = 16):
    outputs, _ = survey_layers(nn.Sequential(module), _images(side))
    return outputs[-1]


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
    assert min(measure_locality(versions, "NCHW")) > 5
    assert max(measure_locality(versions.roll(8, dims=2), "NCHW")) < -5
    assert max(measure_locality(versions.roll(8, dims=3), "NCHW")) < -5


def test_a_map_that_is_the_same_everywhere_has_no_locality():
    everywhere = disturb_images(_images()).mean((2, 3), keepdim=True).expand(-1, -1, 4, 4)
    assert measure_locality(everywhere, "NCHW") == pytest.approx([0, 0, 0], abs=1e-5)
    assert measure_locality(torch.zeros(15, 3, 4, 4), "NCHW") == [0, 0, 0]
    assert measure_locality(torch.full((15, 3, 4, 4), torch.nan), "NCHW") == [0, 0, 0]


@pytest.mark.parametrize(
    ("module", "layout", "grid", "channels"),
    [
        (nn.Conv2d(3, 5, 3, stride=2, padding=1), "NCHW", (8, 8), 5),
        (nn.Conv2d(3, 8, 3, stride=2, padding=1), "NCHW", (8, 8), 8),  # shapes alone would not tell
        (nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), Rearrange(0, 2, 3, 1)), "NHWC", (4, 4), 4),
        (nn.Conv2d(3, 5, 4, stride=4), "NCHW", (4, 4), 5),
        (nn.AdaptiveAvgPool2d(1), "NCHW", (1, 1), 3),
        (nn.Flatten(), None, (0, 0), 0),
    ],
    ids=["grid", "cube", "channels last", "coarse", "pooled", "flat"],
)
def test_layouts_are_told_by_measurement(module, layout, grid, channels):
    torch.manual_seed(0)
    for convolution in module.modules():
        if isinstance(convolution, nn.Conv2d):
            convolution.reset_parameters()
    found = _only(module)
    assert (found.layout, found.grid, found.channels) == (layout, grid, channels)


def test_an_attention_matrix_is_no_grid():
    for seed in range(20):
        torch.manual_seed(seed)
        found = _only(Attention(), side=32)
        assert (found.shape, found.layout) == ("4×64×64", None)


def test_a_module_that_makes_more_cells_than_it_gets_upsamples():
    assert _only(nn.AdaptiveAvgPool2d(24)).upsamples
    assert not _only(nn.AdaptiveAvgPool2d(8)).upsamples


def test_layers_that_put_out_the_same_tensor_share_a_group():
    block = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True))
    network = nn.Sequential(block, nn.Identity(), nn.Dropout(), nn.AdaptiveAvgPool2d(16), nn.Flatten()).eval()
    outputs, _ = survey_layers(network, _images())
    groups = {output.name: output.group for output in outputs}
    assert groups["0.1"] == groups["0"] == groups["1"] == groups["2"] == groups["3"]
    assert groups["0.0"] < groups["0"] < groups["4"]  # the ReLU has changed the convolution's tensor


def test_calls_of_a_shared_module_are_told_apart():
    relu = nn.ReLU()
    outputs, _ = survey_layers(nn.Sequential(nn.Conv2d(3, 4, 3), relu, nn.Conv2d(4, 4, 3), relu), _images())
    assert [(o.name, o.call, o.shape) for o in outputs if o.module is relu] == [
        ("1", 0, "4×14×14"),
        ("1", 1, "4×12×12"),
    ]


def test_the_survey_takes_its_hooks_away_also_after_an_exception():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(5, 4, 3))
    with pytest.raises(RuntimeError):
        survey_layers(network, _images())
    assert not any(module._forward_hooks for module in network.modules())
