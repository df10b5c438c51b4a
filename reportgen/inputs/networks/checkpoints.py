"""From a checkpoint file to the weights in a network. Nothing that the file says is ever run: see `inert_pickle`."""

import logging
import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from reportgen.errors import CheckpointError, setting
from reportgen.inputs.files import require_file
from reportgen.inputs.networks import inert_pickle
from reportgen.inputs.networks.inert_pickle import StandIn
from reportgen.inputs.suggestions import few_text

log = logging.getLogger(__name__)

WRAPPERS: Final = ("state_dict", "model", "model_state_dict", "net")
AVERAGES: Final = (
    "state_dict_ema",
    "ema_state_dict",
    "model_ema",
    "model_ema_state_dict",
    "ema_model",
    "ema",
    "swa_state_dict",
    "swa_model",
    "swa",
    "averaged_model",
)
"""Entries of a checkpoint with averaged weights, which evaluation scripts prefer to the raw ones."""
PREFIXES: Final = ("module.", "model.", "_orig_mod.")
ATTRIBUTES: Final = ("model.", "net.", "network.")
"""Attributes of a training module that contain the network itself, rather than an average or a teacher."""

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
_SAVE_HINT = 'Save a state dict where the file was made: torch.save(model.state_dict(), "weights.pth").'
_NAME_HINT = "Give a checkpoint: .pth, .pt, .th, .ckpt or .safetensors."
_FETCH_HINT = "Save or download it again."
_LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # first bytes of torch.save before 1.6
_FORBIDDEN = re.compile(r"nsupported (?:global: GLOBAL|GLOBAL|class) (\S+)")  # as torch's restricted unpickler says it


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class WeightSet:
    """One set of weights of a checkpoint.

    Attributes:
        tensors: by name, on the CPU; `PREFIXES` that all names share are removed.
        key: the entry of the checkpoint; empty where the whole content is one state dict.
        others: the other entries with weights.
        unread: averages that are saved as Python objects, which are not loaded.
    """

    tensors: dict[str, Tensor]
    key: str = ""
    others: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """Which set was taken and what else there is, in sentences; empty where there is no other."""
        sentences = []
        if self.others:
            kind = "averaged weights" if self.key in AVERAGES else "weights"
            sentences.append(
                f"The checkpoint contains several sets of weights. The report uses the {kind} in `{self.key}`; it "
                f"also contains {few_text(f'`{name}`' for name in self.others)}."
            )
        if self.unread:
            sentences.append(
                f"The checkpoint also contains {few_text(f'`{name}`' for name in self.unread)}, saved as a Python "
                "object instead of a state dict: it was not loaded."
            )
        return " ".join(sentences)


def load_weights(path: Path, key: str | None = None) -> WeightSet:
    """The weights in a checkpoint: those of the entry `key`, else averaged ones, else the only ones.

    The state dict may be the content itself or an entry of `WRAPPERS` or `AVERAGES`. Python objects beside it, such as
    the hyperparameters in a checkpoint of Lightning, are ignored. An average may be a list of parameters in the order
    of the network (`shadow_params`); it is then completed by the names and buffers of the raw weights.

    Args:
        path: what torch.save wrote, or a `.safetensors`.
        key: the entry to take.

    Raises:
        CheckpointError: the file is missing, damaged or foreign, or contains no state dict, or Python objects in it,
            or no entry `key` with weights.
    """
    require_file(path, "The checkpoint", error=CheckpointError, hint=_NAME_HINT)
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    sets = [name for name in content if _is_weights(content[name])] if isinstance(content, Mapping) else []
    averages = [name for name in AVERAGES if name in sets]
    unread = tuple(name for name in AVERAGES if isinstance(content, Mapping) and isinstance(content.get(name), StandIn))
    taken = key if key is not None else averages[0] if averages else None
    if taken is None:
        return WeightSet(tensors=_without_prefix(_unwrap(content, path)), unread=unread)
    if taken not in sets:
        raise CheckpointError(
            f"The checkpoint {path} has no weights in {setting('weights_key', taken)}.",
            hint=f"Choose one of: {', '.join(sets)}."
            if sets
            else f"Omit {setting('weights_key')}: there is one set only.",
        )
    others = tuple(name for name in sets if name != taken)
    return WeightSet(tensors=_read_set(content, taken, path), key=taken, others=others, unread=unread)


def find_whole_object(path: Path) -> str:
    """The class of the one Python object that a checkpoint contains, such as a whole network; empty for others.

    Raises:
        CheckpointError: the file is damaged or foreign.
    """
    content = _read_torch(path)
    return type(content).__qualname__ if isinstance(content, StandIn) else ""


def is_legacy_checkpoint(path: Path) -> bool:
    """Whether a file begins as those that torch.save wrote before its version 1.6."""
    with path.open("rb") as file:
        return file.read(len(_LEGACY_MAGIC)) == _LEGACY_MAGIC


