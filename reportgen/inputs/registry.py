"""All sources of models and test sets, in one table each. To add one, write its module and add its class here.

Help, hints, the table of sources and `reportgen doctor` are made from these tables. Importing them imports neither
torch nor NumPy.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reportgen.errors import DataError, ModelError, SettingsError, setting
from reportgen.inputs.data.source import DataSource
from reportgen.inputs.data.sources.arrays import ArraysFile
from reportgen.inputs.data.sources.cifar import Cifar10, Cifar100
from reportgen.inputs.data.sources.demo import DemoData
from reportgen.inputs.data.sources.hf import HuggingFaceDataset
from reportgen.inputs.data.sources.image_folder import ImageFolder
from reportgen.inputs.data.sources.manifest import CsvManifest, ManifestFile, ParquetManifest
from reportgen.inputs.data.sources.npz import NpzTestSet
from reportgen.inputs.data.sources.torchvision import TorchvisionSet
from reportgen.inputs.networks.foreign_files import refuse_foreign
from reportgen.inputs.networks.source import ModelSource
from reportgen.inputs.networks.sources.demo import DemoModel
from reportgen.inputs.networks.sources.factories import FileFactory, ModuleFactory
from reportgen.inputs.networks.sources.hf import HuggingFaceModel
from reportgen.inputs.networks.sources.keras import KerasFile
from reportgen.inputs.networks.sources.program import ProgramFile
from reportgen.inputs.networks.sources.timm import TimmModel
from reportgen.inputs.networks.sources.torchvision import TorchvisionModel
from reportgen.inputs.source import Source
from reportgen.settings import AnalyzeSettings, ModelSettings

if TYPE_CHECKING:
    from reportgen.inputs.data.evaluation_set import EvaluationSet
    from reportgen.inputs.networks.classifier import Classifier

# Of several sources that match, the last one is taken: general spellings come first, reserved names last.
MODEL_SOURCES: Final[tuple[type[ModelSource], ...]] = (
    FileFactory,
    ModuleFactory,
    ProgramFile,
    TorchvisionModel,
    TimmModel,
    HuggingFaceModel,
    KerasFile,
    DemoModel,
)
DATA_SOURCES: Final[tuple[type[DataSource], ...]] = (
    ImageFolder,
    NpzTestSet,
    CsvManifest,
    ParquetManifest,
    HuggingFaceDataset,
    TorchvisionSet,
    Cifar10,
    Cifar100,
    DemoData,
)

_MANIFEST_SETTINGS: Final = ("path_column", "label_column", "id_column", "image_root", "image_suffix")
_WEIGHTS_SUFFIXES: Final = (".pth", ".th", ".ckpt", ".safetensors")


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What a report is made from: a model and a test set."""

    model: ModelSource
    data: DataSource

    def load_evaluation_set(self) -> "EvaluationSet":
        """The test set, its labels in the model's order.

        Raises:
            DataError: it cannot be read, or does not fit the class names or superclasses given.
        """
        from reportgen.inputs.data.datasets import load_evaluation_set

        return load_evaluation_set(self.data, self.model.class_names() if self.model.orders_labels else ())

    def load_classifier(self, evaluation_set: "EvaluationSet") -> "Classifier":
        """The network for the classes of the test set.

        Raises:
            ModelError: it cannot be built, or its weights do not fit.
            SettingsError: the normalisation of its input is unknown.
        """
        from reportgen.inputs.networks.models import load_classifier

        return load_classifier(self.model, len(evaluation_set.class_names), evaluation_set.normalisation)


def resolve(settings: AnalyzeSettings) -> Sources | ArraysFile:
    """The model and the test set that the settings name, or the outputs of a model that ran elsewhere.

    Raises:
        ModelError: the model's spec has no known form.
        DataError: the test set does not exist, or its spec has no known form.
    """
    if settings.arrays is not None:
        return ArraysFile(settings=settings, path=settings.arrays)
    return Sources(model=resolve_model(settings), data=resolve_data(settings))


def resolve_model(settings: ModelSettings) -> ModelSource:
    """The model that the settings name.

    Raises:
        ModelError: its spec has no known form, a prefix is misspelled, or the file is of a kind that is not read.
    """
    spec = settings.model
    source = next(filter(None, (kind.match(settings) for kind in reversed(MODEL_SOURCES))), None)
    if not isinstance(source, HuggingFaceModel):
        rest = spec if source is None else spec.removeprefix(f"{source.prefix}:")
        refuse_foreign(Path(rest), "The model", error=ModelError)
    if source is None:
        raise ModelError(f"{setting('model', spec)} is not a known kind of model.", hint=_suggest_model(spec))
    nearest = "" if source.prefix else _suggest_prefix(spec)
    if nearest:  # a misspelled prefix reads as a module, unless there is one of this name
        try:
            source.files()
        except ModelError as error:
            raise ModelError(error.message, hint=nearest) from error
    return source


def resolve_data(settings: AnalyzeSettings) -> DataSource:
    """The test set that the settings name.

    Raises:
        DataError: it does not exist, or its spec has no known form.
        SettingsError: an option for tables is given for another test set.
    """
    source = next(filter(None, (kind.match(settings) for kind in reversed(DATA_SOURCES))), None)
    if source is None:
        problem = "is not a known kind of test set" if Path(settings.data).exists() else "does not exist"
        raise DataError(f"The test set {settings.data} {problem}.", hint=f"Give {list_usages(DATA_SOURCES)}.")
    given = next((name for name in _MANIFEST_SETTINGS if getattr(settings, name)), "")
    if given and not isinstance(source, ManifestFile):
        raise SettingsError(
            f"{setting(given, getattr(settings, given))} is given, but the test set {settings.data} is not a table.",
            hint="Omit it, or give a table of images.",
        )
    return source


def list_usages(sources: Iterable[type[Source]]) -> str:
    """How each source is spelled, as an enumeration."""
    *others, last = [source.usage() for source in sources]
    return f"{', '.join(others)} or {last}"


def _suggest_model(spec: str) -> str:
    """What a spec without a known form may have meant."""
    if spec.lower().endswith(_WEIGHTS_SUFFIXES):
        return f"This looks like a checkpoint: give the network's code and {setting('weights', spec)}."
    suggestions = filter(None, (source.suggest(spec) for source in MODEL_SOURCES))
    usages = f"Give {list_usages(MODEL_SOURCES)}."
    return next(suggestions, " ".join(filter(None, [_suggest_prefix(spec), usages])))


def _suggest_prefix(spec: str) -> str:
    """The spec with the known prefix that is nearest to its own; empty if none is near."""
    prefix, colon, rest = spec.partition(":")
    prefix_of = {name: kind.prefix for kind in MODEL_SOURCES if kind.prefix for name in (kind.prefix, *kind.aliases)}
    near = get_close_matches(prefix.lower(), prefix_of, n=1, cutoff=0.7) if colon and rest else []
    return f"Did you mean {prefix_of[near[0]]}:{rest}?" if near else ""
