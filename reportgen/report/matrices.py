"""The confusion matrices of the first page: how their rows are ordered, named and drawn."""

from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.confusion import SuperclassFindings, order_by_similarity, order_by_superclass
from reportgen.report.context import ReportContext
from reportgen.report.diagrams import frame_matrix
from reportgen.report.images import max_mistakes
from reportgen.report.pages import MatrixPicture
from reportgen.report.text import count_text

CLASS_MATRIX_PATH = "images/confusion.png"
SUPERCLASS_MATRIX_PATH = "images/confusion-superclasses.png"

# More names than this find no room beside the rows.
_MAX_NAMES = 44


def class_order(context: ReportContext) -> NDArray[np.int64]:
    """The classes as the matrix shows them: by superclass where those are known, else by similarity."""
    group = context.cache.superclasses
    if group is None:
        return order_by_similarity(context.findings.confusion)
    return order_by_superclass(group.superclass_of)


def make_class_matrix(context: ReportContext) -> MatrixPicture:
    """The mistakes between all classes."""
    confusion = context.findings.confusion
    order = class_order(context).tolist()
    recalls = [(context.class_name(class_index), context.findings.classes[class_index].recall) for class_index in order]
    num_mistakes = int(confusion.sum() - np.trace(confusion))
    return frame_matrix(
        url=CLASS_MATRIX_PATH,
        alt=f"Confusion matrix of {count_text(len(order))} classes, {count_text(num_mistakes)} mistakes;"
        " the table of pairs below names the largest cells",
        blocks=_class_blocks(context, order),
        recalls=recalls,
        max_count=max_mistakes(confusion),
        order_text="in blocks of superclasses" if context.cache.superclasses else "with similar classes side by side",
    )


def _class_blocks(context: ReportContext, order: list[int]) -> list[tuple[str, int]]:
    group = context.cache.superclasses
    if group is None:
        blocks = [(context.class_name(class_index), 1) for class_index in order]
    else:
        runs = groupby(order, key=lambda class_index: int(group.superclass_of[class_index]))
        blocks = [(group.names[superclass], len(list(members))) for superclass, members in runs]
    return blocks if len(blocks) <= _MAX_NAMES else []


def make_superclass_matrix(context: ReportContext, found: SuperclassFindings) -> MatrixPicture:
    """The mistakes between superclasses; the diagonal, right answers and mistakes inside, is left out."""
    order = superclass_order(context)
    blocks = [(found.names[index], 1) for index in order.tolist()]
    return frame_matrix(
        url=SUPERCLASS_MATRIX_PATH,
        alt=f"Confusion matrix of {count_text(len(order))} superclasses; the table beside it holds their numbers",
        blocks=blocks if len(blocks) <= _MAX_NAMES else [],
        recalls=[(found.names[index], found.recall[index]) for index in order.tolist()],
        max_count=max_mistakes(found.confusion),
        order_text="in the same order",
    )


def superclass_order(context: ReportContext) -> NDArray[np.int64]:
    """The superclasses as the class matrix shows its blocks."""
    group = context.cache.superclasses
    assert group is not None, "only called where superclasses are known"
    return np.array(list(dict.fromkeys(group.superclass_of[class_order(context)].tolist())), dtype=np.int64)
