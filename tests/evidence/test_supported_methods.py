"""Every method of the settings, run as users run it and compared with what others make of it: a README table."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import pytorch_grad_cam
from numpy.typing import NDArray
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from vits import NUM_CLASSES, SIZE, build_vit, plain_attention, plain_relevance, plain_rollout

from reportgen.cache import CamPair
from reportgen.errors import LayerError
from reportgen.evidence.methods.selective_maps import compute_selective_maps
from reportgen.inputs.networks.classifier import Classifier
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.methods import METHODS
from reportgen.settings import AnalyzeSettings

pytestmark = pytest.mark.extra

NUM_EXAMPLES = 6
POSITIONS = np.array([0, 2, 3])  # those that a method of many forwards is asked for
TOLERANCE = 2e-3  # of a map's peak; float16 alone rounds by 5e-4

Maps = NDArray[np.float64]


Reference = Callable[[nn.Module, Tensor, list[int]], Maps]
"""Independently computed maps (B, h, w) of a network, its inputs and classes."""


def _by_library(name: str) -> Callable[[nn.Module, Tensor, list[int]], Maps]:
    """The class of pytorch-grad-cam, called as its users call it, but before it cuts off what is negative."""

    def compute(network: nn.Module, inputs: Tensor, classes: list[int]) -> Maps:
        kept = []

        class Signed(getattr(pytorch_grad_cam, name)):
            def get_cam_image(self, *arguments):
                kept.append(super().get_cam_image(*arguments))
                return kept[-1]

        library = Signed(copy.deepcopy(network).double(), [])
        library.target_layers = [library.model.features]
        library.activations_and_grads.release()
        library.activations_and_grads = type(library.activations_and_grads)(library.model, library.target_layers, None)
        library(inputs.double(), [ClassifierOutputTarget(index) for index in classes])
        return kept[-1]

    return compute


def _ablation(network: nn.Module, inputs: Tensor, classes: list[int]) -> Maps:
    """The library divides by the logit, here the loss of logit is kept."""
    logits = network(inputs)[range(len(classes)), classes].detach().double().numpy()
    return _by_library("AblationCAM")(network, inputs, classes) * logits[:, None, None]


def _fullgrad(network: nn.Module, inputs: Tensor, classes: list[int]) -> Maps:
    library = pytorch_grad_cam.FullGrad(copy.deepcopy(network), [])
    return library(inputs, [ClassifierOutputTarget(index) for index in classes])


def _plain_rollout(network: nn.Module, inputs: Tensor, classes: list[int]) -> Maps:
    pairs = [plain_attention(copy.deepcopy(network), *pair) for pair in zip(inputs, classes, strict=True)]
    return np.stack([plain_rollout(attentions, "timm") for attentions, _ in pairs])


def _plain_relevance(network: nn.Module, inputs: Tensor, classes: list[int]) -> Maps:
    pairs = [plain_attention(copy.deepcopy(network), *pair) for pair in zip(inputs, classes, strict=True)]
    return np.stack([plain_relevance(*pair, "timm") for pair in pairs])


REFERENCES = {
    "gradcam": _by_library("GradCAM"),
    "hirescam": _by_library("HiResCAM"),
    "gradcam++": _by_library("GradCAMPlusPlus"),
    "xgradcam": _by_library("XGradCAM"),
    "layercam": _by_library("LayerCAM"),
    "eigencam": _by_library("EigenCAM"),
    "eigengradcam": _by_library("EigenGradCAM"),
    "gradcam-elementwise": _by_library("GradCAMElementWise"),
    "rollout": _plain_rollout,
    "chefer": _plain_relevance,
    "scorecam": _by_library("ScoreCAM"),
    "ablationcam": _ablation,
    "fullgrad": _fullgrad,
}


@pytest.fixture
def explain(build, make_set, run_pass, to_inputs):
    """Runs a network of one kind by one method: the maps, and the network, inputs and classes that they are of."""

    def run(method: str, kind: str) -> tuple[CamPair, nn.Module, Tensor, list[list[int]]]:
        if kind == "transformer":
            network, examples = build_vit("timm"), make_set(NUM_EXAMPLES, SIZE, NUM_CLASSES)
        else:
            network, examples = build("mlp"), make_set(NUM_EXAMPLES)
            nn.init.constant_(network.classifier[-1].bias, 4)  # pytorch-grad-cam's AblationCAM divides by the logit
        is_selective = METHODS[method].family == "selective"
        methods = ("gradcam", method) if is_selective else (method,)
        cache = run_pass(network, examples, methods=methods)
        inputs, predicted = to_inputs(examples), cache.logits.argmax(axis=1)
        if not is_selective:
            assert all(check.passed for check in cache.checks)
            return cache.cams[method], network, inputs, [examples.labels.tolist(), predicted.tolist()]
        preprocessing = Preprocessing(mean=(0.5, 0.4, 0.6), std=(0.2, 0.25, 0.3), source="the test")
        classifier = Classifier(name="net", module=network, preprocessing=preprocessing, weights_name="")
        settings = AnalyzeSettings(model="x", data="x", device="cpu", batch_size=4, workers=0, methods=methods)
        maps = compute_selective_maps(classifier, examples, settings, cache, POSITIONS)[method]
        return maps, network, inputs[POSITIONS], [examples.labels[POSITIONS].tolist(), predicted[POSITIONS].tolist()]

    return run


@pytest.mark.parametrize("method", METHODS)
def test_the_method_gives_the_maps_of_its_reference(method, explain, doc_tables):
    record = METHODS[method]
    kind = "transformer" if record.family == "attention" else "convolutions"
    maps, network, inputs, classes = explain(method, kind)
    assert classes[0] != classes[1]
    for found, explained in zip((maps.true, maps.predicted), classes, strict=True):
        expected = REFERENCES[method](network, inputs, explained)
        computed = found.astype(np.float64)
        if method == "fullgrad":  # the library's maps are stretched to 0..1
            computed, expected = scale_cam_image(computed), scale_cam_image(expected)
        if method.startswith("eigen"):  # a principal component has no sign
            expected = expected * np.sign((computed * expected).sum((1, 2), keepdims=True))
        peaks = np.abs(expected).max((1, 2), keepdims=True)
        assert (peaks > 0).all()
        assert (np.abs(computed - expected) <= TOLERANCE * peaks).all()

    is_agnostic = np.array_equal(maps.true, maps.predicted)
    assert is_agnostic == maps.is_class_agnostic == record.is_class_agnostic
    doc_tables.check_row(
        "methods",
        f"`{method}`",
        [
            record.paper,
            "any" if _works(method, "convolutions", explain) else "transformers",
            "every example" if maps.positions is None else "the shown examples",
            "one for all classes" if is_agnostic else "one for each class",
        ],
    )


def _works(method: str, kind: str, explain) -> bool:
    try:
        explain(method, kind)
    except LayerError:
        return False
    return True


@pytest.mark.parametrize("method", METHODS)
def test_every_method_works_on_transformers(method, explain):
    maps, *_ = explain(method, "transformer")
    assert np.isfinite(maps.true).all()
    assert np.ptp(maps.true, axis=(1, 2)).min() > 0


def test_the_table_holds_the_methods_of_the_settings(doc_tables):
    assert list(REFERENCES) == list(METHODS)
    doc_tables.check_keys("methods", [f"`{method}`" for method in METHODS])
