"""The whole pass: against plain pytorch-grad-cam, plain float64 autograd and a map worked out by hand."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytorch_grad_cam
import torch
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from records import make_key
from torch import Tensor, nn

from reportgen.errors import DataError, LayerError, ModelError, SettingsError
from reportgen.evidence.layers.target_layers import find_target_layers
from reportgen.evidence.methods.cam import CAM_FUNCTIONS
from reportgen.evidence.methods.explained_batch import ExplainedBatch, Explainer
from reportgen.evidence.methods.map_sources import LayerMaps
from reportgen.inputs.data.arrays import ArrayImages
from reportgen.methods import list_methods

CAM_METHODS = list_methods("cam")
LIBRARY_METHODS = {
    "gradcam": pytorch_grad_cam.GradCAM,
    "hirescam": pytorch_grad_cam.HiResCAM,
    "gradcam++": pytorch_grad_cam.GradCAMPlusPlus,
    "xgradcam": pytorch_grad_cam.XGradCAM,
    "layercam": pytorch_grad_cam.LayerCAM,
    "eigencam": pytorch_grad_cam.EigenCAM,
    "eigengradcam": pytorch_grad_cam.EigenGradCAM,
    "gradcam-elementwise": pytorch_grad_cam.GradCAMElementWise,
}
SMALL = ["pooling", "mlp", "conv head", "skip", "in place", "shared", "channels last"]
LIBRARY = ["pooling", "mlp", "conv head", "skip"]  # the rest it can't do: in place, repeated calls, channels last
EIGEN = ("eigencam", "eigengradcam")  # where the library's sign is arbitrary
FLOAT16_STEP = 2**-11
MINIMUM = 6e-8  # the smallest float16 but 0


def _peak(maps: np.ndarray) -> np.ndarray:
    return np.abs(maps).max(axis=(1, 2), keepdims=True)


class Counting(nn.Module):
    """Counts the forwards of a network by the number of images."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.sizes: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(len(x))
        return self.network(x)


