import argparse
import copy
import datetime
import enum
import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from reportgen.errors import CheckpointError
from reportgen.inputs.networks.checkpoints import AVERAGES, apply_state_dict, load_weights, shared_prefix


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
    assert_same(load_weights(path).tensors, weights)


def test_safetensors_are_read(tmp_path, weights):
    save_file(weights, tmp_path / "w.safetensors")
    loaded = load_weights(tmp_path / "w.safetensors").tensors
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
    assert_same(load_weights(tmp_path / "w.pt").tensors, weights)


def test_prefix_stays_unless_all_names_have_it(tmp_path, weights):
    mixed = {f"module.{name}": tensor for name, tensor in weights.items()} | {"n_averaged": torch.tensor(1)}
    torch.save(mixed, tmp_path / "w.pt")
    assert list(load_weights(tmp_path / "w.pt").tensors) == list(mixed)


def test_shared_prefix_leaves_a_name():
    assert shared_prefix(["module.model.a", "module.model.b"]) == "module.model."
    assert shared_prefix(["module.module."]) == "module."
    assert shared_prefix([]) == ""


@pytest.mark.parametrize("is_legacy", [False, True])
def test_whole_model_is_refused_with_reason_and_remedy(tmp_path, is_legacy):
    path = tmp_path / "w.pth"
    torch.save(Net(), path, _use_new_zipfile_serialization=not is_legacy)
    with pytest.raises(CheckpointError, match=r"contains the Python object \S*Net besides tensors") as caught:
        load_weights(path)
    assert "model.state_dict()" in caught.value.hint


def test_checkpoint_runs_none_of_its_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "was-run"), "w"))

    torch.save({"state_dict": {"w": torch.ones(1)}, "extra": Evil()}, tmp_path / "w.pth")
    assert list(load_weights(tmp_path / "w.pth").tensors) == ["w"]
    torch.save({"w": torch.ones(1), "extra": Evil()}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"Python object \S*open "):
        load_weights(tmp_path / "w.pth")
    torch.save(Evil(), tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match="Python object"):
        load_weights(tmp_path / "w.pth")
    assert not (tmp_path / "was-run").exists()


class Options(dict):
    pass


class Kind(enum.Enum):
    FIRST = 1


@pytest.mark.parametrize(
    "extra",
    [
        argparse.Namespace(lr=0.1, folder=Path("x")),
        np.float64(0.9),
        functools.partial(torch.optim.SGD, lr=0.1),
        Options(a=Options(), b={Options: [Net]}),
        {Kind.FIRST, datetime.date(2026, 1, 1)},
        np.arange(3),
    ],
)
def test_python_objects_beside_the_state_dict_are_left_out(tmp_path, weights, extra):
    torch.save({"state_dict": weights, "extra": extra}, tmp_path / "w.pth")
    assert_same(load_weights(tmp_path / "w.pth").tensors, weights)


@pytest.mark.parametrize("key", ["model", "net"])
def test_whole_model_in_a_dictionary_is_refused(tmp_path, key):
    torch.save({"epoch": 3, key: Net()}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"contains the Python object \S*Net besides tensors"):
        load_weights(tmp_path / "w.pth")


