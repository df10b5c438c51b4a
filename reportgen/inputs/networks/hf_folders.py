"""Where a Hugging Face model lies, and what its folder says without building it. Torch-free."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from reportgen.errors import ModelError
from reportgen.inputs.files import read_text
from reportgen.inputs.networks.specs import ModelKind, ModelSpec, parse_model_spec
from reportgen.settings import ModelSettings

CONFIG_NAME: Final = "config.json"
PROCESSOR_NAMES: Final = ("preprocessor_config.json", "processor_config.json")
INSTALL_HINT: Final = "pip install 'reportgen[hf]'"

# In transformers' own order of preference: one file, or an index and the parts that it names.
_WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")
_SAVE_HINT = "Name a folder that model.save_pretrained(FOLDER) and processor.save_pretrained(FOLDER) have written."
_PLACEHOLDER = re.compile(r"LABEL_\d+")


def locate_folder(spec: ModelSpec, *, download: bool) -> Path:
    """The folder with a model's configuration and weights; for a hub id its copy in the hub's own cache.

    Args:
        spec: of the kind `hf`.
        download: whether what is missing may be fetched.

    Raises:
        ModelError: there is none, or it holds no configuration.
    """
    if not spec.place:
        return _locate_snapshot(spec.name, download=download)
    folder = Path(spec.place)
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "does not exist"
        raise ModelError(f"The model folder {folder} {problem}.", hint=_SAVE_HINT)
    if not (folder / CONFIG_NAME).is_file():
        raise ModelError(f"The model folder {folder} holds no {CONFIG_NAME}.", hint=_SAVE_HINT)
    return folder


def list_config_files(folder: Path) -> list[Path]:
    """The files that say how the network is built and what it expects, those of them that there are."""
    return [folder / name for name in (CONFIG_NAME, *PROCESSOR_NAMES) if (folder / name).is_file()]


def list_weight_files(folder: Path) -> list[Path]:
    """The files that transformers takes the weights from: one, or an index and its parts in order.

    Raises:
        ModelError: there are none, or a part is missing.
    """
    for name in _WEIGHTS:
        if (folder / name).is_file():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.is_file():
            parts = sorted(set(_read_json(index).get("weight_map", {}).values()))
            missing = [part for part in parts if not (folder / part).is_file()]
            if missing or not parts:
                raise ModelError(
                    f"The model folder {folder} lacks {', '.join(missing) or 'the parts'} of its weights.",
                    hint=f"Fetch every file that {index.name} names.",
                )
            return [index, *(folder / part for part in parts)]
    raise ModelError(
        f"The model folder {folder} holds no weights: neither {' nor '.join(_WEIGHTS)}.",
        hint=f"{_SAVE_HINT} Weights of TensorFlow or Flax have to be converted there.",
    )


def read_own_class_names(settings: ModelSettings) -> tuple[str, ...] | None:
    """The class names in index order that a model brings along; `None` where it has none of its own.

    Only Hugging Face folders have some, as `id2label`; placeholders such as `LABEL_0` are none, nor are names that
    stand for several classes.

    Raises:
        ModelError: the model's spec is wrong, or there is no such folder.
    """
    if not settings.model:
        return None
    spec = parse_model_spec(settings.model)
    if spec.kind is not ModelKind.HF:
        return None
    labels = _read_json(locate_folder(spec, download=settings.download) / CONFIG_NAME).get("id2label")
    if not isinstance(labels, dict):
        return None
    try:
        by_index = {int(index): str(name) for index, name in labels.items()}
    except ValueError:
        return None
    names = tuple(by_index.get(index, "") for index in range(len(labels)))
    is_named = all(names) and len(set(names)) == len(names) and not all(map(_PLACEHOLDER.fullmatch, names))
    return names if is_named else None


def _read_json(path: Path) -> dict[str, Any]:
    text = read_text(path, "The model's file", error=ModelError, hint=_SAVE_HINT)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ModelError(f"The model's file {path} is no valid JSON: {error}.", hint=_SAVE_HINT) from error
    if not isinstance(content, dict):
        raise ModelError(f"The model's file {path} holds no JSON object.", hint=_SAVE_HINT)
    return content


def _locate_snapshot(name: str, *, download: bool) -> Path:
    """The folder of a hub id in the hub's cache, fetched where that is allowed: safetensors where there are some."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError
    except ImportError as error:
        raise ModelError(f"The model hf:{name} needs huggingface_hub: {error}.", hint=INSTALL_HINT) from error

    def locate(patterns: Iterable[str]) -> Path:
        return Path(snapshot_download(name, local_files_only=not download, allow_patterns=list(patterns)))

    try:
        folder = locate([CONFIG_NAME, *PROCESSOR_NAMES, "model*.safetensors", "model.safetensors.index.json"])
        if download and not any(folder.glob("model*.safetensors")):
            folder = locate(["pytorch_model*.bin", "pytorch_model.bin.index.json"])
    except HFValidationError as error:
        raise ModelError(f"{name} is neither a folder nor a hub id.", hint=_SAVE_HINT) from error
    except OSError as error:
        if download:
            raise ModelError(
                f"The model {name} cannot be fetched from the hub: {error}",
                hint="Check the id and the connection; for a private model, log in with `hf auth login`.",
            ) from error
        raise ModelError(
            f"{name} is no folder here, and no model of the hub that has been fetched before.",
            hint="Allow fetching it with --download, or name the model's folder.",
        ) from error
    if not (folder / CONFIG_NAME).is_file():
        raise ModelError(f"The model {name} of the hub holds no {CONFIG_NAME}.", hint=_SAVE_HINT)
    return folder
