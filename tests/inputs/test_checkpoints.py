import argparse
import copy

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from reportgen.errors import CheckpointError
from reportgen.inputs.checkpoints import apply_state_dict, load_state_dict, shared_prefix


class Net(nn.Module):
    def __init__(self, num_classes: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, num_classes)


class Wrapper(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = Net()


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return dict(Net().state_dict())


def assert_same(first, second) -> None:
    assert list(first) == list(second)
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


@pytest.mark.parametrize("suffix", ["pth", "pt", "th", "ckpt", "tar"])
@pytest.mark.parametrize("is_legacy", [False, True])
def test_bare_state_dict_is_read_whatever_its_suffix(tmp_path, weights, suffix, is_legacy):
    path = tmp_path / f"w.{suffix}"
    torch.save(weights, path, _use_new_zipfile_serialization=not is_legacy)
    assert_same(load_state_dict(path), weights)


def test_safetensors_are_read(tmp_path, weights):
    save_file(weights, tmp_path / "w.safetensors")
    loaded = load_state_dict(tmp_path / "w.safetensors")
    assert_same(dict(sorted(loaded.items())), dict(sorted(weights.items())))


@pytest.mark.parametrize(
    "keys", [("state_dict",), ("model",), ("model_state_dict",), ("net",), ("model", "state_dict")]
)
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod.", "module._orig_mod.", "model.module.model."])
def test_wrappers_and_prefixes_are_taken_off(tmp_path, weights, keys, prefix):
    content = {prefix + name: tensor for name, tensor in weights.items()}
    for key in reversed(keys):
        content = {"epoch": 3, key: content, "optimizer": {"state": {}}}
    torch.save(content, tmp_path / "w.pt")
    assert_same(load_state_dict(tmp_path / "w.pt"), weights)


def test_prefix_stays_unless_all_names_have_it(tmp_path, weights):
    mixed = {f"module.{name}": tensor for name, tensor in weights.items()} | {"n_averaged": torch.tensor(1)}
    torch.save(mixed, tmp_path / "w.pt")
    assert list(load_state_dict(tmp_path / "w.pt")) == list(mixed)


def test_shared_prefix_leaves_a_name():
    assert shared_prefix(["module.model.a", "module.model.b"]) == "module.model."
    assert shared_prefix(["module.module."]) == "module."
    assert shared_prefix([]) == ""


@pytest.mark.parametrize("is_legacy", [False, True])
def test_whole_model_is_refused_with_reason_and_remedy(tmp_path, is_legacy):
    path = tmp_path / "w.pth"
    torch.save(Net(), path, _use_new_zipfile_serialization=not is_legacy)
    with pytest.raises(CheckpointError, match=r"holds the Python object \S*Net, not only tensors") as caught:
        load_state_dict(path)
    assert "model.state_dict()" in caught.value.hint


def test_refused_checkpoint_runs_none_of_its_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "was-run"), "w"))

    torch.save({"state_dict": {"w": torch.ones(1)}, "extra": Evil()}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="Python object"):
        load_state_dict(tmp_path / "w.pth")
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize("extra", [argparse.Namespace(lr=0.1), np.float64(0.9)])
def test_other_python_objects_are_refused_by_name(tmp_path, weights, extra):
    torch.save({"state_dict": weights, "extra": extra}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"holds the Python object (argparse\.Namespace|numpy)"):
        load_state_dict(tmp_path / "w.pth")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_torchscript_is_refused(tmp_path):
    torch.jit.trace(nn.Linear(2, 3), torch.ones(1, 2)).save(tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="TorchScript") as caught:
        load_state_dict(tmp_path / "w.pt")
    assert "state_dict" in caught.value.hint


@pytest.mark.parametrize("is_legacy", [False, True])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_truncated_checkpoint_is_one_clear_error(tmp_path, weights, is_legacy, share):
    path = tmp_path / "w.pth"
    torch.save(weights, path, _use_new_zipfile_serialization=not is_legacy)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        load_state_dict(path)


