"""From a model spec to a classifier: the user's own factory, torchvision, timm, or the demo's network."""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from reportgen.errors import ModelError
from reportgen.inputs.checkpoints import apply_state_dict, load_state_dict
from reportgen.inputs.classifier import Classifier
from reportgen.inputs.evaluation_set import EvaluationSet
from reportgen.inputs.factories import build_from_factory
from reportgen.inputs.preprocessing import INTERPOLATIONS, Preprocessing, resolve_preprocessing
from reportgen.inputs.specs import ModelKind, ModelSpec, locate_weights, parse_model_spec
from reportgen.inputs.suggestions import nearest_text
from reportgen.settings import AnalyzeSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class _Network:
    """A network as its provider builds it.

    Attributes:
        name: in words.
        module: the network.
        weights_name: the library's name for the weights that are already in it; empty where those are to come.
        preprocessing: what belongs to the network, where it is known.
    """

    name: str
    module: nn.Module
    weights_name: str = ""
    preprocessing: Preprocessing | None = None


def load_classifier(settings: AnalyzeSettings, evaluation_set: EvaluationSet) -> Classifier:
    """The network that the settings name, with its weights, in evaluation mode, on the device that its code chose.

    A library's network gets as many outputs as the data has classes, unless the library's own weights are asked for,
    which fix the number. Whether outputs and classes agree is seen by the pass.

    Raises:
        ModelError: it cannot be built.
        CheckpointError: its weights cannot be read, or do not fit.
        SettingsError: nothing says how its input is normalised.
    """
    spec = parse_model_spec(settings.model)
    weights_path = locate_weights(settings, spec)
    # Only a library's own weights come without a file: those of a factory are its own business.
    network = _BUILDERS[spec.kind](spec, len(evaluation_set.class_names), weights_path is None)
    weights_name = network.weights_name
    if weights_path is not None:
        apply_state_dict(network.module, load_state_dict(weights_path), weights_path)
        weights_name = weights_path.name
    elif not weights_name:
        log.warning("No --weights: the weights are those that %s sets, random ones if it sets none.", spec)
    return Classifier(
        name=network.name,
        module=network.module.eval(),
        preprocessing=resolve_preprocessing(
            settings.preprocessing, network.preprocessing, evaluation_set.normalisation
        ),
        weights_name=weights_name,
    )


def _build_own(spec: ModelSpec, num_classes: int, is_pretrained: bool) -> _Network:  # noqa: ARG001
    place = Path(spec.place).name if spec.kind is ModelKind.FILE else spec.place
    return _Network(name=f"{spec.name} from {place}", module=build_from_factory(spec))


def _build_demo(spec: ModelSpec, num_classes: int, is_pretrained: bool) -> _Network:  # noqa: ARG001
    from reportgen.demo.network import MEAN, STD, build_network

    return _Network(
        name="DemoNet",
        module=build_network(),
        preprocessing=Preprocessing(mean=MEAN, std=STD, source="the demo network"),
    )


def _build_torchvision(spec: ModelSpec, num_classes: int, is_pretrained: bool) -> _Network:
    from torchvision import models

    known = models.list_models(module=models)  # without detection, segmentation and video
    if spec.name not in known:
        raise ModelError(f"torchvision has no classifier {spec.name}.", hint=nearest_text(spec.name, known))
    weights = models.get_model_weights(spec.name).DEFAULT
    options = {"weights": weights} if is_pretrained else {"weights": None, "num_classes": num_classes}
    transforms = weights.transforms()
    return _Network(
        name=f"{spec.name} from torchvision",
        module=_build_quietly(spec, lambda: models.get_model(spec.name, **options)),
        weights_name=str(weights) if is_pretrained else "",
        preprocessing=Preprocessing(
            mean=tuple(transforms.mean),
            std=tuple(transforms.std),
            resize=transforms.resize_size[0],
            crop=transforms.crop_size[0],
            interpolation=transforms.interpolation.value,
            source=_source_text(f"torchvision's {weights}", is_pretrained),
        ),
    )


def _build_timm(spec: ModelSpec, num_classes: int, is_pretrained: bool) -> _Network:
    try:
        timm = import_module("timm")
    except ImportError as error:
        raise ModelError(
            f"The model timm:{spec.name} needs timm: {error}.", hint="pip install 'reportgen[timm]'"
        ) from error

    if not timm.is_model(spec.name):
        raise ModelError(f"timm has no model {spec.name}.", hint=nearest_text(spec.name, timm.list_models()))
    options = {"pretrained": True} if is_pretrained else {"num_classes": num_classes}
    module = _build_quietly(spec, lambda: timm.create_model(spec.name, **options))
    config = timm.data.resolve_model_data_config(module)
    tag = getattr(module, "pretrained_cfg", {}).get("tag", "")
    weights_name = f"{spec.name.partition('.')[0]}.{tag}" if tag else spec.name
    return _Network(
        name=f"{spec.name} from timm",
        module=module,
        weights_name=weights_name if is_pretrained else "",
        preprocessing=_read_timm_config(config, _source_text(f"timm's {weights_name}", is_pretrained)),
    )


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


_BUILDERS: dict[ModelKind, Callable[[ModelSpec, int, bool], _Network]] = {
    ModelKind.FILE: _build_own,
    ModelKind.MODULE: _build_own,
    ModelKind.TORCHVISION: _build_torchvision,
    ModelKind.TIMM: _build_timm,
    ModelKind.DEMO: _build_demo,
}
