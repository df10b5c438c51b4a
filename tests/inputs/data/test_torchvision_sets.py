import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
from loaded import compute_cache_key, load_evaluation_set
from PIL import Image

from reportgen.errors import DataError
from reportgen.inputs.registry import resolve_data
from reportgen.settings import AnalyzeSettings


def settings(name: str, root: Path, **options) -> AnalyzeSettings:
    return AnalyzeSettings(model="demo", data=f"torchvision:{name}", data_root=root, **options)


def load(name: str, root: Path, **options):
    return load_evaluation_set(settings(name, root, **options))


def write_idx(path: Path, values: np.ndarray) -> None:
    """The format of MNIST's files: magic number, sizes, bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


@pytest.fixture
def mnist(tmp_path, pixels) -> Path:
    for part, seed in (("train", 1), ("t10k", 2)):
        write_idx(tmp_path / f"MNIST/raw/{part}-images-idx3-ubyte", pixels(4, 28, 28, seed=seed))
        write_idx(tmp_path / f"MNIST/raw/{part}-labels-idx1-ubyte", np.array([7, 2, 1, seed]))
    return tmp_path


@pytest.fixture
def food(tmp_path, pixels) -> Path:
    """Two classes of pictures of different sizes, two of them for the test."""
    root = tmp_path / "food-101"
    (root / "meta").mkdir(parents=True)
    for class_name in ("waffles", "apple_pie"):
        (root / "images" / class_name).mkdir(parents=True)
        for number in range(2):
            image = Image.fromarray(pixels(10 + number, 12, 3, seed=len(class_name) + number))
            image.save(root / "images" / class_name / f"{number}.jpg")
    for split, number in (("train", 0), ("test", 1)):
        listing = {name: [f"{name}/{number}"] for name in ("waffles", "apple_pie")}
        (root / f"meta/{split}.json").write_text(json.dumps(listing))
    return tmp_path


@pytest.mark.parametrize("name", ["MNIST", "mnist"])
def test_test_split_of_a_set_with_a_train_switch(mnist, pixels, name):
    loaded = load(name, mnist)
    assert loaded.name == "MNIST test set"
    assert loaded.labels.tolist() == [7, 2, 1, 2]
    assert loaded.class_names[:2] == ("0 - zero", "1 - one")
    assert loaded.example_ids == ("0", "1", "2", "3")
    for position, grey in enumerate(pixels(4, 28, 28, seed=2)):
        np.testing.assert_array_equal(loaded.images[position], np.repeat(grey[..., None], 3, axis=2))
    assert load(f"{name}#train", mnist).labels.tolist() == [7, 2, 1, 1]
    with pytest.raises(DataError, match="MNIST has no split val"):
        load("MNIST#val", mnist)


def test_test_split_of_a_set_with_named_splits(food):
    loaded = load("Food101", food)
    assert loaded.name == "Food101 test set"
    assert loaded.class_names == ("apple_pie", "waffles")
    assert sorted(loaded.labels.tolist()) == [0, 1]
    for position, label in enumerate(loaded.labels):
        path = food / "food-101/images" / loaded.class_names[label] / "1.jpg"
        np.testing.assert_array_equal(loaded.images[position], np.asarray(Image.open(path)))


def test_validation_split_where_there_is_no_other(tmp_path, pixels):
    wnids = ("n01440764", "n02102040")
    for wnid in wnids:
        (tmp_path / "imagenette2/val" / wnid).mkdir(parents=True)
        Image.fromarray(pixels(8, 8, 3)).save(tmp_path / f"imagenette2/val/{wnid}/0.JPEG")
    loaded = load("imagenette", tmp_path)
    assert loaded.name == "Imagenette val set"
    assert loaded.class_names == ("tench", "English springer")
    assert loaded.labels.tolist() == [0, 1]


def test_validation_split_where_test_labels_are_not_public(tmp_path, pixels):
    root = tmp_path / "clevr/CLEVR_v1.0"
    for split in ("test", "val"):
        (root / "images" / split).mkdir(parents=True)
        for number in range(2):
            Image.fromarray(pixels(8, 8, 3)).save(root / "images" / split / f"{number}.png")
    (root / "scenes").mkdir()
    scenes = [{"image_filename": f"{number}.png", "objects": [None] * (3 + number)} for number in range(2)]
    (root / "scenes/CLEVR_val_scenes.json").write_text(json.dumps({"scenes": scenes}))
    loaded = load("CLEVRClassification", tmp_path)
    assert loaded.name == "CLEVRClassification val set"
    assert loaded.labels.tolist() == [3, 4]
    with pytest.raises(DataError, match="no test split with labels: its labels are not public"):
        load("CLEVRClassification#test", tmp_path)


def test_a_set_whose_splits_are_called_otherwise_has_to_be_told(tmp_path, pixels):
    for part in ("train", "test"):
        write_idx(tmp_path / f"EMNIST/raw/emnist-digits-{part}-images-idx3-ubyte", pixels(3, 28, 28))
        write_idx(tmp_path / f"EMNIST/raw/emnist-digits-{part}-labels-idx1-ubyte", np.array([1, 2, len(part)]))
    with pytest.raises(DataError, match=r"(?s)EMNIST has no test split .*Valid values are .*digits") as caught:
        load("EMNIST", tmp_path)
    assert "torchvision:EMNIST#SPLIT" in caught.value.hint
    assert load("EMNIST#digits", tmp_path).labels.tolist() == [1, 2, 4]


def test_a_set_without_splits_is_taken_whole(image_folder):
    loaded = load("imagefolder", image_folder)
    assert loaded.name == "ImageFolder, all images"
    assert loaded.class_names == ("cat", "dog", "owl")
    assert loaded.labels.tolist() == [0, 0, 1, 1, 1, 2]
    np.testing.assert_array_equal(loaded.images[3], np.asarray(Image.open(image_folder / "dog/1.png")))


def test_labels_come_from_the_images_where_no_list_proves_to_be_them(image_folder, monkeypatch):
    class Odd(torchvision.datasets.ImageFolder):
        def __init__(self, root):
            super().__init__(root, target_transform=lambda label: 2 - label)

    monkeypatch.setattr(torchvision.datasets, "ImageFolder", Odd)
    assert load("ImageFolder", image_folder).labels.tolist() == [2, 2, 1, 1, 1, 0]


def test_class_names_of_synonyms_are_all_different(image_folder, monkeypatch):
    class Synonyms(torchvision.datasets.ImageFolder):
        def __init__(self, root):
            super().__init__(root)
            self.classes = [("crane",), ("crane", "bird"), ("owl", "hooter")]

    monkeypatch.setattr(torchvision.datasets, "ImageFolder", Synonyms)
    assert load("ImageFolder", image_folder).class_names == ("crane", "crane, bird", "owl")
    monkeypatch.setattr(Synonyms, "__init__", lambda self, root: _init(self, root, ["crane", "crane", "owl"]))
    assert load("ImageFolder", image_folder).class_names == ("crane (class 0)", "crane (class 1)", "owl")
    monkeypatch.setattr(Synonyms, "__init__", lambda self, root: _init(self, root, None))
    assert load("ImageFolder", image_folder).class_names == ("cat", "dog", "owl")


def _init(self, root, classes):
    super(type(self), self).__init__(root)
    self.classes = classes


def test_limit_and_workers_see_the_same_images(food):
    loaded = load("Food101", food)
    picked = pickle.loads(pickle.dumps(loaded.images.take(np.array([1]))))
    assert len(picked) == 1
    np.testing.assert_array_equal(picked[0], loaded.images[1])
    assert len(load("Food101", food, limit=1).images) == 1


def list_files(settings):
    return resolve_data(settings).files()


def test_missing_data_say_how_to_get_them(tmp_path):
    with pytest.raises(DataError, match=r"SVHN is not in .*: there is no .*test_32x32\.mat") as caught:
        list_files(settings("svhn", tmp_path))
    assert "download=True" in caught.value.hint
    with pytest.raises(DataError, match="no data set MNITS") as caught:
        list_files(settings("MNITS", tmp_path))
    assert "Did you mean MNIST" in caught.value.hint


def test_incomplete_data_say_how_to_get_them(mnist):
    (mnist / "MNIST/raw/t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"MNIST cannot be read from .* not found") as caught:
        load("MNIST", mnist)
    assert "download=True" in caught.value.hint


def test_missing_data_are_fetched_where_they_may_be(mnist, tmp_path_factory, monkeypatch):
    empty = tmp_path_factory.mktemp("empty")
    monkeypatch.setattr(
        torchvision.datasets.MNIST, "download", lambda _: shutil.copytree(mnist / "MNIST", empty / "MNIST")
    )
    assert load("MNIST", empty, download=True).labels.tolist() == [7, 2, 1, 2]


def test_failed_download_says_what_to_do(tmp_path, monkeypatch):
    def fail(self):
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", fail)
    with pytest.raises(DataError, match="no route to host") as caught:
        list_files(settings("MNIST", tmp_path, download=True))
    assert "Check the connection" in caught.value.hint


@pytest.mark.parametrize(
    ("label", "problem"),
    [((1, 2), "labeled with tuple"), ("cat", "labeled with str"), (0.5, "labeled with float")],
)
def test_sets_without_one_class_for_each_image_are_refused(image_folder, monkeypatch, label, problem):
    monkeypatch.setattr(torchvision.datasets.ImageFolder, "__getitem__", lambda *_: (None, label))
    with pytest.raises(DataError, match=problem) as caught:
        load("ImageFolder", image_folder)
    assert "classification" in caught.value.hint


def test_sets_of_something_else_are_refused(tmp_path, image_folder):
    with pytest.raises(DataError, match="CocoDetection needs more than a folder"):
        load("CocoDetection", image_folder)
    with pytest.raises(DataError, match="torchvision has no data set transforms"):
        load("transforms", image_folder)


def test_damaged_images_are_named(image_folder):
    images = load("ImageFolder", image_folder).images
    (image_folder / "cat/0.png").write_bytes(b"damaged")
    for read in (lambda: images[0], lambda: load("ImageFolder", image_folder)):
        with pytest.raises(DataError, match="Image 0 of torchvision's ImageFolder cannot be read"):
            read()


def test_key_follows_the_sets_own_files_and_no_others(mnist):
    before = compute_cache_key(settings("mnist", mnist))
    assert before.data == "torchvision:MNIST"
    (mnist / "other").mkdir()
    (mnist / "other/file").write_bytes(b"of another set")
    assert before.differences(compute_cache_key(settings("MNIST", mnist))) == ()
    assert before.differences(compute_cache_key(settings("MNIST#test", mnist))) == ("data",)
    path = mnist / "MNIST/raw/t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes() + b"x")
    assert before.differences(compute_cache_key(settings("MNIST", mnist))) == ("data_digest",)


def test_every_place_belongs_to_a_set_that_torchvision_has():
    from reportgen.inputs.data.sources.torchvision import _PLACES

    assert set(_PLACES) <= set(torchvision.datasets.__all__)


def test_key_needs_no_torchvision(mnist):
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from reportgen.inputs.digests import compute_cache_key\n"
        "from reportgen.inputs.registry import resolve\n"
        "from reportgen.settings import AnalyzeSettings\n"
        f"settings = AnalyzeSettings(model='demo', data='torchvision:mnist', data_root=Path({str(mnist)!r}))\n"
        "compute_cache_key(resolve(settings))\n"
        "assert not {'torch', 'torchvision'} & set(sys.modules)\n"
    )
    root = Path(__file__).parents[3]
    result = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
