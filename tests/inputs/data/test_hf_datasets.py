import json
import pickle
import shutil

import numpy as np
import pytest
from loaded import load_evaluation_set
from PIL import Image

from reportgen.errors import DataError
from reportgen.inputs.registry import resolve_data
from reportgen.settings import AnalyzeSettings

datasets = pytest.importorskip("datasets")
pytestmark = pytest.mark.extra
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value  # noqa: E402


@pytest.fixture(autouse=True)
def quiet():
    datasets.disable_progress_bars()


@pytest.fixture
def make(image_folder):
    """Four rows with pictures from files; columns may be replaced, or left out with None."""

    def make(**changes) -> Dataset:
        columns = {
            "image": ([str(image_folder / name) for name in ("cat/0.png", "dog/1.png", "owl/0.png", "cat/1.png")]),
            "label": [0, 1, 2, 0],
            "site": ["north", None, "south", "north"],
            "age": [4, None, 7, 9],
            "vector": [[1.0]] * 4,
            "sex": [1, 0, -1, 1],
            **{name: values for name, (values, _) in changes.items()},
        }
        features = {
            "image": datasets.Image(),
            "label": ClassLabel(names=["cat", "dog", "owl"]),
            "site": Value("string"),
            "age": Value("int64"),
            "vector": datasets.List(Value("float32")),
            "sex": ClassLabel(names=["female", "male"]),
            **{name: feature for name, (_, feature) in changes.items()},
        }
        kept = [name for name, feature in features.items() if feature is not None]
        return Dataset.from_dict(
            {name: columns[name] for name in kept}, features=Features({name: features[name] for name in kept})
        )

    return make


@pytest.fixture
def save(tmp_path):
    def save(data, name: str = "saved") -> str:
        data.save_to_disk(tmp_path / name)
        return f"hf:{tmp_path / name}"

    return save


def load(data, **options):
    return load_evaluation_set(AnalyzeSettings(model="demo", data=data, **options))


def test_images_and_labels_are_found_by_type_and_other_scalars_become_columns(make, save, image_folder):
    loaded = load(save(make()))
    assert loaded.name == "saved"
    assert loaded.class_names == ("cat", "dog", "owl")
    assert loaded.labels.tolist() == [0, 1, 2, 0]
    assert loaded.labels.dtype == np.int64
    assert {name: column.tolist() for name, column in loaded.columns.items()} == {
        "site": ["north", "", "south", "north"],
        "age": ["4", "", "7", "9"],
        "sex": ["male", "female", "", "male"],
    }
    for position, name in enumerate(("cat/0.png", "dog/1.png", "owl/0.png", "cat/1.png")):
        np.testing.assert_array_equal(loaded.images[position], np.asarray(Image.open(image_folder / name)))


def test_examples_are_called_as_their_files_where_the_names_differ(make, save, image_folder):
    assert load(save(make())).example_ids == ("0", "1", "2", "3")  # two files are called 0.png
    for number, name in enumerate(("cat/0.png", "dog/1.png", "owl/0.png", "cat/1.png")):
        shutil.copy(image_folder / name, image_folder / f"{number}.png")
    files = [str(image_folder / f"{number}.png") for number in range(4)]
    assert load(save(make(image=(files, datasets.Image())), "named")).example_ids == tuple(
        f"{number}.png" for number in range(4)
    )


def test_test_split_is_taken_unless_another_is_named(make, save):
    spec = save(DatasetDict({"train": make(), "test": make().select([1, 2])}))
    assert load(spec).labels.tolist() == [1, 2]
    assert load(spec).name == "saved, split test"
    assert load(f"{spec}#train").labels.tolist() == [0, 1, 2, 0]
    with pytest.raises(DataError, match="no split tset; it has train, test") as caught:
        load(f"{spec}#tset")
    assert f"{spec}#test" in caught.value.hint


def test_without_a_test_split_the_splits_are_named(make, save):
    spec = save(DatasetDict({"train": make(), "validation": make()}))
    with pytest.raises(DataError, match="no split test; it has train, validation") as caught:
        load(spec)
    assert f"{spec}#validation" in caught.value.hint
    assert load(save(DatasetDict({"only": make()}), "one")).name == "one, split only"


