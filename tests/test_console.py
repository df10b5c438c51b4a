"""What of logs and warnings reaches the terminal."""

import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from reportgen.console import log_to_stderr

NOISY = """
import logging, warnings
from torch import nn

def make():
    warnings.warn("noise of Python")
    logging.getLogger("torch.export").warning("noise of torch")
    logging.getLogger("timm.models").warning("noise of timm")
    logging.getLogger("another.library").error("noise of another")
    logging.warning("noise of the root")
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
"""


@pytest.mark.filterwarnings("always")
def test_only_own_warnings_are_written_unless_verbose(capsys):
    own, other = logging.getLogger("reportgen.inputs"), logging.getLogger("timm.models")
    for verbose in (False, True):
        with log_to_stderr(verbose=verbose):
            own.warning("of reportgen: %d", 1)
            other.warning("of timm")
            warnings.warn("of Python", stacklevel=1)
        written = capsys.readouterr().err
        assert "WARNING: of reportgen: 1\n" in written
        assert [text in written for text in ("of timm", "of Python")] == [verbose, verbose]
    assert logging.getLogger("timm").level == logging.NOTSET


@pytest.mark.slow
def test_a_run_says_nothing_of_what_libraries_warn_about(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "net.py").write_text(NOISY)
    np.savez(
        tmp_path / "set.npz", images=rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8), labels=np.arange(12) % 3
    )
    arguments = ["--model", "net.py:make", "--data", "set.npz", "--mean", "0.5,0.5,0.5", "--std", "0.2,0.2,0.2"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TORCH_")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    for options, is_noisy in (([], False), (["-v"], True)):
        done = subprocess.run(
            [sys.executable, "-m", "reportgen", *options, "analyze", *arguments, "--refresh"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert ("noise" in done.stderr) == is_noisy
        assert ("net.py:" in done.stderr.replace("net.py:make", "")) == is_noisy
        assert "note: No weights are given" in done.stderr
