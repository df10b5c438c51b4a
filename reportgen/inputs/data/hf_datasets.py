"""The rows of test sets that Hugging Face datasets has saved."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import DataError
from reportgen.inputs.data.class_names import index_labels, number_names, read_class_names
from reportgen.inputs.data.columns import column_texts, make_column
from reportgen.inputs.data.evaluation_set import LabelledImages
from reportgen.inputs.data.image_files import FULL_WINDOW, Window, decode_image, read_image
from reportgen.inputs.data.windows import choose_window, find_range_in_sample
from reportgen.inputs.libraries import DATASETS
from reportgen.inputs.suggestions import few_text

_LABEL_NAMES: Final = ("label", "labels")
_BYTES_TYPES: Final = ("binary", "large_binary")


@dataclass(frozen=True, eq=False, slots=True)
class RowImages:
    """Images in a column of a saved data set; an `ImageSource`.

    Attributes:
        rows: the data set, whose only column holds encoded images.
        column: that column.
        positions: int64 (N,), the rows.
        window: of images with more than 8 bits.
    """

    rows: Any
    column: str
    positions: NDArray[np.int64]
    window: Window = FULL_WINDOW

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, position: int, /) -> NDArray[np.uint8]:
        row = int(self.positions[position])
        image = self.rows[row][self.column]
        if image is None:
            raise DataError(f"Row {row} of the test set has no image.", hint="Remove such rows and save it again.")
        if image["bytes"] is not None:
            return decode_image(BytesIO(image["bytes"]), f"in row {row} of the test set", self.window)
        return read_image(Path(image["path"]), self.window)

    def open(self, position: int) -> Path | BinaryIO | None:
        """The file of an image, or its content as a stream; `None` where there is none."""
        image = self.rows[int(self.positions[position])][self.column]
        if image is None:
            return None
        return BytesIO(image["bytes"]) if image["bytes"] is not None else Path(image["path"])

    def take(self, positions: NDArray[np.int64], /) -> Self:
        """The images at some positions."""
        return replace(self, positions=self.positions[positions])


def read_saved_dataset(
    folder: Path,
    name: str,
    *,
    label_column: str,
    class_names_path: Path | None,
    window: tuple[float, ...] | str = "full",
) -> LabelledImages:
    """The test set in a folder of rows: image and label column are found by their types.

    All other columns of scalars become metadata columns. Examples are named after their image files, if the data set
    has kept these names, else numbered.

    Args:
        folder: the folder of the rows.
        name: the test set in words.
        label_column: the column of labels; empty to find it.
        class_names_path: the file of class names that labels in plain numbers index.
        window: of images with more than 8 bits, as in `PreprocessingSettings`.

    Raises:
        DataError: it cannot be read, has no images or labels, or several columns could be the label.
    """
    rows = _load(folder, name)
    image_column = _find_image_column(rows.features, name)
    label_column = _find_label_column(rows.features, name, label_column, image_column)
    labels, class_names = _read_labels(rows, label_column, name, class_names_path)
    images = RowImages(_encoded(rows, image_column), image_column, np.arange(len(rows)))
    notes: tuple[str, ...] = ()
    found = find_range_in_sample(images)
    if found is not None:
        chosen, note = choose_window(window, found)
        images, notes = replace(images, window=chosen), (note,)
    return LabelledImages(
        name=name,
        images=images,
        notes=notes,
        is_windowed=found is not None,
        labels=labels,
        example_ids=_file_names(rows, image_column) or number_names(len(rows)),
        class_names=class_names,
        columns=_read_columns(rows, {image_column, label_column}),
    )


def _load(folder: Path, name: str) -> Any:
    datasets = DATASETS.load(f"The test set {name}", error=DataError)
    try:
        rows = datasets.load_from_disk(str(folder)).with_format(None)
    except Exception as error:  # Arrow has its own exceptions
        raise DataError(f"The test set {folder} cannot be read: {error}", hint="Save it again.") from error
    if not len(rows):
        raise DataError(f"The test set {name} has no rows.", hint="Choose another split: hf:FOLDER#SPLIT.")
    return rows


def _find_image_column(features: Mapping[str, Any], name: str) -> str:
    from datasets import Image

    found = [column for column, feature in features.items() if isinstance(feature, Image)]
    if len(found) != 1:
        problem = f"{len(found)} columns of images: {few_text(found)}" if found else "no column of images"
        raise DataError(
            f"The test set {name} has {problem}; its columns are {few_text(features)}.",
            hint="Save it with one column of the type datasets.Image: cast_column, remove_columns.",
        )
    return found[0]


def _find_label_column(features: Mapping[str, Any], name: str, wanted: str, image_column: str) -> str:
    from datasets import ClassLabel

    if wanted:
        if wanted not in features or not _is_scalar(features[wanted]):
            others = [column for column in features if column != image_column]
            raise DataError(
                f"The test set {name} has no labels {wanted}; it has {few_text(others)}.",
                hint="Give a column of class labels, integers or text.",
            )
        return wanted
    found = [column for column, feature in features.items() if isinstance(feature, ClassLabel)]
    found = found or [column for column in _LABEL_NAMES if column in features and _is_scalar(features[column])]
    if len(found) > 1:
        found = [column for column in found if column in _LABEL_NAMES][:1] or found
    if len(found) == 1:
        return found[0]
    problem = f"several columns of class labels: {few_text(found)}" if found else "no column of class labels"
    example = found[0] if found else "COLUMN"
    raise DataError(
        f"The test set {name} has {problem}; its columns are {few_text(features)}.",
        hint=f"Choose one: hf:FOLDER#SPLIT:{example}, or hf:FOLDER#:{example} if there are no splits.",
    )


def _is_scalar(feature: Any) -> bool:
    from datasets import ClassLabel, Value

    return isinstance(feature, ClassLabel) or (isinstance(feature, Value) and feature.dtype not in _BYTES_TYPES)


def _read_labels(
    rows: Any, column: str, name: str, class_names_path: Path | None
) -> tuple[NDArray[np.int64], tuple[str, ...] | None]:
    """Labels int64 (N,), and the class names that they index; `None` for those where labels are plain numbers."""
    texts = _column_texts(rows, column)
    missing = [row for row, text in enumerate(texts) if not text]
    if missing:
        raise DataError(
            f"Row {missing[0]} of the test set {name} has no label in the column {column}"
            + (f" ({len(missing)} rows in all)." if len(missing) > 1 else "."),
            hint="Choose a split with labels: hf:FOLDER#SPLIT.",
        )
    class_names = getattr(rows.features[column], "names", None)
    if class_names is None:
        known = () if class_names_path is None else read_class_names(class_names_path)
        return index_labels(np.array(texts, dtype=np.str_), known)
    index_of = {class_name: index for index, class_name in enumerate(class_names)}
    return np.array([index_of[text] for text in texts], dtype=np.int64), tuple(class_names)


def _read_columns(rows: Any, used: set[str]) -> dict[str, NDArray[np.str_]]:
    others = [name for name, feature in rows.features.items() if name not in used and _is_scalar(feature)]
    return {name: make_column(_column_texts(rows, name)) for name in others}


def _column_texts(rows: Any, column: str) -> list[str]:
    """The values of a column as text, class labels by name; empty for missing values."""
    import pandas as pd

    values = rows.select_columns([column]).to_pandas()[column]
    names = getattr(rows.features[column], "names", None)
    if names is not None:  # a hidden label is -1
        return [names[int(value)] if not pd.isna(value) and value >= 0 else "" for value in values]
    return column_texts(values)


def _encoded(rows: Any, column: str) -> Any:
    """The images alone, still encoded, so that they are decoded like all others."""
    from datasets import Image

    return rows.select_columns([column]).cast_column(column, Image(decode=False))


def _file_names(rows: Any, column: str) -> tuple[str, ...] | None:
    """The original names of the image files; `None` if they are unknown or not unique."""
    import pyarrow.compute as pc

    names = pc.struct_field(_encoded(rows, column).with_format("arrow").data.column(column), "path").to_pylist()
    if not all(names) or len(names) != len(rows) or len({Path(name).name for name in names}) < len(names):
        return None
    return tuple(Path(name).name for name in names)
