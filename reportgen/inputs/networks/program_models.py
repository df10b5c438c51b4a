"""Networks saved as programs, TorchScript or exported: they run, but nothing inside them can be hooked."""

import logging
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from reportgen.errors import ModelError, setting
from reportgen.inputs.files import require_file
from reportgen.inputs.networks.checkpoints import find_whole_object, is_legacy_checkpoint
from reportgen.inputs.networks.classifier import Network
from reportgen.inputs.networks.exported_archives import read_checked
from reportgen.inputs.networks.names import own_name
from reportgen.inputs.networks.script_archives import read_checked_script

_SAVE_HINT = "Give a file that torch.jit.save or torch.export.save has written."


def build_program(path: Path) -> Network:
    """The network in a file of TorchScript or of an exported program, distinguished by the members of the archive.

    Raises:
        ModelError: it is neither, damaged, or takes something else than images.
    """
    require_file(path, "The program", error=ModelError, hint=_SAVE_HINT)
    kind = _find_kind(path)
    try:
        with _quiet():
            module = _load_script(path) if kind == "TorchScript" else _load_exported(path)
    except (
        AssertionError,
        AttributeError,
        LookupError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
    ) as error:
        raise ModelError(
            f"PyTorch {torch.__version__} cannot load the program {path}: {_first_line(error)}",
            hint="Save it again, with a version of PyTorch that is not newer than this one.",
        ) from error
    return Network(name=own_name(path.stem, path), module=module, weights_name=path.name, is_opaque=True)


def _find_kind(path: Path) -> str:
    """`TorchScript` or `exported program`, by the names in the archive."""
    if is_legacy_checkpoint(path):
        raise _refuse_checkpoint(path)
    if not zipfile.is_zipfile(path):
        raise ModelError(f"The program {path} is damaged or not a program of PyTorch.", hint=_SAVE_HINT)
    with zipfile.ZipFile(path) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    if "constants.pkl" in names:
        return "TorchScript"
    if names & {"archive_format", "serialized_exported_program.json"}:
        return "exported program"
    if "data.pkl" in names:
        raise _refuse_checkpoint(path)
    raise ModelError(f"The file {path} is an archive, but not a program of PyTorch.", hint=_SAVE_HINT)


def _refuse_checkpoint(path: Path) -> ModelError:
    """The error for what torch.save wrote: a state dict, or a whole network as a Python object.

    Raises:
        CheckpointError: it cannot be read.
    """
    name = find_whole_object(path)
    if name:
        return ModelError(
            f"The file {path} contains a whole network as the Python object {name}, not a program; unpickling it could "
            "run any code, so it is not loaded.",
            hint="Save a state dict where the file was made, torch.save(model.state_dict(), 'weights.pth'), and give "
            f"{setting('model', 'FILE.py:factory')} with {setting('weights', 'weights.pth')}.",
        )
    return ModelError(
        f"The file {path} contains weights, not a program.",
        hint=f"Give the network's code as the model, and {setting('weights', path)}.",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence advice about formats, and the tracebacks that torch.export logs in addition to raising."""
    logger = logging.getLogger("torch.export")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _load_script(path: Path) -> nn.Module:
    module: nn.Module = torch.jit.load(read_checked_script(path), map_location="cpu")  # type: ignore[no-untyped-call]
    return module


def _load_exported(path: Path) -> "ExportedModule":
    return ExportedModule(torch.export.load(read_checked(path)), path.name)


class ExportedModule(nn.Module):
    """An exported program as a module that takes batches of any size.

    A program may have been exported for one size of batches, or for a range. Larger batches go through it in parts, and
    smaller ones are filled up with their last image.
    """

    def __init__(self, program: torch.export.ExportedProgram, name: str) -> None:
        """Take a program over.

        Args:
            program: has one input, of images.
            name: for messages.

        Raises:
            ModelError: it has others.
        """
        super().__init__()
        image = _find_image_input(program, name)
        self._name = name
        self._dtype = image.dtype
        self._size = image.shape[2:]
        self._least, self._most = _find_batch_bounds(program, image.shape[0])
        self.program = program.module()

    def forward(self, images: Tensor) -> Any:
        """What the program returns for float32 (B, 3, H, W).

        Raises:
            ModelError: the images have another size than those that it was exported for.
        """
        for wanted, length in zip(self._size, images.shape[2:], strict=True):
            if isinstance(wanted, int) and wanted != length:
                wanted_text = "×".join(str(side) if isinstance(side, int) else "any" for side in self._size)
                raise ModelError(
                    f"The program {self._name} takes images of {wanted_text} pixels, not of "
                    f"{images.shape[2]}×{images.shape[3]}.",
                    hint=f"Give {setting('resize')} and {setting('crop')} as in training, so that images "
                    "have that size.",
                )
        parts = torch.split(images.to(self._dtype), self._most or len(images))
        return _joined([self.program(_filled(part, self._least)) for part in parts], [len(part) for part in parts])

    def train(self, mode: bool = True) -> Self:
        """Only note the mode: what a program does was fixed when it was exported."""
        self.training = mode
        return self


def _find_image_input(program: torch.export.ExportedProgram, name: str) -> Tensor:
    """The stand-in for a program's one input, of images."""
    names = program.graph_signature.user_inputs
    inputs = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    if len(inputs) == 1 and isinstance(inputs[0], Tensor) and inputs[0].ndim == 4 and inputs[0].shape[1] == 3:
        return inputs[0]
    shapes = ", ".join(str(tuple(i.shape)) if isinstance(i, Tensor) else type(i).__name__ for i in inputs)
    raise ModelError(
        f"The program {name} takes {shapes or 'nothing'}, but must take one batch of RGB images: (B, 3, H, W).",
        hint="Export a module whose forward takes float32 images of shape (B, 3, H, W) alone.",
    )


def _find_batch_bounds(program: torch.export.ExportedProgram, size: int | torch.SymInt) -> tuple[int, int | None]:
    """The smallest and the largest batch size; `None` for no upper bound."""
    if isinstance(size, int):
        return size, size
    bounds = program.range_constraints.get(size.node.expr)
    if bounds is None:
        return 1, None
    most = int(bounds.upper) if bounds.upper.is_Integer else None  # infinity is none
    return max(1, int(bounds.lower)), most


def _filled(images: Tensor, least: int) -> Tensor:
    """A batch, filled up to the smallest size with copies of its last image."""
    lacking = least - len(images)
    return images if lacking <= 0 else torch.cat([images, images[-1:].expand(lacking, -1, -1, -1)])


def _joined(outputs: Sequence[Any], lengths: Sequence[int]) -> Any:
    """The outputs of several batches as one: each tensor, at any depth, joined from the first rows of each batch."""
    first = outputs[0]
    if isinstance(first, Tensor):
        return torch.cat([output[:length] for output, length in zip(outputs, lengths, strict=True)])
    if isinstance(first, Mapping):
        return {key: _joined([output[key] for output in outputs], lengths) for key in first}
    if isinstance(first, tuple | list):
        return [_joined(parts, lengths) for parts in zip(*outputs, strict=True)]
    return first


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
