"""Every source of a model and of data, from its files to the cache: a README table."""

import pickle
import warnings
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pytest
import timm
import torch
import torchvision
import transformers
from loaded import load_evaluation_set
from PIL import Image
from safetensors.torch import save_file
from scipy.special import softmax
from torch import Tensor, nn

from reportgen.cache import EvaluationCache
from reportgen.inputs.data.cifar import CIFAR100_SUPERCLASS_OF
from reportgen.inputs.data.source import DataSource
from reportgen.inputs.data.sources.arrays import ArraysFile
from reportgen.inputs.data.sources.cifar import Cifar10, Cifar100
from reportgen.inputs.data.sources.hf import HuggingFaceDataset
from reportgen.inputs.data.sources.image_folder import ImageFolder
from reportgen.inputs.data.sources.manifest import CsvManifest, ParquetManifest
from reportgen.inputs.data.sources.npz import NpzTestSet
from reportgen.inputs.data.sources.torchvision import TorchvisionSet
from reportgen.inputs.networks.keras_models import import_keras
from reportgen.inputs.networks.source import ModelSource
from reportgen.inputs.networks.sources.demo import DemoModel
from reportgen.inputs.networks.sources.factories import FileFactory, ModuleFactory
from reportgen.inputs.networks.sources.hf import HuggingFaceModel
from reportgen.inputs.networks.sources.keras import KerasFile
from reportgen.inputs.networks.sources.program import ProgramFile
from reportgen.inputs.networks.sources.timm import TimmModel
from reportgen.inputs.networks.sources.torchvision import TorchvisionModel
from reportgen.inputs.registry import DATA_SOURCES, MODEL_SOURCES
from reportgen.inputs.source import Source
from reportgen.pipeline import analyze
from reportgen.settings import AnalyzeSettings, PreprocessingSettings

keras = import_keras("these tests")

NAMES = ("cat", "dog", "owl")
LABELS = np.array([0, 1, 2, 0, 1, 2])
SIDE = 32  # pixels of a picture, and of what a network sees
MEAN, STD = (0.5, 0.4, 0.6), (0.2, 0.25, 0.3)
NETWORK = """
from torch import nn

def make():
    layers = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    return nn.Sequential(*layers)
"""

# Keras reads its own variables in a way that numpy will no longer offer.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Options = dict[str, object]
Network = Callable[[Tensor], Tensor]


def _make_pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (len(LABELS), SIDE, SIDE, 3), dtype=np.uint8)


def _make_network() -> nn.Module:
    torch.manual_seed(0)
    namespace: dict[str, Callable[[], nn.Module]] = {}
    exec(NETWORK, namespace)
    return namespace["make"]().eval()


def _option_of(source: type[Source], form: str = "") -> str:
    """The option that names a source, from the registry, as Markdown."""
    kind = "model" if issubclass(source, ModelSource) else "data" if issubclass(source, DataSource) else "arrays"
    first, *others = [form] if form else source.forms
    forms = ", ".join([f"`--{kind} {first}`", *(f"`{other}`" for other in others)])
    note = f" ({source.note})" if source.note and not form else ""
    extras = dict.fromkeys(f", extra `{library.extra}`" for library in source.libraries)
    return f"{forms}{note}{''.join(extras)}"


# Models: each puts its files into a folder and gives the options that name them, and what the network computes itself.


def _write_file(folder: Path) -> tuple[Options, Network]:
    network = _make_network()
    (folder / "net.py").write_text(NETWORK)
    torch.save({"model_state_dict": network.state_dict()}, folder / "weights.pth")
    return {"model": f"{folder}/net.py:make", "weights": f"{folder}/weights.pth"}, network


def _write_module(folder: Path) -> tuple[Options, Network]:
    options, network = _write_file(folder)
    (folder / "own_package").mkdir()
    (folder / "own_package" / "nets.py").write_text(NETWORK)
    return {**options, "model": "own_package.nets:make"}, network


def _write_lightning(folder: Path) -> tuple[Options, Network]:
    options, network = _write_file(folder)
    checkpoint = {
        "epoch": 3,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {f"model.{name}": tensor for name, tensor in network.state_dict().items()},
        "optimizer_states": [{"state": {}, "param_groups": [{"lr": 0.1}]}],
        "hyper_parameters": Namespace(width=8),
    }
    torch.save(checkpoint, folder / "last.ckpt")
    return {**options, "weights": f"{folder}/last.ckpt"}, network


