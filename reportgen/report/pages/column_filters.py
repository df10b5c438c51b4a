"""Metadata columns as filters of the galleries."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.slices import choose_columns
from reportgen.report.urls import make_slug
from reportgen.report.views.class_view import ColumnFilter
from reportgen.report.words.text import value_text


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class GroupingColumn:
    """A column of few values.

    Attributes:
        filter: the column as galleries are filtered by it.
        codes: int64 (N,), the place of each example's value among the filter's.
    """

    filter: ColumnFilter
    codes: NDArray[np.int64]


def make_grouping_columns(columns: Mapping[str, NDArray[np.str_]]) -> tuple[GroupingColumn, ...]:
    """The columns that galleries are filtered by, in their order.

    Args:
        columns: by name, str (N,).
    """
    found: list[GroupingColumn] = []
    taken: set[str] = set()
    for place, name in enumerate(choose_columns(columns)):
        slug = make_slug(name)
        field = f"column-{slug}" if slug and f"column-{slug}" not in taken else f"column-{place}"
        taken.add(field)
        values, codes = np.unique(columns[name], return_inverse=True)
        texts = tuple((str(at), value_text(str(value))) for at, value in enumerate(values))
        found.append(GroupingColumn(filter=ColumnFilter(field=field, name=name, values=texts), codes=codes))
    return tuple(found)
