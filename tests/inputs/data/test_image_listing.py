import os

import pytest
from loaded import load_evaluation_set

from reportgen.cache import SkippedImage
from reportgen.errors import DataError
from reportgen.inputs.data.image_listing import list_image_names, list_images
from reportgen.settings import AnalyzeSettings


def test_listing_is_sorted_and_leaves_out_what_is_hidden_or_no_image(tmp_path):
    for name in ("b.PNG", "a.jpg", "deep/er/c.webp", ".hidden.png", ".git/d.png", "notes.txt", "Thumbs.db"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert list_image_names(tmp_path) == ["a.jpg", "b.PNG", "deep/er/c.webp"]


def test_each_file_counts_once_and_links_that_lead_nowhere_new_are_named(image_folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (image_folder / "cat/0.png").rename(outside / "7.png")
    (image_folder / "cat/more").symlink_to(outside)
    (image_folder / "cat/up").symlink_to("..")
    (image_folder / "cat/dogs").symlink_to("../dog")
    (image_folder / "dog/itself").symlink_to(".")
    (image_folder / "dog/turning.png").symlink_to("turning.png")
    (image_folder / "owl/nowhere.png").symlink_to("no such file")
    (image_folder / "owl/again.png").symlink_to("0.png")
    (image_folder / "owl/9.png").symlink_to(outside / "7.png")
    cat, dog, owl = list_images([image_folder / name for name in ("cat", "dog", "owl")])
    assert cat.images == ("1.png", "more/7.png")
    assert [(entry.name, entry.reason) for entry in cat.left_out] == [
        ("dogs", "leads to a folder that is read already"),
        ("up", "leads back to a folder that contains it"),
    ]
    assert dog.images == ("0.png", "1.png", "2.png")
    assert [(entry.name, entry.reason) for entry in dog.left_out] == [
        ("itself", "leads back to a folder that contains it"),
        ("turning.png", "leads nowhere"),
    ]
    assert owl.images == ("0.png",)
    assert {entry.name for entry in owl.left_out} == {"again.png", "nowhere.png", "9.png"}
    loaded = load_evaluation_set(AnalyzeSettings(model="demo", data=str(image_folder)))
    assert len(loaded.labels) == 6
    assert loaded.notes[0].startswith("7 links are left out: cat/dogs (leads to a folder that is read already), ")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("7.heic", "HEIC"), ("7.JXL", "JPEG XL"), ("7.dcm", "DICOM"), ("7.nii.gz", "medical volumes"), ("7.NEF", "raw")],
)
def test_pictures_of_kinds_that_are_not_read_are_named(image_folder, name, reason):
    (image_folder / "cat" / name).touch()
    (image_folder / "cat/notes.gz").touch()
    (entry,) = list_images([image_folder / "cat"])[0].unusable
    assert entry.name == name
    assert reason in entry.reason


def test_pipes_are_no_images(image_folder):
    os.mkfifo(image_folder / "cat/5.png")
    (listing,) = list_images([image_folder / "cat"])
    assert listing.images == ("0.png", "1.png")
    assert listing.unusable == (SkippedImage(name="5.png", reason="is not a regular file"),)


def test_a_test_set_of_one_unsupported_kind_names_it_and_the_way_out(tmp_path):
    for name in ("a/1.dcm", "b/2.dcm"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"no image that can be read, but a/1\.dcm and 1 more") as caught:
        load_evaluation_set(AnalyzeSettings(model="demo", data=str(tmp_path)))
    assert "pydicom" in caught.value.hint
