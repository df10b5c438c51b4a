"""The classes by name: the model's index order, and the superclasses that group them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reportgen.cache import Superclasses
from reportgen.errors import DataError, setting
from reportgen.inputs.data.class_numbers import are_numbers
from reportgen.inputs.data.class_orders import parse_class_order
from reportgen.inputs.files import read_text
from reportgen.inputs.suggestions import few_text, nearest_text
from reportgen.parsing import parse_json, parse_table
from reportgen.plain_text import to_one_line

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def read_class_names(path: Path) -> tuple[str, ...]:
    """The model's class names in index order.

    They come from JSON (a list, or an object by index), a text file with one name a line, or `class_order.csv`.

    Raises:
        DataError: the file is missing, is neither, or names a class twice.
    """
    what, hint = "The file of class names", "Give a text file with one class per line, or a JSON list of names."
    text = read_text(path, what, error=DataError, hint=hint).strip()
    order = parse_class_order(text, path)
    names: Sequence[str]
    if order is not None:
        names = order.names
    elif text.startswith(("[", "{")):
        try:
            names = parse_json(text)
        except ValueError as error:
            raise DataError(f"{what} {path} is not valid JSON: {error}.", hint=hint) from error
        if isinstance(names, dict):
            names = _in_index_order(names, f"{what} {path}")
        if not all(isinstance(name, str) for name in names):
            raise DataError(f"{what} {path} contains entries that are not text.", hint='Write ["apple", "baby"].')
    else:
        names = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    names = [to_one_line(name) for name in names]
    if "" in names:
        # Leaving it out would shift every index behind it.
        raise DataError(f"{what} {path} has an empty name at index {names.index('')}.", hint=hint)
    require_unique(names, f"{what} {path}")
    return tuple(names)


def _in_index_order(names: Mapping[str, Any], what: str) -> list[Any]:
    """The names by index in a JSON object: texts, or pairs of which the first is the name, as for ImageNet.

    Raises:
        DataError: its keys are not the indices from 0.
    """
    if set(names) != {str(index) for index in range(len(names))}:
        raise DataError(
            f"{what} is a JSON object, but its keys are not the indices from 0 to {len(names) - 1}.",
            hint="Write a name for each index, as imagenet_class_index.json does, or a list of names.",
        )
    ordered = [names[str(index)] for index in range(len(names))]
    return [entry[0] if isinstance(entry, list) and entry else entry for entry in ordered]


def require_unique(names: Sequence[str], what: str) -> None:
    """Check that no class is named twice.

    Raises:
        DataError: one is.
    """
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in seen:
            raise DataError(
                f"{what} contains {name} twice, at indices {seen[name]} and {index}.",
                hint="Give each class a unique name.",
            )
        seen[name] = index


def describe_single_class(labels: NDArray[np.int64], class_names: Sequence[str]) -> tuple[str, ...]:
    """A note where all examples are of one class; empty otherwise."""
    if (labels != labels[0]).any() or labels[0] >= len(class_names):
        return ()
    return (
        f"All {len(labels):,} images are of the class {class_names[int(labels[0])]}: the report measures how often the "
        "model finds this class, but not what it does with images of others.",
    )


def number_names(count: int) -> tuple[str, ...]:
    """The numbers from 0 on, as names."""
    return tuple(str(number) for number in range(count))


def index_labels(labels: NDArray[np.str_], known: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...] | None]:
    """Labels given as text, as indices: numbers are indices already, unless the model has classes of these names.

    Args:
        labels: str (N,), no empty ones.
        known: the model's class names; empty if unknown.

    Returns:
        int64 (N,), and the sorted class names that it indexes; `None` for them where the labels are numbers.

    Raises:
        DataError: all labels are numbers, and one is negative or a fraction.
    """
    names, indices = np.unique(labels, return_inverse=True)
    class_names: list[str] = names.tolist()
    if set(class_names) <= set(known):
        return indices.astype(np.int64), tuple(class_names)
    if are_numbers(class_names):
        return labels.astype(np.int64), None
    wrong = next((name for name in class_names if not name.isdigit()), "")
    if wrong and all(_NUMBER.fullmatch(name) for name in class_names):
        raise DataError(
            f"The label {wrong} is a number but not a class index.",
            hint="Give class indices, 0 for the first class, or class names. If the labels are names, list them in "
            f"the model's order in a file and give {setting('class_names_path', 'FILE')}.",
        )
    return indices.astype(np.int64), tuple(class_names)


def reorder_labels(
    labels: NDArray[np.int64], data_names: Sequence[str], model_names: Sequence[str], what: str
) -> NDArray[np.int64]:
    """Labels as indices into the model's class names.

    Args:
        labels: int64 (N,), indices into the data's class names.
        data_names: the data's class names.
        model_names: the model's class names; may include more.
        what: where the model's names come from, for messages.

    Returns:
        int64 (N,).

    Raises:
        DataError: the data has a class that is not among the model's names.
    """
    index_of = {name: index for index, name in enumerate(model_names)}
    unknown = [name for name in data_names if name not in index_of]
    if unknown:
        raise DataError(
            f"The class {unknown[0]} of the test set is not in {what}"
            + (f", nor are {len(unknown) - 1} others: {few_text(unknown[1:])}." if len(unknown) > 1 else "."),
            hint=f"{nearest_text(unknown[0], model_names)} Use the names of the test set.",
        )
    return np.array([index_of[name] for name in data_names], dtype=np.int64)[labels]


def read_superclasses(path: Path) -> dict[str, str]:
    """The superclass of each class, from a CSV with the columns `class` and `superclass`.

    Raises:
        DataError: the file is missing, lacks a column or a value, or groups a class twice.
    """
    what, hint = "The file of superclasses", "Give a CSV with the columns class and superclass, one class per row."
    text = read_text(path, what, error=DataError, hint=hint)
    try:
        columns, rows = parse_table(text)
    except ValueError as error:
        raise DataError(f"{what} {path} is not a table: {error}.", hint=hint) from error
    for column in ("class", "superclass"):
        if column not in columns:
            raise DataError(f"{what} {path} has no column {column}; it has {', '.join(columns)}.", hint=hint)
    superclass_of: dict[str, str] = {}
    for line, row in rows:
        name, superclass = (to_one_line(row[column]) for column in ("class", "superclass"))
        if not name or not superclass:
            raise DataError(f"{what} {path} has no value in line {line}.", hint=hint)
        if superclass_of.setdefault(name, superclass) != superclass:
            raise DataError(
                f"{what} {path} assigns {name} to both {superclass_of[name]} and {superclass}.",
                hint="Give each class one superclass.",
            )
    return superclass_of


def group_classes(class_names: Sequence[str], superclass_of: Mapping[str, str], what: str) -> Superclasses:
    """The classes grouped by superclass; superclasses are sorted by name.

    Args:
        class_names: the K names in index order.
        superclass_of: the superclass of each class.
        what: where the grouping comes from, for messages.

    Raises:
        DataError: a class has no superclass, or the grouping contains another class.
    """
    known = set(class_names)
    missing = [name for name in class_names if name not in superclass_of]
    unknown = [name for name in superclass_of if name not in known]
    if unknown:
        raise DataError(
            f"{what} contains {few_text(unknown)}, which "
            f"{'is not a class' if len(unknown) == 1 else 'are not classes'} of the test set.",
            hint=f"{nearest_text(unknown[0], missing or class_names)} If the test set contains only some of the "
            f"model's classes, list all of them in a file and give {setting('class_names_path', 'FILE')}.",
        )
    if missing:
        raise DataError(f"{what} has no superclass for {few_text(missing)}.", hint="Add a row for each class.")
    names = tuple(sorted(set(superclass_of.values())))
    index_of = {name: index for index, name in enumerate(names)}
    return Superclasses(
        names=names, superclass_of=np.array([index_of[superclass_of[name]] for name in class_names], dtype=np.int64)
    )
