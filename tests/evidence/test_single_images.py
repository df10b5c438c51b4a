"""Single images: right whatever their form, explained as asked, and one bad file does not spoil the others."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from reportgen.demo.dataset import DemoSet
from reportgen.demo.network import MEAN, STD, build_network
from reportgen.errors import DataError, SettingsError
from reportgen.evidence.single_images import explain_images
from reportgen.inputs.networks.checkpoints import apply_state_dict, load_weights
from reportgen.inputs.networks.sources.demo import WEIGHTS_PATH as DEMO_WEIGHTS_PATH
from reportgen.inputs.single_images import find_images
from reportgen.settings import ExplainSettings, PreprocessingSettings


@pytest.fixture(scope="module")
def pictures(demo_set: DemoSet) -> np.ndarray:
    return demo_set.images[[1234, 4321, 7777, 2500]]


@pytest.fixture
def folder(tmp_path: Path, pictures: np.ndarray) -> Path:
    """Mixed files: grey, transparent, huge, tiny, turned by EXIF, and no picture."""
    grey, clear, huge, turned = (Image.fromarray(picture) for picture in pictures)
    grey.convert("L").save(tmp_path / "grey.png")
    clear.convert("RGBA").save(tmp_path / "clear.png")
    huge.resize((3200, 3200), Image.Resampling.NEAREST).save(tmp_path / "huge.png")
    clear.resize((5, 5)).save(tmp_path / "tiny.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # a viewer turns it clockwise
    turned.rotate(90).save(tmp_path / "turned.png", exif=exif)
    (tmp_path / "broken.png").write_text("no picture")
    return tmp_path


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    network = build_network()
    apply_state_dict(network, load_weights(DEMO_WEIGHTS_PATH).tensors, DEMO_WEIGHTS_PATH)
    return network.eval()


def explain(*paths: Path, **settings: object):
    values = {"model": "demo", "device": "cpu", "preprocessing": PreprocessingSettings(resize=32), "images": paths}
    return explain_images(find_images(paths), ExplainSettings(**{**values, **settings}))


def plain_logits(network: torch.nn.Module, picture: np.ndarray) -> torch.Tensor:
    scaled = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].double() / 255
    mean, std = (torch.tensor(values, dtype=torch.float64).view(1, 3, 1, 1) for values in (MEAN, STD))
    return network.double()((scaled - mean) / std)[0]


def test_pictures_of_any_form_are_seen_as_a_person_sees_them(folder: Path, pictures: np.ndarray):
    found = explain(*(folder / f"{name}.png" for name in ("grey", "clear", "huge", "turned", "tiny", "broken")))
    grey, clear, huge, turned, tiny = (image.view for image in found.images)
    np.testing.assert_array_equal(grey, np.asarray(Image.fromarray(pictures[0]).convert("L"))[..., None].repeat(3, 2))
    np.testing.assert_array_equal(clear, pictures[1])
    enlarged = Image.open(folder / "huge.png").resize((32, 32), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(huge, np.asarray(enlarged))
    small = Image.open(folder / "tiny.png").resize((32, 32), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(tiny, np.asarray(small))
    np.testing.assert_array_equal(turned, pictures[3])
    assert [failure.path.name for failure in found.failures] == ["broken.png"]
    assert "broken.png" in found.failures[0].message


def test_logits_and_maps_are_those_of_a_plain_float64_forward_and_backward(
    folder: Path, pictures: np.ndarray, network: torch.nn.Module
):
    image = explain(folder / "clear.png", classes=("43", "07")).images[0]
    logits = plain_logits(network, pictures[1])
    np.testing.assert_allclose(image.logits, logits.detach().numpy(), atol=1e-4)
    assert [class_map.class_index for class_map in image.maps] == [43, 7]

    kept: list[torch.Tensor] = []
    handle = network.double().features.register_forward_hook(lambda _layer, _inputs, output: kept.append(output))
    logits = plain_logits(network, pictures[1])
    handle.remove()
    for class_map in image.maps:
        (gradient,) = torch.autograd.grad(logits[class_map.class_index], kept[0], retain_graph=True)
        expected = (gradient.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(dim=1)[0].detach().numpy()
        np.testing.assert_allclose(class_map.values, expected, atol=5e-5 * np.abs(expected).max())


def test_without_a_class_the_predicted_one_is_explained(folder: Path):
    image = explain(folder / "clear.png").images[0]
    assert [class_map.class_index for class_map in image.maps] == [image.predicted] == [int(image.logits.argmax())]
    assert image.top(2)[0] == image.predicted
    assert image.probabilities.sum() == pytest.approx(1)


def test_a_method_that_knows_no_classes_gives_one_map(folder: Path):
    image = explain(folder / "clear.png", classes=("43", "7"), methods=("gradcam", "eigencam", "layercam")).images[0]
    said = [(class_map.method, class_map.class_index) for class_map in image.maps]
    assert said == [("gradcam", 43), ("eigencam", image.predicted), ("layercam", 43), ("gradcam", 7), ("layercam", 7)]


def test_methods_that_need_forwards_of_their_own_see_a_network_without_hooks(folder: Path):
    alone = explain(folder / "clear.png", methods=("fullgrad",)).images[0]
    beside = explain(folder / "clear.png", methods=("gradcam", "fullgrad")).images[0]
    np.testing.assert_allclose(beside.maps[1].values, alone.maps[0].values, rtol=1e-5)


def test_batches_give_what_single_images_give(folder: Path):
    names = ("grey", "clear", "huge", "turned")
    together = explain(*(folder / f"{name}.png" for name in names), batch_size=3)
    for name, image in zip(names, together.images, strict=True):
        alone = explain(folder / f"{name}.png").images[0]
        np.testing.assert_allclose(image.logits, alone.logits, atol=1e-4)
        np.testing.assert_allclose(image.maps[0].values, alone.maps[0].values, atol=1e-4)


def test_images_of_different_sizes_are_explained_each_at_its_own(folder: Path, pictures: np.ndarray):
    wide = np.pad(pictures[0], [(0, 0), (16, 16), (0, 0)], mode="edge")
    Image.fromarray(wide).save(folder / "wide.png")
    found = explain(folder / "wide.png", folder / "clear.png", preprocessing=PreprocessingSettings())
    assert [image.view.shape for image in found.images] == [(32, 64, 3), (32, 32, 3)]
    assert [image.maps[0].values.shape for image in found.images] == [(8, 16), (8, 8)]


def test_a_folder_stands_for_its_images(folder: Path):
    found = explain(folder)
    names = [image.path.name for image in found.images]
    assert names == ["clear.png", "grey.png", "huge.png", "tiny.png", "turned.png"]


def test_progress_counts_every_file(folder: Path):
    counts: list[int] = []
    settings = ExplainSettings(
        model="demo", device="cpu", preprocessing=PreprocessingSettings(resize=32), images=(folder,)
    )
    explain_images(find_images(settings.images), settings, progress=counts.append)
    assert sum(counts) == 6


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda folder: explain(folder / "broken.png"), DataError, "broken.png"),
        (lambda folder: explain(folder / "missing.png"), DataError, "does not exist"),
        (lambda folder: explain(folder / "clear.png", classes=("hundred",)), SettingsError, "hundred"),
        (lambda folder: explain(folder / "clear.png", classes=("100",)), SettingsError, "100"),
    ],
)
def test_what_cannot_be_explained_is_one_clear_error(folder: Path, call: Callable, error: type, named: str):
    with pytest.raises(error, match=named) as raised:
        call(folder)
    assert raised.value.hint


def test_an_empty_folder_is_one_clear_error(tmp_path: Path):
    with pytest.raises(DataError, match="contains no images"):
        explain(tmp_path)


def test_annotations_lie_over_what_the_network_saw(folder: Path):
    shape = {"label": "number", "shape_type": "rectangle", "points": [[4, 8], [20, 24]]}
    document = {"imagePath": "clear.png", "imageHeight": 32, "imageWidth": 32, "shapes": [shape]}
    (folder / "clear.json").write_text(json.dumps(document))
    found = explain(folder / "clear.png", folder / "grey.png", annotations=folder / "clear.json")
    marked, other = found.images
    expected = np.zeros((32, 32), bool)
    expected[8:24, 4:20] = True
    np.testing.assert_array_equal(marked.annotation, expected)
    assert other.annotation is None
