import hashlib
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from reportgen.demo import dataset, plates
from reportgen.demo.dataset import dataset_digest, load_digit_pools, make_test_set, make_training_set


def test_there_are_a_hundred_pictures_of_each_number(demo_set):
    assert demo_set.images.shape == (10_000, 32, 32, 3)
    assert demo_set.images.dtype == np.uint8
    assert demo_set.labels.dtype == np.int64
    assert np.bincount(demo_set.labels).tolist() == [100] * 100
    assert demo_set.boxes.shape == (10_000, 2, 4)


def test_classes_are_named_after_the_number_and_grouped_by_its_tens(demo_set):
    assert demo_set.class_names == tuple(f"{number:02d}" for number in range(100))
    names = [demo_set.superclasses.names[i] for i in demo_set.superclasses.superclass_of]
    assert all(name == f"{class_name[0]}0s" for name, class_name in zip(names, demo_set.class_names, strict=True))


def test_ids_are_unique_and_begin_with_the_label(demo_set):
    assert len(set(demo_set.example_ids)) == 10_000
    assert all(
        int(example_id[:2]) == label for example_id, label in zip(demo_set.example_ids, demo_set.labels, strict=True)
    )


def test_pools_share_no_digit_and_hold_the_digit_they_say():
    pools = load_digit_pools()
    target = load_digits().target

    training, test = np.concatenate(pools.training), np.concatenate(pools.test)
    assert sorted([*training, *test]) == list(range(len(target)))
    for digit in range(10):
        assert set(target[pools.training[digit]]) == {digit}
        assert set(target[pools.test[digit]]) == {digit}


def test_no_test_picture_is_composed_of_a_training_digit(monkeypatch):
    seen = []

    def spy(glyphs, generator):
        seen.append(glyphs.reshape(-1, 64))
        return np.zeros((len(glyphs), 32, 32, 3), np.uint8), np.zeros((len(glyphs), 2, 4), np.int64)

    monkeypatch.setattr(plates, "compose_plates", spy)
    make_test_set()
    num_test = len(seen)
    make_training_set(num_per_class=100)

    test, training = (
        {glyph.tobytes() for part in parts for glyph in part} for parts in (seen[:num_test], seen[num_test:])
    )
    assert len(test) > 800
    assert len(training) > 800
    assert not test & training


@pytest.mark.slow
def test_the_test_set_is_the_same_at_every_call(demo_set):
    again = make_test_set()

    assert again.images.tobytes() == demo_set.images.tobytes()
    assert again.labels.tobytes() == demo_set.labels.tobytes()
    assert again.boxes.tobytes() == demo_set.boxes.tobytes()


def test_training_pictures_follow_their_seed():
    first, second, other = (make_training_set(num_per_class=2, seed=seed) for seed in (1, 1, 2))

    assert first.images.tobytes() == second.images.tobytes()
    assert first.images.tobytes() != other.images.tobytes()
    assert first.labels.tolist() == np.repeat(np.arange(100), 2).tolist()


def test_boxes_lie_in_the_picture_with_the_tens_digit_on_the_left(demo_set):
    x0, y0, x1, y1 = np.moveaxis(demo_set.boxes, -1, 0)

    assert min(x0.min(), y0.min()) >= 0
    assert max(x1.max(), y1.max()) <= 32
    assert ((x1 - x0) >= 2).all()
    assert ((y1 - y0) >= 10).all()
    assert (x0[:, 0] + x1[:, 0] < x0[:, 1] + x1[:, 1]).all()
    assert (x1[:, 0] - x0[:, 1]).max() <= 6  # neighbours may touch, but hardly overlap


def test_boxes_cut_out_the_digit_that_the_label_names(demo_set):
    """A reader that knows the raw digits only reads most of the clear cut-outs."""
    digits = load_digits()
    reader = KNeighborsClassifier(5, metric="cosine").fit(digits.data, digits.target)
    grey = demo_set.images.mean(axis=3)
    clear = np.flatnonzero(grey.std(axis=(1, 2)) > 40)[:300]

    glyphs = [_as_glyph(grey[example], *box) for example in clear for box in demo_set.boxes[example]]
    digits_named = np.stack(np.divmod(demo_set.labels[clear], 10), axis=1).ravel()
    assert np.mean(reader.predict(glyphs) == digits_named) > 0.5  # chance is 0.1


def test_little_of_the_digits_lies_outside_their_boxes(demo_set):
    """Edges, which need no knowledge of the composer, are rarer outside the boxes than inside."""
    grey = demo_set.images[::10].mean(axis=3)
    edges = np.abs(np.diff(grey, axis=1))[:, :, :-1] + np.abs(np.diff(grey, axis=2))[:, :-1]
    inside = np.zeros(grey.shape, bool)
    for mask, boxes in zip(inside, demo_set.boxes[::10], strict=True):
        for x0, y0, x1, y1 in boxes:
            mask[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1] = True

    assert edges[inside[:, :-1, :-1]].mean() > 1.5 * edges[~inside[:, :-1, :-1]].mean()


def test_the_digest_is_that_of_the_sources_and_the_digits(monkeypatch):
    def fail(*_):
        raise AssertionError("the digest must not compose pictures")

    monkeypatch.setattr(plates, "compose_plates", fail)
    digest = dataset_digest()

    assert len(bytes.fromhex(digest)) == hashlib.sha256().digest_size
    assert digest == dataset_digest()


@pytest.mark.parametrize("module", [dataset, plates])
def test_the_digest_changes_with_the_generator(monkeypatch, tmp_path, module):
    before = dataset_digest()
    edited = tmp_path / "edited.py"
    edited.write_text(Path(module.__file__).read_text(encoding="utf-8") + "\n", encoding="utf-8")
    monkeypatch.setattr(module, "__file__", str(edited))

    assert dataset_digest() != before


@pytest.mark.slow
def test_the_data_set_needs_no_torch():
    program = "import sys, reportgen.demo.dataset as d; d.dataset_digest(); sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def _as_glyph(grey: np.ndarray, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """A cut-out as `load_digits` has it: 8 rows, centred columns, bright ink, levels 0 to 16; (64,)."""
    cut = grey[y0:y1, x0:x1]
    ground = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    ink = np.abs(cut - ground)
    num_columns = min(8, max(3, round(8 * (x1 - x0) / (y1 - y0) / 0.87)))
    rows = np.linspace(0, y1 - y0, 9).round().astype(int)
    columns = np.linspace(0, x1 - x0, num_columns + 1).round().astype(int)
    small = np.array([[ink[a:b, c:d].mean() for c, d in pairwise(columns)] for a, b in pairwise(rows)])
    glyph = np.zeros((8, 8))
    left = (8 - num_columns) // 2
    glyph[:, left : left + num_columns] = small
    return (16 * (glyph / glyph.max())).ravel()
