"""Files of models that are not read: each is refused by name, with the way out."""

import numpy as np
import pytest
import torch
from torch import nn

from reportgen.errors import CheckpointError, DataError, ModelError, name_settings
from reportgen.inputs.data.npz import NpzFile
from reportgen.inputs.networks.checkpoints import load_weights
from reportgen.inputs.networks.foreign_files import FOREIGN_KINDS
from reportgen.inputs.networks.hf_files import list_weight_files
from reportgen.inputs.networks.program_models import build_program
from reportgen.inputs.registry import resolve_model
from reportgen.settings import ModelSettings

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 12345\n"
PAGES = ("<!DOCTYPE html>\n<html><body>Sign in</body></html>", "\ufeff \n<HTML lang='en'>Not found</HTML>")
KINDS = [
    ("net.onnx", "is an ONNX model", "arrays=FILE.npz"),
    ("net.ONNX", "is an ONNX model", "onnxruntime"),
    ("net.tflite", "is a TensorFlow Lite model", "arrays=FILE.npz"),
    ("saved_model.pb", "is a SavedModel of TensorFlow", "model.keras"),
    ("net.pkl", "is a Python pickle", "state dict"),
    ("net.joblib", "is a Python pickle", "arrays=FILE.npz"),
    ("flax_model.msgpack", "contains weights of Flax", "weights of PyTorch"),
    ("net.weights.h5", "contains only the weights of a Keras model", "load_weights"),
    ("net.mlpackage", "is a Core ML model", "arrays=FILE.npz"),
    ("net.engine", "is a TensorRT engine", "arrays=FILE.npz"),
    ("net.gguf", "contains quantized weights", "arrays=FILE.npz"),
    ("adapter_model.safetensors", "contains an adapter", "merge_and_unload()"),
]


def weights_of(path):
    return resolve_model(ModelSettings(model="net.py:make", weights=str(path))).checkpoint


@pytest.mark.parametrize(("name", "problem", "hint"), KINDS)
def test_each_kind_is_refused_by_its_name(name, problem, hint, tmp_path):
    path = tmp_path / name
    path.write_bytes(b"x")
    for spec in (str(path), f"keras:{path}"):
        with pytest.raises(ModelError, match=f"The model .*{name} {problem}") as caught:
            resolve_model(ModelSettings(model=spec))
        assert hint in caught.value.hint
    with pytest.raises(CheckpointError, match=f"The checkpoint .*{name} {problem}") as caught:
        weights_of(path)
    assert hint in caught.value.hint


def test_weights_that_torch_saved_may_have_any_name(tmp_path):
    path = tmp_path / "weights.pkl"
    for is_new in (True, False):
        torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=is_new)
        assert torch.equal(load_weights(weights_of(path)).tensors["w"], torch.ones(2))


def test_keras_weights_are_told_from_a_keras_model(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as file:
        file["kernel"] = np.zeros(3)
    with pytest.raises(ModelError, match="contains only the weights of a Keras model"):
        resolve_model(ModelSettings(model=f"keras:{path}"))
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = "{}"
    resolve_model(ModelSettings(model=f"keras:{path}"))


@pytest.mark.parametrize("spec", ["hf:{}", "{}"])
def test_adapters_name_the_merge(spec, tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="contains an adapter") as caught:
        resolve_model(ModelSettings(model=spec.format(tmp_path))).files()
    assert "merge_and_unload()" in caught.value.hint


def test_a_folder_with_weights_of_others_only_names_them(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "flax_model.msgpack").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"no weights of PyTorch; .*flax_model\.msgpack contains weights of Flax"):
        list_weight_files(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        (POINTER, "is a pointer of Git LFS", "git lfs pull"),
        *((page, "is a web page", "Download it again") for page in PAGES),
        ("", "is empty", "again"),
    ],
)
def test_what_stands_in_place_of_a_file_is_named(text, problem, hint, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    readers = {
        "w.pth": load_weights,
        "w.safetensors": load_weights,
        "net.pt": build_program,
        "net.pt2": build_program,
        "net.keras": lambda path: resolve_model(ModelSettings(model=f"keras:{path}")).files(),
        "out.npz": lambda path: NpzFile(path=path, what="The arrays file", layout_hint="").member_names(),
        "model.safetensors": lambda path: list_weight_files(path.parent),
    }
    for name, read in readers.items():
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        with pytest.raises((ModelError, DataError), match=f"{name} {problem}") as caught:
            read(path)
        assert hint in caught.value.hint
        path.unlink()


@pytest.mark.parametrize("is_new", [True, False])
def test_a_whole_pickled_network_given_as_a_program_names_the_state_dict(is_new, tmp_path):
    path = tmp_path / "net.pt"
    torch.save(nn.Sequential(nn.Linear(2, 2)), path, _use_new_zipfile_serialization=is_new)
    with pytest.raises(ModelError, match=r"torch\.nn\.modules\.container\.Sequential") as caught:
        build_program(path)
    assert "model.state_dict()" in caught.value.hint
    torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=is_new)
    with pytest.raises(ModelError, match="contains weights, not a program"):
        build_program(path)


def test_the_table_of_the_documentation_lists_each_kind(doc_tables):
    rows = {", ".join(f"`{ending}`" for ending in kind.endings): kind for kind in FOREIGN_KINDS}
    for key, kind in rows.items():
        hint = name_settings(kind.hint, lambda name: f"--{name}")
        doc_tables.check_row("foreign files", key, [kind.what.partition(",")[0], hint])
    doc_tables.check_keys("foreign files", list(rows))
