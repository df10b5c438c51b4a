"""Accuracy by metadata, such as camera, hospital or light."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.intervals import CONFIDENCE_LEVEL, Proportion

MAX_VALUES = 20
"""A column with more values identifies examples instead of grouping them."""

MAX_COLUMNS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The examples with one value of a metadata column.

    Attributes:
        tested: accuracy with an exact interval that holds for all slices of all columns together (Bonferroni).
    """

    value: str
    accuracy: Proportion
    tested: Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSlices:
    """Accuracy by one metadata column.

    Attributes:
        slices: one per value, by rising accuracy; ties by value.
        overall: accuracy over all examples.
    """

    name: str
    slices: tuple[Slice, ...]
    overall: Proportion

    @property
    def below(self) -> tuple[Slice, ...]:
        """The slices whose accuracy is below that of the whole test set, beyond chance."""
        return tuple(found for found in self.slices if found.tested.high < self.overall.value)

    @property
    def above(self) -> tuple[Slice, ...]:
        """The slices whose accuracy is above that of the whole test set, beyond chance."""
        return tuple(found for found in self.slices if found.tested.low > self.overall.value)


def choose_columns(columns: Mapping[str, NDArray[np.str_]]) -> tuple[str, ...]:
    """Names of the first `MAX_COLUMNS` columns that group the examples: those with 2 to `MAX_VALUES` values."""
    grouping = [name for name, column in columns.items() if 2 <= len(np.unique(column)) <= MAX_VALUES]
    return tuple(grouping[:MAX_COLUMNS])


def compute_slices(columns: Mapping[str, NDArray[np.str_]], is_correct: NDArray[np.bool_]) -> tuple[ColumnSlices, ...]:
    """Accuracy by each column that groups the examples, in the order of the columns.

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
