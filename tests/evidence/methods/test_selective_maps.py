"""Maps of some examples: against pytorch-grad-cam's own classes, called as its users call them."""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from pytorch_grad_cam import AblationCAM, FullGrad, ScoreCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from reportgen.cache import CamPair
from reportgen.errors import LayerError
from reportgen.evidence.methods.selective_maps import MAX_SIDE, compute_selective_maps
from reportgen.inputs.networks.classifier import Classifier
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.settings import AnalyzeSettings

NUM_EXAMPLES = 8
POSITIONS = np.array([1, 2, 6])
FLOAT16_STEP = 2**-10
PREPROCESSING = Preprocessing(mean=(0.5, 0.4, 0.6), std=(0.2, 0.25, 0.3), source="the test")
LIBRARY = {"scorecam": ScoreCAM, "ablationcam": AblationCAM, "fullgrad": FullGrad}


class TokensNet(nn.Module):
    """A class token in front of those of patches, which are what a layer puts out."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 4, stride=4)
        self.mix = nn.Linear(6, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = F.relu(self.mix(torch.cat([tokens.mean(1, keepdim=True), tokens], dim=1)))
        return self.head(tokens[:, 0] + tokens[:, 1:].tanh().mean(1))


@pytest.fixture
def compute(make_set, run_pass) -> Callable[..., dict[str, CamPair]]:
    """Computes the maps of a network for some seeded pictures."""

    def run(network: nn.Module, *methods: str, evaluation_set=None, positions=POSITIONS, progress=None, **settings):
        evaluation_set = make_set(NUM_EXAMPLES) if evaluation_set is None else evaluation_set
        cache = run_pass(network, evaluation_set, **settings)
        options = AnalyzeSettings(
            model="x", data="x", device="cpu", batch_size=4, workers=0, methods=("gradcam", *methods), **settings
        )
        classifier = Classifier(name="net", module=network, preprocessing=PREPROCESSING, weights_name="")
        return compute_selective_maps(classifier, evaluation_set, options, cache, positions, progress=progress)

    return run


def _stretched(maps: np.ndarray) -> np.ndarray:
    return scale_cam_image(np.maximum(maps.astype(np.float32), 0))


@pytest.mark.parametrize("name", ["pooling", "mlp", "conv head", "skip"])
@pytest.mark.parametrize("method", LIBRARY)
def test_maps_are_those_of_the_library(build, make_set, to_inputs, compute, name, method):  # noqa: PLR0917
    network, evaluation_set = build(name), make_set(NUM_EXAMPLES)
    if method == "ablationcam":  # the library turns a map around where the logit is negative
        head = next(m for m in network.modules() if getattr(m, "bias", None) is not None and len(m.bias) == 5)
        nn.init.constant_(head.bias, 4)
    found = compute(network, method)[method]
    inputs = to_inputs(evaluation_set)[POSITIONS]
    predicted = network(inputs).argmax(1)
    layers = [] if method == "fullgrad" else [network.features]
    for maps, classes in ((found.true, evaluation_set.labels[POSITIONS]), (found.predicted, predicted.tolist())):
        library = LIBRARY[method](copy.deepcopy(network), layers) if not layers else LIBRARY[method](network, layers)
        expected = library(inputs, [ClassifierOutputTarget(int(index)) for index in classes])
        library.activations_and_grads.release()
        scaled = scale_cam_image(np.maximum(maps.astype(np.float32), 0), (16, 16))
        np.testing.assert_allclose(_stretched(scaled), _stretched(expected), atol=4 * FLOAT16_STEP)


def test_a_score_map_by_its_definition(build, make_set, to_inputs, compute):
    network, evaluation_set = build("channels last"), make_set(NUM_EXAMPLES)  # with values below 0, and channels last
    network.features.register_forward_hook(lambda _m, _i, output: output - 0.3)
    found = compute(network, "scorecam")["scorecam"]
    with torch.no_grad():
        for maps, position in zip(found.true, POSITIONS, strict=True):
            image = to_inputs(evaluation_set)[position : position + 1]
            cells = network.features(image).movedim(-1, 1)[0]
            masks = F.interpolate(cells[:, None], (16, 16), mode="bilinear", align_corners=True)  # as the library does
            low, high = masks.amin((1, 2, 3), keepdim=True), masks.amax((1, 2, 3), keepdim=True)
            logits = network(image * (masks - low) / (high - low))[:, int(evaluation_set.labels[position])]
            expected = torch.einsum("c,chw->hw", logits.softmax(0), cells)
            np.testing.assert_allclose(maps, expected, rtol=4 * FLOAT16_STEP, atol=1e-4)
    assert found.true.min() < 0


@pytest.mark.parametrize("make", [TokensNet, None])
def test_an_ablation_map_is_the_loss_of_logit_times_the_channels(build, make_set, to_inputs, compute, make):
    torch.manual_seed(0)
    network, layer = (make().eval(), "mix") if make else (build("in place"), "features")
    nn.init.constant_(network.head.bias, -1)
    module = network.get_submodule(layer)
    evaluation_set = make_set(NUM_EXAMPLES)
    found = compute(network, "ablationcam", layers=(layer,))["ablationcam"]
    labels = evaluation_set.labels[POSITIONS].tolist()
    is_negative = []
    for maps, position, label in zip(found.true, POSITIONS, labels, strict=True):
        image = to_inputs(evaluation_set)[position : position + 1]
        with torch.no_grad():
            logit = network(image)[0, label]
            is_negative.append(bool(logit < 0))
            expected = torch.zeros(4, 4) if make else torch.zeros(8, 8)
            for channel in range(6 if make else 8):
                cells = []

                def ablate(_layer, _inputs, output, channel=channel, cells=cells):
                    cells.append(output.clone())
                    output = output.clone()
                    output[(0, slice(1, None), channel) if make else (0, channel)] = 0
                    return output

                handle = module.register_forward_hook(ablate)
                lost = logit - network(image)[0, label]
                handle.remove()
                own = cells[0][0, 1:, channel].view(4, 4) if make else F.relu(cells[0])[0, channel]
                expected += lost * own
        np.testing.assert_allclose(maps, expected, atol=2e-3 * float(expected.abs().max()))
    assert any(is_negative)


def test_fullgrad_pairs_each_bias_with_its_own_gradient(make_set, compute):
    class Crossed(nn.Module):
        """Of the same width, but called in another order than defined, one of them twice."""

        def __init__(self, order: str) -> None:
            super().__init__()
            torch.manual_seed(3)
            layers = {"a": nn.Conv2d(3, 4, 3, padding=1), "b": nn.Conv2d(4, 4, 3, padding=1), "c": nn.BatchNorm2d(4)}
            nn.init.normal_(layers["c"].bias)
            self.layers = nn.ModuleDict({name: layers[name] for name in order})
            self.head = nn.Linear(4, 5)

        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(self.layers["c"](self.layers["a"](x)))
            return self.head(F.relu(self.layers["b"](F.relu(self.layers["b"](x)))).mean((2, 3)))

    straight, crossed = (
        compute(Crossed(order).eval(), "fullgrad", layers=("layers.b",))["fullgrad"] for order in ("acb", "bca")
    )
    assert np.array_equal(straight.true, crossed.true)


def test_right_answers_have_one_map_and_progress_goes_by_examples(build, make_set, compute):
    network, evaluation_set, told = build("pooling"), make_set(NUM_EXAMPLES), []
    found = compute(network, "ablationcam", "scorecam", progress=told.append)
    assert list(found) == ["ablationcam", "scorecam"]
    assert told == [1, 1, 1]
    for cam in found.values():
        assert cam.positions.tolist() == POSITIONS.tolist()
        assert cam.true.dtype == np.float16
        assert cam.true.shape == cam.predicted.shape == (3, 8, 8)
    right = compute(network, "scorecam", evaluation_set=_labelled_as_predicted(network, evaluation_set))["scorecam"]
    assert np.array_equal(right.true, right.predicted)


def _labelled_as_predicted(network, evaluation_set):
    views = torch.from_numpy(evaluation_set.images.array)
    predicted = network(PREPROCESSING.normalise(views)).argmax(1).numpy()
    return replace(evaluation_set, labels=predicted)


def test_several_layers_are_joined_on_the_finest_grid(build, compute):
    network = build("pooling")
    both, stem = (
        compute(network, "scorecam", layers=layers)["scorecam"] for layers in (("stem", "features"), ("stem",))
    )
    assert both.true.shape == stem.true.shape == (3, 16, 16)
    assert not np.array_equal(both.true, stem.true)


def test_large_gradient_maps_are_stored_coarser(build, make_set, compute):
    network = build("pooling")
    found = compute(network, "fullgrad", evaluation_set=make_set(2, size=(80, 160)), positions=np.array([0]))[
        "fullgrad"
    ]
    assert found.true.shape == (1, MAX_SIDE // 2, MAX_SIDE)
    assert found.true.min() >= 0


def test_fullgrad_asks_for_biases(make_set, compute):
    network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network.append(nn.Linear(4, 5))
    with pytest.raises(LayerError, match="fullgrad needs convolutions"):
        compute(network.eval(), "fullgrad")


def test_without_such_methods_or_examples_there_is_nothing_to_do(build, compute):
    network = build("pooling")
    assert compute(network) == {}
    assert compute(network, "scorecam", positions=np.array([], np.int64)) == {}


@pytest.mark.parametrize("method", LIBRARY)
def test_the_network_is_left_as_it_was_found_and_says_nothing(build, compute, capfd, method):
    network = build("pooling").train()
    network.head.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    modules = [*network.modules()]
    compute(network, method)
    assert [*network.modules()] == modules
    assert all(module.training for module in modules)
    assert all(not module._forward_hooks and not module._backward_hooks for module in modules)
    assert all(parameter.grad is None for parameter in network.parameters())
    assert [name for name, p in network.named_parameters() if not p.requires_grad] == ["head.weight"]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert capfd.readouterr() == ("", "")
