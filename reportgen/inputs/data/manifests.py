"""Test sets listed in a table: a CSV or Parquet manifest of image files, their labels and whatever else is known.

Torch-free.
"""

import codecs
import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import DataError, setting
from reportgen.inputs.data.columns import column_texts, make_column
from reportgen.inputs.files import require_file
from reportgen.inputs.libraries import PYARROW
from reportgen.inputs.suggestions import few_text

_PARQUET_SUFFIXES: Final = (".parquet", ".pq")
SUFFIXES: Final = (".csv", ".tsv", *_PARQUET_SUFFIXES)

_DELIMITERS = ",;\t|"
_HINT = (
    "Write a table with the columns path and label: path relative to the table's folder, or absolute; label a class "
    f"name, or an index together with {setting('class_names_path')}. A column id names the examples; other columns "
    "become filters."
)

_WHOLE_FLOAT: Final = re.compile(r"-?\d+(\.0+)?")

_Column = tuple[str, list[str]]
"""A column's name as its header writes it, and its N values."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Manifest:
    """The N rows of a manifest, checked: each names an image file that is there, and no two the same.

    Attributes:
        paths: the N image files, relative to the manifest's folder or absolute, with forward slashes.
        labels: str (N,), none empty: class names or indices.
        example_ids: the column `id`, or else the paths.
        columns: by name, str (N,): all other columns, in the table's order.
        notes: what was assumed, as sentences.
    """

    paths: tuple[str, ...]
    labels: NDArray[np.str_]
    example_ids: tuple[str, ...]
    columns: Mapping[str, NDArray[np.str_]]
    notes: tuple[str, ...] = ()


def read_manifest(path: Path) -> Manifest:
    """The rows of a `.csv`, `.tsv` or `.parquet` manifest, in its order.

    A CSV may be delimited by comma, semicolon, tab or bar, and be encoded in UTF-8, UTF-16 with a byte-order mark, or
    Windows-1252. Rows are counted from 1 behind the header, as messages name them.

    Raises:
        DataError: the file is missing or no table; it lacks a column or a value; an image is missing or named twice.
    """
    require_file(path, "The manifest", error=DataError, hint=_HINT)
    is_parquet = path.suffix.lower() in _PARQUET_SUFFIXES
    columns, notes = (_read_parquet(path), ()) if is_parquet else _read_csv(path)
    texts = _name_columns(columns, path)
    if not len(texts["path"]):
        raise DataError(f"The manifest {path} has no rows.", hint=_HINT)
    for name in ("path", "label"):
        _require_values(texts[name], name, path)
    paths = _find_images(texts.pop("path"), path)
    labels = texts.pop("label")
    ids = texts.pop("id", paths)
    _require_values(ids, "id", path)
    _require_distinct(ids, "id", path)
    return Manifest(
        paths=tuple(paths),
        labels=np.array(labels, dtype=np.str_),
        example_ids=tuple(ids),
        columns={name: make_column(values) for name, values in texts.items()},
        notes=notes,
    )


def _read_parquet(path: Path) -> list[_Column]:
    import pandas as pd

    try:
        table = pd.read_parquet(path)
    except ImportError as error:
        raise PYARROW.missing(f"The manifest {path}", error, error=DataError) from error
    except Exception as error:  # the readers have exceptions of their own
        raise DataError(f"The manifest {path} cannot be read: {error}", hint="Write it again.") from error
    return [(str(name), column_texts(table.iloc[:, place])) for place, name in enumerate(table.columns)]


def _read_csv(path: Path) -> tuple[list[_Column], tuple[str, ...]]:
    text, notes = _decode(path)
    reader = csv.reader(StringIO(text, newline=""), delimiter=_find_delimiter(text), skipinitialspace=True)
    try:
        header, *rows = [row for row in reader if any(value.strip() for value in row)] or [[]]
    except csv.Error as error:
        raise DataError(
            f"The manifest {path} is not a table: line {reader.line_num}: {error}.", hint="Save it as plain CSV."
        ) from error
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise DataError(
                f"Row {number} of the manifest {path} has {len(row)} values for {len(header)} columns.",
                hint="Write one value for each column, and quote a value that holds the delimiter.",
            )
    columns = [(name, _plain_values([row[place].strip() for row in rows])) for place, name in enumerate(header)]
    return columns, notes


def _plain_values(texts: list[str]) -> list[str]:
    """The values of a column; those of whole numbers written as `3.0` become `3`, as in a Parquet file."""
    if not all(_WHOLE_FLOAT.fullmatch(text) for text in texts if text):
        return texts
    return [text.partition(".")[0] for text in texts]


def _decode(path: Path) -> tuple[str, tuple[str, ...]]:
    content = path.read_bytes()
    try:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return content.decode("utf-16"), ()
        try:
            return content.decode("utf-8-sig"), ()
        except UnicodeDecodeError:
            text = content.decode("cp1252")
            return text, (f"{path.name} is not UTF-8 text; it was read as Windows-1252.",)
    except UnicodeDecodeError as error:
        raise DataError(f"The manifest {path} is not UTF-8 text.", hint="Save it as UTF-8.") from error


def _find_delimiter(text: str) -> str:
    """The delimiter that sets `path` and `label` apart in the header; the comma where none does."""
    header = next(iter(text.splitlines()), "")
    for delimiter in _DELIMITERS:
        if {"path", "label"} <= {_plain_name(name.strip().strip('"')) for name in header.split(delimiter)}:
            return delimiter
    return ","


def _plain_name(column: str) -> str:
    """A column's name without spaces around; those that have a meaning also without capitals."""
    name = column.strip()
    return name.lower() if name.lower() in {"path", "label", "id"} else name


