import sys

import pytest

from reportgen.errors import ModelError
from reportgen.inputs.networks.python_modules import importable
from reportgen.inputs.registry import resolve_model
from reportgen.settings import ModelSettings


def files_of(spec: str):
    return resolve_model(ModelSettings(model=spec)).files()


def test_modules_are_found_without_importing_them_or_their_parents(tmp_path, monkeypatch):
    package = tmp_path / "outer_pkg" / "inner"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "nets.py").write_text("raise RuntimeError('imported')")
    monkeypatch.chdir(tmp_path)
    for place, expected in (("outer_pkg.inner.nets", package / "nets.py"), ("outer_pkg", "outer_pkg/__init__.py")):
        assert files_of(f"{place}:make") == (tmp_path / expected,)
    assert not any(name.startswith("outer_pkg") for name in sys.modules)
    with pytest.raises(ModelError, match=r"The module outer_pkg\.other cannot be found"):
        files_of("outer_pkg.other.nets:make")


def test_modules_without_a_file_are_refused():
    with pytest.raises(ModelError, match="The module sys has no file"):
        files_of("sys:exit")


def test_a_missing_model_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"The model file .*net\.py does not exist"):
        files_of(f"{tmp_path}/net.py:make")


def test_the_path_is_restored_also_after_an_error(tmp_path):
    before = list(sys.path)

    def fail_inside() -> None:
        with importable(tmp_path):
            assert sys.path[0] == str(tmp_path)
            sys.path.append("left by the model's code")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert sys.path == before