class ByHand(nn.Module):
    """Two channels, the red and green of 4x4 blocks; class 0 is 3 red - green, class 1 is 2 green + 1."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 2, 4, stride=4, bias=False)
        self.head = nn.Linear(2, 2)
        with torch.no_grad():
            self.features.weight.zero_()
            self.features.weight[0, 0] = self.features.weight[1, 1] = 1 / 16
            self.head.weight.copy_(torch.tensor([[3.0, -1.0], [0.0, 2.0]]))
            self.head.bias.copy_(torch.tensor([0.0, 1.0]))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean((2, 3)))


def test_a_map_worked_out_by_hand(make_set, run_pass):
    images = np.zeros((2, 16, 16, 3), np.uint8)
    images[:, :4, :4, 0] = 255  # one block of 16 is red, in both images
    images[1, 12:, 8:12, 1] = 255  # another one is green
    evaluation_set = replace(make_set(2, num_classes=2), images=ArrayImages(images), labels=np.array([0, 0]))
    cache = run_pass(ByHand(), evaluation_set)
    # after normalisation by mean (.5, .4, .6), std (.2, .25, .3): red is 2.5 or -2.5, green 2.4 or -1.6
    red, green = np.full((4, 4), -2.5), np.full((4, 4), -1.6)
    red[0, 0] = 2.5
    greener = green.copy()
    greener[3, 2] = 2.4
    np.testing.assert_allclose(
        cache.cams["gradcam"].true, np.stack([3 * red - green, 3 * red - greener]) / 16, rtol=1e-3
    )
    predicted = cache.logits.argmax(1)
    assert predicted.tolist() == [1, 1]  # -4.96 and -5.21 against -2.2 and -1.7
    np.testing.assert_allclose(cache.logits[:, 1], [1 - 3.2, 1 - 3.2 + 0.5], rtol=1e-5)
    np.testing.assert_allclose(cache.cams["gradcam"].predicted, np.stack([green, greener]) * 2 / 16, rtol=1e-3)
    np.testing.assert_array_equal(cache.thumbnails, images)


@pytest.mark.parametrize("name", SMALL)
def test_both_maps_equal_plain_float64_autograd(build, make_set, to_inputs, run_pass, plain_autograd, name):  # noqa: PLR0917
    network, evaluation_set = build(name), make_set(10)
    layer = "relu" if name == "shared" else "features"
    cache = run_pass(network, evaluation_set)
    inputs = to_inputs(evaluation_set)
    with torch.no_grad():
        logits = network(inputs)
    np.testing.assert_allclose(cache.logits, logits, rtol=1e-4, atol=1e-5)
    for maps, classes in (
        (cache.cams["gradcam"].true, torch.from_numpy(evaluation_set.labels)),
        (cache.cams["gradcam"].predicted, logits.argmax(1)),
    ):
        activations, gradients = plain_autograd(network, layer, inputs, classes)
        expected = (gradients.mean((2, 3), keepdims=True) * activations).sum(1)
        assert (np.abs(maps - expected) <= 2 * FLOAT16_STEP * _peak(expected) + MINIMUM).all()


def _explain(network: nn.Module, inputs: Tensor, labels: Tensor, *methods: str, layers=()) -> ExplainedBatch:
    """By gradients, whatever the head."""
    targets = find_target_layers(network, inputs, layers)
    with Explainer(network, [LayerMaps(targets, methods)]) as explainer:
        return explainer.explain_batch(inputs, labels)


@pytest.mark.parametrize("name", SMALL)
def test_the_mechanism_is_exact(build, make_set, to_inputs, plain_autograd, name):
    """In float64 nothing hides behind rounding: neither the detached trunk nor the summed batch costs a digit."""
    network, evaluation_set = build(name).double().requires_grad_(False), make_set(6)
    inputs, labels = to_inputs(evaluation_set).double(), torch.from_numpy(evaluation_set.labels)
    explained = _explain(network, inputs, labels, "gradcam")
    layer = "relu" if name == "shared" else "features"
    for maps, classes in zip(explained.maps["gradcam"], (labels, explained.predicted), strict=True):
        activations, gradients = plain_autograd(network.requires_grad_(True), layer, inputs, classes)
        expected = (gradients.mean((2, 3), keepdims=True) * activations).sum(1)
        assert (np.abs(maps.numpy() - expected) <= 1e-12 * _peak(expected)).all()


def _library_maps(method: str, network: nn.Module, inputs: Tensor, classes: Tensor) -> np.ndarray:
    """pytorch-grad-cam's own forward, backward and weighting, before it cuts off the negative and rescales."""
    layer = network.features
    with LIBRARY_METHODS[method](model=network, target_layers=[layer]) as cam:
        outputs = cam.activations_and_grads(inputs)
        targets = [ClassifierOutputTarget(index) for index in classes.tolist()]
        sum(target(output) for target, output in zip(targets, outputs, strict=True)).backward()
        (activations,), (gradients,) = cam.activations_and_grads.activations, cam.activations_and_grads.gradients
        return cam.get_cam_image(inputs, layer, targets, activations.numpy(), gradients.numpy(), False)


@pytest.mark.parametrize("name", LIBRARY)
def test_maps_of_every_method_equal_pytorch_grad_cams(build, make_set, to_inputs, name):
    """In float64, where a principal component that is hardly decided is still the same one."""
    network, evaluation_set = build(name).double(), make_set(6)
    inputs, labels = to_inputs(evaluation_set).double(), torch.from_numpy(evaluation_set.labels)
    expected = {method: _library_maps(method, network, inputs, labels) for method in CAM_METHODS}
    explained = _explain(network.requires_grad_(False), inputs, labels, *CAM_METHODS)
    for method, library in expected.items():
        maps = explained.maps[method][0].numpy()
        if method in EIGEN:
            maps = maps * np.sign((library * maps).sum((1, 2), keepdims=True))
        assert (np.abs(maps - library) <= 5e-6 * _peak(library)).all(), method