def _is_weights(entry: Any) -> bool:
    """Whether an entry of a checkpoint is a state dict, the state of an average, or an average as a list."""
    if not isinstance(entry, Mapping):
        return False
    if isinstance(entry.get("shadow_params"), Sequence) or isinstance(entry.get("shadow"), Mapping):
        return True
    if any(isinstance(entry.get(wrapper), Mapping) for wrapper in WRAPPERS):
        return any(_is_weights(entry[wrapper]) for wrapper in WRAPPERS if wrapper in entry)
    return bool(entry) and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in entry.items())


def _read_set(content: Mapping[str, Any], key: str, path: Path) -> dict[str, Tensor]:
    entry = content[key]
    if isinstance(entry.get("shadow"), Mapping):
        entry = entry["shadow"]
    if isinstance(entry.get("shadow_params"), Sequence):
        return _name_shadows(list(entry["shadow_params"]), _without_prefix(_unwrap(content, path)), path)
    tensors = _unwrap(entry, path)
    tensors.pop("n_averaged", None)  # the counter of torch.optim.swa_utils.AveragedModel
    return _without_prefix(tensors)


def _name_shadows(shadows: list[Any], raw: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Averaged parameters that are saved without names, with the names of the raw weights and their buffers."""
    names = [name for name in raw if not name.endswith(_BUFFERS)]
    fits = len(names) == len(shadows) and all(
        isinstance(shadow, Tensor) and shadow.shape == raw[name].shape
        for name, shadow in zip(names, shadows, strict=True)
    )
    if not fits:
        raise CheckpointError(
            f"The averaged weights in {path} have no names, and do not match the raw ones.",
            hint="Copy them into the network where the file was made, and save its state dict.",
        )
    return {**raw, **dict(zip(names, shadows, strict=True))}


def _without_prefix(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    prefix = shared_prefix(state_dict)
    return {name.removeprefix(prefix): tensor for name, tensor in state_dict.items()}


def apply_state_dict(module: nn.Module, state_dict: Mapping[str, Tensor], path: Path) -> str:
    """Put weights into a network: all of them, or none. Returns what was chosen and left out, as sentences.

    Where all of the network's own names begin with one of `PREFIXES`, as a wrapper's do, the weights' names need not.
    A training module, such as one of Lightning, may contain the network under any name, beside other parts.
    Only the counters of batches seen, which old checkpoints lack and evaluation never reads, may be missing.

    Args:
        module: the network; it is changed only on success.
        state_dict: as `load_weights` returns it.
        path: the checkpoint, for messages.

    Raises:
        CheckpointError: names or shapes do not match.
    """
    own = module.state_dict()
    prefix = shared_prefix(own)
    inner = {name.removeprefix(prefix): tensor for name, tensor in own.items() if not _may_be_missing(name)}
    attribute, note = _find_attribute(inner, state_dict, path)
    given = {prefix + name.removeprefix(attribute): t for name, t in state_dict.items() if name.startswith(attribute)}
    missing = [name for name in own if name not in given and not _may_be_missing(name)]
    unexpected = [name for name in given if name not in own]
    reshaped = [
        f"{name} is {_shape_text(given[name])} in the file, {_shape_text(tensor)} in the network"
        for name, tensor in own.items()
        if name in given and isinstance(tensor, Tensor) and not is_lazy(tensor) and given[name].shape != tensor.shape
    ]
    problems = [
        f"{len(names)} {what}: {few_text(names)}"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("differently shaped", reshaped))
        if names
    ]
    if problems:
        raise CheckpointError(
            f"The checkpoint {path} does not match the network: {'; '.join(problems)}.",
            hint="Build the network that was trained, with the same number of classes.",
        )
    complete = OrderedDict((name, given.get(name, tensor)) for name, tensor in own.items())
    # Names and shapes are current, so the format versions of the layers apply, not those of the file.
    complete._metadata = getattr(own, "_metadata", {})  # type: ignore[attr-defined]
    module.load_state_dict(complete)
    return note


def _may_be_missing(name: str) -> bool:
    return name.endswith("num_batches_tracked")


def _find_attribute(needed: Mapping[str, Tensor], state_dict: Mapping[str, Tensor], path: Path) -> tuple[str, str]:
    """The prefix of a network's names in the weights of a training module, and a note; empty if there is none."""
    if not needed or any(name in state_dict for name in needed):
        return "", ""
    first = next(iter(needed))
    starts = [name.removesuffix(first) for name in state_dict if name.endswith(f".{first}")]
    found = [start for start in starts if all(start + name in state_dict for name in needed)]
    if len(found) > 1:
        fitting = [s for s in found if all(state_dict[s + name].shape == t.shape for name, t in needed.items())]
        found = [start for start in fitting if start in ATTRIBUTES] or fitting or found
    if len(found) > 1:
        raise CheckpointError(
            f"The checkpoint {path} contains the network {len(found)} times: "
            f"{few_text(f'{start}*' for start in found)}.",
            hint=_SAVE_HINT,
        )
    if not found:
        return "", ""
    others = [name for name in state_dict if not name.startswith(found[0])]
    left_out = f"; the other entries are ignored: {few_text(others)}" if others else ""
    return found[0], f"The weights are those named {found[0]}* in {path.name}{left_out}."


def shared_prefix(names: Iterable[str]) -> str:
    """The longest chain of `PREFIXES` that every name begins with, and continues after."""
    rest, taken = list(names), ""
    while rest:
        prefix = next((p for p in PREFIXES if all(name.startswith(p) and name != p for name in rest)), None)
        if prefix is None:
            break
        taken += prefix
        rest = [name.removeprefix(prefix) for name in rest]
    return taken


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except SafetensorError as error:
        raise CheckpointError(
            f"The checkpoint {path} is truncated or not a safetensors file: {error}.", hint=_FETCH_HINT
        ) from error
    return tensors


def _read_torch(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about formats that are refused below
            try:
                return torch.load(path, map_location="cpu", weights_only=True)
            except UnpicklingError as error:
                if not _FORBIDDEN.search(str(error)) or not zipfile.is_zipfile(path):
                    raise
                log.info("The Python objects in %s are ignored.", path)
                # Only stand-ins for them are made, so this is as safe as the above, whatever its name.
                return torch.load(path, map_location="cpu", weights_only=False, pickle_module=inert_pickle)
    except Exception as error:  # the unpickler meets foreign bytes with almost any exception
        raise _explain(path, error) from error


def _explain(path: Path, error: Exception) -> CheckpointError:
    forbidden = _FORBIDDEN.search(str(error))
    if forbidden:
        return _refuse_object(path, forbidden[1])
    if "TorchScript" in str(error):
        return CheckpointError(
            f"The checkpoint {path} is a TorchScript archive, which contains code besides weights, so it is not "
            "loaded.",
            hint=_SAVE_HINT,
        )
    with path.open("rb") as file:
        start = file.read(len(_LEGACY_MAGIC))
    if zipfile.is_zipfile(path) and not _holds_pickle(path):
        return CheckpointError(f"{path} is an archive, but not a checkpoint of PyTorch.", hint=_NAME_HINT)
    if start.startswith(b"PK") or _LEGACY_MAGIC.startswith(start):
        return CheckpointError(f"The checkpoint {path} is truncated or damaged.", hint=_FETCH_HINT)
    return CheckpointError(f"{path} is not a checkpoint of PyTorch.", hint=_NAME_HINT)


def _refuse_object(path: Path, name: str) -> CheckpointError:
    return CheckpointError(
        f"The checkpoint {path} contains the Python object {name} besides tensors; unpickling it could run any "
        "code, so "
        "it is not loaded.",
        hint=_SAVE_HINT,
    )


def _holds_pickle(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("data.pkl") for name in archive.namelist())


def _unwrap(content: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in the content of a checkpoint."""
    while isinstance(content, Mapping):
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    objects = [content] if isinstance(content, StandIn) else _stand_ins(content)
    if objects:
        raise _refuse_object(path, type(objects[0]).__qualname__)
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"The checkpoint {path} contains a {type(content).__name__}, not a state dict.", hint=_SAVE_HINT
        )
    foreign = [
        str(name) for name, value in content.items() if not isinstance(name, str) or not isinstance(value, Tensor)
    ]
    if foreign or not content:
        holds = f"{few_text(foreign)} besides or instead of tensors" if foreign else "nothing"
        raise CheckpointError(
            f"The checkpoint {path} has no state dict, neither by itself nor under {', '.join(WRAPPERS)}; it contains "
            f"{holds}.",
            hint=_SAVE_HINT,
        )
    for name, tensor in content.items():
        kind = _unusual_kind(tensor)
        if kind:
            raise CheckpointError(
                f"The tensor {name} of the checkpoint {path} is {kind}.",
                hint="Save the weights as plain dense tensors.",
            )
    return dict(content)


def _unusual_kind(tensor: Tensor) -> str:
    """What keeps a tensor from being copied into a parameter of floats or integers; empty for plain ones."""
    if tensor.is_meta:
        return "on the meta device, without values"
    if tensor.is_quantized:
        return "quantized"
    if tensor.layout is not torch.strided:
        return "sparse"
    return "complex" if tensor.is_complex() else ""


def _stand_ins(content: Any) -> list[StandIn]:
    """The Python objects where a state dict could be, or in one."""
    if not isinstance(content, Mapping):
        return []
    is_state_dict = any(isinstance(value, Tensor) for value in content.values())
    return [v for name, v in content.items() if isinstance(v, StandIn) and (is_state_dict or name in WRAPPERS)]


def _shape_text(tensor: Tensor) -> str:
    return f"({', '.join(str(length) for length in tensor.shape)})"
