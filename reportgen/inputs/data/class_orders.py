"""The order of the classes that a report suggests, `class_order.csv`, as a file of class names. Torch-free."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import DataError
from reportgen.inputs.files import read_text

_HEADER = "output_index,class_index,class"


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class OutputOrder:
    """What the K outputs of a model stand for.

    Attributes:
        class_of: int64 (K,), for each output the index that the labels use for its class.
        names: for each output the name of its class.
    """

    class_of: NDArray[np.int64]
    names: Sequence[str]

    def reorder(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Class indices 0..K-1 as indices of outputs: int64 (N,)."""
        return np.argsort(self.class_of)[labels]


def read_class_order(path: Path | None) -> OutputOrder | None:
    """The order in a file of class names; `None` without a file, or if it is a plain list of names.

    Raises:
        DataError: the file cannot be read, or its indices are not 0 to K - 1.
    """
    if path is None:
        return None
    text = read_text(path, "The file of class names", error=DataError, hint="Name a text file.")
    return parse_class_order(text.lstrip("\ufeff"), path)


def parse_class_order(text: str, path: Path) -> OutputOrder | None:
    """The order in the text of a file of class names; `None` if it is a plain list of names."""
    if not text.startswith(_HEADER):
        return None
    try:
        rows = [(int(output), int(index), name) for output, index, name in list(csv.reader(StringIO(text)))[1:]]
    except ValueError:
        rows = []
    outputs, indices = (sorted(row[column] for row in rows) for column in (0, 1))
    if not rows or outputs != list(range(len(rows))) or indices != outputs:
        raise DataError(
            f"The file of class names {path} contains no order of classes: its columns output_index and class_index "
            "must contain each index once.",
            hint="Give the file as the report wrote it.",
        )
    rows.sort()
    return OutputOrder(
        class_of=np.array([index for _output, index, _name in rows], dtype=np.int64),
        names=tuple(name for _output, _index, name in rows),
    )
