"""Models and checkpoints."""

import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from bad_input.row import RUN, SCALE, USAGE, Row, data, text

PY = f"run --model own.py:make --data test.npz {SCALE}"
HEAD = "from torch import nn\nimport torch\n\n\n"


def _own(body: str) -> Callable[[Path], object]:
    return text("own.py", HEAD + body)


def _forward(expression: str) -> Callable[[Path], object]:
    """A network that returns this expression of `x` (B, 3, 16, 16)."""
    return _own(
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 8, 3, padding=1)\n"
        "        self.head = nn.Linear(8, 3)\n\n"
        "    def forward(self, x):\n"
        "        z = self.head(self.conv(x).relu().mean((2, 3)))\n"
        f"        return {expression}\n\n\n"
        "def make():\n    return Net()\n"
    )


def _weights(make: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], object]:
    """model.pth with its state dict changed."""

    def write(folder: Path) -> None:
        path = folder / "model.pth"
        torch.save(make(torch.load(path, weights_only=True)), path)

    return write


class Payload:
    """Creates a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, ("MARKER",)


def _pickled_model(folder: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), folder / "model.pth")


def _changed(state: dict[str, torch.Tensor], **changes: torch.Tensor | None) -> dict[str, torch.Tensor]:
    merged = {**state, **{name.replace("_", "."): tensor for name, tensor in changes.items()}}
    return {name: tensor for name, tensor in merged.items() if tensor is not None}


def _quantized(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weight = torch.quantize_per_tensor(torch.zeros(3, 8), 0.1, 0, torch.qint8)
    _weights(lambda state: {**state, "4.weight": weight})(folder)


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
NO_MODEL = f"run --data test.npz {SCALE} --model "
ROWS = (
    Row("no model", "run --data test.npz", ("--model",), code=USAGE),
    Row("a model file that does not exist", f"{NO_MODEL}nowhere.py:make", ("nowhere.py",)),
    Row("a function that the file does not have", f"{NO_MODEL}model.py:build", ("build",)),
    Row("a Python file without a function", f"{NO_MODEL}model.py", ("model.py",)),
    Row("a module that is not installed", f"{NO_MODEL}no_such_module:make", ("no_such_module",)),
    Row("a name of nothing", f"{NO_MODEL}wonder", ("wonder",)),
    Row("a name with a misspelled source", f"{NO_MODEL}timn:resnet18", ("timn",)),
    Row("a network that torchvision does not have", f"{NO_MODEL}torchvision:resnet19", ("resnet19",)),
    Row("a network that timm does not have", f"{NO_MODEL}timm:resnet19x", ("resnet19x",)),
    Row("a folder that transformers does not know", f"{NO_MODEL}hf:photos", ("photos",)),
    Row("a syntax error in the file", PY, ("own.py",), text("own.py", "def make(:\n")),
    Row(
        "a file that raises when it is imported", PY, ("own.py", "boom"), text("own.py", "raise RuntimeError('boom')\n")
    ),
    Row("a file that exits when it is imported", PY, ("own.py",), text("own.py", "import sys\nsys.exit(3)\n")),
    Row("a function that raises", PY, ("boom",), _own("def make():\n    raise ValueError('boom')\n")),
    Row("a function that exits", PY, ("make",), _own("import sys\n\n\ndef make():\n    sys.exit(0)\n")),
    Row("a function that returns nothing", PY, ("make",), _own("def make():\n    pass\n")),
    Row("a function that returns a class", PY, ("make",), _own("def make():\n    return nn.Linear\n")),
    Row(
        "a function with arguments that it needs",
        PY,
        ("width",),
        _own("def make(width):\n    return nn.Linear(width, 3)\n"),
    ),
    Row("a number instead of a function", PY, ("make",), _own("make = 3\n")),
    Row(
        "a network for other input",
        PY,
        ("5 channels",),
        _own("def make():\n    return nn.Sequential(nn.Conv2d(5, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"),
    ),
    Row(
        "a network with two inputs",
        PY,
        ("input",),
        _own(
            "class Net(nn.Module):\n    def forward(self, x, y):\n        return x\n\n\ndef make():\n    return Net()\n"
        ),
    ),
    Row(
        "a network that raises",
        PY,
        ("boom",),
        _own(
            "class Net(nn.Module):\n    def forward(self, x):\n        raise RuntimeError('boom')\n\n\n"
            "def make():\n    return Net()\n"
        ),
    ),
    Row(
        "a network that exits",
        PY,
        ("sys.exit",),
        _own(
            "import sys\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n        sys.exit(0)\n\n\n"
            "def make():\n    return Net()\n"
        ),
    ),
    Row("outputs that are not finite", PY, ("finite",), _forward("z * float('nan')")),
    Row("the same outputs for every image", PY, ("same outputs",), _forward("z * 0 + torch.arange(3.0)")),
    Row("outputs with a spatial grid", PY, ("(",), _forward("self.conv(x)")),
    Row("outputs as text", PY, ("str",), _forward("'otter'")),
    Row("no outputs", PY, ("None",), _forward("None")),
    Row("predicted classes instead of outputs", PY, ("int64",), _forward("z.argmax(1)")),
    Row("outputs for half of the images", PY, ("10 rows",), _forward("z[: len(z) // 2]")),
    Row(
        "outputs of four classes for three names",
        f"{PY} --class-names names.txt",
        ("4", "3"),
        _forward("torch.cat([z, z[:, :1]], 1)"),
    ),
    Row("an output by a name that there is not", f"{PY} --output logits", ("logits",), _forward("z")),
    Row("a checkpoint that does not exist", RUN.replace("model.pth", "nowhere.pth"), ("nowhere.pth",)),
    Row("an empty checkpoint", RUN, ("model.pth",), data("model.pth", b"")),
    Row("a checkpoint of text", RUN, ("model.pth",), text("model.pth", "hello")),
    Row("an HTML page named .pth", RUN, ("model.pth",), text("model.pth", "<!doctype html><html>")),
    Row("a pointer of Git LFS named .pth", RUN, ("model.pth", "LFS"), text("model.pth", LFS)),
    Row(
        "a checkpoint without its end",
        RUN,
        ("model.pth",),
        lambda folder: (folder / "model.pth").write_bytes((folder / "model.pth").read_bytes()[:-100]),
    ),
    Row("a folder instead of a checkpoint", RUN.replace("model.pth", "photos"), ("photos",)),
    Row("a whole model instead of its weights", RUN, ("model.pth",), _pickled_model),
    Row(
        "a pickle that runs something",
        RUN,
        ("model.pth",),
        lambda folder: (folder / "model.pth").write_bytes(pickle.dumps(Payload())),
    ),
    Row(
        "a checkpoint that runs something",
        RUN,
        ("model.pth",),
        lambda folder: torch.save({"state_dict": Payload()}, folder / "model.pth"),
    ),
    Row("a checkpoint without tensors", RUN, ("model.pth",), _weights(lambda _: {"epoch": 3})),
    Row("a checkpoint of another network", RUN, ("model.pth",), _weights(lambda _: {"fc.weight": torch.zeros(2, 2)})),
    Row(
        "a checkpoint that lacks a tensor",
        RUN,
        ("0.weight",),
        _weights(lambda state: _changed(state, **{"0.weight": None})),
    ),
    Row(
        "a checkpoint with a tensor too many",
        RUN,
        ("extra",),
        _weights(lambda state: {**state, "extra": torch.zeros(1)}),
    ),
    Row(
        "a tensor of another shape",
        RUN,
        ("4.weight",),
        _weights(lambda state: {**state, "4.weight": torch.zeros(5, 8)}),
    ),
    Row(
        "weights that are not finite",
        RUN,
        ("finite",),
        _weights(lambda state: {**state, "4.weight": torch.full((3, 8), torch.nan)}),
    ),
    Row(
        "weights of complex numbers",
        RUN,
        ("4.weight",),
        _weights(lambda state: {**state, "4.weight": torch.zeros(3, 8, dtype=torch.complex64)}),
    ),
    Row(
        "sparse weights",
        RUN,
        ("4.weight",),
        _weights(lambda state: {**state, "4.weight": torch.zeros(3, 8).to_sparse()}),
    ),
    Row(
        "weights on no device",
        RUN,
        ("4.weight",),
        _weights(lambda state: {**state, "4.weight": torch.zeros(3, 8, device="meta")}),
    ),
    Row("quantized weights", RUN, ("4.weight",), _quantized),
    Row("weights by a name that there is not", f"{RUN} --weights-key ema", ("ema",)),
    Row(
        "a safetensors file that is none",
        RUN.replace("model.pth", "model.safetensors"),
        ("model.safetensors",),
        data("model.safetensors", b"\xff" * 64),
    ),
    Row(
        "a safetensors file with a huge header",
        RUN.replace("model.pth", "model.safetensors"),
        ("model.safetensors",),
        data("model.safetensors", (2**40).to_bytes(8, "little") + b"{}"),
    ),
    Row("an ONNX model", f"{NO_MODEL}model.onnx", ("model.onnx",), data("model.onnx", b"\x08\x08")),
    Row("a TensorFlow Lite model", f"{NO_MODEL}model.tflite", ("model.tflite",), data("model.tflite", b"\0\0\0\0TFL3")),
    Row(
        "a pickled model",
        f"{NO_MODEL}model.pkl",
        ("model.pkl",),
        lambda folder: (folder / "model.pkl").write_bytes(pickle.dumps(Payload())),
    ),
    Row(
        "weights of Flax", RUN.replace("model.pth", "model.msgpack"), ("model.msgpack",), data("model.msgpack", b"\x80")
    ),
    Row("TorchScript that is none", f"{NO_MODEL}model.pt", ("model.pt",), data("model.pt", b"PK\x03\x04nothing")),
    Row("an exported program that is none", f"{NO_MODEL}model.pt2", ("model.pt2",), data("model.pt2", b"nothing")),
    Row(
        "a Keras model that is none", f"{NO_MODEL}keras:model.keras", ("model.keras",), data("model.keras", b"nothing")
    ),
    Row(
        "an adapter instead of a model",
        f"{NO_MODEL}hf:adapter",
        ("adapter",),
        text("adapter/adapter_config.json", "{}"),
    ),
    Row(
        "a folder of transformers with JSON that is none",
        f"{NO_MODEL}hf:broken",
        ("broken",),
        text("broken/config.json", "{"),
    ),
    Row(
        "a folder of transformers for another task",
        f"{NO_MODEL}hf:bert",
        ("bert",),
        text("bert/config.json", '{"model_type": "bert", "architectures": ["BertForMaskedLM"]}'),
    ),
    Row("a model with a null byte in its name", "run --data test.npz --model mo\0del.py:make", ("model",)),
)
