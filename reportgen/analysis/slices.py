"""Accuracy by what else the test set says of its examples: by camera, by hospital, by light."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.intervals import CONFIDENCE_LEVEL, Proportion

MAX_VALUES = 20
"""A column with more values than this names its examples rather than groups them."""

MAX_COLUMNS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The examples that share one value of a column.

    Attributes:
        value: the column's value.
        accuracy: those predicted right, out of all of them.
        tested: the same with an exact interval that holds for all slices of all columns together (Bonferroni).
    """

    value: str
    accuracy: Proportion
    tested: Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSlices:
    """A column that groups the examples.

    Attributes:
        name: the column's name.
        slices: one for each of its values, by rising accuracy; ties by value.
        overall: accuracy over all examples.
    """

    name: str
    slices: tuple[Slice, ...]
    overall: Proportion

    @property
    def below(self) -> tuple[Slice, ...]:
        """The slices that are worse than the whole test set by more than chance explains."""
        return tuple(found for found in self.slices if found.tested.high < self.overall.value)

    @property
    def above(self) -> tuple[Slice, ...]:
        """The slices that are better by more than chance explains."""
        return tuple(found for found in self.slices if found.tested.low > self.overall.value)


def choose_columns(columns: Mapping[str, NDArray[np.str_]]) -> tuple[str, ...]:
    """Names of the first `MAX_COLUMNS` columns that group the examples: those of 2 to `MAX_VALUES` values.

    Args:
        columns: by name, str (N,).
    """
    grouping = [name for name, column in columns.items() if 2 <= len(np.unique(column)) <= MAX_VALUES]
    return tuple(grouping[:MAX_COLUMNS])


def compute_slices(columns: Mapping[str, NDArray[np.str_]], is_correct: NDArray[np.bool_]) -> tuple[ColumnSlices, ...]:
    """Accuracy by each column that groups the examples, in the columns' order.

    Args:
        columns: by name, str (N,).
        is_correct: bool (N,).
    """
    grouped = [(name, *np.unique(columns[name], return_inverse=True)) for name in choose_columns(columns)]
    level = 1 - (1 - CONFIDENCE_LEVEL) / max(1, sum(len(values) for _, values, _ in grouped))
    overall = Proportion(count=int(np.count_nonzero(is_correct)), total=len(is_correct))
    found = []
    for name, values, members in grouped:
        totals = np.bincount(members, minlength=len(values)).tolist()
        counts = np.bincount(members[is_correct], minlength=len(values)).tolist()
        slices = [
            Slice(
                value=str(value),
                accuracy=Proportion(count=count, total=total),
                tested=Proportion(count=count, total=total, level=level, exact=True),
            )
            for value, count, total in zip(values, counts, totals, strict=True)
        ]
        slices.sort(key=lambda part: (part.accuracy.value, part.value))
        found.append(ColumnSlices(name=name, slices=tuple(slices), overall=overall))
    return tuple(found)
