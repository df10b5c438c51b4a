"""From a source to an evaluation set: classes in the model's order, superclasses, and the limit."""

from collections.abc import Sequence
from itertools import pairwise
from math import modf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reportgen.cache import Superclasses
from reportgen.errors import DataError, setting
from reportgen.inputs.data.class_names import (
    describe_single_class,
    group_classes,
    number_names,
    read_class_names,
    read_superclasses,
    reorder_labels,
    require_unique,
)
from reportgen.inputs.data.class_numbers import describe_gaps, parse_numbers, require_below
from reportgen.inputs.data.class_orders import read_class_order
from reportgen.inputs.data.evaluation_set import EvaluationSet, LabelledImages
from reportgen.inputs.data.readable import read_files
from reportgen.inputs.data.source import DataSource
from reportgen.inputs.suggestions import few_text
from reportgen.plain_text import to_one_line

_GOLDEN_RATIO = 1.618033988749895


def load_evaluation_set(source: DataSource, model_names: Sequence[str] = ()) -> EvaluationSet:
    """The test set of a source, its labels in the model's index order, limited to `settings.limit` examples.

    That order is the file of class names, or else `model_names`, if they contain all classes of the data. A source
    with numbers only gets its class names from them, which its labels then index; without them the classes are called
    0 to the largest label.

    Args:
        source: the test set.
        model_names: the class names in index order, if the model brings them; empty otherwise.

    Raises:
        DataError: it cannot be read, or does not fit the class names or superclasses given.
    """
    settings = source.settings
    test_set = source.load()
    labels, class_names, notes = _resolve_classes(
        test_set, settings.class_names_path, tuple(to_one_line(name) for name in model_names)
    )
    picked = np.arange(len(labels)) if settings.limit is None else spread_positions(len(labels), settings.limit)
    read = read_files(test_set, picked, settings)
    picked = read.positions
    return EvaluationSet(
        name=test_set.name,
        images=read.images,
        labels=labels[picked],
        example_ids=tuple(test_set.example_ids[position] for position in picked),
        example_index=picked,
        class_names=class_names,
        superclasses=_resolve_superclasses(test_set, class_names, settings.superclasses_path),
        normalisation=test_set.normalisation,
        columns={name: column[picked] for name, column in test_set.columns.items()},
        notes=(*test_set.notes, *read.notes, *notes, *describe_single_class(labels[picked], class_names)),
        skipped=read.skipped,
    )


def _resolve_classes(
    test_set: LabelledImages, path: Path | None, model_names: tuple[str, ...]
) -> tuple[NDArray[np.int64], tuple[str, ...], tuple[str, ...]]:
    """Labels and class names in the model's order, and notes for the reader of the report."""
    labels, data_names = test_set.labels, None
    notes: tuple[str, ...] = ()
    if test_set.class_names is not None:
        data_names = tuple(to_one_line(name) for name in test_set.class_names)
        require_unique(data_names, f"The test set {test_set.name}")
    known = model_names if path is None else read_class_names(path)
    what = "the model's class names" if path is None else f"the class names of {path}"
    numbers = None if data_names is None else parse_numbers(data_names)
    if known and data_names is not None and numbers is not None and not set(data_names) <= set(known):
        labels, data_names = np.array(numbers, dtype=np.int64)[labels], None
        notes = (f"The classes of the test set are whole numbers, which are taken as indices into {what}.",)
    if data_names is None:
        if known:
            require_below(labels, len(known), f"The test set {test_set.name}", what)
            class_names, order = known, read_class_order(path)
            labels = labels if order is None else order.reorder(labels)
        else:
            class_names = number_names(int(labels.max()) + 1)
        notes = (*notes, *describe_gaps(labels, is_count_known=bool(known)))
    elif path is not None or (known and set(data_names) <= set(known)):
        labels, class_names = reorder_labels(labels, data_names, known, what), known
    else:
        class_names, notes = data_names, test_set.order_notes
        if known:
            notes = (
                *notes,
                f"The model's own class names ({few_text(known)}) do not include all classes of the test set "
                f"({few_text(data_names)}): the order of the test set is used.",
            )
    if len(class_names) < 2:
        raise DataError(
            f"The test set {test_set.name} has only one class, {class_names[0]}.",
            hint="Give a test set with at least two classes, or list all classes of the model in a file and give "
            f"{setting('class_names_path', 'FILE')}.",
        )
    return labels, class_names, notes


def _resolve_superclasses(
    test_set: LabelledImages, class_names: tuple[str, ...], path: Path | None
) -> Superclasses | None:
    if path is not None:
        return group_classes(class_names, read_superclasses(path), f"The file of superclasses {path}")
    if test_set.superclass_of is None:
        return None
    return group_classes(class_names, test_set.superclass_of, f"The {test_set.name}")


def spread_positions(total: int, limit: int) -> NDArray[np.int64]:
    """Positions in 0..total-1, ascending: one from each of `limit` equal intervals, or all if the limit is larger.

    The place within the interval advances by the golden ratio (a Weyl sequence): a fixed stride would miss classes of a
    test set that lists its classes in turn.
    """
    num_picked = min(limit, total)
    stretches = [number * total // num_picked for number in range(num_picked + 1)]
    return np.array(
        [
            start + int(modf(number * _GOLDEN_RATIO)[0] * (stop - start))
            for number, (start, stop) in enumerate(pairwise(stretches))
        ],
        dtype=np.int64,
    )
