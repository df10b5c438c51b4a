import numpy as np
import pandas as pd
import pytest
from loaded import load_evaluation_set
from PIL import Image

from reportgen.errors import DataError, SettingsError
from reportgen.inputs.data.manifests import read_manifest
from reportgen.settings import AnalyzeSettings

ROWS = (
    "path,label,site,age\npictures/cat/0.png,cat,north,4\npictures/owl/0.png,owl,,\npictures/dog/2.png,dog,south,7.5\n"
)


@pytest.fixture
def write(tmp_path, image_folder):
    """Writes a manifest beside the folder of pictures."""

    def write(text: str, name: str = "set.csv", encoding: str = "utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def load(data, **options):
    return load_evaluation_set(AnalyzeSettings(model="demo", data=str(data), **options))


def test_rows_become_examples_with_sorted_classes_and_columns(write, image_folder):
    loaded = load(write(ROWS))
    assert loaded.name == "set.csv"
    assert loaded.class_names == ("cat", "dog", "owl")
    assert loaded.labels.tolist() == [0, 2, 1]
    assert loaded.example_ids == ("pictures/cat/0.png", "pictures/owl/0.png", "pictures/dog/2.png")
    assert list(loaded.columns) == ["site", "age"]
    assert loaded.columns["site"].tolist() == ["north", "", "south"]
    assert loaded.columns["age"].tolist() == ["4", "", "7.5"]
    for position, name in enumerate(("cat/0.png", "owl/0.png", "dog/2.png")):
        np.testing.assert_array_equal(loaded.images[position], np.asarray(Image.open(image_folder / name)))


def test_limit_picks_columns_with_their_examples(write):
    whole, part = load(write(ROWS)), load(write(ROWS), limit=2)
    assert len(part.labels) == 2
    for position, index in enumerate(part.example_index):
        assert part.columns["site"][position] == whole.columns["site"][index]
        np.testing.assert_array_equal(part.images[position], whole.images[index])


def test_absolute_paths_and_backslashes_lead_to_the_files(write, image_folder):
    loaded = load(write(f"path,label\n{image_folder / 'cat/0.png'},cat\npictures\\dog\\1.png,dog\n"))
    assert loaded.example_ids == (str(image_folder / "cat/0.png"), "pictures/dog/1.png")
    np.testing.assert_array_equal(loaded.images[0], np.asarray(Image.open(image_folder / "cat/0.png")))
    np.testing.assert_array_equal(loaded.images[1], np.asarray(Image.open(image_folder / "dog/1.png")))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_and_encodings_are_recognised(write, delimiter, encoding):
    text = ROWS.replace(",", delimiter).replace("north", '"Süd, Ost; West"')
    manifest = read_manifest(write(text, encoding=encoding))
    assert manifest.labels.tolist() == ["cat", "owl", "dog"]
    assert manifest.columns["site"].tolist() == ["Süd, Ost; West", "", "south"]


def test_windows_western_text_is_read_with_a_note(write):
    path = write(ROWS.replace("north", "Süd"), encoding="cp1252")
    assert read_manifest(path).columns["site"][0] == "Süd"
    assert load(path).notes == ("set.csv is not UTF-8 text; it was read as Windows-1252.",)


def test_whole_numbers_written_as_floats_are_indices(write):
    path = write("path,label,age\npictures/cat/0.png,10.0,3.0\npictures/owl/0.png,2.0,\npictures/dog/0.png,0.0,4\n")
    loaded = load(path)
    assert loaded.labels.tolist() == [10, 2, 0]
    assert loaded.class_names == tuple(map(str, range(11)))
    assert loaded.columns["age"].tolist() == ["3", "", "4"]
    assert "8 numbers between do not occur: 1, 3, 4, 5, 6 and 3 more" in loaded.notes[0]


@pytest.mark.parametrize("wrong", ["-1", "0.5"])
def test_numbers_that_are_no_indices_are_refused_unless_classes_are_called_so(write, tmp_path, wrong):
    path = write(f"path,label\npictures/cat/0.png,{wrong}\npictures/dog/0.png,1\n")
    with pytest.raises(DataError, match=f"The label {wrong} is a number but not a class index"):
        load(path)
    names = tmp_path / "names.txt"
    names.write_text(f"1\n{wrong}")
    assert load(path, class_names_path=names).labels.tolist() == [1, 0]


def test_labels_counted_from_one_are_told_and_refused_where_they_do_not_fit(write, tmp_path):
    path = write("path,label\npictures/cat/0.png,1\npictures/dog/0.png,2\npictures/dog/1.png,3\n")
    loaded = load(path)
    assert loaded.class_names == ("0", "1", "2", "3")
    assert "No image has the label 0: the labels run from 1 to 3. Were they counted from 1?" in loaded.notes[0]
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog\nowl")
    with pytest.raises(DataError, match=r"labels up to 3, but .* list 3 classes") as caught:
        load(path, class_names_path=names)
    assert "counted from 1" in caught.value.hint
    names.write_text("1\n2\n3")
    assert load(path, class_names_path=names).labels.tolist() == [0, 1, 2]


def test_headers_spaces_quotes_blank_lines_and_a_saved_index_do_no_harm(write):
    manifest = read_manifest(
        write(',Path , "Label", note\n\n0, pictures/cat/0.png, NA, "a, b"\r\n1,pictures/dog/0.png , dog ,\n,,,\n')
    )
    assert manifest.paths == ("pictures/cat/0.png", "pictures/dog/0.png")
    assert manifest.labels.tolist() == ["NA", "dog"]
    assert {name: column.tolist() for name, column in manifest.columns.items()} == {"note": ["a, b", ""]}


def test_a_column_id_names_the_examples(write):
    manifest = read_manifest(write(ROWS.replace("site", "id").replace("owl,,", "owl,west,")))
    assert manifest.example_ids == ("north", "west", "south")
    assert list(manifest.columns) == ["age"]


def test_numbers_are_indices_unless_classes_are_called_so(write, tmp_path):
    path = write("path,label\npictures/cat/0.png,2\npictures/dog/0.png,0\n")
    assert load(path).labels.tolist() == [2, 0]
    assert load(path).class_names == ("0", "1", "2")
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog\nowl\nyak")
    assert load(path, class_names_path=names).labels.tolist() == [2, 0]
    assert load(path, class_names_path=names).class_names == ("cat", "dog", "owl", "yak")
    names.write_text("2\n1\n0")
    assert load(path, class_names_path=names).labels.tolist() == [0, 2]


def test_class_names_give_the_models_order(write, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("owl\ndog\ncat")
    assert load(write(ROWS), class_names_path=names).labels.tolist() == [2, 0, 1]


@pytest.mark.extra
def test_parquet_gives_the_same_as_csv(write, tmp_path):
    pytest.importorskip("pyarrow")
    csv = write(ROWS)
    table = pd.DataFrame(
        {
            "path": ["pictures/cat/0.png", "pictures/owl/0.png", "pictures/dog/2.png"],
            "label": ["cat", "owl", "dog"],
            "site": ["north", None, "south"],
            "age": [4, None, 7.5],
        }
    )
    table.to_parquet(tmp_path / "set.parquet")
    from_parquet, from_csv = read_manifest(tmp_path / "set.parquet"), read_manifest(csv)
    assert from_parquet.paths == from_csv.paths
    assert from_parquet.labels.tolist() == from_csv.labels.tolist()
    assert from_parquet.columns["site"].tolist() == from_csv.columns["site"].tolist()
    assert from_parquet.columns["age"].tolist() == ["4.0", "", "7.5"]


@pytest.mark.extra
def test_parquet_labels_may_be_numbers(tmp_path, image_folder):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame({"path": ["pictures/cat/0.png", "pictures/owl/0.png"], "label": [1, 0]})
    table.to_parquet(tmp_path / "set.parquet")
    assert load(tmp_path / "set.parquet").labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("", "is empty", "Save or download"),
        ("file,label\na,b\n", "no column path; it has file, label", "path"),
        ("path,class\na,b\n", "no column label; it has path, class", "label"),
        ("path,label\n", "has no row", "path"),
        ("path,label,label\na,b,c\n", "has the column label twice", "Rename"),
        ("path,label\npictures/cat/0.png,cat\npictures/dog/0.png,\n", "Row 2 .* has no label", "Add it"),
        ("path,label\n,cat\n,dog\n", "Row 1 .* has no path \\(2 rows in all", "Add it"),
        ("file;class\na;b\n", "no column path; it has file, class", "path_column"),
        ("path,label\npictures/cat/0.png,cat\npictures/cat/7.png,cat\n", "Row 2 .*cat/7.png, which", "relative"),
        ("path,label\npictures/cat/0.png,a\npictures/dog/0.png,b\npictures/cat/0.png,b\n", "rows 1 and 3", "Keep one"),
        ("path,label\npictures/cat/0.png,cat,x\n", "Row 1 .* has 3 values for 2 columns", "quote"),
        ("path,label\npictures/cat/0.png\n", "Row 1 .* has 1 values for 2 columns", "one value"),
        ("path,label,id\npictures/cat/0.png,a,7\npictures/dog/0.png,b,7\n", "id 7 twice", "Keep one"),
    ],
)
def test_what_is_wrong_is_named_with_row_and_remedy(write, text, problem, remedy):
    with pytest.raises(DataError, match=problem) as caught:
        read_manifest(write(text))
    assert "set.csv" in caught.value.message
    assert remedy in caught.value.hint