def _write_torchvision(folder: Path) -> tuple[Options, Network]:
    torch.manual_seed(0)
    network = torchvision.models.squeezenet1_1(num_classes=3).eval()
    torch.save(network.state_dict(), folder / "weights.pth")
    return {"model": "torchvision:squeezenet1_1", "weights": f"{folder}/weights.pth"}, network


def _write_timm(folder: Path) -> tuple[Options, Network]:
    torch.manual_seed(0)
    network = timm.create_model("test_resnet", num_classes=3).eval()
    save_file(network.state_dict(), folder / "weights.safetensors")
    return {"model": "timm:test_resnet", "weights": f"{folder}/weights.safetensors"}, network


def _write_hf(folder: Path) -> tuple[Options, Network]:
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    names = dict(enumerate(NAMES))
    config = transformers.ViTConfig(image_size=32, patch_size=8, id2label=names, **sizes)
    network = transformers.ViTForImageClassification(config).eval()
    network.save_pretrained(folder / "vit")
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder / "vit")
    return {"model": f"hf:{folder}/vit"}, lambda images: network(images).logits


def _write_keras(folder: Path) -> tuple[Options, Network]:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    trunk = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(8, 3, strides=4, activation="relu")])
    pooled = [trunk, layers.GlobalAveragePooling2D(), layers.Dense(3)]
    model = keras.Sequential([keras.Input((32, 32, 3)), *pooled])
    model.save(folder / "model.keras")
    return {"model": f"keras:{folder}/model.keras"}, lambda images: model(images.permute(0, 2, 3, 1), training=False)


def _write_script(folder: Path) -> tuple[Options, Network]:
    network = _make_network()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, but there are many
        torch.jit.script(network).save(folder / "net.pt")
    return {"model": f"{folder}/net.pt"}, network


def _write_exported(folder: Path) -> tuple[Options, Network]:
    network = _make_network()
    batch = torch.export.Dim("batch", min=1, max=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(network, (torch.zeros(2, 3, 32, 32),), dynamic_shapes=({0: batch},))
        torch.export.save(program, folder / "net.pt2")
    return {"model": f"{folder}/net.pt2"}, network


MODELS = {
    FileFactory.title: (_option_of(FileFactory), _write_file),
    ModuleFactory.title: (_option_of(ModuleFactory), _write_module),
    TorchvisionModel.title: (_option_of(TorchvisionModel), _write_torchvision),
    TimmModel.title: (_option_of(TimmModel), _write_timm),
    HuggingFaceModel.title: (_option_of(HuggingFaceModel), _write_hf),
    KerasFile.title: (_option_of(KerasFile), _write_keras),
    "TorchScript": (_option_of(ProgramFile, "FILE.pt"), _write_script),
    "exported program": (_option_of(ProgramFile, "FILE.pt2"), _write_exported),
    "Lightning": ("`--weights FILE.ckpt`", _write_lightning),
}


# Data: each puts its files into a folder and gives the options that name them, and the pictures that they hold.


def _write_folder(folder: Path) -> tuple[Options, np.ndarray]:
    """The last picture is of another size; from here on it is only known that it can be read."""
    pictures = _make_pictures()
    for number, (picture, label) in enumerate(zip(pictures, LABELS, strict=True)):
        (folder / NAMES[label]).mkdir(exist_ok=True)
        image = Image.fromarray(picture)
        if number == len(LABELS) - 1:
            image = image.resize((41, 36))
        image.save(folder / NAMES[label] / f"{number}.png")
    return {"data": str(folder)}, pictures[np.argsort(LABELS, kind="stable")]


def _write_npz(folder: Path) -> tuple[Options, np.ndarray]:
    pictures = _make_pictures()
    np.savez(folder / "set.npz", images=pictures, labels=LABELS, class_names=np.array(NAMES))
    return {"data": f"{folder}/set.npz"}, pictures


def _list_rows(folder: Path) -> tuple[pd.DataFrame, np.ndarray]:
    _write_folder(folder)
    paths = [f"{NAMES[label]}/{number}.png" for number, label in enumerate(LABELS)]
    rows = {"path": paths, "label": [NAMES[label] for label in LABELS], "site": ["north", "south"] * 3}
    return pd.DataFrame(rows), _make_pictures()


def _write_csv(folder: Path) -> tuple[Options, np.ndarray]:
    rows, pictures = _list_rows(folder)
    rows.to_csv(folder / "set.csv", index=False)
    return {"data": f"{folder}/set.csv"}, pictures


def _write_parquet(folder: Path) -> tuple[Options, np.ndarray]:
    rows, pictures = _list_rows(folder)
    rows.to_parquet(folder / "set.parquet")
    return {"data": f"{folder}/set.parquet"}, pictures


def _write_saved(folder: Path) -> tuple[Options, np.ndarray]:
    rows, pictures = _list_rows(folder)
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(NAMES))}
    columns = {"image": [str(folder / path) for path in rows["path"]], "label": LABELS, "site": rows["site"]}
    features["site"] = datasets.Value("string")
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict(columns, features=datasets.Features(features)).save_to_disk(folder / "saved")
    return {"data": f"hf:{folder}/saved"}, pictures


