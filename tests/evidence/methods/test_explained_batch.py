"""Running a network once and explaining any of its logits."""

from contextlib import ExitStack

import pytest
import torch
from torch import Tensor, nn

from reportgen.errors import ModelError
from reportgen.evidence.layers.target_layers import find_target_layers
from reportgen.evidence.methods.explained_batch import Explainer
from reportgen.evidence.methods.map_sources import LayerMaps


def _images() -> Tensor:
    return torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Upstream:
    """A further source, which begins to record at an early layer, as maps of attention do."""

    grids, layers, warnings, needs_gradients = {"early": (16, 16)}, ("stem",), (), True

    def __init__(self, layer: nn.Module) -> None:
        self._layer = layer

    def __enter__(self) -> "Upstream":
        self._handle = self._layer.register_forward_hook(self._look_at)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._handle.remove()

    def _look_at(self, _layer: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        self._value = output.detach().requires_grad_()
        return self._value.clone()

    def begin(self, _contexts: ExitStack) -> None:
        self._value = None

    def values(self) -> tuple[Tensor, ...]:
        return (self._value,)

    def make_agnostic_maps(self, _values) -> dict[str, Tensor]:
        return {}

    def make_maps(self, values, gradients, _classes) -> dict[str, Tensor]:
        return {"early": (values[0].detach() * gradients[0]).sum(1)}


@pytest.fixture
def count_gradients(monkeypatch):
    calls: list[int] = []
    plain = torch.autograd.grad
    monkeypatch.setattr("torch.autograd.grad", lambda *a, **k: (calls.append(1), plain(*a, **k))[1])
    return calls


@pytest.fixture
def prepared(build):
    network = build("mlp").requires_grad_(False)
    return network, find_target_layers(network, _images())


def test_any_classes_can_be_explained(prepared):
    network, targets = prepared
    chosen = [torch.full((6,), index) for index in (2, 0, 4)]
    with Explainer(network, [LayerMaps(targets, ["gradcam", "hirescam"])]) as explainer:
        maps = explainer.explain(explainer.run(_images()), chosen)
        alone = [explainer.explain(explainer.run(_images()), [classes]) for classes in chosen]
    for method in ("gradcam", "hirescam"):
        assert len(maps[method]) == 3
        for together, separate in zip(maps[method], alone, strict=True):
            torch.testing.assert_close(together, separate[method][0])


def test_all_methods_share_one_gradient_for_each_class(prepared, count_gradients):
    network, targets = prepared
    chosen = [torch.full((6,), index) for index in (2, 0, 4)]
    source = LayerMaps(targets, ["gradcam", "layercam", "eigengradcam", "eigencam"])
    with Explainer(network, [source, Upstream(network.features[0])]) as explainer:
        explainer.explain(explainer.run(_images()), chosen)
    assert len(count_gradients) == 3


def test_a_class_that_agrees_with_the_first_everywhere_is_the_very_same_map(prepared, count_gradients):
    network, targets = prepared
    labels = torch.arange(6) % 5
    with Explainer(network, [LayerMaps(targets, ["gradcam"])]) as explainer:
        first, second = explainer.explain(explainer.run(_images()), [labels, labels.clone()])["gradcam"]
    assert first is second
    assert len(count_gradients) == 1


def test_an_example_whose_classes_agree_has_the_very_same_values(prepared):
    network, targets = prepared
    labels = torch.arange(6) % 5
    others = labels.clone()
    others[3] = 0
    with Explainer(network, [LayerMaps(targets, ["gradcam"])]) as explainer:
        first, second = explainer.explain(explainer.run(_images()), [labels, others])["gradcam"]
    is_same = (first == second).all(dim=2).all(dim=1)
    assert is_same.tolist() == [True, True, True, False, True, True]


def test_a_method_without_classes_is_computed_once_for_all(prepared):
    network, targets = prepared
    chosen = [torch.full((6,), index) for index in (2, 0)]
    with Explainer(network, [LayerMaps(targets, ["eigencam", "gradcam"])]) as explainer:
        maps = explainer.explain(explainer.run(_images()), chosen)
    first, second = maps["eigencam"]
    assert first is second
    assert (maps["gradcam"][0] != maps["gradcam"][1]).any()


def test_a_record_that_begins_upstream_leaves_the_layers_maps_as_they_are(build):
    network, images = build("pooling").requires_grad_(False), _images()
    classes = torch.arange(6) % 5
    targets = find_target_layers(network, images)
    with Explainer(network, [LayerMaps(targets, ["gradcam"])]) as explainer:
        expected = explainer.explain(explainer.run(images), [classes])["gradcam"][0]
    sources = [LayerMaps(targets, ["gradcam"]), Upstream(network.stem)]
    with Explainer(network, sources) as explainer:
        maps = explainer.explain(explainer.run(images), [classes])
    torch.testing.assert_close(maps["gradcam"][0], expected)
    stem = network.stem(images).requires_grad_()
    logits = network.head(network.features(torch.relu(network.bn(stem))).mean((2, 3)))
    (gradient,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), stem)
    torch.testing.assert_close(maps["early"][0], (stem * gradient).sum(1).detach())


def test_both_maps_of_a_batch_come_from_one_forward(prepared):
    network, targets = prepared
    calls: list[int] = []
    network.register_forward_hook(lambda *_: calls.append(1))
    with Explainer(network, [LayerMaps(targets, ["gradcam", "eigencam"])]) as explainer:
        explained = explainer.explain_batch(_images(), torch.zeros(6, dtype=torch.int64))
    assert calls == [1]
    assert (explained.predicted == explained.logits.argmax(1)).all()
    assert explained.maps.keys() == {"gradcam", "eigencam"}
    assert not explained.logits.requires_grad


def test_without_sources_there_are_logits_alone(prepared):
    network, _ = prepared
    with Explainer(network) as explainer:
        explained = explainer.explain_batch(_images(), torch.zeros(6, dtype=torch.int64))
    assert explained.maps == {}
    torch.testing.assert_close(explained.logits, network(_images()))


def test_a_layer_that_an_image_passes_by_is_an_error(build):
    class Choosy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network, self.is_short = build("pooling"), False

        def forward(self, x):
            return self.network.head(torch.ones(len(x), 8)) if self.is_short else self.network(x)

    network = Choosy().requires_grad_(False)
    source = LayerMaps(find_target_layers(network, _images()), ["gradcam"])
    with Explainer(network, [source]) as explainer:
        explainer.run(_images())
        network.is_short = True
        with pytest.raises(ModelError, match="not called"):
            explainer.explain_batch(_images(), torch.zeros(6, dtype=torch.int64))


def test_hooks_are_there_from_with_to_its_end(prepared):
    network, targets = prepared
    explainer = Explainer(network, [LayerMaps(targets, ["gradcam"])])
    assert not network.features._forward_hooks
    with explainer:
        assert network.features._forward_hooks
    assert not network.features._forward_hooks
    with pytest.raises(KeyboardInterrupt), explainer:
        raise KeyboardInterrupt
    assert not network.features._forward_hooks
