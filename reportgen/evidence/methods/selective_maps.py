"""Maps by methods that need many forwards of their own, through pytorch-grad-cam, for some examples only.

The library's objects keep hooks on a network and copies of all that passed them, and replace one of its layers for a
while; their context manager swallows exceptions, and they return maps rectified and stretched to 0..1. So they get a
wrapper instead of the network: in it, the output of the target layer passes through a module of the wrapper, once per
forward and as (B, C, h, w), whatever the network is. Only the parts of the library before the stretching are called.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, MappingProxyType, SimpleNamespace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from reportgen.cache import CamPair, EvaluationCache, to_float16
from reportgen.errors import LayerError, setting
from reportgen.evidence.devices import on_device
from reportgen.evidence.layers.outputs import extract_logits, first_tensor, replace_first
from reportgen.evidence.layers.target_layers import TargetLayer, find_target_layers
from reportgen.evidence.methods.aggregation import aggregate_maps
from reportgen.evidence.selected_examples import iterate_inputs, subset_examples
from reportgen.inputs.data.evaluation_set import EvaluationSet
from reportgen.inputs.networks.classifier import Classifier
from reportgen.methods import list_methods
from reportgen.settings import AnalyzeSettings, ModelSettings

log = logging.getLogger(__name__)

MAX_SIDE: Final = 64
"""FullGrad's maps have the picture's own resolution: they are stored at the means over cells of at most this number."""

_NUM_PROBED = 4  # images, the first as in the pass, so that the same layer is found
_NUM_LOADED = 16

Explain = Callable[[Tensor, int], Tensor]
"""(image (1, 3, H, W), class) -> its map, float32 (h, w) on the CPU."""

Target = Callable[[Tensor], Tensor]
"""The logits (K,) of an image -> what the library is to explain of them."""


def compute_selective_maps(
    classifier: Classifier,
    evaluation_set: EvaluationSet,
    settings: AnalyzeSettings,
    cache: EvaluationCache,
    positions: NDArray[np.int64],
    *,
    progress: Callable[[int], None] | None = None,
) -> Mapping[str, CamPair]:
    """The maps of some examples by the selective methods of the settings.

    Units:

    - `scorecam` (Wang et al. 2020): the mean of the channels, weighted by the softmax of the class's logits on the
      picture masked with each: in the units of the activations, negative where those are.
    - `ablationcam` (Desai and Ramaswamy 2020): the sum of the channels, weighted by how much the class's logit falls
      when the channel is set to 0. The paper divides that by the logit itself, which would invert the map of a class
      with a negative logit and scale the two maps of a pair differently; the division is left out. Signed.
    - `fullgrad` (Srinivas and Fleuret 2019): absolute gradients times image and biases, each channel of each layer
      stretched to 0..1 before all are summed, as in the library: not signed, without a unit.

    Everything runs in float32. Per example and class, ScoreCAM and AblationCAM take a forward for each channel of the
    target layer, FullGrad one forward and backward; ScoreCAM holds a picture for each channel. The network is left as
    it was found.

    Args:
        classifier: the network and its preprocessing.
        evaluation_set: the N examples.
        settings: methods, layers, aggregate, device, batch size and workers.
        cache: what the pass found in these examples.
        positions: int64 (M,), ascending, some of 0..N-1.
        progress: called with 1 after each example.

    Returns:
        By method, in the order of the settings, the maps of the M examples; without such a method, or without an
        example, nothing.

    Raises:
        DataError: an image cannot be read.
        LayerError: no layer gives maps, or no layer has the biases that FullGrad needs.
        SettingsError: there is no such device, or its memory does not suffice.
    """
    methods = _selective(settings)
    if not methods or not len(positions):
        return {}
    network = classifier.module
    chosen = subset_examples(evaluation_set, positions)
    predicted = cache.logits[positions].argmax(axis=1).tolist()
    found: dict[str, list[tuple[Tensor, Tensor]]] = {method: [] for method in methods}
    with on_device(network, settings) as device:
        explain = prepare_selective(network, _load_probed(classifier, evaluation_set, device), settings)
        batches = iterate_inputs(
            chosen, classifier.preprocessing, device, batch_size=_NUM_LOADED, workers=settings.workers
        )
        images = (image for batch in batches for image in torch.split(batch, 1))
        for image, label, answer in zip(images, chosen.labels.tolist(), predicted, strict=True):
            for method in methods:
                true = explain[method](image, label)
                found[method].append((true, true if answer == label else explain[method](image, answer)))
            if progress is not None:
                progress(1)
    return {method: _join(pairs, positions) for method, pairs in found.items()}


def check_selective(classifier: Classifier, evaluation_set: EvaluationSet, settings: AnalyzeSettings) -> None:
    """Check that the selective methods work on the network, before the pass, whose results an error would lose.

    Raises:
        DataError: an image cannot be read.
        LayerError: no layer gives maps, or no layer has the biases that FullGrad needs.
        SettingsError: there is no such device, or its memory does not suffice.
    """
    network = classifier.module
    with on_device(network, settings) as device:
        prepare_selective(network, _load_probed(classifier, evaluation_set, device), settings)


def _load_probed(classifier: Classifier, evaluation_set: EvaluationSet, device: torch.device) -> Tensor:
    """The inputs of the first examples."""
    first = subset_examples(evaluation_set, np.arange(min(_NUM_PROBED, len(evaluation_set.labels))))
    return next(iterate_inputs(first, classifier.preprocessing, device, batch_size=_NUM_PROBED, workers=0))


def prepare_selective(network: nn.Module, images: Tensor, settings: ModelSettings) -> dict[str, Explain]:
    """A function that explains one image, for each selective method of the settings.

    Args:
        network: in evaluation mode, frozen, on its device.
        images: float32 (P, 3, H, W), some normalised images.
        settings: methods, layers, aggregate and batch size.

    Raises:
        LayerError: no layer gives maps, or no layer has the biases that FullGrad needs.
    """
    return {method: SELECTIVE_FUNCTIONS[method](network, images, settings) for method in _selective(settings)}


def _selective(settings: ModelSettings) -> list[str]:
    return [method for method in settings.methods if method in list_methods("selective")]


def _join(pairs: Sequence[tuple[Tensor, Tensor]], positions: NDArray[np.int64]) -> CamPair:
    true, predicted = (np.stack([to_float16(pair[side].numpy()) for pair in pairs]) for side in (0, 1))
    return CamPair(true=true, predicted=predicted, positions=positions)


class _OneLayerNetwork(nn.Module):
    """A network whose target layer's output passes through a module of this one, `place`, as (B, C, h, w)."""

    def __init__(self, network: nn.Module, target: TargetLayer) -> None:
        super().__init__()
        self.place = nn.Identity()
        self.network = network
        self.read: Tensor | None = None
        """What the rest of the network has read in the last forward, (B, C, h, w)."""
        self._target = target

    def forward(self, images: Tensor) -> Tensor:
        num_calls = 0
        led: list[Tensor] = []

        def lead(_layer: nn.Module, _inputs: object, returned: Any) -> Any:
            nonlocal num_calls
            num_calls += 1
            if num_calls - 1 != self._target.call:
                return returned
            output = first_tensor(returned)
            led.append(self._put_back(output, self.place(self._target.to_nchw(output))))
            return replace_first(returned, led[0])

        handle = self._target.module.register_forward_hook(lead)
        try:
            logits = extract_logits(self.network(images))
        finally:
            handle.remove()
        self.read = self._target.to_nchw(led[0])
        return logits.float()

    def _put_back(self, output: Tensor, cells: Tensor) -> Tensor:
        """The layer's output, its cells replaced: a tensor of its own, as the network may change it in place."""
        places = torch.arange(output[0].numel(), device=output.device).view(output[:1].shape)
        chosen = self._target.to_nchw(places).flatten()
        put_back: Tensor = output.flatten(1).index_copy(1, chosen, cells.flatten(1)).view_as(output)
        return put_back


