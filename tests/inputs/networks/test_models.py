import pytest
import torch
from loaded import load_classifier
from PIL import Image
from torch import nn

from reportgen.errors import CheckpointError, ModelError, SettingsError
from reportgen.inputs.preprocessing import Normalisation
from reportgen.inputs.registry import resolve_model
from reportgen.settings import ModelSettings, PreprocessingSettings

STATISTICS = PreprocessingSettings(mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3))
NET = """
from torch import nn
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3), nn.Dropout(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
"""


def load(model, num_classes=3, normalisation=None, **options):
    settings = ModelSettings(**{"model": str(model), "preprocessing": STATISTICS, **options})
    return load_classifier(settings, num_classes=num_classes, normalisation=normalisation)


@pytest.fixture
def net_file(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NET)
    return path


def saved(tmp_path, module: nn.Module):
    torch.save({"state_dict": module.state_dict()}, tmp_path / "w.pth")
    return str(tmp_path / "w.pth")


def test_own_network_gets_its_weights_and_evaluation_mode(net_file, tmp_path):
    torch.manual_seed(3)
    trained = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    classifier = load(f"{net_file}:Net", weights=saved(tmp_path, trained))
    assert classifier.name == "the model"
    assert load(f"{net_file}:Net", model_name="Net v2").name == "Net v2"
    assert classifier.weights_name == "w.pth"
    assert not any(module.training for module in classifier.module.modules())
    batch = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(classifier.module(batch), trained.eval()(batch), rtol=0, atol=0)
    assert classifier.preprocessing.mean == STATISTICS.mean


def test_a_factory_without_weights_is_noted(net_file):
    classifier = load(f"{net_file}:Net")
    assert classifier.weights_name == ""
    assert classifier.notes == ("No weights are given: the network has those that net.py:Net sets, or random ones.",)


def test_weights_that_do_not_fit_are_refused(net_file, tmp_path):
    with pytest.raises(CheckpointError, match=r"w\.pth does not match the network"):
        load(f"{net_file}:Net", weights=saved(tmp_path, nn.Linear(4, 3)))


