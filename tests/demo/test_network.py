import re

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from reportgen.demo.network import MEAN, STD, WEIGHTS_PATH, build_network


@pytest.fixture(scope="module")
def trained():
    network = build_network()
    network.load_state_dict(load_file(WEIGHTS_PATH))
    return network.eval()


@pytest.fixture(scope="module")
def inputs(demo_set):
    images = demo_set.images[::5].astype(np.float32) / 255
    scaled = (images - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return torch.from_numpy(scaled.transpose(0, 3, 1, 2).copy())


def test_the_network_is_small():
    assert sum(parameter.numel() for parameter in build_network().parameters()) < 100_000


def test_the_weights_are_small_and_say_how_they_were_made():
    assert WEIGHTS_PATH.stat().st_size < 400_000
    with safe_open(WEIGHTS_PATH, framework="pt") as file:
        made = file.metadata()["training"]
    assert re.fullmatch(r"seed \d+, \d+ epochs, \d+ pictures per class", made)


@pytest.mark.slow
def test_the_shipped_weights_make_mistakes_worth_a_look(trained, inputs, demo_set):
    with torch.inference_mode():
        predicted = trained(inputs).argmax(dim=1).numpy()
    is_correct = predicted == demo_set.labels[::5]

    assert 0.75 <= is_correct.mean() <= 0.90
    num_classes_with_mistakes = (is_correct.reshape(100, 20).mean(axis=1) < 1).sum()
    assert num_classes_with_mistakes >= 85


def test_the_last_activations_lie_on_a_grid_of_eight_by_eight(trained, inputs):
    with torch.inference_mode():
        assert trained.features(inputs[:2]).shape[2:] == (8, 8)


def test_a_class_activation_map_and_the_bias_sum_up_to_the_logit(trained, inputs):
    with torch.inference_mode():
        activations = trained.features(inputs[:20]).double()
        logits = trained(inputs[:20]).double()
    maps = torch.einsum("bchw,kc->bkhw", activations, trained.head.weight.double()) / 64

    assert torch.allclose(maps.sum(dim=(2, 3)) + trained.head.bias.double(), logits, atol=1e-4)
