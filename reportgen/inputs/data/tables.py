"""Tables in files, as columns of texts: CSV in its dialects, Parquet, and lists of paths and labels. Torch-free."""

import codecs
import csv
import re
from collections.abc import Collection
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

from reportgen.errors import DataError
from reportgen.inputs.data.columns import column_texts
from reportgen.inputs.data.image_files import SUFFIXES as IMAGE_SUFFIXES
from reportgen.inputs.files import require_file
from reportgen.inputs.libraries import PYARROW

PARQUET_SUFFIXES: Final = (".parquet", ".pq")
LIST_SUFFIXES: Final = (".txt", ".lst")

_DELIMITERS: Final = ",;\t|"
_WHOLE_FLOAT: Final = re.compile(r"-?\d+(\.0+)?")

Column = tuple[str, list[str]]
"""A column's name as its header writes it, and its N values."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TableFile:
    """The content of a table.

    Attributes:
        columns: in the table's order.
        notes: what was assumed, as sentences.
    """

    columns: list[Column]
    notes: tuple[str, ...] = ()


def read_table(path: Path, wanted: Collection[str], hint: str) -> TableFile:
    """The columns of a table.

    A CSV may be delimited by comma, semicolon, tab or bar, and be encoded in UTF-8, UTF-16 with a byte-order mark, or
    Windows-1252. A list has no header, and on each line a path and perhaps a label; without one, the label is the
    folder that the path begins with.

    Args:
        path: the file.
        wanted: names of columns that the header has, to recognize the delimiter; in lower case.
        hint: what to do if there is no such file.

    Raises:
        DataError: the file is missing or not a table.
    """
    require_file(path, "The manifest", error=DataError, hint=hint)
    if path.suffix.lower() in PARQUET_SUFFIXES:
        return TableFile(columns=_read_parquet(path))
    text, notes = _decode(path)
    if path.suffix.lower() in LIST_SUFFIXES:
        return TableFile(columns=_read_list(text, path), notes=notes)
    return TableFile(columns=_read_csv(text, path, wanted), notes=notes)


def _read_parquet(path: Path) -> list[Column]:
    import pandas as pd

    try:
        table = pd.read_parquet(path)
    except ImportError as error:
        raise PYARROW.missing(f"The manifest {path}", error, error=DataError) from error
    except Exception as error:  # the readers have exceptions of their own
        raise DataError(f"The manifest {path} cannot be read: {error}", hint="Save it again.") from error
    return [(str(name), column_texts(table.iloc[:, place])) for place, name in enumerate(table.columns)]


def _read_list(text: str, path: Path) -> list[Column]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    paths, labels = [], []
    for number, line in enumerate(lines, start=1):
        name, _, label = (line.replace("\t", " ") if "," not in line else line.replace(",", " ")).rpartition(" ")
        if not name or not label.lstrip("-").isdigit():
            name, label = line, line.partition("/")[0] if "/" in line else ""
        if not label:
            raise DataError(
                f"Line {number} of the list {path} has no label: {line}.",
                hint="Write a path and a class index on each line, or paths that begin with the class: cat/0.png.",
            )
        paths.append(name.strip())
        labels.append(label)
    return [("path", paths), ("label", labels)]


def _read_csv(text: str, path: Path, wanted: Collection[str]) -> list[Column]:
    reader = csv.reader(StringIO(text, newline=""), delimiter=_find_delimiter(text, wanted), skipinitialspace=True)
    try:
        header, *rows = [row for row in reader if any(value.strip() for value in row)] or [[]]
    except csv.Error as error:
        raise DataError(
            f"The manifest {path} is not a table: line {reader.line_num}: {error}.", hint="Save it as plain CSV."
        ) from error
    if len(header) == 2 and Path(header[0].strip()).suffix.lower() in IMAGE_SUFFIXES:
        header, rows = ["path", "label"], [header, *rows]  # a list of images and labels without a header
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise DataError(
                f"Row {number} of the manifest {path} has {len(row)} values for {len(header)} columns.",
                hint="Write one value for each column, and quote a value that contains the delimiter.",
            )
    return [(name, _plain_values([row[place].strip() for row in rows])) for place, name in enumerate(header)]


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


def _find_delimiter(text: str, wanted: Collection[str]) -> str:
    """The delimiter that separates the wanted names in the header, else the first one that the header contains."""
    header = next(iter(text.splitlines()), "")
    for delimiter in _DELIMITERS:
        if set(wanted) <= {name.strip().strip('"').strip().lower() for name in header.split(delimiter)}:
            return delimiter
    return next((delimiter for delimiter in _DELIMITERS if delimiter in header), ",")
