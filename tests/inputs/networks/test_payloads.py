"""Files of others that would create a file if anything in them ran: no source runs it."""

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from reportgen.cache_file import load_cache
from reportgen.errors import CacheError, CheckpointError, DataError, ModelError
from reportgen.inputs.data.npz import NpzFile
from reportgen.inputs.libraries import KERAS
from reportgen.inputs.networks.checkpoints import load_weights
from reportgen.inputs.networks.program_models import build_program

# About torch.jit as a whole, which these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class Payload:
    """Creates a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(images.mean(dim=(2, 3)))


class Saves(Net):
    def forward(self, images: Tensor) -> Tensor:
        torch.ops.aten.save(images, "MARKER")
        return self.fc(images.mean(dim=(2, 3)))


class Maps(Net):
    def forward(self, images: Tensor) -> Tensor:
        return self.fc(images.mean(dim=(2, 3))) + torch.from_file("MARKER", True, 1)


class SavesWhenLoaded(Net):
    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, bool]:
        return self.fc.weight, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]) -> None:
        torch.ops.aten.save(state[0], "MARKER")
        self.training = state[1]


@pytest.fixture
def marker(tmp_path, monkeypatch) -> Path:
    """The file that every payload creates; in the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "MARKER"


@pytest.fixture
def program(tmp_path) -> Path:
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(Net().eval(), (torch.rand(2, 3, 8, 8),)), path)
    return path


