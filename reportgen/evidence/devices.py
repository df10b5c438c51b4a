"""Where a network runs: the device, its name in words, and what to do when its memory is full."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from reportgen.errors import SettingsError, setting
from reportgen.evidence.model_state import frozen
from reportgen.settings import ModelSettings


def resolve_device(name: str) -> torch.device:
    """The device with a name; `auto` takes CUDA or MPS if available.

    Args:
        name: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.

    Raises:
        SettingsError: there is no such device here.
    """
    if name == "auto":
        return torch.device(_available_kinds()[-1])
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise _no_such_device(name) from error
    if device.type not in _available_kinds():
        raise _no_such_device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise _no_such_device(name)
    return device


def describe_device(device: torch.device) -> str:
    """The device's type and name, such as `cuda (NVIDIA H200)`."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        count = torch.get_num_threads()
        return f"cpu ({platform.machine()}, {count} thread{'s' if count > 1 else ''})"
    return device.type


def list_devices() -> list[tuple[str, str]]:
    """All devices that can be used here: the name to choose each, and what it is."""
    kinds = [kind for kind in _available_kinds() if kind != "cuda"]
    names = [*kinds, *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    described = {name: describe_device(torch.device(name)) for name in names}
    return [(name, text.partition("(")[2].removesuffix(")")) for name, text in described.items()]


def uses_tf32(device: torch.device) -> bool:
    """Whether float32 convolutions are computed in TF32, with 10 bits of mantissa: PyTorch's default on CUDA."""
    if device.type != "cuda":
        return False
    try:
        return torch.backends.cudnn.allow_tf32
    except RuntimeError:  # newer PyTorch raises an error if its newer options are set
        return True


@contextmanager
def on_device(network: nn.Module, settings: ModelSettings) -> Iterator[torch.device]:
    """Within it, a network is frozen, in evaluation mode, and on the device of the settings; afterwards as before.

    Raises:
        SettingsError: there is no such device, or its memory does not suffice for the batch size.
    """
    device = resolve_device(settings.device)
    try:
        with frozen(network, device):
            yield device
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise SettingsError(
            f"There is not enough memory for {setting('batch_size', settings.batch_size)}.",
            hint=f"Give a smaller batch size, such as {setting('batch_size', max(1, settings.batch_size // 4))}.",
        ) from error


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error means that memory ran out; only CUDA's allocator has its own class for it."""
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(
        words in str(error) for words in ("out of memory", "not enough memory")
    )


def _available_kinds() -> list[str]:
    """Device types that can be used here, the preferred one last."""
    kinds = ["cpu"]
    if torch.backends.mps.is_available():
        kinds.append("mps")
    if torch.cuda.is_available():
        kinds.append("cuda")
    return kinds


def _no_such_device(name: str) -> SettingsError:
    return SettingsError(
        f"{setting('device', name)} is not available here.",
        hint=f"Give {setting('device', 'auto')}, or one of: {', '.join(_available_kinds())}.",
    )
