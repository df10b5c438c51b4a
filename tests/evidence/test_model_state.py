import pytest
import torch
from torch import nn

from reportgen.evidence.model_state import frozen


def _network() -> nn.Module:
    """Mixed modes, a frozen layer, a gradient, tied weights, one of them in channels-last order."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3), nn.Dropout())
    network.add_module("tied", nn.Conv2d(3, 4, 3))
    network.tied.weight = network[0].weight
    network[2].to(memory_format=torch.channels_last)
    network[1].eval()
    network[2].requires_grad_(False)
    network[0].weight.grad = torch.ones(4, 3, 3, 3)
    return network


def _state(network: nn.Module) -> dict[str, object]:
    tensors = [*network.parameters(), *network.buffers()]
    return {
        "modes": [module.training for module in network.modules()],
        "tensors": [(id(t), t.device, t.stride(), t.requires_grad) for t in tensors],
        "gradients": [None if p.grad is None else (id(p.grad), p.grad.sum().item()) for p in network.parameters()],
        "values": [t.sum().item() for t in tensors],
        "hooks": [len(module._forward_hooks) for module in network.modules()],
        "tied": network.tied.weight is network[0].weight,
    }


def test_a_frozen_network_is_in_evaluation_mode_and_in_channels_last_order():
    network = _network()
    with frozen(network, torch.device("cpu")):
        assert not any(module.training for module in network.modules())
        assert not any(p.requires_grad for p in network.parameters())
        assert network[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_a_frozen_network_is_left_as_found():
    network = _network()
    before = _state(network)
    with frozen(network, torch.device("cpu")):
        pass
    assert _state(network) == before


def test_a_frozen_network_is_left_as_found_after_an_exception():
    network = _network()
    before = _state(network)
    with pytest.raises(KeyboardInterrupt), frozen(network, torch.device("cpu")):
        raise KeyboardInterrupt
    assert _state(network) == before


def test_a_network_is_moved_and_brought_back():
    network = _network()
    before = _state(network)
    with pytest.raises(RuntimeError, match="meta"), frozen(network, torch.device("meta")):
        network(torch.zeros(1, 3, 9, 9)).sum().item()
    # nothing can be brought back from the meta device but places and layouts
    assert [state[:4] for state in _state(network)["tensors"]] == before["tensors"]
