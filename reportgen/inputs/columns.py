"""What a table says of each example besides image and label, as text. Torch-free."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def text_column(values: "pd.Series[Any]") -> NDArray[np.str_]:
    """The values of a column as a person would write them: `True`, `3` also where gaps made floats of integers.

    Args:
        values: N scalars of any one type.

    Returns:
        str (N,), empty where there is no value, without spaces around.
    """
    from pandas.api.types import is_float_dtype

    is_missing = values.isna()
    present = values[~is_missing]
    if is_float_dtype(values.dtype) and bool((present % 1 == 0).all()):  # infinity % 1 is no number, thus not 0
        values = values.where(~is_missing, 0).astype("int64")
    text = values.astype(object).where(~is_missing, "").map(lambda value: str(value).strip())
    return np.array(text.tolist(), dtype=np.str_)