def _write_mnist(folder: Path) -> tuple[Options, np.ndarray]:
    pictures = _make_pictures()[..., 0]
    (folder / "MNIST/raw").mkdir(parents=True)
    for part in ("train", "t10k"):
        for what, values in (("images-idx3", pictures), ("labels-idx1", LABELS.astype(np.uint8))):
            header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
            (folder / f"MNIST/raw/{part}-{what}-ubyte").write_bytes(header + values.tobytes())
    return {"data": "torchvision:MNIST"}, np.repeat(pictures[..., None], 3, axis=3)


def _write_cifar10(folder: Path) -> tuple[Options, np.ndarray]:
    names = {"label_names": [f"thing {number}" for number in range(10)]}
    return {"data": "cifar10"}, _write_cifar(
        folder, "cifar-10-batches-py", "test_batch", "labels", "batches.meta", names
    )


def _write_cifar100(folder: Path) -> tuple[Options, np.ndarray]:
    names = {"fine_label_names": sorted(CIFAR100_SUPERCLASS_OF)}
    return {"data": "cifar100"}, _write_cifar(folder, "cifar-100-python", "test", "fine_labels", "meta", names)


def _write_cifar(folder: Path, name: str, test: str, labels: str, meta: str, names: object) -> np.ndarray:  # noqa: PLR0917
    pictures = _make_pictures()
    (folder / name).mkdir()
    content = {"data": pictures.transpose(0, 3, 1, 2).reshape(len(LABELS), -1), labels: LABELS.tolist()}
    (folder / name / test).write_bytes(pickle.dumps(content))
    (folder / name / meta).write_bytes(pickle.dumps(names))
    return pictures


DATA = {
    ImageFolder.title: (_option_of(ImageFolder), _write_folder),
    NpzTestSet.title: (_option_of(NpzTestSet), _write_npz),
    CsvManifest.title: (_option_of(CsvManifest), _write_csv),
    ParquetManifest.title: (_option_of(ParquetManifest), _write_parquet),
    HuggingFaceDataset.title: (_option_of(HuggingFaceDataset), _write_saved),
    TorchvisionSet.title: (_option_of(TorchvisionSet), _write_mnist),
    Cifar10.title: (_option_of(Cifar10), _write_cifar10),
    Cifar100.title: (_option_of(Cifar100), _write_cifar100),
}


def _list_given(cache: EvaluationCache) -> list[str]:
    parts = {
        "predictions": True,
        "images": cache.thumbnails is not None,
        "maps": bool(cache.cams),
        "class names": not all(name.isdigit() for name in cache.class_names),
        "superclasses": cache.superclasses is not None,
        "metadata columns": bool(cache.columns),
    }
    return [name for name, is_there in parts.items() if is_there]


@pytest.fixture
def evaluate(tmp_path, monkeypatch) -> Callable[..., EvaluationCache]:
    """The pass over tiny data, by way of the files that the settings name."""
    monkeypatch.chdir(tmp_path)

    def run(**options: object) -> EvaluationCache:
        preprocessing = PreprocessingSettings(mean=MEAN, std=STD, resize=SIDE, crop=SIDE)
        given = {"preprocessing": preprocessing, "device": "cpu", "workers": 0, "batch_size": 4, **options}
        return analyze(AnalyzeSettings(**given), cache_path=tmp_path / "cache.npz")

    return run


