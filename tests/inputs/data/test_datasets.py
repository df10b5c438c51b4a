import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loaded import load_evaluation_set
from PIL import Image

from reportgen.errors import DataError
from reportgen.inputs.data.datasets import spread_positions
from reportgen.inputs.data.sources.image_folder import ImageFolder
from reportgen.settings import AnalyzeSettings


def settings_of(data, **options):
    return AnalyzeSettings(model="demo", data=str(data), **options)


def load(data, **options):
    return load_evaluation_set(settings_of(data, **options))


def test_folder_gives_sorted_classes_ids_and_pictures(image_folder):
    loaded = load(image_folder)
    assert loaded.name == "pictures"
    assert loaded.class_names == ("cat", "dog", "owl")
    assert loaded.example_ids == ("cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png", "dog/2.png", "owl/0.png")
    assert loaded.labels.tolist() == [0, 0, 1, 1, 1, 2]
    assert loaded.labels.dtype == np.int64
    assert loaded.example_index.tolist() == list(range(6))
    assert loaded.superclasses is None
    for position, example_id in enumerate(loaded.example_ids):
        np.testing.assert_array_equal(loaded.images[position], np.asarray(Image.open(image_folder / example_id)))


def test_nested_folders_belong_to_their_class_and_other_files_are_skipped(image_folder):
    (image_folder / "cat/2019/may").mkdir(parents=True)
    (image_folder / "cat/0.png").rename(image_folder / "cat/2019/may/7.png")
    (image_folder / "cat/readme.txt").touch()
    (image_folder / "cat/.thumb.png").touch()
    (image_folder / ".git").mkdir()
    (image_folder / "labels.csv").touch()
    assert ImageFolder(settings=settings_of(image_folder)).listings["cat"].images == ("1.png", "2019/may/7.png")
    assert load(image_folder).example_ids[1] == "cat/2019/may/7.png"


def test_folders_without_the_expected_shape_are_explained(tmp_path, image_folder):
    with pytest.raises(DataError, match="contains images, but no class folders"):
        load(image_folder / "cat")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="empty contains no images"):
        load(empty)
    (image_folder / "yak").mkdir()
    with pytest.raises(DataError, match="yak contains no images"):
        load(image_folder)


def test_one_class_alone_is_refused(image_folder, tmp_path):
    root = tmp_path / "one"
    root.mkdir()
    (image_folder / "dog").rename(root / "dog")
    with pytest.raises(DataError, match="only one class, dog"):
        load(root)


def make_folders(root, *names, count=1):
    for name in names:
        for number in range(count):
            path = root / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4)).save(path)
    return root


def test_folders_numbered_from_zero_follow_their_number(tmp_path):
    loaded = load(make_folders(tmp_path / "digits", *map(str, range(12))))
    assert loaded.class_names == tuple(map(str, range(12)))
    assert [loaded.example_ids[position].split("/")[0] for position in range(12)] == list(loaded.class_names)
    (note,) = loaded.notes
    assert "the whole numbers 0 to 11" in note
    assert "0, 1, 10, 11, 2 and 7 more" in note


def test_folders_numbered_otherwise_stay_sorted_as_text_and_are_told(tmp_path):
    loaded = load(make_folders(tmp_path / "flowers", *map(str, range(1, 12))))
    assert loaded.class_names[:3] == ("1", "10", "11")
    assert "from 1 to 11 and sorted as text" in loaded.notes[0]
    assert load(make_folders(tmp_path / "padded", *(f"{k:02}" for k in range(12)))).notes == ()


