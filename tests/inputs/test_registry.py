import subprocess
import sys
from pathlib import Path

import pytest

from reportgen.errors import DataError, ModelError
from reportgen.inputs.data.sources.arrays import ArraysFile
from reportgen.inputs.data.sources.cifar import Cifar10, Cifar100
from reportgen.inputs.data.sources.demo import DemoData
from reportgen.inputs.data.sources.hf import HuggingFaceDataset
from reportgen.inputs.data.sources.image_folder import ImageFolder
from reportgen.inputs.data.sources.manifest import CsvManifest, ParquetManifest
from reportgen.inputs.data.sources.npz import NpzTestSet
from reportgen.inputs.data.sources.torchvision import TorchvisionSet
from reportgen.inputs.networks.sources.demo import DemoModel
from reportgen.inputs.networks.sources.factories import FileFactory, ModuleFactory
from reportgen.inputs.networks.sources.hf import HuggingFaceModel
from reportgen.inputs.networks.sources.keras import KerasFile
from reportgen.inputs.networks.sources.program import ProgramFile
from reportgen.inputs.networks.sources.timm import TimmModel
from reportgen.inputs.networks.sources.torchvision import TorchvisionModel
from reportgen.inputs.registry import DATA_SOURCES, MODEL_SOURCES, Sources, resolve, resolve_data, resolve_model
from reportgen.settings import AnalyzeSettings, ModelSettings


def model_of(spec: str):
    return resolve_model(ModelSettings(model=spec))


def data_of(spec: object):
    return resolve_data(AnalyzeSettings(model="demo", data=str(spec)))


@pytest.mark.parametrize(
    ("spec", "kind", "fields", "described"),
    [
        ("some/net.py:make", FileFactory, {"place": "some/net.py", "name": "make"}, "net.py:make"),
        (r"C:\x\net.py:make", FileFactory, {"place": r"C:\x\net.py", "name": "make"}, None),
        ("my_pkg.nets:make", ModuleFactory, {"place": "my_pkg.nets", "name": "make"}, "my_pkg.nets:make"),
        ("torchvision:resnet18", TorchvisionModel, {"name": "resnet18"}, "torchvision:resnet18"),
        ("timm:vit_tiny.a1_in1k", TimmModel, {"name": "vit_tiny.a1_in1k"}, "timm:vit_tiny.a1_in1k"),
        ("hf:google/vit-base", HuggingFaceModel, {"place": "google/vit-base", "is_hub_id": True}, "hf:google/vit-base"),
        ("hf:resnet-tiny", HuggingFaceModel, {"place": "resnet-tiny", "is_hub_id": True}, "hf:resnet-tiny"),
        ("hf:./some/vit", HuggingFaceModel, {"place": "./some/vit", "is_hub_id": False}, "hf:vit"),
        ("hf:/some/where/vit/", HuggingFaceModel, {"place": "/some/where/vit/", "is_hub_id": False}, "hf:vit"),
        ("hf:a/b/vit", HuggingFaceModel, {"place": "a/b/vit", "is_hub_id": False}, "hf:vit"),
        ("keras:some/net.keras", KerasFile, {"path": Path("some/net.keras")}, "keras:net.keras"),
        ("some/net.pt", ProgramFile, {"path": Path("some/net.pt")}, "net.pt"),
        ("net.torchscript", ProgramFile, {"path": Path("net.torchscript")}, "net.torchscript"),
        ("some/net.PT2", ProgramFile, {"path": Path("some/net.PT2")}, "net.PT2"),
        ("hf:some/vit.pt", HuggingFaceModel, {"place": "some/vit.pt"}, "hf:some/vit.pt"),
        ("demo", DemoModel, {}, "demo"),
    ],
)
def test_each_spelling_of_a_model_is_its_source(spec, kind, fields, described):
    source = model_of(spec)
    assert type(source) is kind
    assert {name: getattr(source, name) for name in fields} == fields
    assert described is None or source.describe() == described


@pytest.mark.parametrize("spec", ["resnet18", "", ":make", "net.py", "net.py:", "a b:make", "torchvision:", "x.py:a-b"])
def test_any_other_model_is_refused(spec):
    with pytest.raises(ModelError, match="is not a known kind of model") as caught:
        model_of(spec)
    assert "factory" in caught.value.hint or "build_model" in caught.value.hint