def test_column_of_labels_can_be_chosen(make, save):
    spec = save(make())
    whole = save(make(site=(["x", "y", "z", "y"], Value("string"))), "whole")
    loaded = load(f"{whole}#:site")
    assert loaded.class_names == ("x", "y", "z")
    assert loaded.labels.tolist() == [0, 1, 2, 1]
    assert "label" in loaded.columns
    with pytest.raises(DataError, match="no labels vector"):
        load(f"{spec}#:vector")
    with pytest.raises(DataError, match=r"Row 1 .* has no label in the column site"):
        load(f"{spec}#:site")


def test_several_columns_of_class_labels_have_to_be_chosen_from(make, save):
    spec = save(make().rename_column("label", "species"))
    with pytest.raises(DataError, match="several columns of class labels: species, sex") as caught:
        load(spec)
    assert "#:species" in caught.value.hint
    assert load(f"{spec}#:species").class_names == ("cat", "dog", "owl")


def test_labels_without_class_names_are_indices_or_text(make, save):
    numbers = save(make(label=([2, 0, 1, 0], Value("int64")), sex=([0] * 4, None)), "numbers")
    assert load(numbers).labels.tolist() == [2, 0, 1, 0]
    assert load(numbers).class_names == ("0", "1", "2")
    texts = save(make(label=(["b", "a", "b", "b"], Value("string")), sex=([0] * 4, None)), "texts")
    assert load(texts).class_names == ("a", "b")


def test_hidden_labels_and_missing_columns_are_explained(make, save):
    with pytest.raises(DataError, match=r"Row 0 .* has no label in the column label \(2 rows in all\)"):
        load(save(make(label=([-1, 0, -1, 1], ClassLabel(names=["a", "b"]))), "hidden"))
    with pytest.raises(DataError, match="no column of images; its columns are label"):
        load(save(make().remove_columns("image"), "blind"))
    with pytest.raises(DataError, match="no column of class labels"):
        load(save(make().remove_columns(["label", "sex"]), "unlabelled"))


def test_a_row_without_picture_and_a_damaged_one_are_named(make, save, image_folder):
    files = [str(image_folder / "cat/0.png"), None, str(image_folder / "dog/0.png"), str(image_folder / "cat/1.png")]
    (image_folder / "dog/0.png").write_bytes(b"no picture")
    images = load(save(make(image=(files, datasets.Image())))).images
    assert images[0].shape == (8, 8, 3)
    with pytest.raises(DataError, match=r"Row 1 .* has no image"):
        images[1]
    with pytest.raises(DataError, match="The image in row 2 of the test set cannot be read"):
        images[2]


def test_images_survive_the_way_to_a_worker_and_can_be_picked(make, save):
    images = load(save(make())).images
    picked = pickle.loads(pickle.dumps(images.take(np.array([1, 3]))))
    assert len(picked) == 2
    np.testing.assert_array_equal(picked[1], images[3])


def source_of(spec):
    return resolve_data(AnalyzeSettings(model="demo", data=spec))


def list_files(spec):
    return tuple(source_of(spec).files().values())


def test_folders_that_hold_no_saved_data_set_are_explained(make, save, tmp_path, image_folder):
    for folder in (image_folder, tmp_path / "nowhere"):
        with pytest.raises(DataError, match=r"is not a saved data set|is not a folder") as caught:
            list_files(f"hf:{folder}")
        assert "save_to_disk" in caught.value.hint
    spec = save(make())
    with pytest.raises(DataError, match="has no splits, so there is no split test"):
        load(f"{spec}#test")
    shard = list_files(spec)[1]
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(DataError, match="cannot be read"):
        load(spec)
    shard.unlink()
    with pytest.raises(DataError, match="does not exist"):
        load(spec)
    (tmp_path / "saved/state.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        load(spec)


def test_files_are_those_of_the_chosen_split(make, save, tmp_path):
    spec = save(DatasetDict({"train": make(), "test": make()}))
    files = list_files(spec)
    assert [path.parent.name for path in files] == ["test", "test"]
    state = json.loads((tmp_path / "saved/test/state.json").read_text())
    assert [path.name for path in files] == ["dataset_info.json", state["_data_files"][0]["filename"]]
