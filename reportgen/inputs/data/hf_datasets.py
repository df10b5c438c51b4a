"""Test sets that Hugging Face's `datasets` has saved to disk. Torch-free; `datasets` is imported to read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import DataError
from reportgen.inputs.data.class_names import index_labels, number_names, read_class_names
from reportgen.inputs.data.columns import column_texts, make_column
from reportgen.inputs.data.evaluation_set import LabelledImages
from reportgen.inputs.data.image_files import decode_image, read_image
from reportgen.inputs.files import require_file
from reportgen.inputs.suggestions import few_text
from reportgen.settings import AnalyzeSettings

PREFIX: Final = "hf:"

_LABEL_NAMES: Final = ("label", "labels")
_BYTES_TYPES: Final = ("binary", "large_binary")
_HINT: Final = (
    "Save a data set with save_to_disk(FOLDER) and give hf:FOLDER, or hf:FOLDER#SPLIT:COLUMN to choose a split and the "
    "column of labels."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedDataset:
    """What a spec `hf:FOLDER#SPLIT:COLUMN` names.

    Attributes:
        folder: the folder that holds the rows: the whole data set's, or the split's.
        name: the folder that the spec names and the split, in words.
        label_column: the column of labels asked for; empty where it is found by type.
    """

    folder: Path
    name: str
    label_column: str


@dataclass(frozen=True, eq=False, slots=True)
class RowImages:
    """Images in a column of a saved data set; an `ImageSource`.

    Attributes:
        rows: the data set, whose only column holds encoded images.
        column: that column.
        positions: int64 (N,), the rows.
    """

    rows: Any
    column: str
    positions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, position: int, /) -> NDArray[np.uint8]:
        row = int(self.positions[position])
        image = self.rows[row][self.column]
        if image is None:
            raise DataError(f"Row {row} of the test set has no image.", hint="Filter such rows out and save it again.")
        if image["bytes"] is not None:
            return decode_image(BytesIO(image["bytes"]), f"in row {row} of the test set")
        return read_image(Path(image["path"]))

    def take(self, positions: NDArray[np.int64], /) -> Self:
        """The images at some positions."""
        return type(self)(self.rows, self.column, self.positions[positions])


def locate_saved_dataset(spec: str) -> SavedDataset:
    """The folder of the rows that a spec names, without reading them: `datasets` is not imported.

    Of several splits it is the one called `test`, unless the spec names another.

    Raises:
        DataError: there is no such folder, split, or saved data set.
    """
    root, split, column = _parse_spec(spec.removeprefix(PREFIX))
    if not root.is_dir():
        raise DataError(f"The test set {spec} is no folder.", hint=_HINT)
    folder, name = root, root.resolve().name
    if (root / "dataset_dict.json").is_file():
        split = _choose_split(split, _read_json(root / "dataset_dict.json").get("splits", []), spec)
        folder, name = root / split, f"{name}, split {split}"
    elif split:
        raise DataError(
            f"The test set {root} has no splits, but {split} is asked for.", hint=f"Give {PREFIX}{root} alone."
        )
    return SavedDataset(folder=folder, name=name, label_column=column)


def list_dataset_files(spec: str) -> tuple[Path, ...]:
    """The files of the rows that a spec names, in their order.

    Raises:
        DataError: as `locate_saved_dataset`, or where a file is missing.
    """
    folder = locate_saved_dataset(spec).folder
    shards = [folder / shard["filename"] for shard in _read_json(folder / "state.json").get("_data_files", [])]
    paths = (folder / "dataset_info.json", *shards)
    for path in paths:
        require_file(path, "The test set's file", error=DataError, hint="Save the data set again.")
    return paths


def name_dataset(spec: str) -> str:
    """The spec without the folders above the data set's own."""
    root, split, column = _parse_spec(spec.removeprefix(PREFIX))
    choice = split + (f":{column}" if column else "")
    return f"{PREFIX}{root.resolve().name}" + (f"#{choice}" if choice else "")


def read_saved_dataset(settings: AnalyzeSettings) -> LabelledImages:
    """The saved data set that the settings name: image and label column found by their types.

    All other columns of scalars say what else is known of each example. Examples are called as their image files were,
    where the data set has kept the names, else by number.

    Raises:
        DataError: it cannot be read, has no images or labels, or several columns could be the label.
    """
    list_dataset_files(settings.data)
    saved = locate_saved_dataset(settings.data)
    rows = _load(saved)
    image_column = _find_image_column(rows.features, saved)
    label_column = _find_label_column(rows.features, saved, image_column)
    labels, class_names = _read_labels(rows, label_column, saved, settings.class_names_path)
    return LabelledImages(
        name=saved.name,
        images=RowImages(_encoded(rows, image_column), image_column, np.arange(len(rows))),
        labels=labels,
        example_ids=_file_names(rows, image_column) or number_names(len(rows)),
        class_names=class_names,
        columns=_read_columns(rows, {image_column, label_column}),
    )


def _parse_spec(text: str) -> tuple[Path, str, str]:
    """Folder, split and label column; the latter two may be empty."""
    folder, mark, choice = text.rpartition("#")
    if not mark or Path(text).is_dir():
        return Path(text), "", ""
    split, _, column = choice.partition(":")
    return Path(folder), split, column