def test_an_existing_folder_takes_precedence_over_a_hub_id(tmp_path, monkeypatch):
    (tmp_path / "google" / "vit").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    source = model_of("hf:google/vit")
    assert (source.is_hub_id, source.describe()) == (False, "hf:vit")


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("net.py", "net.py:build_model"),
        ("net.keras", "Give keras:net.keras"),
        ("net.h5", "model.save('model.keras')"),
        ("w.safetensors", "weights='w.safetensors'"),
        ("last.ckpt", "weights='last.ckpt'"),
        ("tinm:resnet-18", "Did you mean timm:resnet-18?"),
        ("huggingface:google/vit", "Did you mean hf:google/vit?"),
        ("Transformers:google/vit", "Did you mean hf:google/vit?"),
        ("resnet18", "torchvision:NAME"),
    ],
)
def test_the_hint_names_the_probable_meaning(spec, hint):
    with pytest.raises(ModelError, match="is not a known kind of model") as caught:
        model_of(spec)
    assert hint in caught.value.hint


def test_a_folder_of_transformers_without_its_prefix_is_recognized(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError) as caught:
        model_of(str(tmp_path))
    assert caught.value.hint == f"Give hf:{tmp_path}."


def test_a_misspelled_library_is_corrected_unless_it_is_a_module(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match="The module torchvison cannot be found") as caught:
        model_of("torchvison:resnet18")
    assert caught.value.hint == "Did you mean torchvision:resnet18?"
    (tmp_path / "torchvison.py").touch()
    monkeypatch.chdir(tmp_path)
    assert type(model_of("torchvison:resnet18")) is ModuleFactory


@pytest.mark.parametrize(
    ("spec", "kind", "described"),
    [
        ("cifar10", Cifar10, "cifar10"),
        ("torchvision:CIFAR100", Cifar100, "cifar100"),
        ("torchvision:mnist", TorchvisionSet, "torchvision:MNIST"),
        ("torchvision:emnist#letters", TorchvisionSet, "torchvision:EMNIST#letters"),
        ("hf:some/saved#train:label", HuggingFaceDataset, "hf:saved#train:label"),
        ("hf:some/saved", HuggingFaceDataset, "hf:saved"),
        ("demo", DemoData, "demo"),
    ],
)
def test_each_reserved_name_and_prefix_of_a_test_set_is_its_source(spec, kind, described, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    (tmp_path / "cifar10").mkdir()
    source = data_of(spec)
    assert (type(source), source.describe()) == (kind, described)
    assert type(data_of("./demo")) is ImageFolder


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("set.npz", NpzTestSet),
        ("set.NPZ", NpzTestSet),
        ("set.csv", CsvManifest),
        ("set.tsv", CsvManifest),
        ("set.parquet", ParquetManifest),
        ("set.pq", ParquetManifest),
    ],
)
def test_each_kind_of_file_is_its_source(name, kind, tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        data_of(tmp_path / name)
    (tmp_path / name).touch()
    source = data_of(tmp_path / name)
    assert (type(source), source.describe()) == (kind, name)


def test_an_unknown_test_set_lists_what_can_be_given(tmp_path):
    with pytest.raises(DataError, match="cifar-10 does not exist") as caught:
        data_of("cifar-10")
    assert "cifar10" in caught.value.hint
    text = tmp_path / "x.xlsx"
    text.touch()
    with pytest.raises(DataError, match=r"x\.xlsx is not a known kind of test set"):
        data_of(text)


def test_arrays_replace_model_and_test_set(tmp_path):
    settings = AnalyzeSettings(arrays=tmp_path / "out.npz")
    assert isinstance(resolve(settings), ArraysFile)
    assert isinstance(resolve(AnalyzeSettings(model="demo", data="demo")), Sources)


def test_each_source_names_itself():
    sources = [*MODEL_SOURCES, *DATA_SOURCES, ArraysFile]
    assert all(source.title and source.forms for source in sources)
    for kind in (MODEL_SOURCES, DATA_SOURCES):
        forms = [form for source in kind for form in source.forms]
        assert len(set(forms)) == len(forms)


def test_the_registry_imports_no_heavy_library():
    code = (
        "import sys, reportgen.inputs.registry;"
        "assert not {'torch', 'torchvision', 'numpy', 'pandas', 'PIL', 'timm', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