def test_truncated_safetensors_are_one_clear_error(tmp_path, weights):
    path = tmp_path / "w.safetensors"
    save_file(weights, path)
    whole = path.read_bytes()
    for content in (whole[:4], whole[:-4], b"hello, this is text"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="truncated, or no safetensors"):
            load_state_dict(path)


@pytest.mark.parametrize("content", [b"hello, this is text", b"<html>404</html>", b"\x89HDF\r\n\x1a\n", b"\x80\x04}."])
def test_foreign_file_is_one_clear_error(tmp_path, content):
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"w\.pth is no checkpoint of PyTorch"):
        load_state_dict(path)


def test_other_archives_missing_and_empty_files_are_told_apart(tmp_path):
    np.savez(tmp_path / "w.npz", a=1)
    with pytest.raises(CheckpointError, match="is an archive, but no checkpoint"):
        load_state_dict(tmp_path / "w.npz")
    with pytest.raises(CheckpointError, match="does not exist"):
        load_state_dict(tmp_path / "no.pth")
    (tmp_path / "empty.pth").touch()
    with pytest.raises(CheckpointError, match="is empty"):
        load_state_dict(tmp_path / "empty.pth")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (torch.ones(3), "holds a Tensor, no state dict"),
        ([1, 2], "holds a list, no state dict"),
        ({"epoch": 3, "optimizer": {}}, "holds epoch, optimizer beside or instead of tensors"),
        ({"state_dict": {}}, "holds nothing"),
    ],
)
def test_checkpoint_without_a_state_dict_is_refused(tmp_path, content, problem):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=problem):
        load_state_dict(tmp_path / "w.pth")


def test_weights_arrive_in_the_network(tmp_path, weights):
    net = Net()
    apply_state_dict(net, weights, tmp_path / "w.pth")
    assert_same(dict(net.state_dict()), weights)


def test_networks_own_prefix_needs_not_be_in_the_file(tmp_path, weights):
    # The wrapper's own names begin with "model.", which reading takes off and applying puts back.
    wrapper = Wrapper()
    torch.save({f"model.{name}": tensor for name, tensor in weights.items()}, tmp_path / "w.pth")
    apply_state_dict(wrapper, load_state_dict(tmp_path / "w.pth"), tmp_path / "w.pth")
    assert_same(dict(wrapper.model.state_dict()), weights)


def test_mismatches_are_listed_and_nothing_is_loaded(tmp_path, weights):
    net = Net(num_classes=5)
    before = copy.deepcopy(net.state_dict())
    given = {name: tensor for name, tensor in weights.items() if name != "conv.bias"} | {"extra.w": torch.ones(1)}
    with pytest.raises(CheckpointError) as caught:
        apply_state_dict(net, given, tmp_path / "w.pth")
    message = caught.value.message
    assert "w.pth" in message
    assert "1 missing: conv.bias" in message
    assert "1 unexpected: extra.w" in message
    assert "2 differently shaped: fc.weight is (3, 4) in the file, (5, 4) in the network" in message
    assert_same(dict(net.state_dict()), dict(before))


def test_long_lists_of_mismatches_are_cut(tmp_path):
    with pytest.raises(CheckpointError, match=r"8 missing: .* and 3 more\."):
        apply_state_dict(Net(), {}, tmp_path / "w.pth")


def test_counters_of_batches_may_be_missing(tmp_path, weights):
    net = Net()
    apply_state_dict(net, {k: v for k, v in weights.items() if "num_batches" not in k}, tmp_path / "w.pth")
    assert torch.equal(net.conv.weight, weights["conv.weight"])


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
def test_lazy_layers_take_the_shape_of_the_file(tmp_path, weights):
    net = nn.Sequential(nn.LazyLinear(3))
    apply_state_dict(net, {"0.weight": weights["fc.weight"], "0.bias": weights["fc.bias"]}, tmp_path / "w.pth")
    assert torch.equal(net[0].weight, weights["fc.weight"])