@pytest.mark.parametrize("name", SMALL)
def test_every_method_equals_plain_float64_autograd_in_the_pass(  # noqa: PLR0917
    build, make_set, to_inputs, run_pass, plain_autograd, name
):
    network, evaluation_set = build(name), make_set(10)
    cache = run_pass(network, evaluation_set, methods=CAM_METHODS)
    inputs, layer = to_inputs(evaluation_set), "relu" if name == "shared" else "features"
    predicted = torch.from_numpy(cache.logits.argmax(1))
    activations, true = plain_autograd(network, layer, inputs, torch.from_numpy(evaluation_set.labels))
    _, other = plain_autograd(network, layer, inputs, predicted)
    assert tuple(cache.cams) == CAM_METHODS
    for method in CAM_METHODS:
        tolerance = 1e-3 if method.startswith("eigen") else 2 * FLOAT16_STEP
        for maps, gradients in ((cache.cams[method].true, true), (cache.cams[method].predicted, other)):
            expected = CAM_FUNCTIONS[method](torch.from_numpy(activations), torch.from_numpy(gradients)).numpy()
            assert (np.abs(maps - expected) <= tolerance * _peak(expected) + MINIMUM).all(), method
    assert all(check.passed for check in cache.checks)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer", "num_checked"),
    [
        ("resnet18", "layer4", 8),
        ("densenet121", "features", 8),
        ("mobilenet_v3_small", "features", 0),
        ("efficientnet_b0", "features", 8),
        ("convnext_tiny", "features", 0),
    ],
)
def test_known_architectures_equal_plain_float64_autograd_and_the_library(  # noqa: PLR0917
    make_set, to_inputs, run_pass, plain_autograd, name, layer, num_checked
):
    torch.manual_seed(0)
    network = torchvision.models.get_model(name, weights=None, num_classes=5).eval()
    for module in network.modules():
        if isinstance(module, nn.Linear):  # else random weights give maps too small for float16
            module.weight.data.mul_(20)
    evaluation_set = make_set(4, size=128)
    cache = run_pass(network, evaluation_set, layers=(layer,), methods=CAM_METHODS)
    summed, closed, *recomputed = cache.checks
    assert summed.passed and summed.num_checked == 2 * num_checked  # noqa: PT018  Grad-CAM's and HiResCAM's
    assert closed.passed and bool(closed.num_checked) == bool(num_checked)  # noqa: PT018
    assert all(check.passed for check in recomputed)
    assert recomputed[0].worst_error < 2e-5
    labels = torch.from_numpy(evaluation_set.labels[:2])
    arrays = plain_autograd(network, layer, to_inputs(evaluation_set)[:2], labels)
    expected = (arrays[1].mean((2, 3), keepdims=True) * arrays[0]).sum(1)
    assert (np.abs(cache.cams["gradcam"].true[:2] - expected) <= 2 * FLOAT16_STEP * _peak(expected) + MINIMUM).all()
    for method in CAM_METHODS:
        library = LIBRARY_METHODS[method](model=network, target_layers=[network.get_submodule(layer)])
        expected = library.get_cam_image(None, None, None, *arrays, False)
        library.activations_and_grads.release()
        maps = CAM_FUNCTIONS[method](*map(torch.from_numpy, arrays)).numpy()
        if method in EIGEN:
            maps = maps * np.sign((expected * maps).sum((1, 2), keepdims=True))
        assert (np.abs(maps - expected) <= 5e-6 * _peak(expected)).all(), method


def test_each_batch_goes_through_the_network_once(build, make_set, run_pass):
    network = Counting(build("pooling"))
    run_pass(network, make_set(110), batch_size=25)
    counts = Counter(network.sizes)  # a copy for the self-check counts apart
    assert counts.pop(25) == 4
    assert counts.pop(10) == 1
    assert counts.keys() == {20, 4, 1}  # for the survey, for tries on four images, and for the head's closed form
    assert counts[20] == 1
    assert counts[4] <= 6
    assert counts[1] <= 2


def test_probing_needs_no_more_memory_than_a_batch(build, make_set, run_pass):
    network = Counting(build("pooling"))
    run_pass(network, make_set(12), batch_size=10)
    assert max(network.sizes) == 10


