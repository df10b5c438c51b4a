"""Classes without images, by hand and against a restricted argmax."""

import numpy as np
import pytest

from reportgen.analysis.predictions import compute_predictions
from reportgen.analysis.present_classes import find_present_classes


def test_nothing_is_said_where_every_class_has_images():
    logits, labels = np.eye(3, dtype=np.float32), np.arange(3)
    assert find_present_classes(compute_predictions(logits, labels), logits, labels) is None


def test_a_case_by_hand():
    """Four images of classes 0 and 2 of four: two predictions are of class 1 or 3, one of which was nearly correct."""
    logits = np.array([[3, 1, 0, 0], [2, 3, 1, 0], [0, 0, 1, 3], [4, 0, 2, 0]], np.float32)
    labels = np.array([0, 0, 2, 2])
    found = find_present_classes(compute_predictions(logits, labels), logits, labels)
    assert found is not None
    assert (found.num_absent, found.num_classes) == (2, 4)
    assert (found.predicted_absent.count, found.predicted_absent.total) == (2, 4)
    assert (found.top1.count, found.top1.total) == (3, 4)
    assert 0 < found.top1.low < found.top1.value < found.top1.high < 1


@pytest.mark.parametrize("seed", range(5))
def test_masking_the_other_classes_gives_the_same(seed: int):
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=(60, 12)).astype(np.float32), rng.choice([1, 4, 7], 60)
    masked = np.full_like(logits, -np.inf)
    masked[:, [1, 4, 7]] = logits[:, [1, 4, 7]]
    found = find_present_classes(compute_predictions(logits, labels), logits, labels)
    assert found is not None
    assert found.top1.count == np.count_nonzero(masked.argmax(axis=1) == labels)
