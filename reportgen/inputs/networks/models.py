"""From a model spec to a classifier: the user's own factory, a library's network, a saved one, or the demo's."""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from torch import nn

from reportgen.errors import ModelError
from reportgen.inputs.data.evaluation_set import EvaluationSet, Normalisation
from reportgen.inputs.networks.checkpoints import apply_state_dict, load_state_dict
from reportgen.inputs.networks.classifier import Classifier, Network
from reportgen.inputs.networks.factories import build_from_factory
from reportgen.inputs.networks.hf_models import build_hf
from reportgen.inputs.networks.keras_models import build_keras, is_keras_model, wrap_keras
from reportgen.inputs.networks.names import network_name
from reportgen.inputs.networks.program_models import build_program
from reportgen.inputs.networks.specs import LIBRARIES, ModelKind, ModelSpec, locate_weights, parse_model_spec
from reportgen.inputs.preprocessing import INTERPOLATIONS, Preprocessing, resolve_preprocessing
from reportgen.inputs.suggestions import nearest_text
from reportgen.settings import ModelSettings, PreprocessingSettings

log = logging.getLogger(__name__)


def load_classifier(settings: ModelSettings, evaluation_set: EvaluationSet) -> Classifier:
    """The network that the settings name, with its weights, in evaluation mode, on the device that its code chose.

    A library's network gets as many outputs as the data has classes, unless the library's own weights are asked for,
    which fix the number. Whether outputs and classes agree is seen by the pass.

    Raises:
        ModelError: it cannot be built.
        CheckpointError: its weights cannot be read, or do not fit.
        SettingsError: nothing says how its input is normalised.
    """
    return build_classifier(settings, len(evaluation_set.class_names), evaluation_set.normalisation)


