"""Maps of attention in the one pass: beside those of layers, of one forward, checked and described."""

import numpy as np
import pytest
import torch
from torch import nn
from vits import NUM_CLASSES, SIZE, build_vit, plain_attention, plain_relevance, plain_rollout

from reportgen.errors import LayerError, ModelError, SettingsError
from reportgen.evidence.attention import tap as attention_tap
from reportgen.evidence.attention.layers import AttentionLayer

pytestmark = pytest.mark.extra

BOTH = ("rollout", "chefer")
ALL = ("gradcam", "rollout", "chefer")
ONE_OF_EACH = ("torch encoder", "torchvision", "timm, distilled", "transformers, sdpa")
FLOAT16 = 2**-10  # of a map's peak


def count_calls(network: nn.Module) -> list[int]:
    """The batch sizes of the forwards that the network has run since."""
    sizes: list[int] = []
    network.register_forward_pre_hook(lambda _m, inputs: sizes.append(len(inputs[0])))
    return sizes


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_cached_maps_equal_the_papers_written_plainly(name, run_pass, make_set, to_inputs):
    network, examples = build_vit(name), make_set(6, SIZE)
    cache = run_pass(network, examples, methods=BOTH)
    for place, image in enumerate(to_inputs(examples)):
        predicted = int(cache.logits[place].argmax())
        for index, kind in ((int(examples.labels[place]), "true"), (predicted, "predicted")):
            attentions, gradients = plain_attention(build_vit(name), image, index)
            for method, expected in (
                ("rollout", plain_rollout(attentions, name)),
                ("chefer", plain_relevance(attentions, gradients, name)),
            ):
                stored = getattr(cache.cams[method], kind)[place]
                np.testing.assert_allclose(stored, expected, atol=FLOAT16 * np.abs(expected).max())


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_methods_of_both_families_share_one_forward_and_do_not_move_each_other(name, run_pass, make_set):
    examples = make_set(8, SIZE)
    cache = run_pass(build_vit(name), examples, methods=ALL)
    alone = {method: run_pass(build_vit(name), examples, methods=(method,)) for method in ALL}
    assert tuple(cache.cams) == ALL
    for method, other in alone.items():
        np.testing.assert_allclose(cache.logits, other.logits, rtol=1e-5, atol=1e-5)
        for kind in ("true", "predicted"):
            found, expected = (getattr(c.cams[method], kind).astype(float) for c in (cache, other))
            assert np.abs(found - expected).max() <= FLOAT16 * np.abs(expected).max()
    assert all(check.passed for check in cache.checks)
    assert {check.name.split()[0] for check in cache.checks if check.num_checked} >= set(ALL)


def test_each_batch_is_one_forward_and_at_most_two_backwards(run_pass, make_set, monkeypatch):
    network, sizes, backwards = build_vit("timm"), [], []
    run_pass(
        network, make_set(12, SIZE), methods=BOTH, batch_size=4
    )  # the copy for the self-check takes no hooks along
    sizes = count_calls(network)
    differentiate = torch.autograd.grad

    def count(outputs, inputs, *args, **kwargs):
        if len(inputs) == 3 and inputs[0].dtype == torch.float32:
            backwards.append(len(inputs[0]))
        return differentiate(outputs, inputs, *args, **kwargs)

    monkeypatch.setattr(torch.autograd, "grad", count)
    run_pass(network, make_set(12, SIZE), methods=BOTH, batch_size=4)
    assert sizes.count(4) == 3
    assert 3 <= backwards.count(4) <= 6


def test_rollout_is_one_map_for_both_classes(run_pass, make_set):
    cache = run_pass(build_vit("torchvision"), make_set(8, SIZE), methods=ALL)
    assert cache.cams["rollout"].is_class_agnostic
    assert not cache.cams["chefer"].is_class_agnostic
    is_right = cache.logits.argmax(axis=1) == cache.labels
    same = (cache.cams["chefer"].true == cache.cams["chefer"].predicted).all(axis=(1, 2))
    assert np.array_equal(same, is_right)


