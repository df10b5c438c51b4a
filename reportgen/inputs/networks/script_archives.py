"""TorchScript without operators that reach beyond the network: its source text is read before torch loads anything.

TorchScript is a small language. It computes with tensors, numbers and text, and prints; but operators of PyTorch save
tensors to files, map files into memory, or call other machines. Loading alone can run them, in `__setstate__`.
"""

import io
import re
import zipfile
from pathlib import Path
from typing import Final

from reportgen.errors import ModelError

_COMMENT: Final = re.compile(rb"#[^\n]*")
_FILES: Final = re.compile(rb"\.[\s\\]*(_*(?:save|from_file))\b|getattr[\s\\]*\([^\n]*?(save|from_file|\\)")
_CALLS: Final = re.compile(rb"\b(rpc_(?:sync|async|remote))\b")
_LIBRARY: Final = re.compile(rb"(?<![\w.])ops\b(?:[\s\\]*\.[\s\\]*(\w+)[\s\\]*\.[\s\\]*(\w+))?")
_CLASS: Final = re.compile(rb"__torch__\.torch\.classes\.(\w+)")
_LIBRARIES: Final = frozenset(
    {
        b"aten",
        b"prim",
        b"prims",
        b"quantized",
        b"_quantized",
        b"quantization",
        b"sparse",
        b"mkldnn",
        b"mkldnn_prepacked",
    }
    | {b"mkl", b"onednn", b"torchvision", b"xnnpack"}
)
_HINT: Final = "Save the network again without that operator, or give its code as FILE.py:factory."


def read_checked_script(path: Path) -> io.BytesIO:
    """The archive of a TorchScript program in a copy whose source text was checked.

    Torch reads the copy, so that it sees the same members.

    Raises:
        ModelError: the program uses an operator that touches files or the system.
        zipfile.BadZipFile: the archive is damaged.
    """
    copy = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as target:
        for name in dict.fromkeys(archive.namelist()):
            content = archive.read(name)
            if name.endswith((".py", ".pkl")):
                _check_classes(content, path)
            if name.endswith(".py"):
                _check_source(content, path)
                _check_source(_COMMENT.sub(b"", content), path)
            target.writestr(name, content)
    copy.seek(0)
    return copy


def _check_source(source: bytes, path: Path) -> None:
    for found in _FILES.finditer(source):
        raise _refuse(path, f"aten::{(found[1] or found[2]).decode()}", "files")
    for found in _CALLS.finditer(source):
        raise _refuse(path, f"prim::{found[1].decode()}", "other machines")
    for found in _LIBRARY.finditer(source):
        if found[1] not in _LIBRARIES:
            operator = f"{found[1].decode()}::{found[2].decode()}" if found[1] else "ops"
            raise _refuse(path, operator, "files or the system")


def _check_classes(content: bytes, path: Path) -> None:
    for found in _CLASS.finditer(content):
        if found[1] not in _LIBRARIES:
            raise _refuse(path, f"class torch.classes.{found[1].decode()}", "files or the system")


def _refuse(path: Path, operator: str, what: str) -> ModelError:
    kind = "" if operator.startswith("class ") else "operator "
    return ModelError(
        f"The program {path} uses the {kind}{operator}, which can touch {what}, so it is not loaded.", hint=_HINT
    )