@pytest.mark.parametrize("source", MODELS)
def test_a_model_from_a_source_gives_its_own_logits(source, evaluate, tmp_path, doc_tables):
    option, write = MODELS[source]
    options, network = write(tmp_path)
    data, pictures = _write_npz(tmp_path)
    cache = evaluate(**options, **data)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    with torch.no_grad():
        expected = network((torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255 - mean) / std)
    np.testing.assert_allclose(cache.logits, expected.cpu(), rtol=1e-4, atol=1e-5)
    assert all(check.passed for check in cache.checks)
    assert bool(cache.cams) == (not cache.provenance.no_maps_reason)
    given = [part for part in _list_given(cache) if part != "class names"]  # those are the data's
    doc_tables.check_row("sources", source, [option, ", ".join(given)])


@pytest.mark.parametrize("source", DATA)
def test_data_from_a_source_are_its_own_pictures_and_labels(source, evaluate, tmp_path, monkeypatch, doc_tables):
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *_: True)  # these files are not theirs
    option, write = DATA[source]
    (tmp_path / "data").mkdir()
    options, pictures = write(tmp_path / "data")
    (tmp_path / "net.py").write_text(NETWORK.replace("(8, 3)", f"(8, {_count_classes(source)})"))
    options = {"model": f"{tmp_path}/net.py:make", "data_root": tmp_path / "data", **options}
    cache = evaluate(**options)

    images = load_evaluation_set(AnalyzeSettings(**options)).images
    has_size = [images[position].shape == pictures.shape[1:] for position in range(len(pictures))]
    assert sum(has_size) >= len(pictures) - 1
    np.testing.assert_array_equal(cache.thumbnails[has_size], pictures[has_size])
    assert cache.labels.tolist() == (sorted(LABELS) if source == ImageFolder.title else LABELS.tolist())
    _, first, _, *others = _list_given(cache)
    given = [first if all(has_size) else f"{first} of any size", *others]
    doc_tables.check_row("sources", source, [option, ", ".join(given)])


def _count_classes(source: str) -> int:
    return {TorchvisionSet.title: 10, Cifar10.title: 10, Cifar100.title: 100}.get(source, len(NAMES))


def test_outputs_of_a_model_that_ran_elsewhere_are_enough(evaluate, tmp_path, doc_tables):
    probabilities = softmax(np.random.default_rng(0).normal(size=(6, 3)), axis=1)
    needed = {"y_true": LABELS, "y_pred_probs": probabilities}
    maps = {"maps_true": np.ones((6, 4, 4)), "maps_predicted": np.ones((6, 4, 4))}
    further = {"images": _make_pictures(), "class_names": np.array(NAMES), "column.site": np.array(["north"] * 6)}
    given = []
    for number, members in enumerate((needed, {**needed, **maps, **further})):
        np.savez(tmp_path / f"{number}.npz", **members)
        cache = evaluate(arrays=tmp_path / f"{number}.npz", preprocessing=PreprocessingSettings())
        np.testing.assert_allclose(softmax(cache.logits, axis=1), probabilities, atol=1e-6)
        given.append(_list_given(cache))
    text = f"{', '.join(given[0])}; where the file holds them, {', '.join(given[1][len(given[0]) :])}"
    doc_tables.check_row("sources", ArraysFile.title, [_option_of(ArraysFile), text])


def test_the_demo_needs_nothing(evaluate, doc_tables):
    cache = evaluate(model="demo", data="demo", limit=40, preprocessing=PreprocessingSettings())
    assert np.mean(cache.logits.argmax(axis=1) == cache.labels) > 0.5  # of 100 classes
    doc_tables.check_row("sources", DemoModel.title, ["`--model demo --data demo`", ", ".join(_list_given(cache))])


def test_the_table_holds_the_sources_that_are_tested(doc_tables):
    doc_tables.check_keys("sources", [*MODELS, ArraysFile.title, *DATA, DemoModel.title])


def test_each_registered_source_has_a_row():
    titles = {source.title for source in (*MODEL_SOURCES, *DATA_SOURCES) if source is not ProgramFile}
    assert titles <= {*MODELS, *DATA, DemoModel.title}
