import logging

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from reportgen.demo.dataset import make_training_set
from reportgen.demo.network import build_network
from reportgen.demo.train import main, normalise, save_weights, train_network


@pytest.fixture(scope="module")
def small_set():
    return make_training_set(num_per_class=1, seed=1)


def test_the_same_seed_gives_the_same_weights(small_set):
    first, second = (train_network(small_set, num_epochs=1, seed=5).state_dict() for _ in range(2))

    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_seed_gives_other_weights(small_set):
    first, second = (train_network(small_set, num_epochs=1, seed=seed).state_dict() for seed in (5, 6))

    assert not torch.equal(first["head.weight"], second["head.weight"])


def test_training_leaves_the_callers_random_state_alone(small_set):
    before = torch.get_rng_state()
    train_network(small_set, num_epochs=1, seed=5)

    assert torch.equal(torch.get_rng_state(), before)


def test_training_learns(small_set, caplog):
    with caplog.at_level(logging.INFO, logger="reportgen.demo.train"):
        network = train_network(small_set, num_epochs=15, seed=5)

    losses = [record.args[2] for record in caplog.records if "mean loss" in record.msg]
    assert len(losses) == 15
    assert losses[-1] < 0.95 * losses[0]
    assert not network.training


def test_images_are_normalised_channel_by_channel(small_set):
    inputs = normalise(small_set)

    assert inputs.shape == (100, 3, 32, 32)
    assert inputs.dtype == torch.float32
    assert inputs[7, 2, 30, 1].item() == pytest.approx((small_set.images[7, 30, 1, 2] / 255 - 0.387) / 0.246, abs=1e-5)


def test_the_command_writes_weights_that_load_and_say_how_they_were_made(tmp_path):
    path = tmp_path / "weights.safetensors"
    main(["--out", str(path), "--epochs", "1", "--per-class", "1", "--seed", "9"])

    build_network().load_state_dict(load_file(path))
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"training": "seed 9, 1 epochs, 1 pictures per class"}
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_same_weights_give_the_same_file(tmp_path, small_set):
    paths = [tmp_path / "first", tmp_path / "second"]
    for path in paths:
        save_weights(train_network(small_set, num_epochs=1, seed=5), path, training="once")

    assert paths[0].read_bytes() == paths[1].read_bytes()