def write_lightning(path: Path, network: nn.Module, **others: nn.Module) -> None:
    """What Lightning 2 writes for a training module that holds a network, and other modules."""
    training_module = nn.Module()
    for name, module in others.items():
        training_module.add_module(name, module)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.rand(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    torch.save(
        {
            "epoch": 4,
            "global_step": 1000,
            "pytorch-lightning_version": "2.5.1",
            "state_dict": training_module.state_dict(),
            "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 5}}}},
            "callbacks": {"ModelCheckpoint{'monitor': 'val_loss'}": {"best_model_score": torch.tensor(0.3)}},
            "optimizer_states": [optimizer.state_dict()],
            "lr_schedulers": [{"base_lrs": [0.1], "last_epoch": 4, "_get_lr_called_within_step": False}],
            "hparams_name": "kwargs",
            "hyper_parameters": {
                "lr": 0.1,
                "folder": Path("data"),
                "args": argparse.Namespace(seed=1),
                "loss": nn.ReLU(),
            },
        },
        path,
    )


class Classifying(Net):
    def forward(self, images):
        return self.fc(self.norm(self.conv(images)).mean(dim=(2, 3)))


@pytest.mark.parametrize("name", ["model", "net", "backbone", "my_network"])
def test_network_in_a_checkpoint_of_lightning_is_found_under_any_name(tmp_path, name):
    trained, path = Classifying(), tmp_path / "epoch=4.ckpt"
    loss = nn.CrossEntropyLoss(weight=torch.ones(3))
    write_lightning(path, trained, **{name: trained, "loss": loss, "embedding": nn.Linear(4, 2)})
    network = Classifying()
    note = apply_state_dict(network, load_weights(path).tensors, path)
    assert_same(dict(network.state_dict()), dict(trained.state_dict()))
    assert note.startswith(f"The weights are those named {name}.* in epoch=4.ckpt; the other entries are ignored: ")
    assert "loss.weight" in note


def test_network_beside_its_average_is_the_one_under_the_usual_name(tmp_path):
    trained, path = Classifying(), tmp_path / "w.ckpt"
    write_lightning(path, trained, model=trained, ema_model=Classifying())
    network = Classifying()
    apply_state_dict(network, load_weights(path).tensors, path)
    assert_same(dict(network.state_dict()), dict(trained.state_dict()))


def test_networks_that_cannot_be_told_apart_are_refused(tmp_path):
    path = tmp_path / "w.ckpt"
    write_lightning(path, Classifying(), student=Classifying(), teacher=Classifying(), small=Classifying(2))
    with pytest.raises(CheckpointError, match=r"contains the network 2 times: student\.\*, teacher\.\*"):
        apply_state_dict(Classifying(), load_weights(path).tensors, path)


def test_network_of_another_shape_in_a_training_module_is_explained(tmp_path):
    path = tmp_path / "w.ckpt"
    write_lightning(path, Classifying(), backbone=Classifying(5), loss=nn.Linear(2, 2))
    with pytest.raises(CheckpointError, match=r"2 differently shaped: fc.weight is \(5, 4\) in the file"):
        apply_state_dict(Classifying(), load_weights(path).tensors, path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_torchscript_is_refused(tmp_path):
    torch.jit.trace(nn.Linear(2, 3), torch.ones(1, 2)).save(tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="TorchScript") as caught:
        load_weights(tmp_path / "w.pt")
    assert "state_dict" in caught.value.hint


@pytest.mark.parametrize("is_legacy", [False, True])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_truncated_checkpoint_is_one_clear_error(tmp_path, weights, is_legacy, share):
    path = tmp_path / "w.pth"
    torch.save(weights, path, _use_new_zipfile_serialization=not is_legacy)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        load_weights(path)


def test_truncated_safetensors_are_one_clear_error(tmp_path, weights):
    path = tmp_path / "w.safetensors"
    save_file(weights, path)
    whole = path.read_bytes()
    for content in (whole[:4], whole[:-4], b"hello, this is text"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="truncated or not a safetensors"):
            load_weights(path)


@pytest.mark.parametrize("content", [b"hello, this is text", b"<svg>404</svg>", b"\x89HDF\r\n\x1a\n", b"\x80\x04}."])
def test_foreign_file_is_one_clear_error(tmp_path, content):
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"w\.pth is not a checkpoint of PyTorch"):
        load_weights(path)


def test_other_archives_missing_and_empty_files_are_told_apart(tmp_path):
    np.savez(tmp_path / "w.npz", a=1)
    with pytest.raises(CheckpointError, match="is an archive, but not a checkpoint"):
        load_weights(tmp_path / "w.npz")
    with pytest.raises(CheckpointError, match="does not exist"):
        load_weights(tmp_path / "no.pth")
    (tmp_path / "empty.pth").touch()
    with pytest.raises(CheckpointError, match="is empty"):
        load_weights(tmp_path / "empty.pth")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (torch.ones(3), "contains a Tensor, not a state dict"),
        ([1, 2], "contains a list, not a state dict"),
        ({"epoch": 3, "optimizer": {}}, "contains epoch, optimizer besides or instead of tensors"),
        ({"state_dict": {}}, "contains nothing"),
    ],
)
def test_checkpoint_without_a_state_dict_is_refused(tmp_path, content, problem):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=problem):
        load_weights(tmp_path / "w.pth")


