import numpy as np
import pytest
import torch
from PIL import Image

from reportgen.errors import DataError
from reportgen.inputs.data.arrays import ArrayImages
from reportgen.inputs.data.batches import iterate_views
from reportgen.inputs.data.evaluation_set import EvaluationSet
from reportgen.inputs.data.image_files import FileImages
from reportgen.inputs.preprocessing import Preprocessing

# From Python 3.12 on, forking a process with threads warns; torch's loader forks.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def make_set(images) -> EvaluationSet:
    n = len(images)
    return EvaluationSet(
        name="a test",
        images=images,
        labels=np.zeros(n, np.int64),
        example_ids=tuple(f"id-{number}" for number in range(n)),
        example_index=np.arange(n),
        class_names=("a", "b"),
        superclasses=None,
        normalisation=None,
    )


def make_preprocessing(**values) -> Preprocessing:
    return Preprocessing(**{"mean": (0.5,) * 3, "std": (0.5,) * 3, "source": "a test", **values})


def make_files(tmp_path, arrays) -> FileImages:
    names = []
    for number, array in enumerate(arrays):
        names.append(f"{number:02d}.png")
        Image.fromarray(array).save(tmp_path / names[-1])
    return FileImages(tmp_path, tuple(names))


def test_images_in_memory_are_sliced_and_not_copied(pixels):
    array = pixels(7, 8, 8, 3)
    batches = list(iterate_views(make_set(ArrayImages(array)), make_preprocessing(), 3))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert all(np.shares_memory(batch, array) for batch in batches)
    np.testing.assert_array_equal(np.concatenate(batches), array)


@pytest.mark.parametrize("crop", [4, 5, 10])
def test_images_in_memory_are_cropped_as_each_by_itself(pixels, crop):
    array = pixels(5, 8, 9, 3)
    preprocessing = make_preprocessing(crop=crop)
    views = np.concatenate(list(iterate_views(make_set(ArrayImages(array)), preprocessing, 2)))
    np.testing.assert_array_equal(views, np.stack([preprocessing.view(image) for image in array]))


@pytest.mark.parametrize("workers", [0, 1, 2, None])
def test_files_come_in_order_whatever_the_number_of_workers(tmp_path, pixels, workers):
    arrays = [pixels(6 + number % 3, 9, 3, seed=number) for number in range(11)]
    preprocessing = make_preprocessing(resize=6, crop=6)
    batches = list(iterate_views(make_set(make_files(tmp_path, arrays)), preprocessing, 4, workers))
    assert [batch.shape for batch in batches] == [(4, 6, 6, 3), (4, 6, 6, 3), (3, 6, 6, 3)]
    assert all(batch.dtype == np.uint8 for batch in batches)
    np.testing.assert_array_equal(np.concatenate(batches), np.stack([preprocessing.view(image) for image in arrays]))


def test_images_in_memory_that_need_a_resize_are_resized(pixels):
    array = pixels(5, 8, 8, 3)
    preprocessing = make_preprocessing(resize=12)
    views = np.concatenate(list(iterate_views(make_set(ArrayImages(array)), preprocessing, 2, workers=1)))
    np.testing.assert_array_equal(views, np.stack([preprocessing.view(image) for image in array]))


@pytest.mark.parametrize("workers", [0, 2])
def test_first_image_of_another_size_is_named_with_the_remedy(tmp_path, pixels, workers):
    shapes = [(6, 8)] * 5 + [(6, 9), (7, 8)]
    files = make_files(tmp_path, [pixels(*shape, 3) for shape in shapes])
    with pytest.raises(DataError, match="id-5 has 9x6 pixels after preprocessing, id-0 has 8x6") as caught:
        list(iterate_views(make_set(files), make_preprocessing(), 3, workers))
    assert "resize and crop" in caught.value.hint


@pytest.mark.parametrize("workers", [0, 2])
def test_unreadable_file_is_named(tmp_path, pixels, workers):
    files = make_files(tmp_path, [pixels(6, 8, 3)] * 5)
    (tmp_path / "03.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"03\.png cannot be read") as caught:
        list(iterate_views(make_set(files), make_preprocessing(), 2, workers))
    assert "Replace" in caught.value.hint


def test_many_files_are_loaded_in_workers_by_default(tmp_path, pixels, monkeypatch):
    monkeypatch.setattr("reportgen.inputs.data.batches._FEW_IMAGES", 3)
    arrays = [pixels(4, 4, 3, seed=number) for number in range(5)]
    files = make_files(tmp_path, arrays)
    np.testing.assert_array_equal(
        np.concatenate(list(iterate_views(make_set(files), make_preprocessing(), 2))), np.stack(arrays)
    )


def test_torchs_random_numbers_are_left_alone(tmp_path, pixels):
    files = make_files(tmp_path, [pixels(4, 4, 3)] * 3)
    before = torch.get_rng_state()
    list(iterate_views(make_set(files), make_preprocessing(), 2, workers=1))
    assert torch.equal(torch.get_rng_state(), before)


class _Buggy(ArrayImages):
    """Images that cannot be had, by a mistake in the code."""

    def __getitem__(self, position, /):
        return self.array[position] if position == 0 else self.array.nonsense


def test_bug_in_a_worker_keeps_its_traceback(pixels):
    images = _Buggy(pixels(4, 8, 8, 3))
    with pytest.raises(AttributeError, match=r"Original Traceback[\s\S]*nonsense"):
        list(iterate_views(make_set(images), make_preprocessing(resize=4), 2, workers=1))


class _Dying(ArrayImages):
    """Images of which the third kills the process that loads it."""

    def __getitem__(self, position, /):
        import os

        if position == 2:
            os._exit(3)
        return self.array[position]


# torch notices a dead worker in a signal handler, which may interrupt the clean-up of the very loader as well.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_death_of_a_worker_is_an_error_with_a_remedy(pixels):
    images = _Dying(pixels(4, 8, 8, 3))
    with pytest.raises(DataError, match="stopped unexpectedly") as caught:
        list(iterate_views(make_set(images), make_preprocessing(resize=4), 2, workers=1))
    assert "workers=0" in caught.value.hint