def test_progress_counts_every_example(build, make_set, run_pass):
    seen: list[int] = []
    run_pass(build("pooling"), make_set(10), batch_size=4, progress=seen.append)
    assert seen == [4, 4, 2]


@pytest.mark.parametrize("batch_size", [1, 3, 10, 64])
def test_results_do_not_depend_on_the_batch_size(build, make_set, run_pass, batch_size):
    cache, other = (run_pass(build("mlp"), make_set(10), batch_size=size) for size in (4, batch_size))
    np.testing.assert_allclose(cache.logits, other.logits, rtol=1e-4, atol=1e-6)
    for maps, others in zip(_arrays(cache), _arrays(other), strict=True):
        assert (np.abs(maps - others) <= 2 * FLOAT16_STEP * _peak(maps)).all()


def test_the_same_pass_gives_the_same_bytes(build, make_set, run_pass):
    one, other = (run_pass(build("conv head"), make_set(10)) for _ in range(2))
    assert one.logits.tobytes() == other.logits.tobytes()
    assert [maps.tobytes() for maps in _arrays(one)] == [maps.tobytes() for maps in _arrays(other)]
    assert one.checks == other.checks


def _arrays(cache) -> tuple[np.ndarray, np.ndarray]:
    return cache.cams["gradcam"].true.astype(np.float64), cache.cams["gradcam"].predicted.astype(np.float64)


def test_both_maps_are_one_exactly_where_prediction_and_label_agree(build, make_set, run_pass):
    cache = run_pass(build("mlp"), make_set(40))
    true, predicted = _arrays(cache)
    is_correct = cache.logits.argmax(1) == cache.labels
    assert 0 < is_correct.sum() < 40
    assert (true[is_correct] == predicted[is_correct]).all()
    assert (true[~is_correct] != predicted[~is_correct]).any(axis=(1, 2)).all()


def test_methods_come_in_the_order_in_which_they_were_asked_for(build, make_set, run_pass):
    methods = ("layercam", "eigencam", "gradcam")
    cache = run_pass(build("mlp"), make_set(6), methods=(*methods, "scorecam"))
    assert tuple(cache.cams) == methods  # others than these are made for some examples, later
    assert [cam.is_class_agnostic for cam in cache.cams.values()] == [False, True, False]


@pytest.mark.parametrize("aggregate", ["mean", "weighted"])
def test_several_layers_are_named_and_checked(build, make_set, run_pass, aggregate):
    cache = run_pass(
        build("pooling"), make_set(6), layers=("stem", "features"), methods=("gradcam", "eigencam"), aggregate=aggregate
    )
    assert cache.provenance.target_layer == "stem, features"
    assert cache.provenance.layer_source == "given"
    assert cache.cams["gradcam"].true.shape == (6, 16, 16)
    summed, closed, *recomputed = cache.checks
    assert summed.num_checked == closed.num_checked == 0
    assert all(check.passed and check.num_checked == 4 for check in recomputed)


@pytest.mark.filterwarnings("ignore:.*torch.jit")  # it is deprecated, but people have it
def test_a_network_that_cannot_be_looked_into_gives_predictions_without_maps(build, make_set, run_pass):
    network, evaluation_set = build("pooling"), make_set(10)
    expected = run_pass(network, evaluation_set)
    cache = run_pass(torch.jit.script(network), evaluation_set, is_opaque=True)
    np.testing.assert_allclose(cache.logits, expected.logits, rtol=1e-4, atol=1e-5)
    assert cache.cams == {}
    assert cache.checks == ()
    assert "can be neither hooked nor differentiated" in cache.provenance.no_maps_reason
    assert cache.provenance.target_layer == ""
    assert expected.provenance.no_maps_reason == ""


def test_an_opaque_networks_outputs_are_checked_before_the_pass(build, make_set, run_pass):
    with pytest.raises(ModelError, match="5 outputs, the test set has 7 classes"):
        run_pass(build("pooling"), make_set(num_classes=7), is_opaque=True)
    with pytest.raises(ModelError, match="fails on images of 20×20 pixels"):
        run_pass(build("mlp"), make_set(size=20), is_opaque=True)


