"""Maps of layers: by gradients and by the closed form, of one layer and of several, in float32 and under autocast."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from reportgen.analysis.scaling import scale_maps
from reportgen.evidence.layers.target_layers import find_target_layers
from reportgen.evidence.methods.cam import CAM_FUNCTIONS
from reportgen.evidence.methods.closed_form import find_closed_form
from reportgen.evidence.methods.explained_batch import Explainer
from reportgen.evidence.methods.map_sources import LayerMaps

CLASSES = torch.tensor([0, 3, 1, 4])


def _images(count: int = 4) -> Tensor:
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def _make(network: nn.Module, source: LayerMaps, images: Tensor, **options) -> tuple[Tensor, dict[str, Tensor]]:
    with Explainer(network, [source], **options) as explainer:
        logits = explainer.run(images)
        return logits.detach(), {method: maps[0] for method, maps in explainer.explain(logits, [CLASSES]).items()}


@pytest.mark.parametrize("name", ["pooling", "in place", "shared"])
def test_the_closed_form_gives_the_maps_of_the_general_path(build, name):
    network, images = build(name).double().requires_grad_(False), _images().double()
    targets = find_target_layers(network, images)
    form = find_closed_form(network, images, targets[0])
    source = LayerMaps(targets, tuple(CAM_FUNCTIONS), closed_form=form)
    assert not source.needs_gradients
    logits, maps = _make(network, source, images)
    expected_logits, expected = _make(network, LayerMaps(targets, tuple(CAM_FUNCTIONS)), images)
    torch.testing.assert_close(logits, expected_logits)
    for method, computed in maps.items():
        torch.testing.assert_close(computed, expected[method], rtol=1e-9, atol=1e-12, msg=method)


def test_the_closed_form_records_nothing_and_differentiates_nothing(build, monkeypatch):
    network, images = build("pooling").requires_grad_(False), _images()
    targets = find_target_layers(network, images)
    source = LayerMaps(targets, tuple(CAM_FUNCTIONS), closed_form=find_closed_form(network, images, targets[0]))
    monkeypatch.setattr("torch.autograd.grad", None)
    with Explainer(network, [source]) as explainer:
        logits = explainer.run(images)
        assert not logits.requires_grad
        assert not source.values()[0].requires_grad
        assert explainer.explain(logits, [CLASSES]).keys() == CAM_FUNCTIONS.keys()


def test_a_method_without_classes_records_nothing_in_any_network(build):
    network, images = build("mlp").requires_grad_(False), _images()
    source = LayerMaps(find_target_layers(network, images), ["eigencam"])
    with Explainer(network, [source]) as explainer:
        logits = explainer.run(images)
        assert not logits.requires_grad
        assert list(explainer.explain(logits, [CLASSES])) == ["eigencam"]


@pytest.mark.parametrize("layers", [("stem", "features"), ("features", "stem"), ("features.0", "bn", "features")])
@pytest.mark.parametrize("aggregate", ["mean", "max", "weighted"])
def test_several_layers_equal_plain_float64_autograd_of_each(build, plain_autograd, layers, aggregate):
    network, images = build("pooling").double(), _images().double()
    targets = find_target_layers(network, images, layers)
    own = []
    for layer in layers:
        activations, gradients = plain_autograd(network, layer, images, CLASSES)
        own.append((gradients.mean((2, 3), keepdims=True) * activations).sum(1))
    scaled = np.stack([scale_maps(maps, (16, 16)) for maps in own])
    evidence = np.stack([np.maximum(maps, 0).sum((1, 2)) for maps in own])[:, :, None, None]
    weighted = (scaled * evidence).sum(0) / evidence.sum(0)
    expected = {"mean": scaled.mean(0), "max": scaled.max(0), "weighted": weighted}[aggregate]
    source = LayerMaps(targets, ["gradcam"], aggregate=aggregate)
    assert source.grids == {"gradcam": (16, 16)}
    assert source.layers == layers
    _, maps = _make(network.requires_grad_(False), source, images)
    assert np.abs(maps["gradcam"].numpy() - expected).max() <= 1e-12 * np.abs(expected).max()


def test_a_layer_behind_another_one_keeps_the_record_of_it(build):
    network, images = build("pooling").requires_grad_(False), _images()
    source = LayerMaps(find_target_layers(network, images, ["stem", "features"]), ["gradcam"])
    with Explainer(network, [source]) as explainer:
        explainer.run(images)
        stem, features = source.values()
    (gradient,) = torch.autograd.grad(features.sum(), stem)
    assert gradient.any()
    with Explainer(network, [LayerMaps(source.targets[1:], ["gradcam"])]) as explainer:
        explainer.run(images)
        leaf = explainer.sources[0].values()[0].grad_fn.next_functions[0][0]
        assert leaf.next_functions == ()


@pytest.mark.parametrize("layers", [(), ("stem", "features"), ("features", "stem")])
def test_the_head_behind_the_last_layer_runs_in_float32_under_bfloat16(build, layers):
    network, images = build("pooling").requires_grad_(False), _images()
    source = LayerMaps(find_target_layers(network, images, layers), ["gradcam"])
    with Explainer(network, [source], autocast=torch.bfloat16) as explainer:
        logits = explainer.run(images)
        last = next(v for t, v in zip(source.targets, source.values(), strict=True) if t.name.startswith("features"))
        assert torch.equal(last, last.bfloat16().float())  # the layer itself ran in bfloat16
        if layers:
            assert {value.dtype for value in source.values()} == {torch.float32, torch.bfloat16}
        (maps,) = explainer.explain(logits, [CLASSES])["gradcam"]
    assert logits.dtype == maps.dtype == torch.float32
    expected = nn.functional.linear(last.detach().mean((2, 3)), network.head.weight, network.head.bias)
    torch.testing.assert_close(logits.detach(), expected)
    assert not torch.is_autocast_enabled("cpu")


def test_a_bypassed_head_may_run_in_bfloat16(build):
    network, images = build("skip").requires_grad_(False), _images()
    targets = find_target_layers(network, images)
    logits, _ = _make(network, LayerMaps(targets, ["gradcam"], float32_head=False), images, autocast=torch.bfloat16)
    assert logits.dtype == torch.float32
    assert torch.equal(logits, logits.bfloat16().float())


def test_hooks_are_gone_if_one_of_them_fails(build, monkeypatch):
    network = build("pooling").requires_grad_(False)
    source = LayerMaps(find_target_layers(network, _images(), ["stem", "features"]), ["gradcam"])

    def refuse(*_args: object) -> None:
        raise RuntimeError("no hook")

    monkeypatch.setattr(network.features, "register_forward_hook", refuse)
    with pytest.raises(RuntimeError, match="no hook"), source:
        pass
    assert not network.stem._forward_hooks