def test_provenance_names_attention_where_no_layer_is_needed(run_pass, make_set):
    cache = run_pass(build_vit("timm"), make_set(4, SIZE), methods=BOTH)
    assert cache.provenance.target_layer == "attention of 3 layers"
    assert "4×4 cells" in " ".join(cache.provenance.warnings)
    both = run_pass(build_vit("timm"), make_set(4, SIZE), methods=ALL)
    assert both.provenance.target_layer == "attention of 3 layers, blocks.2.norm1"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_batch_size_does_not_matter(precision, run_pass, make_set):
    examples = make_set(10, SIZE)
    options = {"methods": BOTH, "discard_ratio": 0.3, "precision": precision}
    one, other = (run_pass(build_vit("timm"), examples, batch_size=size, **options) for size in (1, 7))
    tolerance = 1e-3 if precision == "fp32" else 5e-2
    for method in BOTH:
        found, expected = one.cams[method].true.astype(float), other.cams[method].true.astype(float)
        assert np.abs(found - expected).max() <= tolerance * expected.max()


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_bfloat16_stays_near_float32(name, run_pass, make_set):
    examples = make_set(6, SIZE)
    exact = run_pass(build_vit(name), examples, methods=BOTH)
    coarse = run_pass(build_vit(name), examples, methods=BOTH, precision="bf16")
    assert all(check.passed for check in coarse.checks)
    for method in BOTH:
        difference = np.abs(coarse.cams[method].true.astype(float) - exact.cams[method].true)
        assert difference.max() <= 0.1 * exact.cams[method].true.max()


@pytest.mark.parametrize("method", BOTH)
def test_self_check_fails_where_attention_is_wrong(method, run_pass, make_set, monkeypatch):
    attend = AttentionLayer.attend

    def attend_otherwise(self, tokens):
        attention, values = attend(self, tokens)
        if tokens.dtype == torch.float32 and len(tokens) == 4:  # in the pass, not when it is proved nor in float64
            attention = attention.roll(1, dims=-1)
        return attention, values

    monkeypatch.setattr(AttentionLayer, "attend", attend_otherwise)
    cache = run_pass(build_vit("timm"), make_set(8, SIZE), methods=(method,))
    assert [check.passed for check in cache.checks if check.name.startswith(method)] == [False]


def test_self_check_fails_where_layers_are_followed_in_the_wrong_direction(run_pass, make_set, monkeypatch):
    monkeypatch.setattr(attention_tap, "reversed", lambda sequence: sequence, raising=False)
    cache = run_pass(build_vit("timm"), make_set(8, SIZE), methods=("chefer",))
    assert [check.passed for check in cache.checks if check.name.startswith("chefer")] == [False]


def test_memory_that_does_not_suffice_gives_the_hint(run_pass, make_set, monkeypatch):
    def refuse(*_arguments):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(AttentionLayer, "differentiate", refuse)
    with pytest.raises(SettingsError, match="batch_size=4"):
        run_pass(build_vit("timm"), make_set(4, SIZE), methods=("chefer",))
    monkeypatch.setattr(AttentionLayer, "attend", refuse)  # while the layers are proved
    with pytest.raises(SettingsError, match="batch_size=4"):
        run_pass(build_vit("timm"), make_set(4, SIZE), methods=("rollout",))


def test_a_network_without_attention_is_refused(build, run_pass, make_set):
    with pytest.raises(LayerError, match="no attention layer"):
        run_pass(build("pooling"), make_set(4), methods=("rollout",))


def test_wrong_number_of_classes_is_told_before_attention_is_looked_for(run_pass, make_set):
    with pytest.raises(ModelError, match=f"{NUM_CLASSES} outputs"):
        run_pass(build_vit("timm"), make_set(4, SIZE, num_classes=3), methods=BOTH)