def test_weights_arrive_in_the_network(tmp_path, weights):
    net = Net()
    apply_state_dict(net, weights, tmp_path / "w.pth")
    assert_same(dict(net.state_dict()), weights)


def test_networks_own_prefix_needs_not_be_in_the_file(tmp_path, weights):
    # The wrapper's own names begin with "model.", which reading takes off and applying puts back.
    wrapper = Wrapper()
    torch.save({f"model.{name}": tensor for name, tensor in weights.items()}, tmp_path / "w.pth")
    apply_state_dict(wrapper, load_weights(tmp_path / "w.pth").tensors, tmp_path / "w.pth")
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


def _sets() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Raw weights with the buffers of batch normalization, and their average."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(2))
    network(torch.zeros(2, 3, 4, 4))
    raw = network.state_dict()
    return raw, {name: value + 1 for name, value in raw.items()}


@pytest.mark.parametrize("key", AVERAGES)
def test_averaged_weights_are_preferred_and_the_others_are_listed(tmp_path, key):
    raw, average = _sets()
    torch.save({"epoch": 9, "state_dict": raw, key: average}, tmp_path / "w.pth")
    taken = load_weights(tmp_path / "w.pth")
    assert_same(taken.tensors, average)
    assert (taken.key, taken.others) == (key, ("state_dict",))
    assert f"averaged weights in `{key}`" in taken.note
    assert "`state_dict`" in taken.note


def test_a_key_chooses_among_several_sets(tmp_path):
    raw, average = _sets()
    torch.save({"state_dict": raw, "model_ema": average}, tmp_path / "w.pth")
    taken = load_weights(tmp_path / "w.pth", "state_dict")
    assert_same(taken.tensors, raw)
    assert taken.others == ("model_ema",)
    with pytest.raises(CheckpointError, match="no weights in weights_key='ema'") as caught:
        load_weights(tmp_path / "w.pth", "ema")
    assert "state_dict, model_ema" in caught.value.hint


def test_the_state_of_an_averaged_model_is_its_weights(tmp_path):
    network = nn.Linear(3, 2)
    averaged = torch.optim.swa_utils.AveragedModel(network)
    torch.save({"model": network.state_dict(), "model_ema": averaged.state_dict()}, tmp_path / "w.pth")
    assert_same(load_weights(tmp_path / "w.pth").tensors, dict(network.state_dict()))


def test_shadow_parameters_get_the_names_of_the_raw_weights(tmp_path):
    raw, average = _sets()
    names = [name for name in raw if "running" not in name and "num_batches" not in name]
    shadows = [average[name] for name in names]
    torch.save({"state_dict": raw, "ema": {"decay": 0.9, "shadow_params": shadows}}, tmp_path / "w.pth")
    taken = load_weights(tmp_path / "w.pth").tensors
    assert_same(taken, {name: average[name] if name in names else raw[name] for name in raw})
    torch.save({"state_dict": raw, "ema": {"shadow_params": shadows[1:]}}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="have no names"):
        load_weights(tmp_path / "w.pth")


def test_one_set_of_weights_needs_no_note(tmp_path):
    raw, _ = _sets()
    torch.save({"epoch": 9, "state_dict": raw}, tmp_path / "w.pth")
    assert load_weights(tmp_path / "w.pth").note == ""


def test_an_average_saved_as_an_object_is_not_loaded_and_reported(tmp_path):
    raw, _ = _sets()
    torch.save({"state_dict": raw, "ema": Net()}, tmp_path / "w.pth")
    taken = load_weights(tmp_path / "w.pth")
    assert_same(taken.tensors, raw)
    assert "`ema`, saved as a Python object" in taken.note