def test_numbered_folders_are_indices_into_other_class_names(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("\n".join("abcdefghijkl"))
    loaded = load(make_folders(tmp_path / "few", "2", "11"), class_names_path=names)
    assert sorted(loaded.labels.tolist()) == [2, 11]
    assert loaded.class_names[11] == "l"
    assert "indices into the class names of" in loaded.notes[0]
    with pytest.raises(DataError, match="labels up to 12") as caught:
        load(make_folders(tmp_path / "from_one", "1", "12"), class_names_path=names)
    assert "counted from 1" in caught.value.hint


@pytest.mark.parametrize("splits", [("train", "valid", "test"), ("Training", "TEST", "notes"), ("test",)])
def test_a_root_of_splits_is_refused_and_names_the_test_set(tmp_path, splits):
    root = make_folders(tmp_path / "root", *(f"{split}/{name}" for split in splits for name in ("cat", "dog")))
    with pytest.raises(DataError, match="contains splits of a data set") as caught:
        load(root)
    assert str(root / next(split for split in splits if split.lower() == "test")) in caught.value.hint


def test_classes_may_be_called_as_splits_are(tmp_path):
    assert load(make_folders(tmp_path / "words", "test", "train")).class_names == ("test", "train")
    assert load(make_folders(tmp_path / "kinds", "test/a", "train/b")).class_names == ("test", "train")


def test_a_test_set_of_one_class_is_told(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog")
    loaded = load(make_folders(tmp_path / "one", "dog", count=3), class_names_path=names)
    assert "All 3 images are of the class dog" in loaded.notes[0]


def test_names_with_line_breaks_stand_on_one_line(tmp_path):
    groups = tmp_path / "groups.csv"
    groups.write_text('class,superclass\na b,"x\ny"\nc,"p\u2029q"\n', encoding="utf-8")
    loaded = load(make_folders(tmp_path / "odd", "a\nb", "c"), superclasses_path=groups)
    assert loaded.class_names == ("a b", "c")
    assert loaded.superclasses is not None
    assert loaded.superclasses.names == ("p q", "x y")
    assert loaded.example_ids[0] == "a\nb/0.png"


def test_npz_gives_what_it_holds(write_npz, pixels):
    loaded = load(write_npz(ids=np.array(list("uvwxyz"))))
    assert loaded.name == "set.npz"
    assert loaded.class_names == ("cat", "dog", "owl")
    assert loaded.example_ids == tuple("uvwxyz")
    np.testing.assert_array_equal(loaded.images[3], pixels(6, 8, 8, 3)[3])


def test_npz_without_ids_counts_its_examples(write_npz):
    assert load(write_npz()).example_ids == ("0", "1", "2", "3", "4", "5")


def test_npz_without_class_names_calls_them_by_number_or_by_the_list(write_npz, tmp_path):
    path = write_npz(class_names=None)
    assert load(path).class_names == ("0", "1", "2")
    names = tmp_path / "names.txt"
    names.write_text("x\ny\nz\nw")
    loaded = load(path, class_names_path=names)
    assert loaded.class_names == ("x", "y", "z", "w")
    assert loaded.labels.tolist() == [0, 0, 1, 1, 2, 2]
    names.write_text("x\ny")
    with pytest.raises(DataError, match=r"labels up to 2, but .* list 2"):
        load(path, class_names_path=names)


def test_npz_that_names_a_class_twice_is_refused(write_npz):
    with pytest.raises(DataError, match=r"set\.npz contains cat twice"):
        load(write_npz(class_names=np.array(["cat", "cat", "owl"])))


def test_class_names_give_the_models_order_and_may_hold_more(image_folder, tmp_path):
    names = tmp_path / "names.json"
    names.write_text(json.dumps(["yak", "owl", "cat", "dog"]))
    loaded = load(image_folder, class_names_path=names)
    assert loaded.class_names == ("yak", "owl", "cat", "dog")
    assert [loaded.class_names[label] for label in loaded.labels] == [
        example_id.split("/")[0] for example_id in loaded.example_ids
    ]
    names.write_text(json.dumps(["cat", "dgo"]))
    with pytest.raises(DataError, match="The class dog of the test set is not in the class names") as caught:
        load(image_folder, class_names_path=names)
    assert "Did you mean dgo" in caught.value.hint


def test_superclasses_follow_the_models_order(image_folder, tmp_path):
    names, groups = tmp_path / "names.txt", tmp_path / "groups.csv"
    names.write_text("owl\ndog\ncat")
    groups.write_text("class,superclass\ncat,mammals\ndog,mammals\nowl,birds\n")
    loaded = load(image_folder, class_names_path=names, superclasses_path=groups)
    assert loaded.superclasses is not None
    assert loaded.superclasses.names == ("birds", "mammals")
    assert loaded.superclasses.superclass_of.tolist() == [0, 1, 1]


def test_demo_is_one_more_data_set(monkeypatch):
    from reportgen.demo.dataset import make_test_set

    monkeypatch.setattr("reportgen.demo.dataset.NUM_TEST_PER_CLASS", 3)
    monkeypatch.setattr("reportgen.demo.dataset.shared_test_set", make_test_set)  # it would keep the few for others
    loaded, made = load("demo", limit=50), make_test_set()
    assert loaded.class_names == made.class_names
    assert loaded.superclasses is not None
    assert loaded.superclasses.names == made.superclasses.names
    np.testing.assert_array_equal(loaded.superclasses.superclass_of, made.superclasses.superclass_of)
    for position, index in enumerate(loaded.example_index[:5]):
        np.testing.assert_array_equal(loaded.images[position], made.images[index])
        assert loaded.example_ids[position] == made.example_ids[index]
        assert loaded.labels[position] == made.labels[index]


@pytest.mark.parametrize("source", ["folder", "npz"])
def test_limit_keeps_examples_together_with_their_labels(image_folder, write_npz, source):
    data = image_folder if source == "folder" else write_npz()
    whole, part = load(data), load(data, limit=3)
    assert len(part.images) == len(part.labels) == len(part.example_ids) == 3
    assert part.class_names == whole.class_names
    for position, index in enumerate(part.example_index):
        assert part.labels[position] == whole.labels[index]
        assert part.example_ids[position] == whole.example_ids[index]
        np.testing.assert_array_equal(part.images[position], whole.images[index])
    assert load(data, limit=99).example_ids == whole.example_ids


@given(total=st.integers(1, 500), limit=st.integers(1, 600))
def test_limited_positions_lie_one_in_each_equal_stretch(total, limit):
    positions = spread_positions(total, limit)
    count = min(total, limit)
    assert len(positions) == count
    for number, position in enumerate(positions.tolist()):
        assert number * total // count <= position < (number + 1) * total // count


def test_limit_sees_all_classes_of_a_test_set_that_lists_them_in_turn():
    labels = np.arange(10_000) % 10
    counts = np.bincount(labels[spread_positions(10_000, 1_000)], minlength=10)
    assert counts.min() > 50
