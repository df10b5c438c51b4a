"""What a model spec names, found without importing it. Torch-free, as both the cache's key and the loader use it."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from importlib import invalidate_caches
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Final

import reportgen.demo
from reportgen.errors import CheckpointError, ModelError
from reportgen.inputs.files import require_file
from reportgen.settings import ModelSettings

PRETRAINED: Final = "pretrained"
_DEMO_FOLDER: Final = Path(reportgen.demo.__file__).parent
DEMO_WEIGHTS_PATH: Final = _DEMO_FOLDER / "weights.safetensors"  # the network's own module would import torch

PROGRAM_SUFFIXES: Final = (".pt", ".pts", ".ts", ".torchscript", ".pt2")

_SPEC_HINT = (
    "Give FILE.py:factory, package.module:factory, torchvision:NAME, timm:NAME, hf:FOLDER, keras:FILE.keras, the file "
    f"of a TorchScript or exported program ({' '.join(PROGRAM_SUFFIXES)}), or demo."
)
_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_WEIGHTS_SUFFIXES = (".pth", ".th", ".ckpt", ".safetensors")
_ALIASES = {
    "huggingface": "hf",
    "hub": "hf",
    "transformers": "hf",
    "tensorflow": "keras",
    "tf": "keras",
    "tv": "torchvision",
}


class ModelKind(StrEnum):
    """Who builds the network."""

    FILE = "file"
    MODULE = "module"
    TORCHVISION = "torchvision"
    TIMM = "timm"
    HF = "hf"
    KERAS = "keras"
    PROGRAM = "program"
    DEMO = "demo"


LIBRARIES: Final = (ModelKind.TORCHVISION, ModelKind.TIMM)
"""Who builds a network by its name, with as many outputs as are asked for, and leaves the weights to a checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model spec, taken apart.

    Attributes:
        kind: who builds the network.
        place: the file or folder, the module's dotted name, or empty for the demo's network and one that a library
            finds by its name.
        name: the factory's name, or that of the network: a library's own, or that of its file or folder.
    """

    kind: ModelKind
    place: str
    name: str

    def __str__(self) -> str:
        """The spec without its folder."""
        match self.kind:
            case ModelKind.FILE:
                return f"{Path(self.place).name}:{self.name}"
            case ModelKind.MODULE:
                return f"{self.place}:{self.name}"
            case ModelKind.DEMO | ModelKind.PROGRAM:
                return self.name
        return f"{self.kind}:{self.name}"


def parse_model_spec(text: str) -> ModelSpec:
    """What a model spec names.

    Raises:
        ModelError: it is none of the forms.
    """
    if text == ModelKind.DEMO:
        return ModelSpec(kind=ModelKind.DEMO, place="", name="demo")
    library, _, rest = text.partition(":")
    if rest and library in LIBRARIES:
        return ModelSpec(kind=ModelKind(library), place="", name=rest)
    if rest and library == ModelKind.HF:
        is_hub_id = _HUB_ID.fullmatch(rest) and not Path(rest).exists()
        return ModelSpec(
            kind=ModelKind.HF, place="" if is_hub_id else rest, name=rest if is_hub_id else _own_name(rest)
        )
    if rest and library == ModelKind.KERAS:
        return ModelSpec(kind=ModelKind.KERAS, place=rest, name=_own_name(rest))
    if text.lower().endswith(PROGRAM_SUFFIXES):
        return ModelSpec(kind=ModelKind.PROGRAM, place=text, name=_own_name(text))
    place, _, name = text.rpartition(":")
    is_file = place.endswith(".py")
    if not name.isidentifier() or not (is_file or all(part.isidentifier() for part in place.split("."))):
        raise ModelError(f"The model {text} is no model spec.", hint=_guess_hint(text))
    return ModelSpec(kind=ModelKind.FILE if is_file else ModelKind.MODULE, place=place, name=name)


def _own_name(path: str) -> str:
    """A file's or folder's name without the folder that it lies in."""
    return Path(path).resolve().name


def _guess_hint(text: str) -> str:
    """What may have been meant by something that is no spec."""
    lowered = text.lower()
    if lowered.endswith(".py"):
        return f"Add the factory's name: {text}:build_model."
    if lowered.endswith(".keras"):
        return f"Write keras:{text}."
    if lowered.endswith((".h5", ".hdf5")):
        return "Save it in Keras 3's format, model.save('model.keras'), and write keras:model.keras."
    if lowered.endswith(_WEIGHTS_SUFFIXES):
        return f"These look like weights: name the network's code with --model and give --weights {text}."
    if (Path(text) / "config.json").is_file():
        return f"Write hf:{text}."
    return " ".join(filter(None, [_prefix_hint(text), _SPEC_HINT]))


def _prefix_hint(text: str) -> str:
    """The spec with the known prefix that is nearest to its own; empty where none is near."""
    prefix, colon, rest = text.partition(":")
    known = [ModelKind.TORCHVISION, ModelKind.TIMM, ModelKind.HF, ModelKind.KERAS]
    near = get_close_matches(prefix.lower(), [*known, *_ALIASES], n=1, cutoff=0.7) if colon and rest else []
    return f"Did you mean {_ALIASES.get(near[0], near[0])}:{rest}?" if near else ""


def locate_model_file(spec: ModelSpec) -> Path | None:
    """The file that defines the network, without importing it; `None` for a library's or a folder's.

    Raises:
        ModelError: there is none.
    """
    if spec.kind is ModelKind.FILE:
        return require_file(Path(spec.place), "The model file", error=ModelError, hint=_SPEC_HINT)
    if spec.kind is ModelKind.KERAS:
        hint = "Save the model in Keras 3's format, model.save('model.keras'), and write keras:model.keras."
        path = require_file(Path(spec.place), "The Keras model", error=ModelError, hint=hint)
        if path.suffix != ".keras":
            raise ModelError(f"The Keras model {path} is no .keras file.", hint=hint)
        return path
    if spec.kind is ModelKind.PROGRAM:
        return require_file(Path(spec.place), "The program", error=ModelError, hint=_SPEC_HINT)
    if spec.kind is ModelKind.DEMO:
        return _DEMO_FOLDER / "network.py"
    if spec.kind is ModelKind.MODULE:
        return _locate_module(spec.place, spec.name)
    return None


def locate_weights(settings: ModelSettings, spec: ModelSpec) -> Path | None:
    """The checkpoint's file; `None` where the library's weights are used, or those that come with the network.

    Raises:
        ModelError: a library's network is left without weights, weights are asked of a factory that has none, or some
            are given besides those in a model's own file.
        CheckpointError: there is no such file.
    """
    is_library = spec.kind in LIBRARIES
    if settings.weights is not None and spec.kind in (ModelKind.KERAS, ModelKind.PROGRAM):
        raise ModelError(
            f"--weights {settings.weights} is given, but {spec.name} holds its own weights.", hint="Leave it out."
        )
    if settings.weights == PRETRAINED:
        if spec.kind is ModelKind.DEMO:
            return DEMO_WEIGHTS_PATH
        if not is_library and spec.kind is not ModelKind.HF:
            raise ModelError(
                f"The model {settings.model} has no pretrained weights of a library.",
                hint="Name a checkpoint with --weights, or leave it out and let the factory set the weights.",
            )
        return None
    if settings.weights is not None:
        hint = "Name a checkpoint: .pth, .pt, .th, .ckpt or .safetensors."
        return require_file(Path(settings.weights), "The checkpoint", error=CheckpointError, hint=hint)
    if is_library:
        raise ModelError(
            f"The model {settings.model} has no weights; a report on a random network would mean nothing.",
            hint=f"Give --weights FILE, or --weights {PRETRAINED} for those of {spec.kind}.",
        )
    return DEMO_WEIGHTS_PATH if spec.kind is ModelKind.DEMO else None


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Python with a folder's modules importable, before all others. `sys.path` is as before afterwards."""
    path_before = list(sys.path)
    invalidate_caches()  # the files may be younger than Python's listing of the folder
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path[:] = path_before


def _locate_module(name: str, factory: str) -> Path:
    """The file of a module by dotted name. Its parent packages are found, not imported."""
    search: list[str] | None = None
    with importable(Path.cwd()):
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            found = _find_module(".".join(parts[:depth]), search)
            if found is None:
                raise ModelError(
                    f"The module {'.'.join(parts[:depth])} cannot be found.",
                    hint=_prefix_hint(f"{name}:{factory}")
                    or "Install its package, or run reportgen from the folder that holds it.",
                )
            search = list(found.submodule_search_locations or [])
    if found is None or found.origin is None or not Path(found.origin).is_file():
        raise ModelError(f"The module {name} has no file.", hint="Name the module that defines the factory.")
    return Path(found.origin)


def _find_module(name: str, search: list[str] | None) -> ModuleSpec | None:
    """As `importlib.util.find_spec`, which would import the parent package."""
    for finder in sys.meta_path:
        found = finder.find_spec(name, search)
        if found is not None:
            return found
    return None
