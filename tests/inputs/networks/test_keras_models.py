import copy
import json
import sys
import zipfile
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from loaded import load_classifier

from reportgen.errors import ModelError, SettingsError
from reportgen.inputs.networks.keras_models import import_keras, wrap_keras
from reportgen.settings import ModelSettings, PreprocessingSettings

if find_spec("keras") is None:  # importing it to find out would choose its backend
    pytest.skip("Keras is not installed", allow_module_level=True)
keras = import_keras("these tests")

# Keras reads its own variables in a way that numpy will no longer offer.
pytestmark = [
    pytest.mark.extra,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

layers = keras.layers
IMAGES = 255 * torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def make_trunk():
    """A nested model with weights that are no round numbers."""
    keras.utils.set_random_seed(0)
    parts = [
        layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
        layers.BatchNormalization(name="norm"),
    ]
    trunk = keras.Sequential([keras.Input((16, 16, 3)), *parts, layers.Dropout(0.5, name="dropout")], name="trunk")
    trunk.set_weights([weight + 0.1 * (index + 1) for index, weight in enumerate(trunk.get_weights())])
    return trunk


def make_model(*last, first=None):
    inputs = keras.Input((16, 16, 3))
    scaled = (first or layers.Rescaling(1 / 255, name="scaling"))(inputs)
    outputs = layers.GlobalAveragePooling2D(name="pool")(make_trunk()(scaled))
    for layer in last or [layers.Dense(3, activation="softmax", name="head")]:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name="tiny")


def outputs_of(model):
    with torch.no_grad():
        return model(IMAGES.permute(0, 2, 3, 1), training=False)


def build(path, **options):
    return load_classifier(ModelSettings(model=f"keras:{path}", **options))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("keras") / "tiny.keras"
    make_model().save(path)
    return path


def test_file_gives_the_network_with_its_weights(saved):
    classifier = build(saved)
    assert classifier.name == "tiny"
    assert classifier.weights_name == "tiny.keras"
    assert not classifier.is_opaque
    torch.testing.assert_close(classifier.module(IMAGES).softmax(dim=1), outputs_of(make_model()))
    preprocessing = classifier.preprocessing
    assert (preprocessing.resize, preprocessing.squash, preprocessing.crop) == (16, True, None)


def test_layers_of_nested_models_are_submodules_with_their_own_parameters():
    model = make_model()
    count = model.count_params()
    module = wrap_keras(model, name="a test").module
    names = [name for name, _ in module.named_modules()]
    assert {"scaling", "trunk", "trunk.conv", "trunk.norm", "trunk.dropout", "pool", "head"} <= set(names)
    parameters = dict(module.named_parameters())
    assert {name for name, parameter in parameters.items() if parameter.is_floating_point()} == {
        *(f"trunk.conv.{name}" for name in ("kernel", "bias")),
        *(f"trunk.norm.{name}" for name in ("gamma", "beta", "moving_mean", "moving_variance")),
        *(f"head.{name}" for name in ("kernel", "bias")),
    }
    assert sum(parameter.numel() for parameter in parameters.values() if parameter.is_floating_point()) == count


def test_hooks_fire_inside_nested_models_and_may_replace_outputs():
    module = wrap_keras(make_model(), name="a test").module
    seen = []
    handle = module.get_submodule("trunk.conv").register_forward_hook(
        lambda _layer, _inputs, output: seen.append(output.shape) or torch.zeros_like(output)
    )
    changed = module(IMAGES)
    handle.remove()
    assert seen == [(5, 16, 16, 4)]  # channels last
    assert torch.equal(changed[0], changed[1])
    assert not torch.equal(changed, module(IMAGES))


def test_network_is_evaluated_and_can_be_frozen():
    module = wrap_keras(make_model(), name="a test").module.eval()
    assert torch.equal(module(IMAGES), module(IMAGES))  # the dropout is off
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    assert not module(IMAGES).requires_grad


def test_float64_gradients_are_those_of_the_same_network_in_plain_torch():
    module = wrap_keras(make_model(), name="a test").module.eval().double()
    convolved = []
    module.get_submodule("trunk.conv").register_forward_hook(lambda _layer, _inputs, output: convolved.append(output))
    weights = {name: parameter.detach() for name, parameter in module.named_parameters()}
    images = (IMAGES.double() + 1e-9).requires_grad_()  # no float32 numbers
    kernel = weights["trunk.conv.kernel"].permute(3, 2, 0, 1)
    features = torch.nn.functional.conv2d(images / 255, kernel, weights["trunk.conv.bias"], padding=1).relu()
    found = module(images)
    torch.testing.assert_close(convolved[0].permute(0, 3, 1, 2), features, rtol=1e-12, atol=1e-12)
    norm = [weights[f"trunk.norm.{name}"] for name in ("moving_mean", "moving_variance", "gamma", "beta")]
    pooled = torch.nn.functional.batch_norm(features, *norm, eps=1e-3).mean(dim=(2, 3))
    expected = pooled @ weights["head.kernel"] + weights["head.bias"]
    torch.testing.assert_close(found, expected, rtol=2e-6, atol=2e-6)  # Keras's means are of float32 at most
    mixed = torch.arange(3.0).double()
    (gradient,), (expected_gradient,) = (torch.autograd.grad((y @ mixed).sum(), images) for y in (found, expected))
    torch.testing.assert_close(gradient, expected_gradient, rtol=2e-6, atol=2e-6)


