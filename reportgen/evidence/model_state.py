"""A network frozen for inference for a while, then exactly as it was before."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def frozen(network: nn.Module, device: torch.device | None = None) -> Iterator[None]:
    """Within it, the network is in evaluation mode and its parameters need no gradient.

    Afterwards, also after an exception, every submodule's mode, every parameter's `requires_grad` and `.grad`, and the
    place and memory layout of every tensor are what they were. Values never change: moving a tensor is exact.

    Args:
        network: the network.
        device: where it is to run, with convolutions' weights in channels-last order where that is faster; `None`
            leaves its tensors where they are.
    """
    modes = [(module, module.training) for module in network.modules()]
    parameters = [_Saved(module, name, p) for module in network.modules() for name, p in module._parameters.items()]
    buffers = [(module, name, b) for module in network.modules() for name, b in module._buffers.items()]
    try:
        for found in parameters:
            found.freeze()
        network.eval()
        if device is not None:
            _place(network, device)
        yield
    finally:
        for module, name, buffer in buffers:
            module._buffers[name] = buffer
        for found in parameters:
            found.restore()
        for module, training in modes:
            module.training = training


def _place(network: nn.Module, device: torch.device) -> None:
    is_flat = all(parameter.dim() != 5 for parameter in network.parameters())
    if device.type == "mps" or not is_flat:  # channels-last is no faster there, and not meant for volumes
        network.to(device=device)
    else:
        # nn.Module.to has no overload for both, but takes both
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


class _Saved:
    """The state of a parameter. Its data is not copied: weights are not held twice."""

    def __init__(self, module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        self._module, self._name, self._parameter = module, name, parameter
        if parameter is not None:
            self._requires_grad, self._grad = parameter.requires_grad, parameter.grad
            self._device, self._stride = parameter.device, parameter.stride()

    def freeze(self) -> None:
        if self._parameter is not None:
            self._parameter.grad = None  # else it would be moved along
            self._parameter.requires_grad_(False)

    def restore(self) -> None:
        self._module._parameters[self._name] = self._parameter
        if (parameter := self._parameter) is None:
            return
        if (parameter.device, parameter.stride()) != (self._device, self._stride):
            parameter.data = _copy(parameter.data, self._device, self._stride)
        parameter.requires_grad_(self._requires_grad)
        parameter.grad = self._grad


def _copy(tensor: Tensor, device: torch.device, stride: tuple[int, ...]) -> Tensor:
    return torch.empty_strided(tensor.shape, stride, dtype=tensor.dtype, device=device).copy_(tensor)
