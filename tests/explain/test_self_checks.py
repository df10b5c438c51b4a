import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from reportgen.explain.cam import compute_gradcam
from reportgen.explain.self_checks import (
    choose_positions,
    compute_sum_errors,
    find_pooling_bias,
    name_arithmetic,
    run_self_checks,
)
from reportgen.explain.target_layers import find_target_layer


def _bias(network: nn.Module, images: torch.Tensor):
    network.requires_grad_(False)
    return find_pooling_bias(network, images, find_target_layer(network, images))


@pytest.mark.parametrize("name", ["pooling", "in place", "shared"])
def test_the_bias_of_a_pooling_head_is_found(build, name):
    network = build(name)
    torch.testing.assert_close(_bias(network, torch.randn(2, 3, 16, 16)), network.head.bias)


@pytest.mark.parametrize("name", ["mlp", "conv head", "skip", "channels last"])
def test_another_head_has_no_pooling_bias(build, name):
    assert _bias(build(name), torch.randn(2, 3, 16, 16)) is None


def test_a_head_that_is_linear_but_weighs_places_has_no_pooling_bias(build):
    network = build("mlp")
    network.classifier = nn.Sequential(nn.Flatten(), nn.Linear(128, 5))
    assert _bias(network, torch.randn(2, 3, 16, 16)) is None


def test_a_one_by_one_convolution_before_the_pooling_counts_as_the_linear_layer():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Sequential(nn.Conv2d(8, 5, 1), nn.AdaptiveAvgPool2d(1)), nn.Flatten()
    )
    network.requires_grad_(False)
    images = torch.randn(2, 3, 16, 16)
    bias = find_pooling_bias(network, images, find_target_layer(network, images, "0"))
    torch.testing.assert_close(bias, network[1][0].bias)


def test_the_usual_heads_of_torchvision_are_told_apart():
    torch.manual_seed(0)
    images = torch.randn(2, 3, 128, 128)
    resnet = torchvision.models.resnet18(num_classes=4).eval()
    torch.testing.assert_close(_bias(resnet, images), resnet.fc.bias)
    assert _bias(torchvision.models.mobilenet_v3_small(num_classes=4).eval(), images[..., :64, :64]) is None


def test_the_sum_error_is_relative_to_the_largest_logit():
    maps = torch.tensor([[[1.0, 2.0]], [[0.0, 0.0]]])
    bias = torch.tensor([0.5, 1.0])
    logits = torch.tensor([[3.5, -7.0], [8.0, 1.5]])
    # 3 + 0.5 = 3.5 exactly; 0 + 1 is 0.5 away from 1.5, of 8
    assert compute_sum_errors(maps, bias, logits, torch.tensor([0, 1])).tolist() == [0.0, 0.0625]


@pytest.mark.parametrize(("num_examples", "count"), [(1, 1), (5, 2), (999, 2), (3000, 6), (10_000, 16), (50_000, 16)])
def test_the_sample_is_small_seeded_ascending_and_without_repeats(num_examples, count):
    positions = choose_positions(num_examples)
    assert len(set(positions.tolist())) == len(positions) == count
    assert (np.diff(positions) > 0).all()
    assert 0 <= positions.min() <= positions.max() < num_examples
    assert (positions == choose_positions(num_examples)).all()


def test_arithmetic_on_the_cpu_is_that_of_the_precision():
    assert name_arithmetic("fp32", torch.device("cpu")) == "fp32"
    assert name_arithmetic("bf16", torch.device("cpu")) == "bf16"


def test_tf32_is_named_where_cuda_may_use_it(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    assert name_arithmetic("fp32", torch.device("cuda")) == "tf32"
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    assert name_arithmetic("fp32", torch.device("cuda")) == "fp32"


def test_both_checks_pass_on_a_right_pass(build, make_set, run_pass):
    summed, recomputed = run_pass(build("pooling"), make_set(12)).checks
    assert summed.passed and summed.num_checked == 24 and summed.worst_error < 1e-5  # noqa: PT018
    assert recomputed.passed and recomputed.num_checked == 4 and 0 < recomputed.worst_error < 1e-4  # noqa: PT018


def test_the_sum_check_does_not_apply_to_another_head(build, make_set, run_pass):
    summed, recomputed = run_pass(build("mlp"), make_set(12)).checks
    assert (summed.num_checked, summed.worst_error) == (0, 0.0)
    assert recomputed.num_checked == 4


def test_maps_without_the_weighting_by_gradients_fail_both_checks(build, make_set, run_pass, monkeypatch, caplog):
    monkeypatch.setattr("reportgen.explain.one_pass.METHODS", {"gradcam": lambda a, g: (a * g).sum(1) * 1.01})
    monkeypatch.setattr(
        "reportgen.explain.one_pass.run_self_checks",
        lambda network, target, _method, *rest, **more: run_self_checks(
            network, target, compute_gradcam, *rest, **more
        ),
    )
    summed, recomputed = run_pass(build("pooling"), make_set(12)).checks
    assert not summed.passed
    assert recomputed.worst_error == pytest.approx(0.01, rel=1e-3)
    assert not recomputed.passed
    assert "map sum + bias = logit" in caplog.text


def test_a_network_whose_examples_mix_fails_the_recomputation(build, make_set, run_pass):
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = build("mlp")

        def forward(self, x):
            logits = self.network(x)
            return logits * logits.abs().mean()

    assert not run_pass(Mixed(), make_set(12)).checks[1].passed


def test_a_network_that_cannot_run_in_float64_is_said_so(build, make_set, run_pass):
    class Single(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = build("pooling")

        def forward(self, x):
            if x.dtype != torch.float32:
                raise RuntimeError("float32 only")
            return self.network(x)

    cache = run_pass(Single(), make_set(12))
    assert cache.checks[1].num_checked == 0
    assert cache.checks[0].num_checked == 24
    assert cache.provenance.warnings == (
        "No map could be recomputed in float64, as no copy of the network runs in it (RuntimeError: float32 only).",
    )
