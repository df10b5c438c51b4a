"""Models of Hugging Face transformers: the folder of a model, and what it says without building the network."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from reportgen.errors import ModelError, setting
from reportgen.inputs.files import joint_digest
from reportgen.inputs.libraries import HUGGINGFACE_HUB, TRANSFORMERS
from reportgen.inputs.networks.foreign_files import ADAPTER_CONFIG, refuse_foreign
from reportgen.inputs.networks.hf_files import CONFIG_NAME, PROCESSOR_NAMES, SAVE_HINT, list_weight_files, read_json
from reportgen.inputs.networks.source import ModelSource, WeightsRule
from reportgen.settings import ModelSettings

if TYPE_CHECKING:
    from reportgen.inputs.networks.classifier import Network

_PLACEHOLDER = re.compile(r"LABEL_\d+")
_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")


@dataclass(frozen=True, kw_only=True)
class HuggingFaceModel(ModelSource):
    """A folder that transformers has saved, or a model on the Hugging Face Hub.

    Attributes:
        place: the folder, or the id on the Hub.
    """

    title: ClassVar = "Hugging Face transformers"
    forms: ClassVar = ("hf:FOLDER",)
    note: ClassVar = "or a Hub id"
    libraries: ClassVar = (TRANSFORMERS, HUGGINGFACE_HUB)
    prefix: ClassVar = "hf"
    aliases: ClassVar = ("huggingface", "hub", "transformers")
    weights_rule: ClassVar = WeightsRule.INCLUDED
    orders_labels: ClassVar = True

    place: str

    @classmethod
    def match(cls, settings: ModelSettings) -> Self | None:
        """The source, if the spec starts with `hf:`."""
        prefix, _, place = settings.model.partition(":")
        return cls(settings=settings, place=place) if place and prefix == cls.prefix else None

    @classmethod
    def suggest(cls, spec: str) -> str:
        """Add the prefix to a folder with a configuration."""
        return f"Give {cls.prefix}:{spec}." if (Path(spec) / CONFIG_NAME).is_file() else ""

    @property
    def is_hub_id(self) -> bool:
        """Whether `place` is an id on the Hub. A folder of this name takes precedence."""
        return bool(_HUB_ID.fullmatch(self.place)) and not Path(self.place).exists()

    @property
    def name(self) -> str:
        """The id on the Hub, or the folder's own name."""
        return self.place if self.is_hub_id else Path(self.place).resolve().name

    @cached_property
    def folder(self) -> Path:
        """The folder with configuration and weights; for an id on the Hub, its copy in the cache of the Hub.

        Raises:
            ModelError: there is none, or it has no configuration.
        """
        if self.is_hub_id:
            return _locate_snapshot(self.place, download=self.settings.download)
        return _check_folder(Path(self.place))

    def describe(self) -> str:
        """The spec without the folders above."""
        return f"{self.prefix}:{self.name}"

    def files(self) -> tuple[Path, ...]:
        """The files that define the network and its preprocessing, as far as they exist."""
        paths = (self.folder / name for name in (CONFIG_NAME, *PROCESSOR_NAMES))
        return tuple(path for path in paths if path.is_file())

    def digest(self) -> str:
        """SHA-256 of the configuration."""
        return joint_digest({path.name: path for path in self.files()})

    def own_weights_digest(self) -> str:
        """SHA-256 of the files with the weights."""
        return joint_digest({path.name: path for path in list_weight_files(self.folder)})

    def class_names(self) -> tuple[str, ...]:
        """`id2label` of the configuration, or timm's `label_names`; empty for placeholders and repeated names.

        Raises:
            ModelError: there is no such folder, or the configuration cannot be read.
        """
        config = read_json(self.folder / CONFIG_NAME)
        labels, listed = config.get("id2label"), config.get("label_names")
        if isinstance(listed, list):
            labels = dict(enumerate(listed))
        if not isinstance(labels, dict):
            return ()
        try:
            by_index = {int(index): str(name) for index, name in labels.items()}
        except ValueError:
            return ()
        names = tuple(by_index.get(index, "") for index in range(len(labels)))
        is_named = all(names) and len(set(names)) == len(names) and not all(map(_PLACEHOLDER.fullmatch, names))
        return names if is_named else ()

    def load(self, num_classes: int) -> "Network":  # noqa: ARG002  fixed by the configuration
        """The network, with the folder's weights if there is no checkpoint."""
        config = read_json(self.folder / CONFIG_NAME)
        if isinstance(config.get("architecture"), str) and isinstance(config.get("pretrained_cfg"), dict):
            from reportgen.inputs.networks.timm_models import build_timm_folder

            return build_timm_folder(self.folder, self.describe(), config, has_weights=self.checkpoint is None)
        from reportgen.inputs.networks.hf_models import build_hf

        return build_hf(self.folder, self.describe(), has_weights=self.checkpoint is None)


def _check_folder(folder: Path) -> Path:
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "does not exist"
        raise ModelError(f"The model folder {folder} {problem}.", hint=SAVE_HINT)
    refuse_foreign(folder, "The model folder", error=ModelError)
    if not (folder / CONFIG_NAME).is_file():
        raise ModelError(f"The model folder {folder} has no {CONFIG_NAME}.", hint=SAVE_HINT)
    return folder


def _locate_snapshot(name: str, *, download: bool) -> Path:
    """The folder of a Hub id in the cache of the Hub, downloaded if allowed; safetensors are preferred."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError
    except ImportError as error:
        raise HUGGINGFACE_HUB.missing(f"The model hf:{name}", error, error=ModelError) from error

    def locate(patterns: Iterable[str]) -> Path:
        return Path(snapshot_download(name, local_files_only=not download, allow_patterns=list(patterns)))

    try:
        folder = locate(
            [CONFIG_NAME, ADAPTER_CONFIG, *PROCESSOR_NAMES, "model*.safetensors", "model.safetensors.index.json"]
        )
        if download and not any(folder.glob("model*.safetensors")):
            folder = locate(["pytorch_model*.bin", "pytorch_model.bin.index.json"])
    except HFValidationError as error:
        raise ModelError(f"{name} is neither a folder nor a Hub id.", hint=SAVE_HINT) from error
    except OSError as error:
        if download:
            raise ModelError(
                f"The model {name} cannot be downloaded from the Hugging Face Hub: {error}",
                hint="Check the id and the connection; for a private model, log in with `hf auth login`.",
            ) from error
        raise ModelError(
            f"{name} is neither a folder nor a model that was downloaded from the Hugging Face Hub before.",
            hint=f"Allow the download with {setting('download', True)}, or give the model's folder.",
        ) from error
    refuse_foreign(folder, f"The model {name} in", error=ModelError)
    if not (folder / CONFIG_NAME).is_file():
        raise ModelError(f"The model {name} on the Hugging Face Hub has no {CONFIG_NAME}.", hint=SAVE_HINT)
    return folder
