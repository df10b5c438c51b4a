"""A whole pass over a network that ends in a softmax or sigmoid equals that over the network without it."""

from pathlib import Path

import numpy as np
import pytest

from reportgen.cache import EvaluationCache
from reportgen.cache_file import load_cache
from reportgen.pipeline import analyze
from reportgen.settings import AnalyzeSettings, PreprocessingSettings

CODE = """
import torch
from torch import nn


def plain():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(8, 3))


def softmax():
    return nn.Sequential(plain(), nn.Softmax(dim=1))


def sigmoid():
    return nn.Sequential(plain(), nn.Sigmoid())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "nets.py").write_text(CODE)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "test.npz", images=images, labels=np.arange(20) % 3)
    return tmp_path


def _analyze(folder: Path, function: str) -> EvaluationCache:
    settings = AnalyzeSettings(
        model=f"{folder / 'nets.py'}:{function}",
        data=str(folder / "test.npz"),
        preprocessing=PreprocessingSettings(mean=(0.5,) * 3, std=(0.25,) * 3),
        device="cpu",
    )
    path = folder / f"{function}.npz"
    analyze(settings, cache_path=path)
    return load_cache(path)


@pytest.mark.parametrize(("function", "kind"), [("softmax", "probabilities"), ("sigmoid", "sigmoid")])
def test_logits_and_maps_are_those_of_the_plain_network(folder, function, kind):
    plain, ended = _analyze(folder, "plain"), _analyze(folder, function)
    np.testing.assert_array_equal(ended.logits, plain.logits)
    np.testing.assert_array_equal(ended.cams["gradcam"].true, plain.cams["gradcam"].true)
    assert [check.num_checked for check in ended.checks] == [check.num_checked for check in plain.checks]
    reading = ended.provenance.outputs
    assert reading is not None
    assert (reading.kind, reading.conversion, reading.num_outputs) == (kind, "inner logits", 3)
    assert ended.provenance.warnings[0] == reading.describe()[0]
    assert plain.provenance.outputs is not None
    assert plain.provenance.outputs.describe() == ()