def build_classifier(settings: ModelSettings, num_classes: int, normalisation: Normalisation | None) -> Classifier:
    """As `load_classifier`, with what it takes from the data.

    Args:
        settings: name the network and its weights.
        num_classes: outputs of a library's network, unless its own weights fix the number; 0 where nobody knows.
        normalisation: the data set's own statistics, where they are known.
    """
    spec = parse_model_spec(settings.model)
    weights_path = locate_weights(settings, spec)
    if not num_classes and weights_path is not None and spec.kind in LIBRARIES:
        raise ModelError(
            f"Nothing says how many outputs {spec} has in {weights_path.name}.",
            hint="Name the model's classes with --class-names.",
        )
    order = _Order(spec=spec, num_classes=num_classes, has_weights=weights_path is None, download=settings.download)
    network = _BUILDERS[spec.kind](order)
    weights_name = network.weights_name
    if weights_path is not None:
        apply_state_dict(network.module, load_state_dict(weights_path), weights_path)
        weights_name = weights_path.name
    elif not weights_name:
        log.warning("No --weights: the weights are those that %s sets, random ones if it sets none.", spec)
    return Classifier(
        name=settings.model_name or network.name,
        module=network.module.eval(),
        preprocessing=resolve_preprocessing(
            settings.preprocessing, _own_preprocessing(network, settings.preprocessing, normalisation), normalisation
        ),
        weights_name=weights_name,
        is_opaque=network.is_opaque,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What a provider is asked to build.

    Attributes:
        spec: which network.
        num_classes: its outputs, unless its own weights fix the number.
        has_weights: whether it comes with its own weights, where there are some, instead of a checkpoint's.
        download: whether it may be fetched.
    """

    spec: ModelSpec
    num_classes: int
    has_weights: bool
    download: bool


def _own_preprocessing(
    network: Network, settings: PreprocessingSettings, normalisation: Normalisation | None
) -> Preprocessing | None:
    """What belongs to a network; where that is its size alone, with the normalisation that the others give."""
    if network.preprocessing is not None or network.input_side is None:
        return network.preprocessing
    source = "the network's input size"
    if settings.mean is not None and settings.std is not None:
        normalisation = Normalisation(mean=settings.mean, std=settings.std)
    elif normalisation is not None:
        source = f"the data set's statistics and {source}"
    else:
        return None
    return Preprocessing(
        mean=normalisation.mean, std=normalisation.std, resize=network.input_side, squash=True, source=source
    )


def _build_own(order: _Order) -> Network:
    spec = order.spec
    module = build_from_factory(spec)
    name = network_name(type(module).__name__, spec.name, spec.place)
    return wrap_keras(module, name=name) if is_keras_model(module) else Network(name=name, module=module)


def _build_demo(order: _Order) -> Network:  # noqa: ARG001
    from reportgen.demo.network import MEAN, STD, build_network

    return Network(
        name="DemoNet",
        module=build_network(),
        preprocessing=Preprocessing(mean=MEAN, std=STD, source="the demo network"),
    )


def _build_torchvision(order: _Order) -> Network:
    from torchvision import models

    name = order.spec.name
    known = models.list_models(module=models)  # without detection, segmentation and video
    if name not in known:
        raise ModelError(f"torchvision has no classifier {name}.", hint=nearest_text(name, known))
    weights = models.get_model_weights(name).DEFAULT
    options = {"weights": weights} if order.has_weights else {"weights": None, "num_classes": order.num_classes}
    transforms = weights.transforms()
    return Network(
        name=name,
        module=_build_quietly(order.spec, lambda: models.get_model(name, **options)),
        weights_name=str(weights) if order.has_weights else "",
        preprocessing=Preprocessing(
            mean=tuple(transforms.mean),
            std=tuple(transforms.std),
            resize=transforms.resize_size[0],
            crop=transforms.crop_size[0],
            interpolation=transforms.interpolation.value,
            source=_source_text(f"torchvision's {weights}", order.has_weights),
        ),
    )


def _build_timm(order: _Order) -> Network:
    name = order.spec.name
    try:
        timm = import_module("timm")
    except ImportError as error:
        raise ModelError(f"The model timm:{name} needs timm: {error}.", hint="pip install 'reportgen[timm]'") from error

    if not timm.is_model(name):
        raise ModelError(f"timm has no model {name}.", hint=nearest_text(name, timm.list_models()))
    options = {"pretrained": True} if order.has_weights else {"num_classes": order.num_classes}
    module = _build_quietly(order.spec, lambda: timm.create_model(name, **options))
    config = timm.data.resolve_model_data_config(module)
    tag = getattr(module, "pretrained_cfg", {}).get("tag", "")
    weights_name = f"{name.partition('.')[0]}.{tag}" if tag else name
    return Network(
        name=name,
        module=module,
        weights_name=weights_name if order.has_weights else "",
        preprocessing=_read_timm_config(config, _source_text(f"timm's {weights_name}", order.has_weights)),
    )


def _build_hf(order: _Order) -> Network:
    return build_hf(order.spec, download=order.download, has_weights=order.has_weights)


def _build_keras(order: _Order) -> Network:
    return build_keras(order.spec)


def _build_program(order: _Order) -> Network:
    return build_program(order.spec)


def _read_timm_config(config: dict[str, Any], source: str) -> Preprocessing | None:
    """The evaluation transform of timm; `None` where it does what `Preprocessing` can't say."""
    channels, height, width = config["input_size"]
    mode, interpolation = config["crop_mode"], config["interpolation"]
    if channels != 3 or height != width or mode not in ("center", "squash") or interpolation not in INTERPOLATIONS:
        log.warning("The preprocessing of %s is of a kind that is not supported here.", source)
        return None
    return Preprocessing(
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        resize=int(height / config["crop_pct"]),
        crop=height,
        interpolation=interpolation,
        source=source,
        squash=mode == "squash",
    )


def _source_text(weights: str, is_pretrained: bool) -> str:
    """Where the preprocessing is from; for a checkpoint, which says nothing of its own, the library's is assumed."""
    return weights if is_pretrained else f"{weights}, assumed for this checkpoint too"


def _build_quietly(spec: ModelSpec, build: Callable[[], nn.Module]) -> nn.Module:
    """What a library builds, its advice about initial weights left out, its failures to fetch weights explained."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return build()
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"{spec.kind} cannot build {spec.name}: {error}",
            hint="Check the name and, for pretrained weights, the connection; or give the checkpoint with --weights.",
        ) from error


_BUILDERS: dict[ModelKind, Callable[[_Order], Network]] = {
    ModelKind.FILE: _build_own,
    ModelKind.MODULE: _build_own,
    ModelKind.TORCHVISION: _build_torchvision,
    ModelKind.TIMM: _build_timm,
    ModelKind.HF: _build_hf,
    ModelKind.KERAS: _build_keras,
    ModelKind.PROGRAM: _build_program,
    ModelKind.DEMO: _build_demo,
}
