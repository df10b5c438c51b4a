import zipfile

import numpy as np
import pytest

from reportgen.errors import DataError
from reportgen.inputs.data.arrays import ArrayImages, read_npz


def test_members_come_back_as_written(write_npz, pixels):
    members = read_npz(write_npz(ids=np.array(list("uvwxyz")), labels=np.array([2, 1, 0, 0, 1, 2], dtype=np.uint8)))
    np.testing.assert_array_equal(members.images, pixels(6, 8, 8, 3))
    assert members.labels.dtype == np.int64
    assert members.labels.tolist() == [2, 1, 0, 0, 1, 2]
    assert members.class_names == ("cat", "dog", "owl")
    assert members.ids == tuple("uvwxyz")


def test_names_and_ids_may_be_missing(write_npz):
    members = read_npz(write_npz(class_names=None))
    assert members.class_names is None
    assert members.ids is None


@pytest.mark.parametrize(("images", "labels"), [("test_images", "test_labels"), ("x_test", "y_test")])
def test_members_of_medmnist_and_keras_are_read(write_npz, pixels, images, labels):
    others = {name.replace("test", "train"): np.zeros((2, 2)) for name in (images, labels)}
    path = write_npz(
        images=None,
        labels=None,
        class_names=None,
        **others,
        **{images: pixels(6, 8, 9), labels: np.array([[2], [1], [0], [0], [1], [2]], np.uint8)},
    )
    members = read_npz(path)
    assert members.images.shape == (6, 8, 9, 3)
    assert members.labels.tolist() == [2, 1, 0, 0, 1, 2]


def test_one_hot_labels_are_indices_and_several_labels_are_refused(write_npz):
    one_hot = np.eye(3, dtype=np.int64)[[2, 1, 0, 0, 1, 2]]
    assert read_npz(write_npz(labels=one_hot)).labels.tolist() == [2, 1, 0, 0, 1, 2]
    one_hot[0] = 1, 1, 0
    with pytest.raises(DataError, match="several labels") as caught:
        read_npz(write_npz(labels=one_hot))
    assert "multi-label" in caught.value.hint


@pytest.mark.parametrize("shape", [(6, 8, 9), (6, 8, 9, 1)])
def test_grey_pictures_get_three_equal_channels(write_npz, pixels, shape):
    members = read_npz(write_npz(images=pixels(*shape)))
    assert members.images.shape == (6, 8, 9, 3)
    for channel in range(3):
        np.testing.assert_array_equal(members.images[..., channel], pixels(*shape).reshape(6, 8, 9))


@pytest.mark.parametrize(
    ("members", "problem", "remedy"),
    [
        ({"images": None}, "no member images; it has labels, class_names", "uint8"),
        ({"labels": None}, "no member labels", "labels"),
        ({"images": np.zeros((6, 8, 8, 3), np.float32)}, "images are float32, not uint8", "0 to 255"),
        ({"images": np.zeros((6, 3, 8, 8), np.uint8)}, r"shape \(6, 3, 8, 8\)", "transpose"),
        ({"images": np.zeros((6, 8, 8, 4), np.uint8)}, r"shape \(6, 8, 8, 4\)", "uint8"),
        ({"images": np.zeros((6, 8), np.uint8)}, r"shape \(6, 8\)", "uint8"),
        ({"images": np.zeros((0, 8, 8, 3), np.uint8)}, "there are no images", "uint8"),
        ({"labels": np.zeros(6)}, "labels are float64, not integers", "indices"),
        ({"labels": np.array(["a"] * 6)}, "not integers", "indices"),
        ({"labels": np.zeros(5, np.int64)}, r"shape \(5,\) for 6 images", "labels"),
        ({"labels": np.full((6, 2), 3)}, r"shape \(6, 2\) for 6 images", "labels"),
        ({"labels": np.array([0, 0, 1, 1, 2, 3])}, "reach 3, but class_names has only 3", "class_names"),
        ({"labels": np.array([-1, 0, 1, 1, 2, 2])}, "-1 is one of the labels", "indices"),
        ({"class_names": np.array([1, 2, 3])}, "class_names is int64", "dtype=str"),
        ({"class_names": np.array(["a", "b", "c"], dtype=object)}, "class_names contains Python objects", "dtype=str"),
        ({"ids": np.array(["a"])}, "ids has 1 entries for 6 images", "ids"),
    ],
)
def test_misfits_are_named_with_their_remedy(write_npz, members, problem, remedy):
    with pytest.raises(DataError, match=problem) as caught:
        read_npz(write_npz(**members))
    assert "set.npz" in caught.value.message
    assert remedy in caught.value.hint
    assert "allow_pickle" not in caught.value.message + caught.value.hint


def test_damaged_and_foreign_files_are_one_clear_error_each(write_npz, tmp_path):
    whole = write_npz().read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    for content, problem in (
        (b"", "is empty"),
        (b"hello, this is text", r"not a \.npz file"),
        (whole[:middle], "truncated or damaged"),
        (flipped, "truncated or damaged"),
    ):
        path = tmp_path / "bad.npz"
        path.write_bytes(content)
        with pytest.raises(DataError, match=problem):
            read_npz(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images", b"no array")
    with pytest.raises(DataError, match="images is not an array"):
        read_npz(path)


def test_array_images_are_windows_and_can_be_picked(pixels):
    images = ArrayImages(pixels(6, 8, 8, 3))
    assert len(images) == 6
    assert np.shares_memory(images[2], images.array)
    np.testing.assert_array_equal(images.take(np.array([1, 4])).array, images.array[[1, 4]])