def test_copy_is_independent_and_computes_the_same_in_float64():
    fitted = layers.Normalization(name="scaling")
    fitted.adapt(np.random.default_rng(0).uniform(0, 255, (8, 16, 16, 3)).astype("float32"))
    module = wrap_keras(make_model(first=fitted), name="a test").module.eval()
    before = module(IMAGES)
    double = copy.deepcopy(module).double()
    found = double(IMAGES.double())
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float(), before, rtol=1e-5, atol=1e-5)
    assert [name for name, _ in double.named_parameters()] == [name for name, _ in module.named_parameters()]
    with torch.no_grad():
        for parameter in double.parameters():
            parameter.zero_()
    assert torch.equal(module(IMAGES), before)


@pytest.mark.parametrize(
    "last",
    [
        lambda: [layers.Dense(3, activation="softmax")],
        lambda: [layers.Dense(3), layers.Activation("softmax")],
        lambda: [layers.Dense(3), layers.Softmax()],
        lambda: [layers.Dense(3), keras.ops.softmax],
        lambda: [keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])],
    ],
)
def test_softmax_is_taken_off(last):
    model = make_model(*last())
    before = outputs_of(model)
    network = wrap_keras(model, name="a test")
    module = network.module
    logits = module(IMAGES)
    assert (logits.sum(dim=1) - 1).abs().min() > 1e-3
    torch.testing.assert_close(logits.softmax(dim=1), before)
    assert "is removed" in network.notes[0]
    torch.testing.assert_close(copy.deepcopy(module)(IMAGES), logits)


def test_sigmoid_of_several_classes_is_taken_off():
    model = make_model(layers.Dense(3, activation="sigmoid"))
    before = outputs_of(model)
    torch.testing.assert_close(wrap_keras(model, name="a test").module(IMAGES).sigmoid(), before)


def test_one_sigmoid_is_read_as_two_classes():
    model = make_model(layers.Dense(1, activation="sigmoid"))
    before = outputs_of(model)
    network = wrap_keras(model, name="a test")
    logits = network.module(IMAGES)
    torch.testing.assert_close(logits.softmax(dim=1), torch.cat([1 - before, before], dim=1))
    assert "read as two classes" in network.notes[0]


def test_outputs_without_an_activation_stay_as_they_are():
    model = make_model(layers.Dense(3))
    before = outputs_of(model)
    network = wrap_keras(model, name="a test")
    assert torch.equal(network.module(IMAGES), before)
    assert network.notes == ()


def test_activation_that_cannot_be_told_from_probabilities_stays():
    # This softmax is not over the classes alone.
    for last in (layers.Activation("softmax"), layers.Softmax(), keras.Sequential([layers.Softmax()])):
        model = make_model(layers.Dense(3), layers.Reshape((1, 3)), last)
        before = outputs_of(model)
        network = wrap_keras(model, name="a test")
        assert torch.equal(network.module(IMAGES), before)
        assert "cannot be removed" in network.notes[0]


def fitted_normalisation(top):
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).uniform(0, top, (8, 16, 16, 3)).astype("float32"))
    return layer


@pytest.mark.parametrize(
    ("first", "std"),
    [
        (lambda: layers.Rescaling(1 / 255), 1 / 255),
        (lambda: layers.Rescaling(1 / 127.5, offset=-1), 1 / 255),
        (lambda: layers.Rescaling(2.0, offset=-1), 1),
        (lambda: fitted_normalisation(255), 1 / 255),
        (lambda: fitted_normalisation(1), 1),
        (lambda: keras.Sequential([keras.Input((16, 16, 3)), layers.RandomFlip(), layers.Rescaling(1 / 255)]), 1 / 255),
    ],
)
def test_network_that_scales_its_input_gets_the_pixels_that_it_expects(first, std):
    preprocessing = wrap_keras(make_model(first=first()), name="a test").preprocessing
    assert (preprocessing.mean, preprocessing.std) == ((0,) * 3, (std,) * 3)
    assert f"pixels from 0 to {255 if std < 1 else 1}" in preprocessing.describe()
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    found = preprocessing.normalise(torch.from_numpy(pixels))[0, 0].flatten()
    torch.testing.assert_close(found, torch.arange(256.0) / (1 if std < 1 else 255))


