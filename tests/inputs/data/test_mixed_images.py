"""Pictures of every kind and size, through every source of image files: the same pixels, and one size where asked."""

import shutil

import numpy as np
import pytest
from loaded import load_evaluation_set
from PIL import Image

from reportgen.errors import DataError
from reportgen.inputs.data.batches import iterate_views
from reportgen.inputs.data.image_files import read_image
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.settings import AnalyzeSettings

# From Python 3.12 on, forking a process with threads warns; torch's loader forks.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

SOURCES = ["folder", "manifest", "hf"]


@pytest.fixture
def mixed(tmp_path, pixels):
    """A folder of two classes with a picture of each kind, no two of one size."""
    upside_down = Image.Exif()
    upside_down[0x0112] = 6
    rgb = Image.fromarray(pixels(20, 31, 3))
    pictures = {
        "grey.png": (Image.fromarray(pixels(9, 12)), {}),
        "rgba.png": (Image.fromarray(pixels(14, 11, 4)), {}),
        "palette.gif": (rgb.resize((17, 10)).quantize(16), {}),
        "deep.png": (Image.fromarray(pixels(8, 8).astype(np.uint16) * 200), {}),
        "inks.jpg": (rgb.convert("CMYK"), {}),
        "rotated.jpg": (rgb, {"exif": upside_down}),
        "tiny.png": (Image.fromarray(pixels(1, 2, 3)), {}),
        "large.webp": (Image.fromarray(pixels(300, 200, 3)), {"lossless": True}),
    }
    root = tmp_path / "mixed"
    for number, (name, (image, options)) in enumerate(pictures.items()):
        (root / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        image.save(root / "ab"[number % 2] / name, **options)
    return root


@pytest.fixture
def load(mixed, tmp_path):
    names = sorted(path.relative_to(tmp_path).as_posix() for path in mixed.rglob("*.*"))

    def load(source: str):
        data = mixed
        if source == "manifest":
            data = tmp_path / "set.csv"
            data.write_text("path,label\n" + "".join(f"{name},{name.split('/')[1]}\n" for name in names))
        if source == "hf":
            datasets = pytest.importorskip("datasets")
            datasets.disable_progress_bars()
            features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
            rows = {"image": [str(tmp_path / name) for name in names], "label": [name.split("/")[1] for name in names]}
            datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "saved")
            data = f"hf:{tmp_path / 'saved'}"
        return load_evaluation_set(AnalyzeSettings(model="demo", data=str(data)))

    load.paths = [tmp_path / name for name in names]
    return load


def preprocessing(**size) -> Preprocessing:
    return Preprocessing(mean=(0.5,) * 3, std=(0.5,) * 3, source="a test", **size)


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_shows_a_picture_as_its_file_alone(load, source):
    images = load(source).images
    assert len({images[position].shape for position in range(len(images))}) == len(images) == 8
    for position, path in enumerate(load.paths):
        np.testing.assert_array_equal(images[position], read_image(path))
    assert images[[path.name for path in load.paths].index("rotated.jpg")].shape == (31, 20, 3)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("source", SOURCES)
def test_resize_and_crop_make_one_size_of_all(load, source, workers):
    sized = preprocessing(resize=12, crop=10)
    views = np.concatenate(list(iterate_views(load(source), sized, 3, workers)))
    np.testing.assert_array_equal(views, np.stack([sized.view(read_image(path)) for path in load.paths]))


@pytest.mark.parametrize("source", SOURCES)
def test_without_them_the_first_of_another_size_is_named(load, source):
    evaluation_set = load(source)
    with pytest.raises(DataError, match="The images differ in size") as caught:
        list(iterate_views(evaluation_set, preprocessing(), 3, 0))
    assert evaluation_set.example_ids[1] in caught.value.message
    assert "resize and crop" in caught.value.hint


def test_torchvisions_sets_may_have_many_sizes_too(mixed):
    shutil.rmtree(mixed / "b")
    shutil.copytree(mixed / "a", mixed / "b")
    for path in mixed.rglob("deep.png"):
        path.unlink()
    loaded = load_evaluation_set(AnalyzeSettings(model="demo", data="torchvision:ImageFolder", data_root=mixed))
    views = np.concatenate(list(iterate_views(loaded, preprocessing(resize=12, crop=10), 3, 0)))
    assert views.shape == (len(loaded.labels), 10, 10, 3)
