import numpy as np
import pytest

from reportgen.errors import DataError
from reportgen.inputs.data.class_names import group_classes, read_class_names, read_superclasses, reorder_labels


def written(tmp_path, text: str):
    path = tmp_path / "names.txt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("text", ["cat\ndog\nsea otter\n", "cat\r\ndog\r\nsea otter", '["cat", "dog", "sea otter"]\n'])
def test_names_come_from_lines_or_a_json_list(tmp_path, text):
    assert read_class_names(written(tmp_path, text)) == ("cat", "dog", "sea otter")


@pytest.mark.parametrize("text", ['{"1": "dog", "0": "cat"}', '{"0": ["cat", "house cat"], "1": ["dog", "hound"]}'])
def test_names_come_from_a_json_object_by_index(tmp_path, text):
    assert read_class_names(written(tmp_path, text)) == ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"1": "cat", "2": "dog"}', "keys are not the indices from 0 to 1"),
        ('{"0": 7}', "entries that are not text"),
        ("cat\ndog\ncat", "contains cat twice, at indices 0 and 2"),
        ("cat\n\ndog", "empty name at index 1"),
        ('["cat", 3]', "entries that are not text"),
        ('["cat", ', "not valid JSON"),
        ("", "is empty"),
    ],
)
def test_unusable_names_are_refused(tmp_path, text, problem):
    with pytest.raises(DataError, match=problem):
        read_class_names(written(tmp_path, text))


def test_labels_follow_the_models_order_by_name():
    labels = reorder_labels(np.array([0, 1, 2, 1]), ["cat", "dog", "owl"], ["yak", "owl", "cat", "dog"], "the list")
    assert labels.tolist() == [2, 3, 1, 3]
    assert labels.dtype == np.int64


def test_a_class_that_is_not_listed_shows_the_nearest_names():
    with pytest.raises(DataError, match="The class ct of the test set is not in the list") as caught:
        reorder_labels(np.array([0]), ["ct", "dog"], ["cat", "dog", "cart"], "the list")
    assert "Did you mean cat" in caught.value.hint
    with pytest.raises(DataError, match=r"nor are 2 others: x2, x3\."):
        reorder_labels(np.array([0]), ["x1", "x2", "x3"], ["cat"], "the list")


def test_superclasses_come_from_a_csv_with_more_columns_too(tmp_path):
    path = written(tmp_path, 'note,class, superclass\n-,cat,pets\n"a, b",dog,"pets"\n\n-,owl,birds\n')
    assert read_superclasses(path) == {"cat": "pets", "dog": "pets", "owl": "birds"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("class,group\ncat,pets", "no column superclass; it has class, group"),
        ("cat,pets\ndog,pets", "no column class"),
        ("class,superclass\ncat\n", "has no value in line 2"),
        ("class,superclass\ncat,pets\ncat,wild", "assigns cat to both pets and wild"),
    ],
)
def test_unusable_csv_files_are_refused(tmp_path, text, problem):
    with pytest.raises(DataError, match=problem):
        read_superclasses(written(tmp_path, text))


def test_superclasses_are_sorted_and_indexed_by_class():
    groups = group_classes(["cat", "owl", "dog"], {"dog": "pets", "owl": "birds", "cat": "pets"}, "The file")
    assert groups.names == ("birds", "pets")
    assert groups.superclass_of.tolist() == [1, 0, 1]
    assert groups.superclass_of.dtype == np.int64


def test_missing_and_unknown_classes_are_named():
    with pytest.raises(DataError, match="The file has no superclass for owl"):
        group_classes(["cat", "owl"], {"cat": "pets"}, "The file")
    with pytest.raises(DataError, match="The file contains olw, which is not a class of the test set") as caught:
        group_classes(["cat", "owl"], {"cat": "pets", "olw": "birds"}, "The file")
    assert "Did you mean owl" in caught.value.hint