def test_files_that_are_no_table_are_one_clear_error(write, tmp_path, image_folder):
    for name in ("set.parquet", "set.csv"):
        path = tmp_path / name
        path.write_bytes(b"\x81\x8d no table")
        with pytest.raises(DataError, match=r"cannot be read|is not UTF-8"):
            read_manifest(path)
    with pytest.raises(DataError, match="does not exist"):
        read_manifest(tmp_path / "nowhere.csv")


def test_columns_of_other_names_images_elsewhere_and_names_without_suffix(write, tmp_path):
    table = tmp_path / "tables" / "breeds.csv"
    table.parent.mkdir()
    table.write_text("Image;breed;path;nr\ncat/0;cat;x;7\ndog/1;dog;y;8\n")
    options = {"path_column": "image", "label_column": "breed", "image_root": tmp_path / "pictures"}
    for suffix in ("", ".png"):
        loaded = load(table, **options, image_suffix=suffix, id_column="nr")
        assert loaded.example_ids == ("7", "8")
        assert loaded.class_names == ("cat", "dog")
        assert loaded.columns["path"].tolist() == ["x", "y"]
        assert loaded.images.names == ("cat/0.png", "dog/1.png")
    assert load(table, **options).example_ids == ("cat/0.png", "dog/1.png")
    with pytest.raises(DataError, match="has no column race; it has Image, breed, path, nr"):
        load(table, **(options | {"label_column": "race"}))


