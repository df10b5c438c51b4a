"""Fixtures that several folders of tests share."""

import numpy as np
import pytest

from reportgen.cache import CacheKey, CamPair, EvaluationCache, Provenance, SelfCheck, Superclasses


def make_key(**changes: object) -> CacheKey:
    values = {
        "model": "net.py:make",
        "model_digest": "a" * 64,
        "weights_digest": "b" * 64,
        "data": "test.npz",
        "data_digest": "c" * 64,
        "class_names_digest": "",
        "superclasses_digest": "",
        "preprocessing": "mean 0.5,0.5,0.5; std 0.2,0.2,0.2",
        "method": "gradcam",
        "layer": "auto",
        "limit": 0,
        "thumbnail_size": 128,
        "precision": "fp32",
    }
    return CacheKey(**{**values, **changes})


def make_provenance(**changes: object) -> Provenance:
    values = {
        "created": "2026-01-02T03:04:05Z",
        "seconds": 1.5,
        "model_name": "make",
        "num_parameters": 1234,
        "weights_name": "net.pth",
        "data_name": "test",
        "target_layer": "features",
        "layer_source": "probed",
        "input_size": (16, 16),
        "preprocessing": "mean 0.5, std 0.2",
        "device": "cpu",
        "precision": "fp32",
        "versions": (("numpy", "2.0"), ("torch", "2.5")),
        "warnings": (),
    }
    return Provenance(**{**values, **changes})


@pytest.fixture
def tiny_cache() -> EvaluationCache:
    """Twelve examples of three classes, every array seeded."""
    rng = np.random.default_rng(0)
    n, k = 12, 3
    maps = rng.normal(size=(2, n, 4, 4)).astype(np.float16)
    return EvaluationCache(
        example_index=np.arange(n),
        example_id=np.array([f"{i}.png" for i in range(n)]),
        labels=np.arange(n) % k,
        logits=rng.normal(size=(n, k)).astype(np.float32),
        cams={"gradcam": CamPair(true=maps[0], predicted=maps[1])},
        thumbnails=rng.integers(0, 256, (n, 16, 16, 3)).astype(np.uint8),
        class_names=("cat", "dog", "Ünï & <b>"),
        superclasses=Superclasses(names=("pets", "tags"), superclass_of=np.array([0, 0, 1])),
        key=make_key(),
        provenance=make_provenance(),
        checks=(
            SelfCheck(
                name="map sum + bias = logit",
                num_checked=n,
                worst_error=1e-6,
                tolerance=1e-5,
                measure="of the largest logit",
            ),
        ),
    )
