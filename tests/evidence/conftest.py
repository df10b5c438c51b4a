"""Small networks whose parts are all at hand, and a pass over random pictures."""

import copy
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from records import make_key
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from reportgen.cache import EvaluationCache
from reportgen.evidence.one_pass import run_one_pass
from reportgen.inputs.data.arrays import ArrayImages
from reportgen.inputs.data.evaluation_set import EvaluationSet
from reportgen.inputs.networks.classifier import Classifier
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.settings import AnalyzeSettings

NUM_CLASSES = 5

PREPROCESSING = Preprocessing(mean=(0.5, 0.4, 0.6), std=(0.2, 0.25, 0.3), source="the test")


class PoolingNet(nn.Module):
    """Global average pooling and one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.bn = nn.BatchNorm2d(6)
        self.features = nn.Sequential(nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.ReLU())
        self.head = nn.Linear(8, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(F.relu(self.bn(self.stem(x)))).mean((2, 3)))


class MlpNet(nn.Module):
    """A flattened grid and two linear layers with a ReLU between, as VGG has."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.ReLU())
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(8 * 4 * 4, 32), nn.ReLU(), nn.Linear(32, NUM_CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


class ConvHeadNet(nn.Module):
    """Convolutions behind the chosen layer, their grids under 4x4."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.ReLU())
        self.head = nn.Sequential(nn.Conv2d(8, 12, 3, stride=2), nn.Tanh(), nn.Conv2d(12, NUM_CLASSES, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x)).mean((2, 3))


class SkipNet(PoolingNet):
    """A path from the image to the logits that goes around the features, through a product with them."""

    def __init__(self) -> None:
        super().__init__()
        self.around = nn.Linear(3, 8)

    def forward(self, x: Tensor) -> Tensor:
        aside = self.around(x.mean((2, 3))).sigmoid()
        pooled = self.features(F.relu(self.bn(self.stem(x)))).mean((2, 3))
        return self.head(pooled * aside + aside)


class InPlaceNet(PoolingNet):
    """The features are changed in place by a function after they left their module, as in torchvision's DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(6, 8, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.features(F.relu(self.bn(self.stem(x)))), inplace=True)
        return self.head(out.mean((2, 3)))


class SharedNet(nn.Module):
    """One ReLU module for all layers; the deepest grid is the output of its second call."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.relu = nn.ReLU()
        self.head = nn.Linear(8, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.relu(self.conv2(self.relu(self.conv1(x)))).mean((2, 3)))


class ChannelsLastNet(nn.Module):
    """Features as (B, h, w, C), as in Swin transformers."""

    class Mix(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, stride=4, padding=1)
            self.linear = nn.Linear(4, 4)  # as many channels as rows and columns, so that shapes tell nothing

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(F.relu(self.conv(x)).permute(0, 2, 3, 1))

    def __init__(self) -> None:
        super().__init__()
        self.features = self.Mix()
        self.head = nn.Linear(4, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).tanh().mean((1, 2)))


NETWORKS: dict[str, tuple[type[nn.Module], str]] = {
    "pooling": (PoolingNet, "features"),
    "mlp": (MlpNet, "features"),
    "conv head": (ConvHeadNet, "features"),
    "skip": (SkipNet, "features"),
    "in place": (InPlaceNet, "features"),
    "shared": (SharedNet, "relu"),
    "channels last": (ChannelsLastNet, "features"),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower on several threads, and very slow where other processes hold the processors."""
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(count)


@pytest.fixture
def build() -> Callable[[str], nn.Module]:
    """Builds a small seeded network by its name, in evaluation mode."""

    def make(name: str) -> nn.Module:
        torch.manual_seed(0)
        network = NETWORKS[name][0]().eval()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):  # statistics as after training
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
        return network

    return make


@pytest.fixture
def make_set() -> Callable[..., EvaluationSet]:
    """Makes a seeded test set in memory."""

    def make(num_examples: int = 12, size: int | tuple[int, int] = 16, num_classes: int = NUM_CLASSES) -> EvaluationSet:
        rng = np.random.default_rng(1)
        height, width = (size, size) if isinstance(size, int) else size
        return EvaluationSet(
            name="noise",
            images=ArrayImages(rng.integers(0, 256, (num_examples, height, width, 3), dtype=np.uint8)),
            labels=rng.integers(0, num_classes, num_examples),
            example_ids=tuple(f"{i}.png" for i in range(num_examples)),
            example_index=np.arange(num_examples),
            class_names=tuple(f"class {i}" for i in range(num_classes)),
            superclasses=None,
            normalisation=None,
        )

    return make


@pytest.fixture
def run_pass() -> Callable[..., EvaluationCache]:
    """Runs the pass on the CPU with a network, a test set and further settings."""

    def run(
        network: nn.Module, evaluation_set: EvaluationSet, *, progress=None, is_opaque: bool = False, **settings
    ) -> EvaluationCache:
        classifier = Classifier(
            name="net", module=network, preprocessing=PREPROCESSING, weights_name="net.pth", is_opaque=is_opaque
        )
        options = AnalyzeSettings(**{"model": "x", "data": "x", "device": "cpu", "batch_size": 4, **settings})
        return run_one_pass(classifier, evaluation_set, options, make_key(), progress=progress)

    return run


@pytest.fixture
def to_inputs() -> Callable[[EvaluationSet], Tensor]:
    """The whole set as the network's float32 input, normalised here once more, by hand."""

    def convert(evaluation_set: EvaluationSet) -> Tensor:
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (PREPROCESSING.mean, PREPROCESSING.std))
        return (torch.from_numpy(evaluation_set.images.array).permute(0, 3, 1, 2) / 255 - mean) / std

    return convert


@pytest.fixture
def plain_autograd() -> Callable[..., tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Activations and gradients by plain float64 autograd through the whole network, as (B, C, h, w)."""

    def compute(network: nn.Module, layer: str, inputs: Tensor, classes: Tensor):
        double = copy.deepcopy(network).double()
        outputs: list[Tensor] = []
        double.get_submodule(layer).register_forward_hook(lambda _m, _i, output: outputs.append(output))
        logits = double(inputs.double().requires_grad_())
        (gradient,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), outputs[-1])
        is_last = isinstance(network, ChannelsLastNet)
        arrays = (outputs[-1].detach(), gradient)
        return tuple((array.permute(0, 3, 1, 2) if is_last else array).numpy() for array in arrays)

    return compute
