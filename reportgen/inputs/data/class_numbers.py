"""Classes that are written as whole numbers: their order, and labels that seem to be counted from 1."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import DataError, setting
from reportgen.inputs.suggestions import few_text

_MAX_DIGITS = 6  # longer numbers are not indices


def are_numbers(names: Iterable[str]) -> bool:
    """Whether all names are whole numbers that could be indices."""
    return all(name.isascii() and name.isdigit() and len(name) <= _MAX_DIGITS for name in names)


def parse_numbers(names: Sequence[str]) -> tuple[int, ...] | None:
    """The names as whole numbers; `None` where one is none, or two are the same number."""
    if not are_numbers(names):
        return None
    numbers = tuple(map(int, names))
    return numbers if len(set(numbers)) == len(numbers) else None


def sort_class_names(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Class names without an order of their own, in the order in which a model most likely has them.

    They are sorted as text, as torchvision's `ImageFolder` does; the numbers from 0 to K - 1 by their value.

    Returns:
        The sorted names, and notes for the reader of the report.
    """
    by_text = tuple(sorted(names))
    numbers = parse_numbers(by_text)
    if numbers is None or list(numbers) == sorted(numbers):
        return by_text, ()
    if set(numbers) == set(range(len(numbers))):
        by_number = tuple(sorted(names, key=int))
        return by_number, (
            f"The classes are named by the whole numbers 0 to {len(numbers) - 1}: class k is output k of the model. "
            f"Sorted as text, the order would be {few_text(by_text)}.",
        )
    return by_text, (
        f"The classes are named by whole numbers from {min(numbers)} to {max(numbers)} and sorted as text: "
        f"{few_text(by_text)}. If the model has them in numeric order, list them in that order in a file of class "
        "names.",
    )


def describe_gaps(labels: NDArray[np.int64], *, is_count_known: bool) -> tuple[str, ...]:
    """A note about labels in plain numbers that seem to be counted from 1, or have gaps.

    Args:
        labels: int64 (N,), not negative.
        is_count_known: whether the number of classes is known. If not, it follows from the largest label, and gaps are
            told as well.
    """
    present = np.unique(labels)
    least, largest = int(present[0]), int(present[-1])
    is_complete = len(present) == largest - least + 1
    if is_count_known and (least != 1 or not is_complete or len(present) == 1):
        return ()
    if least > 0:
        return (
            f"No image has the label 0: the labels run from {least} to {largest}. Were they counted from 1? Then "
            "subtract 1 from each label; otherwise class 0 has no image.",
        )
    missing = np.setdiff1d(np.arange(largest), present)
    if not len(missing):
        return ()
    return (
        f"The labels run from 0 to {largest}, and {len(missing):,} numbers between do not occur: "
        f"{few_text(map(str, missing.tolist()))}. Label k is taken as output k of the model.",
    )


def require_below(labels: NDArray[np.int64], num_classes: int, what: str, names: str) -> None:
    """Check that labels are indices of `num_classes` classes.

    Args:
        labels: int64 (N,), not negative.
        num_classes: K.
        what: whose labels they are, as the start of a message.
        names: where the K classes come from, as the subject of `list`.

    Raises:
        DataError: one is too large.
    """
    largest = int(labels.max())
    if largest < num_classes:
        return
    hint = "List every class of the model, in its index order."
    if largest == num_classes and labels.min() > 0:
        hint = (
            "Are the labels counted from 1? Subtract 1 from each label, or list the labels themselves, in the model's "
            f"order, in a file and give {setting('class_names_path', 'FILE')}."
        )
    raise DataError(f"{what} has labels up to {largest}, but {names} list {num_classes} classes.", hint=hint)
