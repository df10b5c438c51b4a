"""Rollout and relevance by hand, and what is joined and discarded on the way."""

import numpy as np
import pytest
import torch

from reportgen.evidence.attention.maps import (
    discard_smallest,
    fuse_heads,
    pass_relevance_back,
    roll_out,
    weigh_attention,
)

# A class token and two patches.
FIRST = torch.tensor([[[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]])
SECOND = torch.tensor([[[0.0, 0.5, 0.5], [0.25, 0.5, 0.25], [1.0, 0.0, 0.0]]])


def test_rollout_of_two_layers_is_the_one_worked_out_by_hand():
    rolled = roll_out(roll_out(None, FIRST), SECOND)
    # Halves of attention and identity: first [.75 .125 .125; 0 1 0; .25 0 .75], second row of the class [.5 .25 .25].
    expected = [0.5 * 0.75 + 0.25 * 0.25, 0.5 * 0.125 + 0.25, 0.5 * 0.125 + 0.25 * 0.75]
    assert rolled[0, 0].tolist() == pytest.approx([0.4375, 0.3125, 0.25]) == expected
    assert rolled.sum(-1).tolist() == [[1.0, 1.0, 1.0]]


def test_relevance_of_two_layers_is_the_one_worked_out_by_hand():
    first = weigh_attention(
        torch.tensor([[[[0.5, 0.4, 0.1], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]]]]),
        torch.tensor([[[[1.0, -1.0, 1.0], [1.0, -2.0, 1.0], [-1.0, 1.0, 0.0]]]]),
    )
    assert first[0].tolist() == [
        pytest.approx([0.5, 0.0, 0.1]),
        pytest.approx([0.3, 0.0, 0.4]),
        pytest.approx([0.0, 0.2, 0.0]),
    ]
    second = torch.tensor([[[0.0, 0.1, 0.2], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    row = pass_relevance_back(pass_relevance_back(torch.tensor([[1.0, 0.0, 0.0]]), second), first)
    # e + e·second = [1 .1 .2]; and that times first: [.5 + .03, .04, .1 + .04].
    assert row[0].tolist() == pytest.approx([1.53, 0.14, 0.34])


def test_relevance_row_equals_the_row_of_the_whole_product():
    generator = torch.Generator().manual_seed(0)
    layers = torch.rand((4, 2, 6, 6), generator=generator, dtype=torch.float64)
    relevance = torch.eye(6, dtype=torch.float64).expand(2, -1, -1)
    for weighted in layers:
        relevance = relevance + weighted @ relevance
    reading = torch.tensor([0.5, 0.5, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    row = reading.expand(2, -1)
    for weighted in layers.flip(0):
        row = pass_relevance_back(row, weighted)
    torch.testing.assert_close(row, relevance[:, :2].mean(dim=1))


def test_heads_mean_is_taken_after_negative_products_are_cut():
    attention = torch.tensor([[[[1.0]], [[1.0]]]])
    assert weigh_attention(attention, torch.tensor([[[[3.0]], [[-5.0]]]])).item() == 1.5


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
def test_heads_are_joined_entry_by_entry(fusion):
    attention = torch.rand((2, 3, 4, 4), generator=torch.Generator().manual_seed(0))
    expected = getattr(np, fusion)(attention.numpy(), axis=1)
    np.testing.assert_allclose(fuse_heads(attention, fusion), expected, rtol=1e-6)


def test_rows_sum_to_one_whatever_was_joined_and_discarded():
    attention = fuse_heads(torch.rand((2, 3, 5, 5), generator=torch.Generator().manual_seed(0)).softmax(-1), "max")
    kept = torch.tensor([True, False, False, False, False])
    rolled = roll_out(None, discard_smallest(attention, 0.6, kept))
    torch.testing.assert_close(rolled.sum(-1), torch.ones(2, 5))


def test_smallest_are_discarded_in_every_example_and_never_in_the_row_of_the_class_token():
    attention = torch.rand((3, 4, 4), generator=torch.Generator().manual_seed(0)) + 0.1
    attention[:, 0] = 1e-6  # the smallest of all
    discarded = discard_smallest(attention, 0.5, torch.tensor([True, False, False, False]))
    assert torch.equal(discarded[:, 0], attention[:, 0])
    for before, after in zip(attention[:, 1:], discarded[:, 1:], strict=True):
        threshold = before.flatten().sort().values[6]
        assert torch.equal(after, torch.where(before < threshold, 0, before))
        assert (after == 0).sum() == 6


def test_of_equal_attentions_the_first_are_discarded():
    discarded = discard_smallest(torch.full((1, 2, 2), 0.5), 0.5, torch.tensor([False, False]))
    assert discarded.tolist() == [[[0.0, 0.0], [0.5, 0.5]]]


def test_nothing_is_discarded_without_a_ratio():
    assert discard_smallest(FIRST, 0.0, torch.tensor([True, False, False])) is FIRST