def _prepare_scorecam(network: nn.Module, images: Tensor, settings: ModelSettings) -> Explain:
    from pytorch_grad_cam import ScoreCAM

    class Quiet(ScoreCAM):  # type: ignore[misc]
        get_cam_weights = _without_bars(ScoreCAM.get_cam_weights)

    def make(wrapper: _OneLayerNetwork) -> Any:
        library = Quiet(wrapper, [wrapper.place])
        library.batch_size = settings.batch_size
        return library

    return _prepare_layered(network, images, settings, make)


def _prepare_ablationcam(network: nn.Module, images: Tensor, settings: ModelSettings) -> Explain:
    from pytorch_grad_cam import AblationCAM
    from pytorch_grad_cam.ablation_layer import AblationLayer

    class Quiet(AblationCAM):  # type: ignore[misc]
        get_cam_weights = _without_bars(AblationCAM.get_cam_weights)

    class Zeroing(AblationLayer):  # type: ignore[misc]
        """Sets channels to 0, as the paper does.

        The library's own layer takes 1e7 off them wherever the layer's smallest value isn't 0, once more for each
        picture of a batch.
        """

        def __call__(self, _cells: Tensor) -> Tensor:
            cells: Tensor = self.activations
            cells[torch.arange(len(cells)), torch.from_numpy(self.indices[: len(cells)]).long()] = 0
            return cells

    def make(wrapper: _OneLayerNetwork) -> Any:
        return Quiet(wrapper, [wrapper.place], ablation_layer=Zeroing(), batch_size=settings.batch_size)

    return _prepare_layered(network, images, settings, make)