def test_the_cache_carries_what_the_set_says(build, make_set, run_pass):
    columns = {"camera": np.array(["a", "b", "a", "", "b"])}
    evaluation_set = replace(make_set(5), example_index=np.array([1, 4, 6, 7, 9]), columns=columns)
    cache = run_pass(build("pooling"), evaluation_set, batch_size=2)
    assert cache.example_index.tolist() == [1, 4, 6, 7, 9]
    assert cache.example_id.tolist() == list(evaluation_set.example_ids)
    assert (cache.labels == evaluation_set.labels).all()
    assert cache.class_names == evaluation_set.class_names
    assert (cache.thumbnails == evaluation_set.images.array).all()
    assert cache.columns == columns
    assert cache.key == make_key()


def test_large_views_become_small_thumbnails(build, make_set, run_pass):
    cache = run_pass(build("pooling"), make_set(3, size=(24, 48)), thumbnail_size=12)
    assert cache.thumbnails.shape == (3, 6, 12, 3)
    assert cache.cams["gradcam"].true.shape == (3, 12, 24)


def test_classes_without_examples_are_predicted_all_the_same(build, make_set, run_pass):
    evaluation_set = make_set(6)
    cache = run_pass(build("pooling"), replace(evaluation_set, labels=np.zeros(6, np.int64)))
    assert cache.num_classes == 5


def _state(network: nn.Module) -> list[object]:
    return [
        [module.training for module in network.modules()],
        [(id(p), p.requires_grad, p.stride(), p.device) for p in network.parameters()],
        [None if p.grad is None else p.grad.tolist() for p in network.parameters()],
        [(id(b), b.tolist()) for b in network.buffers()],
        [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()],
        torch.is_grad_enabled(),
    ]


def _used(network: nn.Module) -> nn.Module:
    """In the middle of training: mixed modes, gradients, a frozen layer."""
    network.train()
    network.bn.eval()
    network.stem.requires_grad_(False)
    network.head.bias.grad = torch.ones(5)
    return network


def test_the_network_is_left_as_found(build, make_set, run_pass):
    network = _used(build("pooling"))
    before = _state(network)
    run_pass(network, make_set())
    assert _state(network) == before


