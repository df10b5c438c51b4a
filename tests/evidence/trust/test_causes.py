"""Each usual cause of a failed self-check, on a network that has it: it is named with its size."""

import re
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from reportgen.evidence.trust import self_checks
from reportgen.evidence.trust.causes import Causes
from reportgen.report.words.run_facts import check_sentences

NONE = Causes(repeated=0.0, alone=0.0, rounding=1e-7, sum_error=1e-15, peak=0.1, in_place={})


def found_percent(text: str) -> float:
    return float(re.search(r"([\d.]+)%", text)[1]) / 100


class Random(nn.Module):
    def __init__(self, network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x):
        return F.dropout(self.network(x), 0.5, training=True)


class Mixing(Random):
    def forward(self, x):
        logits = self.network(x)
        return logits * (1 + logits.abs().mean())


class Cancelling(nn.Module):
    """Two large channels whose difference is the evidence: float32 has few digits left for it."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.features, self.head, self.scale = nn.Conv2d(3, 2, 1), nn.Linear(2, 5), scale
        with torch.no_grad():
            self.features.bias.fill_(scale)
            self.head.weight[:, 1] = -self.head.weight[:, 0]
            self.head.bias.zero_()

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


class Saturated(nn.Module):
    """A hyperbolic tangent so near to 1 that what is left of its gradient is rounding."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.head = nn.Conv2d(3, 4, 3, stride=2), nn.Linear(4, 5)

    def forward(self, x):
        pooled = self.features(x).abs().mean((2, 3))
        return self.head(torch.tanh(8.2 + 0.1 * pooled))


class ChangesLater(nn.Module):
    """The features are rectified in place between two readers."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.head = nn.Conv2d(3, 4, 3, stride=2), nn.Linear(4, 5)

    def forward(self, x):
        out = self.features(x)
        before = out.mean((2, 3))
        return self.head(before + out.relu_().mean((2, 3)))


def warning_of(cache) -> str:
    (warning,) = [text for text in cache.provenance.warnings if "self-check" in text]
    return warning


def test_a_random_network_is_named(build, make_set, run_pass):
    torch.manual_seed(0)
    warning = warning_of(run_pass(Random(build("pooling")), make_set(12)))
    assert "the network is random" in warning
    assert found_percent(warning) > 0.1


def test_images_that_affect_each_other_are_named(build, make_set, run_pass):
    network = Mixing(build("mlp"))
    warning = warning_of(run_pass(network, make_set(12)))
    assert "images of a batch affect each other" in warning
    assert 0 < found_percent(warning) < 1


def test_rounding_is_named_with_its_size(make_set, run_pass):
    torch.manual_seed(0)
    cache = run_pass(Cancelling(1e3), make_set(12))
    warning = warning_of(cache)
    size = float(re.search(r"differ by ([\d.e+-]+) on the sampled images", warning)[1])
    assert "The likely cause: rounding." in warning
    assert 1e-5 < size < 1
    assert "In float64, their sums agree to " in warning
    assert [check.passed for check in cache.checks] == [False, True, True]
    summed, _, recomputed = check_sentences(cache)
    assert ": FAILED on 24 maps, " in summed
    assert ": within the tolerance on 4 maps only, while a check of 24 maps failed, " in recomputed


def test_a_network_without_that_cancellation_passes(make_set, run_pass):
    torch.manual_seed(0)
    cache = run_pass(Cancelling(1.0), make_set(12))
    assert all(check.passed for check in cache.checks)
    assert not [text for text in cache.provenance.warnings if "self-check" in text]


def test_rounding_to_bfloat16_is_named_as_that(build, make_set, run_pass, monkeypatch):
    monkeypatch.setitem(self_checks.OTHER_HEAD_TOLERANCES, "bf16", 1e-4)
    warning = warning_of(run_pass(build("mlp"), make_set(12), precision="bf16"))
    size = float(re.search(r"bfloat16 and float64 differ by ([\d.e+-]+) on the sampled images", warning)[1])
    assert 1e-4 < size < 0.1


def test_saturation_is_named_with_the_peak_that_is_left(make_set, run_pass):
    torch.manual_seed(0)
    warning = warning_of(run_pass(Saturated(), make_set(12)))
    assert "the network is saturated" in warning
    assert float(re.search(r"only ([\d.e-]+) of the largest logit", warning)[1]) < 1e-4


def test_a_change_in_place_is_named_with_its_layer(make_set, run_pass, monkeypatch):
    monkeypatch.setitem(self_checks.OTHER_HEAD_TOLERANCES, "fp32", 1e-9)
    torch.manual_seed(0)
    network = ChangesLater()
    seen = []
    network.features.register_forward_hook(lambda *args: seen.append(args[2].detach().clone()))
    warning = warning_of(run_pass(network, make_set(12)))
    assert "changes the output of `features` in place" in warning
    least = min(float((-values.clamp(max=0)).max() / values.abs().max()) for values in seen if len(values) == 4)
    assert least / 2 <= found_percent(warning) <= 1.001


def test_an_unknown_cause_says_what_was_ruled_out():
    assert replace(NONE, sum_error=0.5).describe(0.3).startswith("None of the usual causes explains it")
    assert "1.0e-07" in replace(NONE, sum_error=None).describe(0.3)
