import sys

import pytest
from torch import nn

from reportgen.errors import ModelError
from reportgen.inputs.registry import resolve_model
from reportgen.settings import ModelSettings


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Writes files into a folder and builds the network that a spec in it names."""

    def build_from(spec: str, files: dict[str, str], folder: str = "a") -> nn.Module:
        for name, text in files.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        if ".py:" in spec:
            return resolve_model(ModelSettings(model=f"{tmp_path / folder}/{spec}")).load(0).module
        monkeypatch.chdir(tmp_path / folder)
        return resolve_model(ModelSettings(model=spec)).load(0).module

    _forget_models()  # those of other tests
    yield build_from
    _forget_models()


def _forget_models() -> None:
    for name in [name for name in sys.modules if name.startswith(("_reportgen_", "fact_"))]:
        del sys.modules[name]


LINEAR = "from torch import nn\ndef make():\n    return nn.Linear(2, {})\n"


def test_file_factory_builds_with_its_folder_importable(build):
    files = {"net.py": "from fact_sizes import N\n" + LINEAR.format("N"), "fact_sizes.py": "N = 7"}
    path_before = list(sys.path)
    assert build("net.py:make", files).out_features == 7
    assert sys.path == path_before


def test_imports_inside_the_factory_find_the_folder_too(build):
    text = "from torch import nn\ndef make():\n    from fact_late import N\n    return nn.Linear(2, N)\n"
    assert build("net.py:make", {"net.py": text, "fact_late.py": "N = 5"}).out_features == 5


def test_files_and_their_neighbours_of_the_same_name_do_not_clash(build):
    for folder, size in (("a", 3), ("b", 4)):
        files = {
            "net.py": "from fact_blocks.sizes import N\n" + LINEAR.format("N"),
            "fact_blocks/__init__.py": "",
            "fact_blocks/sizes.py": f"N = {size}",
        }
        assert build("net.py:make", files, folder).out_features == size
    loaded = [name for name in sys.modules if name.startswith("_reportgen_net_")]
    assert len(loaded) == 2
    assert "net" not in sys.modules
    assert not any(name.startswith("fact_blocks") for name in sys.modules)


def test_neighbours_stay_where_the_folder_is_always_importable(build, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path / "a"))
    build("net.py:make", {"net.py": "import fact_stays\n" + LINEAR.format(2), "fact_stays.py": ""})
    assert "fact_stays" in sys.modules


def test_dataclasses_in_the_file_work(build):
    text = (
        "from __future__ import annotations\nimport dataclasses\nfrom typing import ClassVar\nfrom torch import nn\n"
        "@dataclasses.dataclass\nclass Size:\n    n: int = 6\n    k: ClassVar[int] = 1\n"
        "def make():\n    return nn.Linear(2, Size().n)\n"
    )
    assert build("net.py:make", {"net.py": text}).out_features == 6


def test_module_factory_is_found_in_the_current_folder(build):
    files = {"fact_pkg/__init__.py": "", "fact_pkg/nets.py": "from . import sizes\n" + LINEAR.format("sizes.N")}
    assert build("fact_pkg.nets:make", files | {"fact_pkg/sizes.py": "N = 9"}).out_features == 9


def test_class_without_arguments_is_a_factory(build):
    text = "from torch import nn\nclass Net(nn.Sequential):\n    def __init__(self, width=3): super().__init__()\n"
    assert isinstance(build("net.py:Net", {"net.py": text}), nn.Sequential)


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("None", "nothing"),
        ("{'a': 1}", "a dict of str"),
        ("(nn.Linear(1, 1), 3)", "a tuple of Linear, int"),
        ("nn.Linear", "the class Linear"),
        ("'resnet'", "a str"),
    ],
)
def test_other_results_are_refused_by_what_they_are(build, value, got):
    with pytest.raises(ModelError, match=f"returned {got}, not a torch.nn.Module"):
        build("net.py:make", {"net.py": f"from torch import nn\ndef make():\n    return {value}\n"})


def test_unknown_factory_shows_the_nearest(build):
    with pytest.raises(ModelError, match=r"net\.py has no mak\.") as caught:
        build("net.py:mak", {"net.py": LINEAR.format(1)})
    assert caught.value.hint == "Did you mean make?"


def test_factory_that_needs_arguments_is_refused_before_it_is_called(build):
    text = "def make(depth, *rest, width=3, classes, **more):\n    raise RuntimeError('called')\n"
    with pytest.raises(ModelError, match="needs arguments: depth, classes"):
        build("net.py:make", {"net.py": text})


@pytest.mark.parametrize("value", ["nn.Linear(1, 2)", "3"])
def test_finished_network_or_value_is_no_factory(build, value):
    with pytest.raises(ModelError, match="not a function that builds the network") as caught:
        build("net.py:net", {"net.py": f"from torch import nn\nnet = {value}\n"})
    assert "def build_model" in caught.value.hint


def test_code_that_cannot_be_imported_is_explained(build):
    with pytest.raises(ModelError, match="No module named 'fact_missing'"):
        build("net.py:make", {"net.py": "import fact_missing\n"})
    with pytest.raises(ModelError, match=r"cannot be imported: .*line 1"):
        build("net.py:make", {"net.py": "def make(:\n"})
    with pytest.raises(ModelError, match="No module named 'fact_missing'"):
        build("fact_broken:make", {"fact_broken.py": "import fact_missing\n"})
    assert not any(name.startswith("_reportgen_net_") for name in sys.modules)


def test_other_errors_in_the_code_are_named_with_their_line(build):
    message = r"net\.py fails when it is imported, in line 2 of net\.py: ZeroDivisionError: division by zero\."
    with pytest.raises(ModelError, match=message):
        build("net.py:make", {"net.py": "import math\n1 / 0\n"})
    message = r"make in .*net\.py fails, in line 2 of net\.py: ZeroDivisionError: division by zero\."
    with pytest.raises(ModelError, match=message):
        build("net.py:make", {"net.py": "def make():\n    return 1 / 0\n"})


def test_code_that_ends_the_program_when_it_is_imported_is_an_error(build):
    with pytest.raises(ModelError, match=r"net\.py ends the program \(sys\.exit\) when it is imported"):
        build("net.py:make", {"net.py": "import sys\nsys.exit(3)\n"})


@pytest.mark.parametrize("wrapper", ["torch.compile", "nn.DataParallel"])
def test_wrappers_are_taken_off(build, wrapper):
    text = f"import torch\nfrom torch import nn\ndef make(): return {wrapper}(nn.Sequential(nn.Flatten()))\n"
    network = build("net.py:make", {"net.py": text})
    assert type(network) is nn.Sequential


def test_code_that_ends_the_program_is_an_error(build):
    with pytest.raises(ModelError, match=r"ends the program \(sys\.exit\)"):
        build("net.py:make", {"net.py": "import sys\ndef make(): sys.exit(3)\n"})
