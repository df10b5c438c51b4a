"""Trains the embedded network and writes its weights: `python -m reportgen.demo.train`.

The schedule is fixed beforehand and nothing is selected, so the test set plays no part in it.
"""

import argparse
import logging
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from reportgen.atomic import replacing
from reportgen.demo.dataset import DemoSet, make_training_set
from reportgen.demo.network import MEAN, STD, WEIGHTS_PATH, build_network

log = logging.getLogger(__name__)

SEED: Final = 1
NUM_EPOCHS: Final = 20
NUM_PER_CLASS: Final = 120
BATCH_SIZE: Final = 128
PEAK_LEARNING_RATE: Final = 0.01
WEIGHT_DECAY: Final = 0.02


def train_network(training_set: DemoSet, *, num_epochs: int, seed: int) -> nn.Module:
    """The network, in evaluation mode, after `num_epochs` passes over the training set.

    AdamW under one cycle of the learning rate (Smith & Topin 2019), cross-entropy, no augmentation.
    On one machine the same seed gives the same weights; torch's global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _fit(build_network(), normalise(training_set), torch.from_numpy(training_set.labels), num_epochs)


def normalise(demo_set: DemoSet) -> Tensor:
    """The set's images as the network takes them: float32 (N, 3, 32, 32), channels last."""
    images = torch.from_numpy(demo_set.images).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (images / 255 - mean) / std


def save_weights(network: nn.Module, path: Path, *, training: str) -> None:
    """Write the network's state dict as safetensors.

    Args:
        network: the network.
        path: the file to write.
        training: how the weights were made. It is the file's only metadata: safetensors orders several at random.
    """
    from safetensors.torch import save

    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    with replacing(path) as file:
        file.write(save(tensors, {"training": training}))


def main(arguments: list[str] | None = None) -> None:
    """Train as the shipped weights were trained, or as the options say."""
    parser = argparse.ArgumentParser(prog="python -m reportgen.demo.train", description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS_PATH, help="file to write (default: the package's own)")
    parser.add_argument(
        "--epochs", type=int, default=NUM_EPOCHS, help="passes over the training set (default: %(default)s)"
    )
    parser.add_argument(
        "--per-class", type=int, default=NUM_PER_CLASS, help="pictures of each number (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=SEED, help="seed of the pictures and of the weights (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")

    training_set = make_training_set(num_per_class=options.per_class, seed=options.seed)
    log.info("composed %d training pictures", len(training_set.labels))
    network = train_network(training_set, num_epochs=options.epochs, seed=options.seed)
    training = f"seed {options.seed}, {options.epochs} epochs, {options.per_class} pictures per class"
    save_weights(network, options.out, training=training)
    log.info("wrote %s", options.out)


def _fit(network: nn.Module, images: Tensor, labels: Tensor, num_epochs: int) -> nn.Module:
    network = network.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
    num_steps = num_epochs * -(-len(labels) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_LEARNING_RATE, num_steps)
    for epoch in range(num_epochs):
        total_loss = 0.0
        order = torch.randperm(len(labels))
        for start in range(0, len(labels), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            loss = functional.cross_entropy(network(images[batch]), labels[batch])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
            total_loss += loss.item() * len(batch)
        log.info("epoch %d of %d: mean loss %.3f", epoch + 1, num_epochs, total_loss / len(labels))
    return network.eval()


if __name__ == "__main__":
    main()
