"""Missing and broken libraries are findings, never errors."""

import sys
from importlib import metadata
from types import ModuleType

import pytest

from reportgen.doctor import diagnose
from reportgen.inputs.registry import DATA_SOURCES, MODEL_SOURCES
from reportgen.version import __version__


@pytest.fixture(autouse=True)
def no_heavy_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Optional libraries count as imported: the real ones take seconds."""
    for module in ("timm", "transformers", "huggingface_hub", "datasets", "keras", "pyarrow"):
        monkeypatch.setitem(sys.modules, module, ModuleType(module))


def test_versions_and_devices_are_those_of_this_machine():
    found = {title: dict(facts) for title, facts in diagnose().items()}
    assert found["Versions"]["reportgen"] == __version__
    assert found["Versions"]["torch"] == metadata.version("torch")
    assert "thread" in found["Devices"]["cpu"]


def test_every_source_is_listed_with_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)  # its import fails
    found = {title: dict(facts) for title, facts in diagnose().items()}
    assert list(found["Models"]) == [source.forms[0] for source in MODEL_SOURCES]
    assert list(found["Test sets"]) == [source.forms[0] for source in DATA_SOURCES]
    assert found["Models"]["timm:NAME"] == "needs timm"
    assert found["Models"]["torchvision:NAME"] == "available"


def test_a_missing_library_comes_with_the_command_that_installs_it(monkeypatch):
    version = metadata.version

    def find_version(package: str) -> str:
        if package == "keras":
            raise metadata.PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr(metadata, "version", find_version)
    libraries = dict(diagnose()["Optional libraries"])
    assert libraries["Keras 3"] == "not installed; run pip install 'reportgen[keras]'"


def test_a_broken_library_is_shown_with_its_error(tmp_path, monkeypatch):
    (tmp_path / "keras.py").write_text("raise RuntimeError('no backend\\nmore')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "keras")
    text = dict(diagnose()["Optional libraries"])["Keras 3"]
    assert text.startswith(f"{metadata.version('keras')}, but its import fails: RuntimeError: no backend;")


def test_a_broken_torch_leaves_the_rest(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "reportgen.evidence.devices", raising=False)
    found = {title: dict(facts) for title, facts in diagnose().items()}
    assert "import fails" in found["Versions"]["torch"]
    assert found["Devices"]["none"].startswith("torch cannot be imported")