def test_network_that_does_not_scale_its_input_needs_statistics(tmp_path):
    model = make_model(first=layers.ZeroPadding2D(0))
    assert wrap_keras(model, name="a test").preprocessing is None
    make_model(first=layers.ZeroPadding2D(0)).save(tmp_path / "m.keras")
    with pytest.raises(SettingsError, match="normalized"):
        build(tmp_path / "m.keras")
    given = PreprocessingSettings(mean=(0.5,) * 3, std=(0.25,) * 3)
    preprocessing = build(tmp_path / "m.keras", preprocessing=given).preprocessing
    assert (preprocessing.mean, preprocessing.resize, preprocessing.squash) == ((0.5,) * 3, 16, True)
    assert preprocessing.source == "the options; size from the network's input size"


def test_scaling_behind_the_first_weights_is_not_that_of_the_input():
    model = make_model(layers.Rescaling(1 / 255), layers.Dense(3), first=layers.ZeroPadding2D(0))
    assert wrap_keras(model, name="a test").preprocessing is None


def test_network_of_any_size_leaves_the_size_to_the_options():
    inputs = keras.Input((None, None, 3))
    features = layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(features)))
    network = wrap_keras(model, name="a test")
    assert (network.input_side, network.preprocessing.resize, network.preprocessing.squash) == (None, None, False)


def test_images_of_other_channels_are_refused():
    model = keras.Sequential([keras.Input((16, 16, 1)), layers.Flatten(), layers.Dense(3)])
    with pytest.raises(ModelError, match=r"a test takes inputs of shape \(None, 16, 16, 1\)"):
        wrap_keras(model, name="a test")


def test_mixed_precision_is_computed_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = make_model()
    finally:
        keras.config.set_dtype_policy("float32")
    assert outputs_of(model).dtype == torch.bfloat16
    assert wrap_keras(model, name="a test").module(IMAGES).dtype == torch.float32


class Doubling(layers.Layer):
    def call(self, inputs):
        return 2 * inputs


def test_custom_layers_are_explained_and_a_factory_may_know_them(tmp_path):
    make_model(Doubling(), layers.Dense(3)).save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match=r"Keras cannot load .*m\.keras: .*Doubling") as caught:
        build(tmp_path / "m.keras")
    assert "FILE.py:factory" in caught.value.hint
    (tmp_path / "net.py").write_text(
        "import keras\n"
        "class Doubling(keras.layers.Layer):\n"
        "    def call(self, inputs):\n"
        "        return 2 * inputs\n"
        "def make():\n"
        f"    return keras.saving.load_model({str(tmp_path / 'm.keras')!r}, custom_objects={{'Doubling': Doubling}})\n"
    )
    classifier = load_classifier(ModelSettings(model=f"{tmp_path}/net.py:make"))
    assert classifier.name == "the model"
    assert classifier.module(IMAGES).shape == (5, 3)


def test_code_in_the_file_is_never_run(tmp_path):
    make_model(layers.Lambda(lambda x: 2 * x), layers.Dense(3)).save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match=r"Keras cannot load .*m\.keras: .*[Ll]ambda"):
        build(tmp_path / "m.keras")


@pytest.mark.parametrize("damage", ["text", "truncated", "no weights"])
def test_damaged_files_are_explained(saved, tmp_path, damage):
    path = tmp_path / "m.keras"
    if damage == "text":
        path.write_text("hello")
    elif damage == "truncated":
        path.write_bytes(saved.read_bytes()[:3000])
    else:
        with zipfile.ZipFile(saved) as whole, zipfile.ZipFile(path, "w") as part:
            part.writestr("config.json", whole.read("config.json"))
            part.writestr("metadata.json", json.dumps({}))
    with pytest.raises(ModelError, match=r"Keras cannot load .*m\.keras") as caught:
        build(path)
    assert "model.save" in caught.value.hint


def test_keras_that_is_not_installed_says_how_to(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ModelError, match=r"keras:tiny\.keras needs Keras 3") as caught:
        build(saved)
    assert "reportgen[keras]" in caught.value.hint


def test_keras_on_another_backend_is_refused(saved, monkeypatch):
    other = SimpleNamespace(config=SimpleNamespace(backend=lambda: "jax"))
    monkeypatch.setitem(sys.modules, "keras", other)
    with pytest.raises(ModelError, match="already imported with jax") as caught:
        build(saved)
    assert "KERAS_BACKEND=torch" in caught.value.hint


def test_environment_is_left_as_it_was(saved, monkeypatch):
    import os

    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    build(saved)
    assert "KERAS_BACKEND" not in os.environ
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    build(saved)
    assert os.environ["KERAS_BACKEND"] == "jax"