def _choose_split(wanted: str, splits: list[str], spec: str) -> str:
    chosen = wanted or (splits[0] if len(splits) == 1 else "test")
    if chosen not in splits:
        problem = f"no split {wanted}" if wanted else "no split test"
        raise DataError(
            f"The test set {spec} has {problem}; it has {few_text(splits)}.",
            hint=f"Choose one: {spec.rpartition('#')[0] if wanted else spec}#{splits[-1] if splits else 'SPLIT'}.",
        )
    return chosen


def _read_json(path: Path) -> Any:
    if not path.is_file():
        raise DataError(f"The folder {path.parent} holds no saved data set: it has no {path.name}.", hint=_HINT)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"The file {path} of the test set is damaged: {error}.", hint="Save it again.") from error


def _load(saved: SavedDataset) -> Any:
    try:
        from datasets import load_from_disk
    except ImportError as error:
        raise DataError(
            "A saved data set is read by Hugging Face's datasets, which is not installed.",
            hint="pip install 'reportgen[hf]'",
        ) from error
    try:
        rows = load_from_disk(str(saved.folder)).with_format(None)
    except Exception as error:  # Arrow has exceptions of its own
        raise DataError(f"The test set {saved.folder} cannot be read: {error}", hint="Save it again.") from error
    if not len(rows):
        raise DataError(f"The test set {saved.name} has no row.", hint="Choose another split: hf:FOLDER#SPLIT.")
    return rows


def _find_image_column(features: Mapping[str, Any], saved: SavedDataset) -> str:
    from datasets import Image

    found = [name for name, feature in features.items() if isinstance(feature, Image)]
    if len(found) != 1:
        problem = f"{len(found)} columns of images: {few_text(found)}" if found else "no column of images"
        raise DataError(
            f"The test set {saved.name} has {problem}; its columns are {few_text(features)}.",
            hint="Save it with one column of the type datasets.Image: cast_column, remove_columns.",
        )
    return found[0]


def _find_label_column(features: Mapping[str, Any], saved: SavedDataset, image_column: str) -> str:
    from datasets import ClassLabel

    if saved.label_column:
        if saved.label_column not in features or not _is_scalar(features[saved.label_column]):
            others = [name for name in features if name != image_column]
            raise DataError(
                f"The test set {saved.name} has no labels {saved.label_column}; it has {few_text(others)}.",
                hint="Name a column of class labels, whole numbers or text.",
            )
        return saved.label_column
    found = [name for name, feature in features.items() if isinstance(feature, ClassLabel)]
    found = found or [name for name in _LABEL_NAMES if name in features and _is_scalar(features[name])]
    if len(found) > 1:
        found = [name for name in found if name in _LABEL_NAMES][:1] or found
    if len(found) == 1:
        return found[0]
    problem = f"several columns of class labels: {few_text(found)}" if found else "no column of class labels"
    example = found[0] if found else "COLUMN"
    raise DataError(
        f"The test set {saved.name} has {problem}; its columns are {few_text(features)}.",
        hint=f"Choose one: hf:FOLDER#SPLIT:{example}, or hf:FOLDER#:{example} where there are no splits.",
    )


def _is_scalar(feature: Any) -> bool:
    from datasets import ClassLabel, Value

    return isinstance(feature, ClassLabel) or (isinstance(feature, Value) and feature.dtype not in _BYTES_TYPES)


def _read_labels(
    rows: Any, column: str, saved: SavedDataset, class_names_path: Path | None
) -> tuple[NDArray[np.int64], tuple[str, ...] | None]:
    """Labels int64 (N,), and the class names that they index; `None` for those where labels are plain numbers."""
    texts = _column_texts(rows, column)
    missing = [row for row, text in enumerate(texts) if not text]
    if missing:
        raise DataError(
            f"Row {missing[0]} of the test set {saved.name} has no label in the column {column}"
            + (f" ({len(missing)} rows in all)." if len(missing) > 1 else "."),
            hint="Choose a split with labels: hf:FOLDER#SPLIT.",
        )
    class_names = getattr(rows.features[column], "names", None)
    if class_names is None:
        known = () if class_names_path is None else read_class_names(class_names_path)
        return index_labels(np.array(texts, dtype=np.str_), known)
    index_of = {name: index for index, name in enumerate(class_names)}
    return np.array([index_of[text] for text in texts], dtype=np.int64), tuple(class_names)


def _read_columns(rows: Any, used: set[str]) -> dict[str, NDArray[np.str_]]:
    others = [name for name, feature in rows.features.items() if name not in used and _is_scalar(feature)]
    return {name: make_column(_column_texts(rows, name)) for name in others}


def _column_texts(rows: Any, column: str) -> list[str]:
    """The values of a column as text, class labels by name; empty where there is none."""
    import pandas as pd

    values = rows.select_columns([column]).to_pandas()[column]
    names = getattr(rows.features[column], "names", None)
    if names is not None:  # a hidden label is -1
        return [names[int(value)] if not pd.isna(value) and value >= 0 else "" for value in values]
    return column_texts(values)


def _encoded(rows: Any, column: str) -> Any:
    """The images alone, as the bytes of their files: who decodes them turns and converts them as all others."""
    from datasets import Image

    return rows.select_columns([column]).cast_column(column, Image(decode=False))


def _file_names(rows: Any, column: str) -> tuple[str, ...] | None:
    """The names that the image files once had; `None` where they are not known, or not all different."""
    import pyarrow.compute as pc

    names = pc.struct_field(_encoded(rows, column).with_format("arrow").data.column(column), "path").to_pylist()
    if not all(names) or len(names) != len(rows) or len({Path(name).name for name in names}) < len(names):
        return None
    return tuple(Path(name).name for name in names)
