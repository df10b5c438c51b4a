"""What a model spec names, found without importing it. Torch-free, as both the cache's key and the loader use it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib import invalidate_caches
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Final

import reportgen.demo
from reportgen.errors import CheckpointError, ModelError
from reportgen.inputs.files import require_file
from reportgen.settings import AnalyzeSettings

PRETRAINED: Final = "pretrained"
_DEMO_FOLDER: Final = Path(reportgen.demo.__file__).parent
DEMO_WEIGHTS_PATH: Final = _DEMO_FOLDER / "weights.safetensors"  # the network's own module would import torch

_SPEC_HINT = "Give FILE.py:factory, package.module:factory, torchvision:NAME, timm:NAME or demo."


class ModelKind(StrEnum):
    """Who builds the network."""

    FILE = "file"
    MODULE = "module"
    TORCHVISION = "torchvision"
    TIMM = "timm"
    DEMO = "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model spec, taken apart.

    Attributes:
        kind: who builds the network.
        place: the file, the module's dotted name, or empty for a library's network and the demo's.
        name: the factory's name, or that of the network.
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
            case ModelKind.DEMO:
                return self.name
        return f"{self.kind}:{self.name}"


def parse_model_spec(text: str) -> ModelSpec:
    """What a model spec names.

    Raises:
        ModelError: it is none of the forms.
    """
    if text == ModelKind.DEMO:
        return ModelSpec(kind=ModelKind.DEMO, place="", name="demo")
    for library in (ModelKind.TORCHVISION, ModelKind.TIMM):
        if text.startswith(f"{library}:") and text != f"{library}:":
            return ModelSpec(kind=library, place="", name=text.removeprefix(f"{library}:"))
    place, _, name = text.rpartition(":")
    is_file = place.endswith(".py")
    if not name.isidentifier() or not (is_file or all(part.isidentifier() for part in place.split("."))):
        hint = f"Add the factory's name: {text}:build_model." if text.endswith(".py") else _SPEC_HINT
        raise ModelError(f"The model {text} is no model spec.", hint=hint)
    return ModelSpec(kind=ModelKind.FILE if is_file else ModelKind.MODULE, place=place, name=name)


def locate_model_file(spec: ModelSpec) -> Path | None:
    """The file that defines the network, without importing it; `None` for a library's.

    Raises:
        ModelError: there is none.
    """
    if spec.kind is ModelKind.FILE:
        return require_file(Path(spec.place), "The model file", error=ModelError, hint=_SPEC_HINT)
    if spec.kind is ModelKind.DEMO:
        return _DEMO_FOLDER / "network.py"
    if spec.kind is ModelKind.MODULE:
        return _locate_module(spec.place)
    return None


def locate_weights(settings: AnalyzeSettings, spec: ModelSpec) -> Path | None:
    """The checkpoint's file; `None` where the library's weights are used, or those that the factory sets itself.

    Raises:
        ModelError: a library's network is left without weights, or weights are asked of a factory that has none.
        CheckpointError: there is no such file.
    """
    is_library = spec.kind in (ModelKind.TORCHVISION, ModelKind.TIMM)
    if settings.weights == PRETRAINED:
        if spec.kind is ModelKind.DEMO:
            return DEMO_WEIGHTS_PATH
        if not is_library:
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


def _locate_module(name: str) -> Path:
    """The file of a module by dotted name. Its parent packages are found, not imported."""
    search: list[str] | None = None
    with importable(Path.cwd()):
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            found = _find_module(".".join(parts[:depth]), search)
            if found is None:
                raise ModelError(
                    f"The module {'.'.join(parts[:depth])} cannot be found.",
                    hint="Install its package, or run reportgen from the folder that holds it.",
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