def _name_columns(columns: Sequence[_Column], path: Path) -> dict[str, list[str]]:
    """The columns by name; those without a header, such as a saved index, are left out."""
    named = [(_plain_name(name), values) for name, values in columns if name.strip()]
    names = [name for name, _ in named]
    for wanted in ("path", "label"):
        if wanted not in names:
            has = f"it has {few_text(names)}" if names else "it has none"
            raise DataError(f"The manifest {path} has no column {wanted}; {has}.", hint=_HINT)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"The manifest {path} has the column {twice[0]} twice.", hint="Rename one of the two.")
    return dict(named)


def _require_values(values: Sequence[str], column: str, path: Path) -> None:
    empty = [position for position, value in enumerate(values) if not value]
    if empty:
        more = f" ({len(empty)} rows in all)" if len(empty) > 1 else ""
        raise DataError(
            f"Row {empty[0] + 1} of the manifest {path} has no {column}{more}.",
            hint="Add it, or remove the row.",
        )


def _require_distinct(values: Sequence[str], what: str, path: Path) -> None:
    first_of: dict[str, int] = {}
    for position, value in enumerate(values):
        first = first_of.setdefault(value, position)
        if first != position:
            raise DataError(
                f"The manifest {path} has the {what} {value} twice, in rows {first + 1} and {position + 1}.",
                hint=f"Keep one of the two: each {what} identifies one example.",
            )


def _find_images(texts: Sequence[str], path: Path) -> list[str]:
    """The image files that the texts name, each of which is there."""
    names = [_find_image(text, position, path) for position, text in enumerate(texts)]
    _require_distinct(names, "path", path)
    return names


def _find_image(text: str, position: int, path: Path) -> str:
    for name in (text, text.replace("\\", "/")):  # written on Windows, read elsewhere
        if (path.parent / name).is_file():
            return name
    raise DataError(
        f"Row {position + 1} of the manifest {path} refers to the image {text}, which does not exist.",
        hint=f"Write paths relative to the manifest's folder {path.parent}, or absolute ones.",
    )
