import numpy as np
import pandas as pd
import pytest

from reportgen.inputs.data.columns import column_texts, make_column


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Series(["a", " b ", None]), ["a", "b", ""]),
        (pd.Series([1, 2, 3]), ["1", "2", "3"]),
        (pd.Series([1.0, np.nan, 3.0]), ["1", "", "3"]),
        (pd.Series([1.5, np.nan, 3.0]), ["1.5", "", "3.0"]),
        (pd.Series([1.0, np.inf]), ["1.0", "inf"]),
        (pd.Series([True, False]), ["True", "False"]),
        (pd.Series([True, None], dtype="boolean"), ["True", ""]),
        (pd.Series([1, None], dtype="Int64"), ["1", ""]),
        (pd.Series([np.nan, np.nan]), ["", ""]),
        (pd.Series(pd.Categorical(["x", None, "y"])), ["x", "", "y"]),
    ],
)
def test_values_are_written_as_a_person_would(values, expected):
    assert column_texts(values) == expected


def test_long_texts_are_cut_and_others_kept():
    column = make_column(["x" * 5000, "y" * 200, ""])
    assert column.dtype == "<U200"
    assert column[0] == "x" * 199 + "…"
    assert column[1] == "y" * 200
    assert column[2] == ""