def test_the_network_is_left_as_found_after_an_exception(build, make_set, run_pass):
    network = _used(build("pooling"))
    before = _state(network)

    def fail(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_pass(network, make_set(), progress=fail)
    assert _state(network) == before


def test_the_network_is_evaluated_whatever_its_mode(build, make_set, run_pass):
    network = build("pooling")
    expected = run_pass(network, make_set()).logits
    assert (run_pass(network.train(), make_set()).logits == expected).all()


@pytest.mark.parametrize("name", ["pooling", "skip", "in place"])
def test_bfloat16_gives_about_the_same_and_passes_its_checks(build, make_set, run_pass, name):
    plain, coarse = (run_pass(build(name), make_set(), precision=precision) for precision in ("fp32", "bf16"))
    assert coarse.logits.dtype == np.float32
    assert 0 < np.abs(plain.logits - coarse.logits).max() < 0.02 * np.abs(plain.logits).max()
    assert all(check.passed for check in coarse.checks)
    assert coarse.provenance.precision == "bf16"


def test_an_empty_set_is_an_error(build, make_set, run_pass):
    with pytest.raises(DataError, match="no example"):
        run_pass(build("pooling"), make_set(0))


def test_a_wrong_number_of_outputs_names_both(build, make_set, run_pass):
    with pytest.raises(ModelError, match="5 outputs, the test set has 7 classes"):
        run_pass(build("pooling"), make_set(num_classes=7))


def test_a_wrong_layer_is_an_error(build, make_set, run_pass):
    with pytest.raises(LayerError, match="nope"):
        run_pass(build("pooling"), make_set(), layers=("nope",))


def test_a_device_that_is_not_there_is_an_error(build, make_set, run_pass):
    with pytest.raises(SettingsError, match="gpu"):
        run_pass(build("pooling"), make_set(), device="gpu")


def test_logits_that_are_not_finite_name_the_example(build, make_set, run_pass):
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = build("pooling")

        def forward(self, x):
            return self.network(x) + torch.where(x[:, 0, 0, 0] == x[:, 0, 0, 0].max(), math.nan, 0.0)[:, None]

    with pytest.raises(ModelError, match=r"example \d\.png are not finite"):
        run_pass(Broken(), make_set(9), batch_size=9)


def test_logits_of_minus_infinity_are_kept_and_give_no_evidence(build, make_set, run_pass):
    """Class 1 of five is ruled out: its logit is minus infinity, and the maps of the others are as without the mask."""

    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = build("mlp")

        def forward(self, x):
            return self.network(x).masked_fill(torch.arange(5) == 1, -math.inf)

    evaluation_set = make_set(9)
    cache, plain = run_pass(Masked(), evaluation_set), run_pass(build("mlp"), evaluation_set)
    np.testing.assert_array_equal(np.isneginf(cache.logits), np.tile(np.arange(5) == 1, (9, 1)))
    np.testing.assert_allclose(cache.logits[:, 2:], plain.logits[:, 2:], rtol=1e-5)
    is_masked = cache.labels == 1
    assert is_masked.any()
    assert not cache.cams["gradcam"].true[is_masked].any()
    np.testing.assert_array_equal(cache.cams["gradcam"].true[~is_masked], plain.cams["gradcam"].true[~is_masked])


def test_a_forward_that_fails_later_names_the_examples(build, make_set, run_pass):
    class Late(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = build("pooling")

        def forward(self, x):
            if len(x) == 3:
                raise RuntimeError("boom")
            return self.network(x)

    with pytest.raises(ModelError, match=r"^On the images from 8\.png to 10\.png: The network fails .*: boom"):
        run_pass(Late(), make_set(11), batch_size=8)


def test_a_full_memory_gives_a_smaller_batch_as_the_remedy(build, make_set, run_pass):
    class Hungry(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = build("pooling")

        def forward(self, x):
            if len(x) == 12:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return self.network(x)

    network = Hungry()
    with pytest.raises(SettingsError, match="batch_size=12") as caught:
        run_pass(network, make_set(12), batch_size=12)
    assert "batch_size=3" in caught.value.hint
    assert not any(module._forward_hooks for module in network.modules())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(permutation=st.permutations(range(9)))
def test_permuting_the_examples_permutes_the_maps(build, make_set, run_pass, permutation):
    evaluation_set, order = make_set(9), np.array(permutation)
    permuted = replace(evaluation_set, images=evaluation_set.images.take(order), labels=evaluation_set.labels[order])
    cache, other = run_pass(build("pooling"), evaluation_set), run_pass(build("pooling"), permuted)
    np.testing.assert_allclose(cache.logits[order], other.logits, rtol=1e-4, atol=1e-6)
    for maps, others in zip(_arrays(cache), _arrays(other), strict=True):
        assert (np.abs(maps[order] - others) <= 2 * FLOAT16_STEP * _peak(others)).all()


def test_cifar100_has_the_accuracy_of_its_plain_loop(run_pass):
    folder = Path(__file__).parents[2].parent / "shared/cifar100"
    if not folder.is_dir():
        pytest.skip("no ../shared/cifar100")
    from loaded import load_classifier, load_evaluation_set

    from reportgen.settings import AnalyzeSettings, PreprocessingSettings

    options = AnalyzeSettings(
        model=f"{folder / 'resnet.py'}:resnet20",
        weights=str(folder / "resnet20.pth"),
        data=str(folder / "test.npz"),
        preprocessing=PreprocessingSettings(mean=(0.5071, 0.4865, 0.4409), std=(0.2673, 0.2564, 0.2762)),
        limit=300,
    )
    evaluation_set = load_evaluation_set(options)
    classifier = load_classifier(options, num_classes=len(evaluation_set.class_names))
    cache = run_pass(classifier.module, evaluation_set)
    assert cache.provenance.target_layer == "layer3"
    assert all(check.passed and check.num_checked for check in cache.checks)
