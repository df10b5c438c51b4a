"""Classification sets of torchvision by name, but for CIFAR, whose superclasses reportgen knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

from reportgen.errors import DataError, setting
from reportgen.inputs.data.source import DataSource
from reportgen.inputs.suggestions import nearest_text
from reportgen.settings import DEFAULT_DATA_ROOT, AnalyzeSettings

if TYPE_CHECKING:
    from reportgen.inputs.data.evaluation_set import LabelledImages

_PREFIX: Final = "torchvision:"

# The files of each set below the data root, so that the cache's key needs no torchvision. Other sets own all files.
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "Caltech101": ("caltech101",),
    "Caltech256": ("caltech256",),
    "CLEVRClassification": ("clevr",),
    "Country211": ("country211",),
    "DTD": ("dtd",),
    "EMNIST": ("EMNIST/raw",),
    "EuroSAT": ("eurosat",),
    "FashionMNIST": ("FashionMNIST/raw",),
    "FER2013": ("fer2013",),
    "FGVCAircraft": ("fgvc-aircraft-2013b",),
    "Flowers102": ("flowers-102",),
    "Food101": ("food-101",),
    "GTSRB": ("gtsrb",),
    "ImageFolder": (".",),
    "ImageNet": ("val", "meta.bin"),
    "Imagenette": ("imagenette2",),
    "INaturalist": ("2021_valid",),
    "KMNIST": ("KMNIST/raw",),
    "LFWPeople": ("lfw-py",),
    "MNIST": ("MNIST/raw",),
    "OxfordIIITPet": ("oxford-iiit-pet",),
    "PCAM": ("pcam",),
    "QMNIST": ("QMNIST/raw",),
    "RenderedSST2": ("rendered-sst2",),
    "SEMEION": ("semeion.data",),
    "StanfordCars": ("stanford_cars",),
    "STL10": ("stl10_binary",),
    "SUN397": ("SUN397",),
    "SVHN": ("test_32x32.mat",),
    "USPS": ("usps.t.bz2",),
}


@dataclass(frozen=True, kw_only=True)
class TorchvisionSet(DataSource):
    """A classification set of torchvision.

    Attributes:
        name: as torchvision writes it.
        split: the split asked for; empty for the test split, or the validation split if no test labels are public.
    """

    title: ClassVar = "torchvision data sets"
    forms: ClassVar = ("torchvision:NAME", "torchvision:NAME#SPLIT")

    name: str
    split: str

    @classmethod
    def match(cls, settings: AnalyzeSettings) -> Self | None:
        """The source, if the spec starts with `torchvision:`.

        Raises:
            DataError: torchvision has no data set of this name.
        """
        if not settings.data.startswith(_PREFIX):
            return None
        name, _, split = settings.data.removeprefix(_PREFIX).partition("#")
        known = {title.lower(): title for title in _PLACES}
        return cls(settings=settings, name=known.get(name.lower()) or _find_title(name), split=split)

    @property
    def root(self) -> Path:
        """The folder that torchvision stores data sets in."""
        return self.settings.data_root or DEFAULT_DATA_ROOT

    def describe(self) -> str:
        """The spec, with the name as torchvision writes it."""
        return f"{_PREFIX}{self.name}" + (f"#{self.split}" if self.split else "")

    def files(self) -> Mapping[str, Path]:
        """The set's files by their sorted paths below the data root, downloaded if allowed."""
        from reportgen.inputs.data.torchvision_sets import open_test_split

        files = _list_files(self.root, self.name, self.split)
        if not files and self.settings.download:
            open_test_split(self.name, self.split, self.root, download=True)
            files = _list_files(self.root, self.name, self.split)
        if not files:
            places = [str(self.root / place) for place in _PLACES.get(self.name, ("",))]
            raise DataError(
                f"torchvision's {self.name} is not in {self.root}: there is no {places[0]}.",
                hint=f"Give {setting('download', True)} to download it, or {setting('data_root', 'DIR')} with the "
                "folder that contains it.",
            )
        return files

    def load(self) -> "LabelledImages":
        """The chosen split. Which splits exist follows from the constructor; a set without splits is read whole."""
        from reportgen.inputs.data.torchvision_sets import read_torchvision_set

        self.files()
        return read_torchvision_set(self.name, self.split, self.root, download=self.settings.download)


def _find_title(name: str) -> str:
    from torchvision import datasets

    titles: dict[str, str] = {title.lower(): title for title in datasets.__all__}
    if name.lower() not in titles:
        raise DataError(f"torchvision has no data set {name}.", hint=nearest_text(name, titles.values()))
    return titles[name.lower()]


def _list_files(root: Path, title: str, split: str) -> dict[str, Path]:
    places = [root / place for place in (*_PLACES.get(title, ("",)), *([split] if split else []))]
    files = [place for place in places if place.is_file()]
    files += [path for place in places if place.is_dir() for path in place.rglob("*") if path.is_file()]
    return {name: root / name for name in sorted({path.relative_to(root).as_posix() for path in files})}
