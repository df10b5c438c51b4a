"""Metadata columns of a table, as text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

_MAX_LENGTH = 200  # in characters; NumPy gives every text the room of the longest


def column_texts(values: "pd.Series[Any]") -> list[str]:
    """The values of a column as a person would write them: `True`, `3` also where gaps made floats of integers.

    Args:
        values: N scalars of any one type.

    Returns:
        N texts without surrounding spaces; empty for missing values.
    """
    from pandas.api.types import is_float_dtype

    is_missing = values.isna()
    present = values[~is_missing]
    if is_float_dtype(values.dtype) and bool((present % 1 == 0).all()):  # infinity % 1 is no number, thus not 0
        values = values.where(~is_missing, 0).astype("int64")
    return ["" if gap else str(value).strip() for value, gap in zip(values.tolist(), is_missing, strict=True)]


def make_column(texts: Sequence[str]) -> NDArray[np.str_]:
    """Texts as the values of a column, str (N,); very long ones are cut."""
    return np.array(
        [f"{text[: _MAX_LENGTH - 1]}…" if len(text) > _MAX_LENGTH else text for text in texts], dtype=np.str_
    )
