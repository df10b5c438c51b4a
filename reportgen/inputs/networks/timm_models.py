"""Networks of timm in a folder as timm saves it for the Hub, and timm's preprocessing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from reportgen.errors import ModelError
from reportgen.inputs.libraries import TIMM
from reportgen.inputs.networks.checkpoints import load_weights
from reportgen.inputs.networks.classifier import Network
from reportgen.inputs.networks.hf_files import CONFIG_NAME, list_weight_files
from reportgen.inputs.networks.library_models import build_quietly
from reportgen.inputs.preprocessing import INTERPOLATIONS, Preprocessing
from reportgen.inputs.suggestions import nearest_text

_WRAPPER_PREFIX = "timm_model."  # of the names in a folder that transformers saved


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """The preprocessing of timm.

    Attributes:
        preprocessing: the same as `Preprocessing`; `None` if there is none that is the same.
        problem: which step of it is not supported, as a sentence; empty where all are.
    """

    preprocessing: Preprocessing | None
    problem: str = ""


def build_timm_folder(folder: Path, spec: str, config: Mapping[str, Any], *, has_weights: bool) -> Network:
    """The network in a folder with a configuration of timm. Nothing is downloaded.

    Args:
        folder: with the weights.
        spec: the model, for messages.
        config: has `architecture` and `pretrained_cfg`.
        has_weights: whether the folder's own weights are loaded; otherwise they are random.

    Raises:
        ModelError: timm is missing, does not know the architecture, or its weights do not fit.
        CheckpointError: the weights cannot be read.
    """
    timm = TIMM.load(f"The model {spec}", error=ModelError)
    architecture, own = str(config["architecture"]), dict(config["pretrained_cfg"])
    if not timm.is_model(architecture):
        raise ModelError(
            f"timm {timm.__version__} has no model {architecture}, which {spec} needs.",
            hint=f"Install a newer timm. {nearest_text(architecture, timm.list_models())}",
        )
    num_classes = config.get("num_classes") or own.get("num_classes")
    if not num_classes:
        raise ModelError(
            f"The model {spec} is a backbone without classes.",
            hint="Give the folder of a model that was trained to classify images.",
        )
    options = {**(config.get("model_args") or {}), "num_classes": num_classes}
    files = [path for path in list_weight_files(folder) if path.suffix != ".json"] if has_weights else []
    if files:
        tensors = {name: tensor for path in files for name, tensor in _read_tensors(path).items()}
        known = {**own, "num_classes": num_classes, "state_dict": tensors}
        options |= {
            "pretrained": True,
            "pretrained_cfg": {name: known[name] for name in known if known[name] is not None},
        }
    module = build_quietly(f"timm:{architecture}", lambda: timm.create_model(architecture, **options))
    read = read_data_config(timm.data.resolve_data_config({}, pretrained_cfg=own), f"{CONFIG_NAME} of {spec}")
    return Network(
        name=spec.partition(":")[2],
        module=module,
        weights_name=files[0].name if files else "",
        preprocessing=read.preprocessing,
        unsupported=read.problem,
    )


def _read_tensors(path: Path) -> dict[str, Tensor]:
    tensors = load_weights(path).tensors
    return {name.removeprefix(_WRAPPER_PREFIX): tensor for name, tensor in tensors.items()}


def read_data_config(config: Mapping[str, Any], source: str) -> DataConfig:
    """The evaluation transform of timm.

    Args:
        config: as `timm.data.resolve_data_config` returns it.
        source: where it comes from, in words.
    """
    channels, height, width = config["input_size"]
    mode, interpolation = config["crop_mode"], config["interpolation"]
    problems = {
        f"input_size={tuple(config['input_size'])}": channels != 3 or height != width,
        f"crop_mode={mode}": mode not in ("center", "squash"),
        f"interpolation={interpolation}": interpolation not in INTERPOLATIONS,
    }
    found = [name for name, is_wrong in problems.items() if is_wrong]
    if found:
        return DataConfig(
            preprocessing=None, problem=f"The preprocessing of {source} has {found[0]}, which is not supported."
        )
    preprocessing = Preprocessing(
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        resize=int(height / config["crop_pct"]),
        crop=height,
        interpolation=interpolation,
        source=source,
        squash=mode == "squash",
    )
    return DataConfig(preprocessing=preprocessing)
