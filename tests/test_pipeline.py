"""The story: what can be known before the pass is told before it."""

from pathlib import Path

import numpy as np
import pytest

from reportgen.errors import LayerError
from reportgen.evidence import one_pass
from reportgen.pipeline import analyze
from reportgen.settings import AnalyzeSettings, PreprocessingSettings

NET = """
from torch import nn

def make():
    features = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU())
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
"""


def test_a_method_that_the_network_cannot_have_is_refused_before_the_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "net.py").write_text(NET)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 16, 16, 3)).astype(np.uint8)
    np.savez(tmp_path / "data.npz", images=images, labels=np.arange(6) % 2)
    monkeypatch.setattr(one_pass, "run_one_pass", lambda *_, **__: pytest.fail("the pass has run"))
    settings = AnalyzeSettings(
        model=f"{tmp_path / 'net.py'}:make",
        data=str(tmp_path / "data.npz"),
        device="cpu",
        methods=("gradcam", "fullgrad"),
        preprocessing=PreprocessingSettings(mean=(0.5,) * 3, std=(0.2,) * 3),
    )
    with pytest.raises(LayerError, match="fullgrad"):
        analyze(settings, cache_path=tmp_path / "cache.npz")
    assert not (tmp_path / "cache.npz").exists()
