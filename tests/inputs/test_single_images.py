import os

import numpy as np
import pytest
from PIL import Image

from reportgen.errors import DataError
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.inputs.single_images import find_images, read_views

PLAIN = Preprocessing(mean=(0.5,) * 3, std=(0.5,) * 3, source="a test")


def test_what_cannot_be_read_fails_alone_with_its_reason(image_folder):
    os.mkfifo(image_folder / "cat/pipe.png")
    (image_folder / "cat/7.heic").touch()
    (image_folder / "dog/empty.png").touch()
    paths = find_images([image_folder, image_folder / "nowhere.png"])
    assert len(paths) == 10
    views, failures = read_views(paths, PLAIN)
    assert len(views) == 6
    told = {failure.path.name: failure for failure in failures}
    assert set(told) == {"pipe.png", "7.heic", "empty.png", "nowhere.png"}
    assert "is not a regular file" in told["pipe.png"].message
    assert "HEIC pictures are not supported" in told["7.heic"].message
    assert "pillow-heif" in told["7.heic"].hint
    assert "is empty" in told["empty.png"].message
    assert "does not exist" in told["nowhere.png"].message


def test_a_window_is_that_of_all_images(tmp_path):
    for name, values in (("a.png", [100, 300]), ("b.png", [200, 500])):
        Image.fromarray(np.array([values], np.uint16)).save(tmp_path / name)
    views, _ = read_views(find_images([tmp_path]), PLAIN, window="auto")
    assert [view[0, :, 0].tolist() for _, view in views] == [[0, 128], [64, 255]]


def test_nothing_readable_is_one_error(tmp_path):
    (tmp_path / "a.dcm").touch()
    with pytest.raises(DataError, match="DICOM files are not supported"):
        read_views(find_images([tmp_path]), PLAIN)