def test_own_network_takes_the_datas_statistics_or_asks_for_some(net_file):
    known = Normalisation(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    classifier = load(f"{net_file}:Net", normalisation=known, preprocessing=PreprocessingSettings())
    assert classifier.preprocessing.mean == known.mean
    with pytest.raises(SettingsError, match="normalized"):
        load(f"{net_file}:Net", preprocessing=PreprocessingSettings())


def test_demo_network_has_its_weights_and_statistics():
    from safetensors.torch import load_file

    from reportgen.demo.network import MEAN, WEIGHTS_PATH

    classifier = load("demo", preprocessing=PreprocessingSettings())
    assert classifier.weights_name == WEIGHTS_PATH.name
    assert classifier.preprocessing.mean == MEAN
    for name, tensor in load_file(WEIGHTS_PATH).items():
        assert torch.equal(classifier.module.state_dict()[name], tensor)


def test_torchvision_network_has_as_many_outputs_as_classes(tmp_path):
    from torchvision.models import squeezenet1_1

    trained = squeezenet1_1(num_classes=7)
    classifier = load(
        "torchvision:squeezenet1_1",
        7,
        weights=saved(tmp_path, trained),
        preprocessing=PreprocessingSettings(),
    )
    assert classifier.name == "squeezenet1_1"
    assert classifier.module(torch.zeros(1, 3, 64, 64)).shape == (1, 7)
    assert "assumed" in classifier.preprocessing.source


def test_torchvision_preprocessing_is_that_of_its_weights(tmp_path, pixels, monkeypatch):
    from torchvision import models

    # The library's own weights without fetching them.
    built = models.squeezenet1_1()
    monkeypatch.setattr(models, "get_model", lambda *_, **__: built)
    classifier = load("torchvision:squeezenet1_1", weights="pretrained", preprocessing=PreprocessingSettings())
    assert classifier.weights_name == "SqueezeNet1_1_Weights.IMAGENET1K_V1"
    assert "assumed" not in classifier.preprocessing.source
    image = pixels(300, 400, 3)
    expected = models.SqueezeNet1_1_Weights.DEFAULT.transforms()(Image.fromarray(image))
    view = torch.from_numpy(classifier.preprocessing.view(image).copy())
    torch.testing.assert_close(classifier.preprocessing.normalise(view[None])[0], expected, rtol=0, atol=0)


@pytest.mark.parametrize(("name", "nearest"), [("resnet19", "resnet18"), ("ResNet50", "resnet50")])
def test_unknown_torchvision_names_show_the_nearest(name, nearest):
    with pytest.raises(ModelError, match=f"torchvision has no classifier {name}") as caught:
        load(f"torchvision:{name}", weights="pretrained")
    assert nearest in caught.value.hint


def test_networks_that_do_not_classify_are_unknown():
    with pytest.raises(ModelError, match="no classifier fcos_resnet50_fpn"):
        load("torchvision:fcos_resnet50_fpn", weights="pretrained")


def test_failed_fetch_of_weights_says_what_to_do(monkeypatch):
    from torchvision import models

    def fail(name, **options):
        raise OSError("no route to host")

    monkeypatch.setattr(models, "get_model", fail)
    with pytest.raises(ModelError, match="torchvision cannot build squeezenet1_1: no route to host") as caught:
        load("torchvision:squeezenet1_1", weights="pretrained")
    assert "connection" in caught.value.hint


@pytest.mark.extra
def test_timm_network_has_as_many_outputs_as_classes(tmp_path):
    timm = pytest.importorskip("timm")
    trained = timm.create_model("test_resnet", num_classes=5)
    classifier = load("timm:test_resnet", 5, weights=saved(tmp_path, trained), preprocessing=PreprocessingSettings())
    assert classifier.name == "test_resnet"
    assert classifier.module(torch.zeros(1, 3, 64, 64)).shape == (1, 5)
    assert "assumed" in classifier.preprocessing.source


@pytest.mark.extra
@pytest.mark.parametrize(
    "overrides",
    [{}, {"crop_mode": "squash", "crop_pct": 0.9}, {"interpolation": "bilinear", "crop_pct": 1.0}],
)
def test_timm_preprocessing_is_that_of_its_configuration(pixels, monkeypatch, overrides):
    timm = pytest.importorskip("timm")
    create = timm.create_model
    # The library's own weights without fetching them.
    monkeypatch.setattr(timm, "create_model", lambda name, **_: create(name, pretrained_cfg_overlay=overrides or None))
    classifier = load("timm:test_resnet", weights="pretrained", preprocessing=PreprocessingSettings())
    config = timm.data.resolve_model_data_config(classifier.module)
    assert config.items() >= overrides.items()
    image = pixels(200, 300, 3)
    expected = timm.data.create_transform(**config)(Image.fromarray(image))
    view = torch.from_numpy(classifier.preprocessing.view(image).copy())
    torch.testing.assert_close(classifier.preprocessing.normalise(view[None])[0], expected, rtol=0, atol=0)
    assert classifier.weights_name.startswith("test_resnet.")


@pytest.mark.extra
def test_timm_preprocessing_of_another_kind_is_an_error_unless_the_options_give_one(monkeypatch):
    timm = pytest.importorskip("timm")
    create = timm.create_model
    monkeypatch.setattr(
        timm, "create_model", lambda name, **_: create(name, pretrained_cfg_overlay={"crop_mode": "border"})
    )
    with pytest.raises(ModelError, match="has crop_mode=border, which is not supported") as caught:
        load("timm:test_resnet", weights="pretrained", preprocessing=PreprocessingSettings())
    assert "mean" in caught.value.hint
    (note,) = load("timm:test_resnet", weights="pretrained").notes
    assert "crop_mode=border" in note
    assert note.endswith("The preprocessing is that of the options instead.")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
@pytest.mark.parametrize("has_heads", [True, False])
def test_heads_and_input_transform_of_inception_follow_the_checkpoint(name, has_heads, tmp_path):
    from torchvision import models

    trained = models.get_model(
        name, weights=None, num_classes=3, aux_logits=has_heads, transform_input=True, init_weights=False
    )
    classifier = load(f"torchvision:{name}", weights=saved(tmp_path, trained), preprocessing=PreprocessingSettings())
    batch = torch.rand(2, 3, 96, 96)
    torch.testing.assert_close(classifier.module(batch), trained.eval()(batch), rtol=0, atol=0)
    (note,) = classifier.notes
    assert "transform_input" in note
    assert "assumed" in note


@pytest.mark.extra
@pytest.mark.parametrize("is_safe", [True, False])
@pytest.mark.parametrize("is_wrapped", [True, False])
def test_a_folder_of_timm_is_loaded_through_timm(tmp_path, is_safe, is_wrapped, pixels, monkeypatch):
    import json

    import safetensors.torch

    timm = pytest.importorskip("timm")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    torch.manual_seed(0)
    trained = timm.create_model("test_resnet", num_classes=3, global_pool="max").eval()
    config = {
        "architecture": "test_resnet",
        "num_classes": 3,
        "label_names": ["cat", "dog", "owl"],
        "model_args": {"num_classes": 3, "in_chans": 3, "global_pool": "max"},
        "pretrained_cfg": {**trained.pretrained_cfg, "num_classes": 3, "mean": [0.1, 0.2, 0.3], "crop_pct": 0.5},
    }
    (tmp_path / "config.json").write_text(json.dumps(config, default=str))
    tensors = {("timm_model." if is_wrapped else "") + name: t for name, t in trained.state_dict().items()}
    if is_safe:
        safetensors.torch.save_file(tensors, tmp_path / "model.safetensors")
    else:
        torch.save(tensors, tmp_path / "pytorch_model.bin")
    classifier = load(f"hf:{tmp_path}", 0, preprocessing=PreprocessingSettings())
    batch = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(classifier.module(batch), trained(batch), rtol=0, atol=0)
    assert classifier.weights_name == ("model.safetensors" if is_safe else "pytorch_model.bin")
    assert classifier.preprocessing.mean == (0.1, 0.2, 0.3)
    assert (classifier.preprocessing.resize, classifier.preprocessing.crop) == (320, 160)
    assert source_of_classes(tmp_path) == ("cat", "dog", "owl")
    checkpoint = saved(tmp_path, trained)
    assert load(f"hf:{tmp_path}", 0, weights=checkpoint).weights_name == "w.pth"


def source_of_classes(folder):
    return resolve_model(ModelSettings(model=f"hf:{folder}")).class_names()


@pytest.mark.extra
@pytest.mark.parametrize(
    ("changes", "problem"),
    [({"architecture": "resnet_of_tomorrow"}, "has no model resnet_of_tomorrow"), ({"num_classes": 0}, "backbone")],
)
def test_a_folder_of_timm_that_cannot_be_built_is_explained(tmp_path, changes, problem):
    import json

    pytest.importorskip("timm")
    config = {"architecture": "test_resnet", "num_classes": 3, "pretrained_cfg": {"num_classes": 0}, **changes}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=problem):
        load(f"hf:{tmp_path}", 0)


@pytest.mark.extra
def test_unknown_timm_names_and_tags_are_explained():
    pytest.importorskip("timm")
    with pytest.raises(ModelError, match="timm has no model resnet19") as caught:
        load("timm:resnet19", weights="pretrained")
    assert "resnet18" in caught.value.hint
    with pytest.raises(ModelError, match=r"timm cannot build test_resnet\.nope"):
        load("timm:test_resnet.nope", weights="pretrained")


def test_timm_that_is_not_installed_says_how_to(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModelError, match="needs timm") as caught:
        load("timm:resnet18", weights="pretrained")
    assert "pip install" in caught.value.hint
