"""Files of models that reportgen does not read, each with the way out: by their names, or by their first bytes."""

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reportgen.errors import ModelError, setting

ADAPTER_CONFIG: Final = "adapter_config.json"

_ELSEWHERE: Final = f"save its outputs on the test set and give {setting('arrays', 'FILE.npz')}"
_HDF5_START: Final = b"\x89HDF\r\n\x1a\n"
_TORCH_STARTS: Final = (b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")  # torch.save since and before 1.6


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKind:
    """A kind of file that is not read.

    Attributes:
        endings: of the names of its files, in lower case.
        what: what such a file is, as the end of a sentence.
        hint: the way to a report.
        mark: a file that only folders of this kind contain; empty where there is none.
    """

    endings: tuple[str, ...]
    what: str
    hint: str
    mark: str = ""


_KERAS_WEIGHTS: Final = ForeignKind(
    endings=(".weights.h5",),
    what="contains only the weights of a Keras model, not the model",
    hint="Build the model in Keras, call model.load_weights(FILE) and model.save('model.keras'), and give "
    "keras:model.keras.",
)
_PICKLE: Final = ForeignKind(
    endings=(".pkl", ".pickle", ".joblib"),
    what="is a Python pickle, which could run any code when it is read, so it is not loaded",
    hint="Save a state dict where the file was made, torch.save(model.state_dict(), 'weights.pth'), and give "
    f"{setting('model', 'FILE.py:factory')} with {setting('weights', 'weights.pth')}; for a model that is not of "
    f"PyTorch, {_ELSEWHERE}.",
)
FOREIGN_KINDS: Final[tuple[ForeignKind, ...]] = (
    ForeignKind(
        endings=("adapter_model.safetensors", "adapter_model.bin"),
        what="contains an adapter, which changes a base model, not a whole model",
        hint="Merge it into its base model where it was made: merge_and_unload() and save_pretrained(FOLDER) of the "
        "result; then give hf:FOLDER.",
        mark=ADAPTER_CONFIG,
    ),
    ForeignKind(
        endings=(".onnx", ".onnx.data"),
        what="is an ONNX model, which reportgen does not run",
        hint=f"Give the network that it was exported from; or run it with onnxruntime, {_ELSEWHERE}.",
    ),
    ForeignKind(
        endings=(".tflite", ".lite"),
        what="is a TensorFlow Lite model, which reportgen does not run",
        hint=f"Give the Keras model that it was converted from; or run it with its interpreter, {_ELSEWHERE}.",
    ),
    ForeignKind(
        endings=(".pb",),
        what="is a SavedModel of TensorFlow, which reportgen does not run",
        hint=f"Save the Keras model that it was made from as model.keras; or run it with TensorFlow, {_ELSEWHERE}.",
        mark="saved_model.pb",
    ),
    ForeignKind(
        endings=(".msgpack",),
        what="contains weights of Flax, which reportgen does not read",
        hint=f"Give the same model with weights of PyTorch; or run it with Flax, {_ELSEWHERE}.",
    ),
    ForeignKind(
        endings=(".mlmodel", ".mlpackage", ".mlmodelc"),
        what="is a Core ML model, which reportgen does not run",
        hint=f"Give the network that it was converted from; or run it with Core ML, {_ELSEWHERE}.",
    ),
    ForeignKind(
        endings=(".engine", ".plan", ".trt"),
        what="is a TensorRT engine, which reportgen does not run",
        hint=f"Give the network that it was built from; or run it with TensorRT, {_ELSEWHERE}.",
    ),
    ForeignKind(
        endings=(".gguf", ".ggml"),
        what="contains quantized weights for llama.cpp, which reportgen does not read",
        hint=f"Give the weights of PyTorch that it was converted from; or {_ELSEWHERE}.",
    ),
    _KERAS_WEIGHTS,
    _PICKLE,
)


def refuse_foreign(path: Path, what: str, *, error: type[ModelError]) -> None:
    """Refuse a file whose kind is not read, whether or not it exists.

    The name decides, except where it can mislead: what torch.save wrote may have any name, an `.h5` contains a Keras
    model or only its weights, and a folder is what it contains.

    Args:
        path: the file or folder.
        what: what it was given as, as the start of a message.
        error: the class of the error raised.

    Raises:
        ModelError: of the class given; with the way out as its hint.
    """
    found = _find_kind(path)
    if found is not None:
        raise error(f"{what} {path} {found.what}.", hint=found.hint)


def _find_kind(path: Path) -> ForeignKind | None:
    if path.is_dir():
        return next((kind for kind in FOREIGN_KINDS if kind.mark and (path / kind.mark).is_file()), None)
    name = path.name.lower()
    kind = next((kind for kind in FOREIGN_KINDS if name.endswith(kind.endings)), None)
    if kind is _PICKLE and _start(path).startswith(_TORCH_STARTS):
        return None
    if kind is None and name.endswith((".h5", ".hdf5")) and _is_without_model(path):
        return _KERAS_WEIGHTS
    return kind


def _start(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(16)


def _is_without_model(path: Path) -> bool:
    """Whether an HDF5 file lacks the description that Keras saves with a whole model."""
    if not _start(path).startswith(_HDF5_START):
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b"model_config") < 0
