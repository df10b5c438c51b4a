from dataclasses import replace

import pytest
import torch
from torch import nn

from reportgen.evidence.methods.cam import CAM_FUNCTIONS
from reportgen.evidence.methods.closed_form import ClosedForm, find_closed_form
from reportgen.evidence.trust.recomputation import compute_sum_errors, recompute_maps
from reportgen.evidence.trust.self_checks import name_arithmetic


def test_the_sum_error_is_relative_to_the_largest_logit():
    maps = torch.tensor([[[1.0, 2.0]], [[0.0, 0.0]]])
    bias = torch.tensor([0.5, 1.0])
    logits = torch.tensor([[3.5, -7.0], [8.0, 1.5]])
    # 3 + 0.5 = 3.5 exactly; 0 + 1 is 0.5 away from 1.5, of 8
    assert compute_sum_errors(maps, bias, logits, torch.tensor([0, 1])).tolist() == [0.0, 0.0625]


def test_arithmetic_on_the_cpu_is_that_of_the_precision():
    assert name_arithmetic("fp32", torch.device("cpu")) == "fp32"
    assert name_arithmetic("bf16", torch.device("cpu")) == "bf16"


def test_tf32_is_named_where_cuda_may_use_it(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    assert name_arithmetic("fp32", torch.device("cuda")) == "tf32"
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    assert name_arithmetic("fp32", torch.device("cuda")) == "fp32"


def test_all_checks_pass_on_a_right_pass(build, make_set, run_pass):
    summed, closed, recomputed = run_pass(build("pooling"), make_set(12)).checks
    assert summed.passed and summed.num_checked == 24 and summed.worst_error < 1e-5  # noqa: PT018
    assert closed.passed and closed.num_checked >= 8 and 0 < closed.worst_error < 1e-5  # noqa: PT018
    assert recomputed.passed and recomputed.num_checked == 4 and 0 < recomputed.worst_error < 1e-4  # noqa: PT018
    assert recomputed.name == "gradcam = full float64 recomputation"


def test_only_the_recomputation_applies_to_another_head(build, make_set, run_pass):
    summed, closed, recomputed = run_pass(build("mlp"), make_set(12)).checks
    assert (summed.num_checked, summed.worst_error) == (0, 0.0)
    assert (closed.num_checked, closed.worst_error) == (0, 0.0)
    assert recomputed.num_checked == 4


def test_every_method_is_recomputed_and_the_signed_ones_are_summed(build, make_set, run_pass):
    summed, _, *recomputed = run_pass(build("pooling"), make_set(12), methods=tuple(CAM_FUNCTIONS)).checks
    assert summed.passed and summed.num_checked == 2 * 24  # noqa: PT018
    assert [check.name.split(" = ")[0] for check in recomputed] == list(CAM_FUNCTIONS)
    assert all(check.passed and check.num_checked == 4 and check.worst_error > 0 for check in recomputed)


@pytest.fixture
def spoil(monkeypatch):
    """Changes a method in the pass, not in the recomputation."""

    def change(method: str, spoilt) -> None:
        right = CAM_FUNCTIONS[method]
        monkeypatch.setattr("reportgen.evidence.methods.map_sources.CAM_FUNCTIONS", {**CAM_FUNCTIONS, method: spoilt})

        def recompute_rightly(*args, **kwargs):
            with monkeypatch.context() as patch:
                patch.setattr("reportgen.evidence.methods.map_sources.CAM_FUNCTIONS", {**CAM_FUNCTIONS, method: right})
                return recompute_maps(*args, **kwargs)

        monkeypatch.setattr("reportgen.evidence.trust.self_checks.recompute_maps", recompute_rightly)

    return change


def test_maps_that_are_one_percent_off_fail_the_sum_and_the_recomputation(build, make_set, run_pass, spoil):
    spoil("gradcam", lambda a, g: (a * g).sum(1) * 1.01)
    cache = run_pass(build("pooling"), make_set(12))
    summed, closed, recomputed = cache.checks
    assert not summed.passed
    assert closed.passed
    assert recomputed.worst_error == pytest.approx(0.01, rel=1e-3)
    assert not recomputed.passed
    (warning,) = cache.provenance.warnings
    assert warning.startswith("The maps may be wrong, as self-checks failed: map sum + bias = logit (error ")
    assert "gradcam = full float64 recomputation (error 1.0e-02, tolerance 1e-03)" in warning


@pytest.mark.parametrize("method", CAM_FUNCTIONS)
def test_a_wrong_map_of_any_method_fails_its_recomputation(build, make_set, run_pass, spoil, method):
    right = CAM_FUNCTIONS[method]
    spoil(method, lambda a, g: right(a, g).flip(2))
    assert not run_pass(build("pooling"), make_set(12), methods=(method,)).checks[-1].passed


def test_a_principal_component_of_the_wrong_sign_fails_its_recomputation(build, make_set, run_pass, spoil):
    spoil("eigencam", lambda a, g: -CAM_FUNCTIONS["eigencam"](a, g))
    assert not run_pass(build("pooling"), make_set(12), methods=("eigencam",)).checks[-1].passed


def test_a_closed_form_that_is_not_the_heads_fails(build, make_set, run_pass, monkeypatch):
    def find_another(*args) -> ClosedForm:
        found = find_closed_form(*args)
        return replace(found, weights=found.weights * 1.001)

    monkeypatch.setattr("reportgen.evidence.methods.explainers.find_closed_form", find_another)
    _, closed, _ = run_pass(build("pooling"), make_set(12)).checks
    assert closed.worst_error == pytest.approx(0.001, rel=1e-2)
    assert not closed.passed


def test_a_network_whose_examples_mix_fails_the_recomputation(build, make_set, run_pass):
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = build("mlp")

        def forward(self, x):
            logits = self.network(x)
            return logits * logits.abs().mean()

    assert not run_pass(Mixed(), make_set(12)).checks[-1].passed


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
    summed, closed, recomputed = cache.checks
    assert recomputed.num_checked == 0
    assert summed.num_checked == 24
    assert closed.num_checked == 4  # its own probes
    assert cache.provenance.warnings == (
        "No map could be recomputed in float64, as no copy of the network runs in it (RuntimeError: float32 only).",
    )
