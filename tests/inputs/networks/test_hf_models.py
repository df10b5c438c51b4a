import json

import numpy as np
import pytest
import torch
from loaded import load_classifier
from PIL import Image

from reportgen.errors import CheckpointError, ModelError, SettingsError
from reportgen.inputs.networks.hf_models import measure_processor
from reportgen.settings import ModelSettings, PreprocessingSettings

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.extra

NAMES = {0: "cat", 1: "dog", 2: "owl"}


def make_network(**options):
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        image_size=16,
        patch_size=4,
        id2label=NAMES,
        label2id={name: index for index, name in NAMES.items()},
        **options,
    )
    return transformers.ViTForImageClassification(config).eval()


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hf") / "tiny-vit"
    make_network().save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 16, "width": 16}, image_mean=[0.4] * 3).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of the saved folder, to be changed."""
    copy = tmp_path / "tiny-vit"
    copy.mkdir()
    for path in saved.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def build(folder, **options):
    return load_classifier(ModelSettings(model=f"hf:{folder}", **options))


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_folder_gives_network_weights_and_preprocessing(saved):
    classifier = build(saved)
    assert classifier.name == "tiny-vit"
    assert classifier.weights_name == "model.safetensors"
    assert not classifier.is_opaque
    assert not any(module.training for module in classifier.module.modules())
    images = torch.rand(2, 3, 16, 16)
    expected = make_network()(images).logits
    torch.testing.assert_close(classifier.module(images).logits, expected, rtol=0, atol=0)
    preprocessing = classifier.preprocessing
    assert (preprocessing.mean, preprocessing.std) == ((0.4,) * 3, (0.5,) * 3)
    assert (preprocessing.resize, preprocessing.squash, preprocessing.crop) == (16, True, None)
    assert "image processor of hf:tiny-vit" in preprocessing.source


def test_checkpoint_goes_before_the_folders_weights(folder, tmp_path):
    other = make_network()
    with torch.no_grad():
        other.classifier.bias.add_(1)
    torch.save(other.state_dict(), tmp_path / "w.pth")
    (folder / "model.safetensors").unlink()
    classifier = build(folder, weights=str(tmp_path / "w.pth"))
    assert classifier.weights_name == "w.pth"
    assert torch.equal(classifier.module.classifier.bias, other.classifier.bias)
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="does not match"):
        build(folder, weights=str(tmp_path / "w.pth"))


def test_half_precision_is_widened(folder):
    make_network().half().save_pretrained(folder)
    assert {parameter.dtype for parameter in build(folder).module.parameters()} == {torch.float32}


def test_weights_without_a_head_are_refused(folder):
    make_network().vit.save_pretrained(folder)
    with pytest.raises(ModelError, match=r"do not include classifier\.bias, classifier\.weight, which would be random"):
        build(folder)


def test_head_of_another_number_of_classes_is_refused(folder):
    edit(folder / "config.json", id2label={"0": "cat", "1": "dog"}, label2id={"cat": 0, "dog": 1})
    with pytest.raises(ModelError):
        build(folder)


def test_networks_of_several_labels_are_refused(folder):
    edit(folder / "config.json", problem_type="multi_label_classification")
    with pytest.raises(ModelError, match="hf:tiny-vit is a multi-label network"):
        build(folder)


def test_models_of_other_tasks_are_refused(folder):
    transformers.BertConfig(architectures=["BertForMaskedLM"]).save_pretrained(folder)
    with pytest.raises(ModelError, match="hf:tiny-vit is a BertForMaskedLM, not an image classifier"):
        build(folder)


def test_images_of_other_channels_are_refused(folder):
    edit(folder / "config.json", num_channels=1)
    with pytest.raises(ModelError, match="takes images of 1 channels"):
        build(folder)


def test_unknown_architecture_is_explained(folder):
    edit(folder / "config.json", model_type="not_there_yet")
    with pytest.raises(ModelError, match=r"transformers cannot build hf:tiny-vit: .*not_there_yet") as caught:
        build(folder)
    assert "recent enough" in caught.value.hint


def test_code_in_the_folder_is_never_run(folder):
    (folder / "own.py").write_text("raise SystemExit('was run')")
    edit(
        folder / "config.json",
        model_type="own",
        auto_map={"AutoConfig": "own.Own", "AutoModelForImageClassification": "own.OwnNet"},
    )
    with pytest.raises(ModelError, match="transformers cannot build") as caught:
        build(folder)
    assert "is not run" in caught.value.hint


@pytest.mark.parametrize("content", [b"no weights", b"\x10\0\0\0\0\0\0\0{}"])
def test_damaged_weights_are_explained(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="transformers cannot build hf:tiny-vit"):
        build(folder)


def test_missing_image_processor_leaves_the_preprocessing_to_the_options(folder):
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(SettingsError, match="normalized"):
        build(folder)
    given = PreprocessingSettings(mean=(0.1,) * 3, std=(0.2,) * 3, resize=16)
    classifier = build(folder, preprocessing=given)
    assert classifier.preprocessing.mean == (0.1,) * 3
    assert "has no image processor" in classifier.notes[0]


def test_transformers_that_is_not_installed_says_how_to(saved, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelError, match="needs Hugging Face transformers") as caught:
        build(saved)
    assert "reportgen[hf]" in caught.value.hint


def test_transformers_is_left_as_talkative_as_it_was(saved):
    log = transformers.utils.logging
    before = log.get_verbosity(), log.is_progress_bar_enabled()
    build(saved)
    assert (log.get_verbosity(), log.is_progress_bar_enabled()) == before


PROCESSORS = {
    "squashed": ("ViTImageProcessor", {"size": {"height": 48, "width": 48}}),
    "squashed, then cropped": (
        "DeiTImageProcessor",
        {"size": {"height": 64, "width": 64}, "crop_size": {"height": 48, "width": 48}},
    ),
    "shorter side, then cropped": (
        "CLIPImageProcessor",
        {"size": {"shortest_edge": 64}, "crop_size": {"height": 48, "width": 48}},
    ),
    "shorter side alone": ("CLIPImageProcessor", {"size": {"shortest_edge": 48}, "do_center_crop": False}),
    "crop alone": ("CLIPImageProcessor", {"do_resize": False, "crop_size": {"height": 48, "width": 48}}),
    "a share of the resized image": ("ConvNextImageProcessor", {"size": {"shortest_edge": 56}, "crop_pct": 0.875}),
    "large images squashed": ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}}),
    "8/7 of the size": (
        "LevitImageProcessor",
        {"size": {"shortest_edge": 56}, "crop_size": {"height": 56, "width": 56}},
    ),
    "normalised twice": ("EfficientNetImageProcessor", {"size": {"height": 48, "width": 48}}),
    "not normalised": ("ViTImageProcessor", {"size": {"height": 48, "width": 48}, "do_normalize": False}),
    "not rescaled": (
        "ViTImageProcessor",
        {
            "size": {"height": 48, "width": 48},
            "do_rescale": False,
            "image_mean": [123.7, 116.3, 103.5],
            "image_std": [58.4, 57.1, 57.4],
        },
    ),
    "blue, green, red": ("MobileViTImageProcessor", {}),
    "blue, green, red, cropped": (
        "MobileViTImageProcessor",
        {"size": {"shortest_edge": 72}, "crop_size": {"height": 64, "width": 64}},
    ),
    "nearest neighbours": ("ViTImageProcessor", {"size": {"height": 48, "width": 48}, "resample": 0}),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", PROCESSORS)
@pytest.mark.parametrize("shape", [(150, 100, 3), (96, 120, 3)])
def test_preprocessing_is_what_the_image_processor_does(case, shape):
    name, options = PROCESSORS[case]
    processor = getattr(transformers, name)(**options)
    preprocessing = measure_processor(processor, source="a test")
    assert preprocessing is not None
    noise = np.random.default_rng(1).integers(0, 256, (shape[0] // 3, shape[1] // 3, 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(noise).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
    expected = processor(images=Image.fromarray(image), return_tensors="pt")["pixel_values"][0]
    found = preprocessing.normalise(torch.from_numpy(preprocessing.view(image).copy())[None])[0]
    assert found.shape == expected.shape
    std = preprocessing.std[::-1] if preprocessing.flips_channels else preprocessing.std
    assert preprocessing.flips_channels == case.startswith("blue")
    levels = 255 * (found - expected).abs() * torch.tensor(std)[:, None, None]
    assert levels.max() <= 3.01  # Pillow and torchvision round differently; another pixel would differ by dozens
    assert levels.mean() < 0.3


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("PerceiverImageProcessor", {}, "resizes or crops in another way"),  # crops before it resizes
        ("ViTImageProcessor", {"size": {"height": 48, "width": 64}}, r"in another way \(size=48×64\)"),
        ("DonutImageProcessor", {"size": {"height": 48, "width": 48}}, "has the step do_"),
    ],
)
def test_preprocessing_of_another_kind_is_an_error_that_names_the_step(name, options, problem, folder):
    processor = getattr(transformers, name)(**options)
    assert measure_processor(processor, source="a test") is None
    processor.save_pretrained(folder)
    with pytest.raises(ModelError, match=f"The image processor of hf:tiny-vit .*{problem}.*, which is not reproduced"):
        build(folder)
    given = PreprocessingSettings(mean=(0.1,) * 3, std=(0.2,) * 3, resize=16)
    (note,) = build(folder, preprocessing=given).notes
    assert "not reproduced. The preprocessing is that of the options instead." in note


def test_statistics_are_those_of_the_configuration():
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    processor = transformers.CLIPImageProcessor(image_mean=mean, image_std=std)
    found = measure_processor(processor, source="a test")
    assert found.mean == pytest.approx(mean, abs=2e-7)
    assert found.std == pytest.approx(std, abs=2e-7)
    assert "mean 0.485, 0.456, 0.406, std 0.229, 0.224, 0.225" in found.describe()
