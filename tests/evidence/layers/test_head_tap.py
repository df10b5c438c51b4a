from collections import OrderedDict

import pytest
import torch
from torch import nn

from reportgen.errors import ModelError
from reportgen.evidence.layers.head_tap import HeadTap
from reportgen.evidence.layers.outputs import extract_logits

LOGITS = torch.zeros(2, 3)


class WithLogits:
    logits = LOGITS


@pytest.mark.parametrize(
    "output",
    [
        LOGITS,
        (LOGITS, torch.zeros(2, 9)),
        [LOGITS],
        {"logits": LOGITS, "loss": None},
        OrderedDict(logits=LOGITS),
        WithLogits(),
    ],
    ids=["tensor", "tuple", "list", "dict", "ordered dict", "attribute"],
)
def test_logits_are_found(output):
    assert extract_logits(output) is LOGITS


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (torch.zeros(2, 3, 1, 1), "shape (2, 3, 1, 1)"),
        (torch.zeros(2), "shape (2,)"),
        (torch.zeros(2, 3, dtype=torch.int64), "int64"),
        ({"scores": LOGITS}, "keys scores"),
        ((None, LOGITS), "first element is a NoneType"),
        ((), "a tuple"),
        ("x", "a str"),
    ],
)
def test_an_output_without_logits_is_described(output, words):
    with pytest.raises(ModelError) as caught:
        extract_logits(output)
    assert words in caught.value.message


def test_nothing_before_the_layer_is_recorded(build):
    network = build("pooling").requires_grad_(False)
    with HeadTap(network.features) as tap:
        logits, activations = tap.run(network, torch.randn(2, 3, 16, 16))
    assert logits.requires_grad
    assert tap.output is None  # let go of at the end
    leaf = activations.grad_fn.next_functions[0][0]
    assert leaf.next_functions == ()


def test_only_the_chosen_call_is_tapped(build):
    network = build("shared").requires_grad_(False)
    inputs = torch.randn(2, 3, 16, 16)
    with HeadTap(network.relu, 0) as tap:
        assert tap.run(network, inputs)[1].shape == (2, 6, 16, 16)
    with HeadTap(network.relu, 1) as tap:
        assert tap.run(network, inputs)[1].shape == (2, 8, 8, 8)
        assert tap.run(network, inputs)[1].shape == (2, 8, 8, 8)  # calls are counted anew in each forward


def test_the_tapped_tensor_is_the_one_that_the_head_reads(build):
    network = build("in place").requires_grad_(False)
    with HeadTap(network.features) as tap:
        logits, activations = tap.run(network, torch.randn(2, 3, 16, 16))
        assert activations.min() == 0
        assert tap.output.min() < 0
    (gradient,) = torch.autograd.grad(logits[:, 1].sum(), activations)
    expected = network.head.weight[1].view(1, 8, 1, 1).expand(2, 8, 8, 8) / 64
    torch.testing.assert_close(gradient, expected)


def test_a_substitute_replaces_the_layers_output(build):
    network = build("pooling").requires_grad_(False)
    with HeadTap(network.features) as tap:
        logits, _ = tap.run(network, torch.randn(2, 3, 16, 16), substitute=torch.zeros(2, 8, 8, 8))
    torch.testing.assert_close(logits, network.head.bias.expand(2, -1))


def test_the_hook_is_gone_after_an_exception(build):
    network = build("pooling")
    with pytest.raises(RuntimeError), HeadTap(network.features) as tap:
        tap.run(network, torch.randn(2, 99, 16, 16))
    assert not network.features._forward_hooks


def test_a_layer_that_is_not_called_is_an_error(build):
    network = build("pooling")
    unused = nn.ReLU()
    with HeadTap(unused) as tap, pytest.raises(ModelError, match="not called"):
        tap.run(network, torch.randn(2, 3, 16, 16))
