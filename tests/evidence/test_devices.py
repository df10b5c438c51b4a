from pathlib import Path

import pytest
import torch
from torch import nn

from reportgen.errors import SettingsError
from reportgen.evidence.devices import describe_device, on_device, resolve_device
from reportgen.settings import ExplainSettings


def test_auto_takes_the_cpu_where_there_is_nothing_else(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu")


def test_auto_prefers_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device("cuda")


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps", "gpu", "meta", "cpu:x", ""])
def test_a_device_that_is_not_there_is_an_error(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="not available") as caught:
        resolve_device(name)
    assert "auto" in caught.value.hint


def test_a_gpu_beyond_the_last_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(SettingsError, match="cuda:2"):
        resolve_device("cuda:2")


def test_the_cpu_is_described_with_its_threads():
    assert describe_device(torch.device("cpu")).startswith("cpu (")


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried to allocate"),
        RuntimeError("MPS backend out of memory"),
    ],
)
def test_a_full_memory_gives_a_smaller_batch_as_the_remedy(error):
    settings = ExplainSettings(model="x", images=(Path("x"),), device="cpu", batch_size=256)
    with pytest.raises(SettingsError) as caught, on_device(nn.Identity(), settings):
        raise error
    assert "batch_size=64" in caught.value.hint


def test_another_error_passes():
    settings = ExplainSettings(model="x", images=(Path("x"),), device="cpu")
    with pytest.raises(RuntimeError, match="shape"), on_device(nn.Identity(), settings):
        raise RuntimeError("shape mismatch")
