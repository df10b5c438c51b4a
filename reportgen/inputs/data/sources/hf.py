"""Test sets that Hugging Face datasets has saved with `save_to_disk`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from reportgen.errors import DataError
from reportgen.inputs.data.source import DataSource
from reportgen.inputs.files import require_file
from reportgen.inputs.libraries import DATASETS
from reportgen.inputs.suggestions import few_text
from reportgen.parsing import parse_json
from reportgen.settings import AnalyzeSettings

if TYPE_CHECKING:
    from reportgen.inputs.data.evaluation_set import LabelledImages

_PREFIX: Final = "hf:"
_HINT: Final = (
    "Save a data set with save_to_disk(FOLDER) and give hf:FOLDER, or hf:FOLDER#SPLIT:COLUMN to choose a split and the "
    "column of labels."
)


@dataclass(frozen=True, kw_only=True)
class HuggingFaceDataset(DataSource):
    """A folder that `save_to_disk` has written.

    Attributes:
        root: the folder of the whole data set.
        split: the split asked for; empty for `test`, or the only one.
        label_column: the column of labels asked for; empty to find it by type.
    """

    title: ClassVar = "Hugging Face datasets"
    forms: ClassVar = ("hf:FOLDER", "hf:FOLDER#SPLIT:COLUMN")
    libraries: ClassVar = (DATASETS,)

    root: Path
    split: str
    label_column: str

    @classmethod
    def match(cls, settings: AnalyzeSettings) -> Self | None:
        """The source, if the spec starts with `hf:`."""
        if not settings.data.startswith(_PREFIX):
            return None
        text = settings.data.removeprefix(_PREFIX)
        folder, mark, choice = text.rpartition("#")
        if not mark or Path(text).is_dir():
            return cls(settings=settings, root=Path(text), split="", label_column="")
        split, _, column = choice.partition(":")
        return cls(settings=settings, root=Path(folder), split=split, label_column=column)

    @cached_property
    def chosen_split(self) -> str:
        """The split that is read; empty if the data set has none.

        Raises:
            DataError: there is no such folder or split.
        """
        if not self.root.is_dir():
            raise DataError(f"The test set {self.settings.data} is not a folder.", hint=_HINT)
        listing = self.root / "dataset_dict.json"
        if listing.is_file():
            return self._choose(_read_json(listing).get("splits", []))
        if self.split:
            raise DataError(
                f"The test set {self.root} has no splits, so there is no split {self.split}.",
                hint=f"Give {_PREFIX}{self.root}.",
            )
        return ""

    @property
    def folder(self) -> Path:
        """The folder of the rows: that of the split, or of the whole data set."""
        return self.root / self.chosen_split

    @property
    def name(self) -> str:
        """The folder and the split, in words."""
        name = self.root.resolve().name
        return f"{name}, split {self.chosen_split}" if self.chosen_split else name

    def describe(self) -> str:
        """The spec without the folders above."""
        choice = self.split + (f":{self.label_column}" if self.label_column else "")
        return f"{_PREFIX}{self.root.resolve().name}" + (f"#{choice}" if choice else "")

    def files(self) -> Mapping[str, Path]:
        """The files of the rows, in their order."""
        folder = self.folder
        shards = [folder / shard["filename"] for shard in _read_json(folder / "state.json").get("_data_files", [])]
        paths = (folder / "dataset_info.json", *shards)
        for path in paths:
            require_file(path, "The test set's file", error=DataError, hint="Save the data set again.")
        return {path.name: path for path in paths}

    def load(self) -> "LabelledImages":
        """The rows."""
        from reportgen.inputs.data.hf_datasets import read_saved_dataset

        self.files()
        return read_saved_dataset(
            self.folder,
            self.name,
            label_column=self.label_column,
            class_names_path=self.settings.class_names_path,
            window=self.settings.preprocessing.window,
        )

    def _choose(self, splits: list[str]) -> str:
        chosen = self.split or (splits[0] if len(splits) == 1 else "test")
        if chosen not in splits:
            spec = self.settings.data
            raise DataError(
                f"The test set {spec} has no split {chosen}; it has {few_text(splits)}.",
                hint="Choose a split: "
                f"{spec.rpartition('#')[0] if self.split else spec}#{splits[-1] if splits else 'SPLIT'}.",
            )
        return chosen


def _read_json(path: Path) -> Any:
    if not path.is_file():
        raise DataError(f"The folder {path.parent} is not a saved data set: it has no {path.name}.", hint=_HINT)
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"The file {path} of the test set is damaged: {error}.", hint="Save it again.") from error