def change(path: Path, member: str, edit) -> None:
    """Rewrite one member of an archive; `edit` takes and returns bytes."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    (name,) = (name for name in contents if name.endswith(member))
    contents[name] = edit(contents[name])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def add(path: Path, member: str, content: bytes) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"net/{member}", content)


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_the_payload_works(marker):
    pickle.loads(pickle.dumps(Payload(marker)))
    assert marker.exists()


def test_checkpoints_do_not_run_it(marker, tmp_path):
    path = tmp_path / "w.pth"
    for is_new in (True, False):
        torch.save(
            {"state_dict": {"w": torch.ones(2)}, "extra": Payload(marker)}, path, _use_new_zipfile_serialization=is_new
        )
        if is_new:
            assert list(load_weights(path).tensors) == ["w"]
        else:
            with pytest.raises(CheckpointError, match="Python object"):
                load_weights(path)
    path.write_bytes(pickle.dumps(Payload(marker)))
    with pytest.raises(CheckpointError):
        load_weights(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (load_cache, CacheError),
        (lambda path: NpzFile(path=path, what="The arrays file", layout_hint="-").read({"logits", "meta"}), DataError),
    ],
)
def test_caches_and_arrays_do_not_run_it(marker, tmp_path, read, error):
    for name in ("logits", "meta"):
        with (tmp_path / "out.npz").open("wb") as file:
            np.savez(file, **{name: np.array([Payload(marker)], dtype=object)})
        with pytest.raises(error):
            read(tmp_path / "out.npz")
    assert not marker.exists()


def test_sample_inputs_of_an_exported_program_are_left_out(marker, program):
    images = torch.rand(2, 3, 8, 8)
    expected = build_program(program).module(images)
    change(program, "sample_inputs/model.pt", lambda _: saved(((Payload(marker),), {})))
    torch.testing.assert_close(build_program(program).module(images), expected)
    assert not marker.exists()


def edit_description(path: Path, edit) -> None:
    def rewrite(content: bytes) -> bytes:
        description = json.loads(content)
        edit(description, description["graph_module"]["graph"]["nodes"])
        return json.dumps(description).encode()

    change(path, "models/model.json", rewrite)


def pickle_weight(path: Path, payload: bytes) -> None:
    change(path, "weights/weight_0", lambda _: payload)
    change(path, "model_weights_config.json", lambda text: text.replace(b'"use_pickle": false', b'"use_pickle": true'))


CODE = "__import__('pathlib').Path('MARKER').touch()"
HARMFUL = {
    "a pickled weight": (pickle_weight, "pickled object instead of the tensor"),
    "old pickled weights": (lambda path, payload: add(path, "data/weights/model.pt", payload), "Python objects"),
    "an opaque object": (lambda path, payload: add(path, "data/constants/opaque_obj_0", payload), "a pickled object"),
    "compiled code": (lambda path, payload: add(path, "data/aotinductor/model/a.so", payload), "compiled code"),
    "an operator of Python": (
        lambda path, _: edit_description(
            path, lambda _, nodes: nodes[0].update(target="torch.serialization.os.system")
        ),
        r"operator torch\.serialization\.os\.system",
    ),
    "an operator on files": (
        lambda path, _: edit_description(
            path, lambda _, nodes: nodes[0].update(target="torch.ops.aten.from_file.default")
        ),
        r"operator torch\.ops\.aten\.from_file",
    ),
    "an expression": (
        lambda path, _: edit_description(
            path,
            lambda description, _: description["graph_module"]["graph"]["tensor_values"]["images"]["sizes"].__setitem__(
                0, {"as_expr": {"expr_str": CODE, "hint": None}}
            ),
        ),
        "expression",
    ),
    "a name": (
        lambda path, _: change(
            path, "models/model.json", lambda text: text.replace(b'"images"', f'"a={CODE}"'.encode())
        ),
        "the name",
    ),
    "a structure": (
        lambda path, _: edit_description(
            path,
            lambda description, _: description["graph_module"]["module_call_graph"][0]["signature"].update(
                out_spec='[1, {"type": "collections.defaultdict", "context": "default_factory_module"}]'
            ),
        ),
        "the structure",
    ),
}


@pytest.mark.parametrize("kind", HARMFUL)
def test_an_exported_program_with_code_in_it_is_refused(kind, marker, program):
    harm, problem = HARMFUL[kind]
    harm(program, saved({"w": Payload(marker)}))
    with pytest.raises(ModelError, match=problem) as caught:
        build_program(program)
    assert "could run any code" in str(caught.value)
    assert not marker.exists()


def write_old_program(path: Path, **members: bytes) -> None:
    """An archive as torch.export.save wrote it before version 2.8: pickles beside the description."""
    from torch._export.serde.schema import SCHEMA_VERSION
    from torch._export.serde.serialize import serialize

    torch.manual_seed(0)
    program = serialize(torch.export.export(Net().eval(), (torch.rand(2, 3, 8, 8),)))
    contents = {
        "version": ".".join(map(str, SCHEMA_VERSION)).encode(),
        "serialized_exported_program.json": program.exported_program,
        "serialized_state_dict.pt": program.state_dict,
        "serialized_constants.pt": program.constants,
        "serialized_example_inputs.pt": program.example_inputs,
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {
            **contents,
            **{f"serialized_{name}.pt": value for name, value in members.items()},
        }.items():
            archive.writestr(name, content)


def test_exported_programs_of_older_versions_are_read_without_their_pickles(marker, tmp_path):
    path = tmp_path / "net.pt2"
    torch.manual_seed(0)
    net, images = Net().eval(), torch.rand(2, 3, 8, 8)
    write_old_program(path, example_inputs=saved(((Payload(marker),), {})))
    torch.testing.assert_close(build_program(path).module(images), net(images))
    for name in ("state_dict", "constants"):
        write_old_program(path, **{name: saved({"w": Payload(marker)})})
        with pytest.raises(ModelError, match=f"contains Python objects \\(serialized_{name}"):
            build_program(path)
    assert not marker.exists()


def test_guards_are_code_and_are_left_out(marker, program):
    edit_description(program, lambda description, _: description.update(guards_code=[CODE]))
    build_program(program).module(torch.rand(2, 3, 8, 8))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("kind", "operator"), [(Saves, "aten::save"), (Maps, "aten::from_file"), (SavesWhenLoaded, "aten::save")]
)
def test_torchscript_that_touches_files_is_refused_before_it_is_loaded(kind, operator, marker, tmp_path):
    path = tmp_path / "net.pt"
    torch.jit.script(kind()).save(path)
    marker.unlink(missing_ok=True)
    with pytest.raises(ModelError, match=f"uses the operator {operator}, which can touch files"):
        build_program(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("(torch. # the\n save)(x, 'MARKER')", "aten::save"),
        ("getattr(torch, 'sa\\x76e')(x, 'MARKER')", "operator"),
        ("ops.debugprims.load_tensor('MARKER')", "debugprims::load_tensor"),
        ("o = ops", "operator ops"),
        ("rpc_sync('a')", "prim::rpc_sync"),
        ("a : __torch__.torch.classes.dist_rpc.WorkerInfo", r"torch\.classes\.dist_rpc"),
    ],
)
def test_other_spellings_in_torchscript_are_refused(line, problem, marker, tmp_path):
    path = tmp_path / "net.pt"
    torch.jit.script(Net()).save(path)
    add(path, "code/__torch__/more.py", line.encode())
    with pytest.raises(ModelError, match=problem):
        build_program(path)
    assert not marker.exists()


@pytest.mark.extra
def test_a_keras_file_does_not_run_it(marker, tmp_path):
    try:
        KERAS.import_module()
    except ImportError as error:
        pytest.skip(str(error))
    import keras

    from reportgen.inputs.networks.keras_models import build_keras

    touching = keras.layers.Lambda(lambda x: (__import__("pathlib").Path("MARKER").touch(), x)[1])
    path = tmp_path / "net.keras"
    keras.Sequential([keras.layers.Input((8, 8, 3)), touching, keras.layers.Flatten()]).save(path)
    assert marker.exists()
    marker.unlink()
    with pytest.raises(ModelError, match=r"(?i)lambda"):
        build_keras(path)
    assert not marker.exists()


@pytest.mark.extra
def test_a_folder_of_transformers_does_not_run_it(marker, tmp_path):
    transformers = pytest.importorskip("transformers")
    from reportgen.inputs.networks.hf_models import build_hf

    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1], num_labels=2)
    config.save_pretrained(tmp_path)
    weights = transformers.ResNetForImageClassification(config).state_dict()
    (tmp_path / "pytorch_model.bin").write_bytes(saved({**weights, "extra": Payload(marker)}))
    with pytest.raises(ModelError):
        build_hf(tmp_path, "hf:x", has_weights=True)
    assert not marker.exists()
