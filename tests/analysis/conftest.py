"""Small caches and predictions, from arrays."""

from collections.abc import Callable

import numpy as np
import pytest
from records import make_key, make_provenance

from reportgen.analysis.predictions import Predictions
from reportgen.cache import CamPair, EvaluationCache, Superclasses


@pytest.fixture(scope="session")
def make_cache() -> Callable[..., EvaluationCache]:
    """(logits, labels, superclass_of=None) -> a cache with blank maps and thumbnails."""

    def make(logits, labels, superclass_of=None):
        n, k = np.shape(logits)
        group = None
        if superclass_of is not None:
            names = tuple(f"group {s}" for s in range(max(superclass_of) + 1))
            group = Superclasses(names=names, superclass_of=np.array(superclass_of, dtype=np.int64))
        return EvaluationCache(
            example_index=np.arange(n),
            example_id=np.array([f"image-{i}" for i in range(n)]),
            labels=np.asarray(labels, dtype=np.int64),
            logits=np.asarray(logits, dtype=np.float32),
            cams={"gradcam": CamPair(true=np.zeros((n, 4, 4), np.float16), predicted=np.zeros((n, 4, 4), np.float16))},
            thumbnails=np.zeros((n, 8, 8, 3), np.uint8),
            class_names=tuple(f"class {i}" for i in range(k)),
            superclasses=group,
            key=make_key(),
            provenance=make_provenance(),
            checks=(),
        )

    return make


@pytest.fixture(scope="session")
def make_predictions() -> Callable[..., Predictions]:
    """(labels, predicted, confidence) -> predictions whose other fields are left at zero."""

    def make(labels, predicted, confidence):
        labels, predicted = np.asarray(labels, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
        zeros = np.zeros(len(labels))
        return Predictions(
            predicted=predicted,
            confidence=np.asarray(confidence, dtype=np.float64),
            true_probability=zeros,
            true_rank=np.where(predicted == labels, 1, 2),
            log_loss=zeros,
            brier=zeros,
            is_correct=predicted == labels,
            is_tied=np.zeros(len(labels), dtype=bool),
        )

    return make