def test_kaggles_ids_are_file_names_without_suffix(write, tmp_path):
    path = write("id,label\n0,cat\n1,dog\n", "labels.csv")
    loaded = load(path, image_root=tmp_path / "pictures/cat")
    assert loaded.example_ids == ("0", "1")
    assert loaded.images.names == ("0.png", "1.png")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cat/0\ncat/1\nowl/0\n", "food.txt"),
        ("cat/0.png 0\ncat/1.png 0\nowl/0.png 1\n", "val.txt"),
        ("cat/0.png\t0\ncat/1.png\t0\nowl/0.png\t1\n", "val.lst"),
        ("cat/0.png,0\ncat/1.png,0\nowl/0.png,1\n", "val.csv"),
        ("cat/0.png, 0\ncat/1.png, 0\nowl/0.png, 1\n", "val.txt"),
    ],
)
def test_lists_without_a_header_give_paths_and_labels(write, tmp_path, text, name):
    loaded = load(write(text, name), image_root=tmp_path / "pictures")
    assert loaded.images.names == ("cat/0.png", "cat/1.png", "owl/0.png")
    assert loaded.labels.tolist() == [0, 0, 1]


def test_a_list_without_labels_is_refused(write):
    with pytest.raises(DataError, match=r"Line 1 of the list .* has no label: a\.png"):
        load(write("a.png\nb.png\n", "set.txt"))


def test_rows_without_an_image_are_counted_or_left_out(write):
    path = write("path,label,site\npictures/cat/7.png,cat,x\npictures/cat/0.png,cat,y\npictures/dog/9.png,dog,z\n")
    with pytest.raises(DataError, match=r"Row 1 .* refers to the image pictures/cat/7\.png, .* \(2 rows in all\)"):
        load(path)
    path.write_text(path.read_text() + "pictures/owl/0.png,owl,w\n")
    loaded = load(path, on_bad_image="skip")
    assert loaded.example_ids == ("pictures/cat/0.png", "pictures/owl/0.png")
    assert loaded.columns["site"].tolist() == ["y", "w"]
    assert [entry.name for entry in loaded.skipped] == ["pictures/cat/7.png", "pictures/dog/9.png"]
    assert "2 of 4 images could not be read" in loaded.notes[-1]


def test_options_of_tables_need_a_table(image_folder):
    with pytest.raises(SettingsError, match=r"label_column='x' is given, but .* is not a table"):
        load(image_folder, label_column="x")