def _without_bars(method: FunctionType) -> FunctionType:
    """A copy of a function of the library that draws no progress bar: its `tqdm.tqdm` returns the plain steps."""
    names = {**method.__globals__, "tqdm": SimpleNamespace(tqdm=lambda steps: steps)}
    return FunctionType(method.__code__, names, method.__name__, method.__defaults__, method.__closure__)


def _prepare_layered(
    network: nn.Module, images: Tensor, settings: ModelSettings, make: Callable[[_OneLayerNetwork], Any]
) -> Explain:
    """A method of the library on the activations of target layers, one object for each layer."""
    targets = find_target_layers(network, images, settings.layers)
    wrappers = [_OneLayerNetwork(network, target) for target in targets]
    libraries = [make(wrapper) for wrapper in wrappers]
    for library in libraries:
        library.activations_and_grads.release()  # otherwise it keeps a copy of every forward

    def explain_at(wrapper: _OneLayerNetwork, library: Any, image: Tensor, index: int) -> Tensor:
        with torch.no_grad():
            logit = wrapper(image)[0, index]
            assert wrapper.read is not None
            activations = wrapper.read.cpu().numpy()
            # With the logit shifted to 1, AblationCAM's relative drop is the drop itself; a softmax is not affected.
            score: Target = lambda logits: logits[index] - logit + 1  # noqa: E731
            cam = library.get_cam_image(image, wrapper.place, [score], activations, None, False)
        return torch.from_numpy(np.float32(cam))

    def explain(image: Tensor, index: int) -> Tensor:
        maps = [
            explain_at(wrapper, library, image, index) for wrapper, library in zip(wrappers, libraries, strict=True)
        ]
        return aggregate_maps(maps, settings.aggregate)[0]

    return explain


class _LogitsNetwork(nn.Module):
    """A network that returns its logits as a tensor, whatever form they have."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return extract_logits(self.network(images)).float()


def _prepare_fullgrad(network: nn.Module, images: Tensor, settings: ModelSettings) -> Explain:  # noqa: ARG001
    from pytorch_grad_cam import FullGrad

    class Unstretched(FullGrad):  # type: ignore[misc]
        """The sum over image and layers, before it is stretched to 0..1."""

        def aggregate_multi_layers(self, cam_per_target_layer: NDArray[np.float32]) -> NDArray[np.float32]:
            total: NDArray[np.float32] = cam_per_target_layer.sum(axis=1)
            return total

    wrapper = _LogitsNetwork(network)
    library = Unstretched(wrapper, [])
    if not library.target_layers:
        library.activations_and_grads.release()
        raise LayerError(
            "fullgrad needs convolutions or batch normalization layers with a bias, and the network has none.",
            hint=f"Remove it from {setting('methods')}, or use scorecam or ablationcam instead.",
        )
    # The library pairs biases, in the order of the modules, with gradients, in the order of the calls.
    called = _list_calls(library.target_layers, wrapper, images[:1])
    biases = dict(zip(library.target_layers, library.bias_data, strict=True))
    library.bias_data = [biases[layer] for layer in called]
    library.activations_and_grads.release()

    def explain(image: Tensor, index: int) -> Tensor:
        tap = type(library.activations_and_grads)(wrapper, library.target_layers, None)
        library.activations_and_grads = tap
        try:
            cam = library(image, [lambda logits: logits[index]])
        except AssertionError as error:
            raise LayerError(
                "fullgrad needs a gradient at each layer with a bias that is called, and some layers have none.",
                hint=f"Remove it from {setting('methods')}, or use scorecam or ablationcam instead.",
            ) from error
        finally:
            tap.release()
        return _shrink(torch.from_numpy(np.float32(cam)))[0]

    return explain


def _list_calls(layers: Sequence[nn.Module], network: nn.Module, images: Tensor) -> list[nn.Module]:
    """The layers in the order of their calls; one that is called twice is listed twice."""
    called: list[nn.Module] = []
    handles = [layer.register_forward_hook(lambda layer, *_: called.append(layer)) for layer in layers]
    try:
        with torch.no_grad():
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    return called


def _shrink(maps: Tensor) -> Tensor:
    """Maps (B, H, W) at the means over cells, `MAX_SIDE` along the longer side at most."""
    height, width = maps.shape[1:]
    scale = min(1.0, MAX_SIDE / max(height, width))
    return F.adaptive_avg_pool2d(maps, (max(1, round(scale * height)), max(1, round(scale * width))))


SELECTIVE_FUNCTIONS: Final[Mapping[str, Callable[[nn.Module, Tensor, ModelSettings], Explain]]] = MappingProxyType(
    {"scorecam": _prepare_scorecam, "ablationcam": _prepare_ablationcam, "fullgrad": _prepare_fullgrad}
)
