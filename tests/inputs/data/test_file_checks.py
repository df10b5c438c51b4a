import io
import os

import numpy as np
import pytest
from loaded import load_evaluation_set
from PIL import Image

from reportgen.errors import DataError
from reportgen.inputs.data.file_checks import check_file
from reportgen.settings import AnalyzeSettings


def encoded(pixels, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels(32, 32, 3)).save(buffer, kind)
    return buffer.getvalue()


def load(folder, **options):
    return load_evaluation_set(AnalyzeSettings(model="demo", data=str(folder), **options))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_whole_files_pass_also_with_bytes_behind_their_end(tmp_path, pixels, kind):
    path = tmp_path / "whole"
    path.write_bytes(encoded(pixels, kind))
    assert check_file(path).reason == ""
    path.write_bytes(encoded(pixels, kind) + bytes(500))
    assert check_file(path).reason == ""


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_files_without_their_end_are_found(tmp_path, pixels, kind, share):
    whole, path = encoded(pixels, kind), tmp_path / "part.png"
    path.write_bytes(whole[: int(share * len(whole))])
    assert check_file(path).reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"no picture", "not an image in a known format"),
        (bytes(128) + b"DICM" + bytes(100), "DICOM"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC"),
        (bytes(344) + b"n+1\0" + bytes(50), "volumes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "is a pointer of Git LFS, not an image"),
        (b"<!DOCTYPE html><html>404</html>", "is a web page"),
    ],
)
def test_content_that_is_no_picture_is_named(tmp_path, content, reason):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    assert reason in check_file(path).reason


def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert check_file(tmp_path / "pipe.png").reason == "is not a regular file"
    assert check_file(tmp_path / "gone.png").reason == "does not exist"


@pytest.fixture
def broken_folder(image_folder):
    """Six pictures, of which one is empty and one is damaged where only decoding finds it, and a HEIC file."""
    (image_folder / "cat/0.png").write_bytes(b"")
    path = image_folder / "dog/1.png"
    whole = bytearray(path.read_bytes())
    start = whole.index(b"IDAT") + 8
    whole[start : start + 20] = bytes(20)
    path.write_bytes(whole)
    (image_folder / "owl/7.heic").write_bytes(b"\0\0\0\x18ftypheic")
    return image_folder


def test_all_unreadable_files_are_listed_before_the_pass(broken_folder):
    with pytest.raises(
        DataError, match=r"2 of 7 images cannot be read: owl/7\.heic \(HEIC .*, cat/0\.png \(is empty\)"
    ):
        load(broken_folder)


def test_skipped_files_are_left_out_and_listed(broken_folder):
    loaded = load(broken_folder, on_bad_image="skip")
    assert loaded.example_ids == ("cat/1.png", "dog/0.png", "dog/2.png", "owl/0.png")
    assert loaded.labels.tolist() == [0, 1, 1, 2]
    assert loaded.example_index.tolist() == [1, 2, 4, 5]
    assert len(loaded.images) == 4
    np.testing.assert_array_equal(loaded.images[2], np.asarray(Image.open(broken_folder / "dog/2.png")))
    assert [entry.name for entry in loaded.skipped] == ["owl/7.heic", "cat/0.png", "dog/1.png"]
    assert all(entry.reason and str(broken_folder) not in entry.reason for entry in loaded.skipped)
    assert "3 of 7 images could not be read and are left out: owl/7.heic" in loaded.notes[-1]


def test_a_test_set_of_nothing_readable_is_refused(image_folder):
    for path in image_folder.rglob("*.png"):
        path.write_bytes(b"x")
    with pytest.raises(DataError, match="None of the 6 images"):
        load(image_folder, on_bad_image="skip")
