"""Exported programs without what could run code: torch is given a copy of the archive that was checked part by part.

`torch.export.load` unpickles members of the archive, evaluates expressions, and turns names into Python code. A copy
contains plain numbers and a description in which every operator, expression and name is of a known form. Example inputs
and the history of each operation, which a report does not need, are left out.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import torch

from reportgen.errors import ModelError

_KEPT: Final = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/(version|serialization_id)"
    r"|data/weights/weight_\d+|data/constants/tensor_\d+"
)
_CONFIGS: Final = re.compile(r"data/(weights|constants)/\w+_config\.json")
_PICKLES: Final = re.compile(r"data/(weights|constants)/\w+\.pt|serialized_(state_dict|constants)\.(pt|json)")
_SAMPLES: Final = re.compile(r"data/sample_inputs/\w+\.pt|serialized_example_inputs\.(pt|json)")
_DESCRIPTIONS: Final = re.compile(r"models/\w+\.json|serialized_exported_program\.json")
_NATIVE: Final = re.compile(r"data/aotinductor/")
_OBJECTS: Final = re.compile(r"data/constants/(custom_obj|opaque_obj)_")

_OPERATORS: Final = re.compile(
    r"torch\.ops\.(aten|prims?|quantized|quantized_decomposed|torchvision|mkldnn|onednn)\.(?!_*(from_file|save)\b)\w+"
    r"(\.\w+)?"
    r"|torch\.ops\.higher_order\.(cond|map_impl|scan|while_loop|wrap_with_set_grad_enabled|wrap_with_autocast)"
    r"|torch\.(_?sym_\w+|_check\w*|_C\._set_grad_enabled|amp\.autocast_mode\._(enter|exit)_autocast)"
    r"|_operator\.(getitem|r?add|r?sub|mul|truediv|floordiv|mod|pow|neg|pos|abs|eq|ne|lt|le|gt|ge|and_|or_|not_|xor"
    r"|lshift|rshift|index|truth|invert)"
    r"|math\.[a-z]\w*",
    re.ASCII,
)
_FUNCTIONS: Final = re.compile(
    r"Symbol|Integer|Float|Rational|Add|Mul|Pow|Max|Min|Mod|Abs|And|Or|Not|Eq|Ne|Lt|Le|Gt|"
    r"Ge|floor|ceiling|Equality|Unequality|StrictLessThan|LessThan|StrictGreaterThan|GreaterThan|"
    r"Piecewise|ExprCondPair|Tuple|FloorDiv|ModularIndexing|Where|PythonMod|CleanDiv|CeilToInt|"
    r"FloorToInt|CeilDiv|LShift|RShift|PowByNatural|FloatPow|FloatTrueDiv|IntTrueDiv|"
    r"IsNonOverlappingAndDenseIndicator|TruncToFloat|TruncToInt|RoundToInt|RoundDecimal|ToFloat|Identity"
)
_EXPRESSION: Final = re.compile(r"(?:'\w+'|\w+|[\s,()+*/<>=~&|-]|\.(?=\d))*", re.ASCII)
_CALL: Final = re.compile(r"(\w+)\s*\(", re.ASCII)
_NAME: Final = re.compile(r"[\w.]*", re.ASCII)
_TEXT: Final = re.compile(r"[\w\s.,:+*/<>@^$|&%~-]*", re.ASCII)
_SPEC: Final = re.compile(r"[\w\s.,:\"\[\]{}\\/-]*", re.ASCII)
_EXPORT_HINT: Final = (
    "Export the network again where it was made, with plain tensors as weights and without such parts."
)


def read_checked(path: Path) -> io.BytesIO:
    """The archive of an exported program in a copy that cannot run code when it is loaded.

    Raises:
        ModelError: the archive contains something else than plain weights and known operators.
        zipfile.BadZipFile: it is damaged.
    """
    copy = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as target:
        for name in dict.fromkeys(archive.namelist()):
            folder, _, inner = name.partition("/")
            place = name if folder in ("version", "archive_format") or not _is_member(inner) else inner
            content = _check_member(place, archive.read(name), path)
            if content is not None:
                target.writestr(name, content)
    copy.seek(0)
    return copy


def _is_member(name: str) -> bool:
    return any(
        pattern.match(name) for pattern in (_KEPT, _CONFIGS, _PICKLES, _SAMPLES, _DESCRIPTIONS, _NATIVE, _OBJECTS)
    )


def _check_member(name: str, content: bytes, path: Path) -> bytes | None:
    """What the copy contains under a name; `None` where it does not need the member."""
    if _KEPT.fullmatch(name):
        return content
    if _SAMPLES.fullmatch(name):
        return b""
    if _CONFIGS.fullmatch(name):
        return _check_config(content, path)
    if _DESCRIPTIONS.fullmatch(name):
        return _check_description(content, path)
    if _PICKLES.fullmatch(name):
        return _repickle(name, content, path)
    if _NATIVE.match(name):
        raise _refuse(path, f"compiled code ({name})")
    if _OBJECTS.match(name):
        raise _refuse(path, f"a pickled object ({name})")
    return None


def _repickle(name: str, content: bytes, path: Path) -> bytes:
    """Tensors and plain containers, pickled anew, so that torch never needs its unrestricted unpickler."""
    if not content:
        return content
    try:
        tensors = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, ValueError, LookupError, EOFError) as error:
        raise _refuse(path, f"Python objects ({name})") from error
    copy = io.BytesIO()
    torch.save(tensors, copy)
    return copy.getvalue()


def _check_config(content: bytes, path: Path) -> bytes:
    config = json.loads(content)
    for name, entry in config.get("config", {}).items():
        if entry.get("use_pickle"):
            raise _refuse(path, f"a pickled object instead of the tensor {name}")
    return content


def _check_description(content: bytes, path: Path) -> bytes:
    """The description of a program without its guards, which are code, and the history of its operations."""
    description = json.loads(content)
    if isinstance(description.get("guards_code"), list):
        description["guards_code"] = []
    for key, value in _walk(description):
        _check_text(key, value, path)
    return json.dumps(description).encode()


def _walk(part: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a description with the key that it stands under; the keys themselves as well."""
    if isinstance(part, str):
        yield key, part
    elif isinstance(part, list):
        for item in part:
            yield from _walk(item, key)
    elif isinstance(part, dict):
        if "target" in part and isinstance(part.get("metadata"), dict):
            part["metadata"] = {}
        for name, item in part.items():
            yield "", name
            yield from _walk(item, name)


def _check_text(key: str, text: str, path: Path) -> None:
    if key in ("target", "as_operator"):
        if not _OPERATORS.fullmatch(text):
            raise _refuse(path, f"the operator {text}, which is not one of a network's")
    elif key == "expr_str":
        if not _EXPRESSION.fullmatch(text) or "__" in text or not all(map(_FUNCTIONS.fullmatch, _CALL.findall(text))):
            raise _refuse(path, f"the expression {text}, which is not plain arithmetic")
    elif key in ("in_spec", "out_spec"):
        if not _SPEC.fullmatch(text) or "default_factory" in text:
            raise _refuse(path, f"the structure {text}, which is not made of plain containers")
    elif not (_NAME if key in ("name", "forward_arg_names") else _TEXT).fullmatch(text):
        raise _refuse(path, f"the name {text!r}, which is not a plain one")


def _refuse(path: Path, what: str) -> ModelError:
    return ModelError(
        f"The program {path} contains {what}: it could run any code, so it is not loaded.", hint=_EXPORT_HINT
    )
