"""The records of a cache that no test is about, with values that any of them may replace."""

from reportgen.cache import CacheKey, Provenance, SelfCheck


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
        "methods": "gradcam",
        "layers": "auto",
        "annotations_digest": "",
        "faithfulness": 0,
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


def make_check(**changes: object) -> SelfCheck:
    values = {
        "name": "map sum + bias = logit",
        "num_checked": 12,
        "worst_error": 1e-6,
        "tolerance": 1e-5,
        "measure": "of the largest logit",
    }
    return SelfCheck(**{**values, **changes})
