"""The confusion matrices of the first page: order and names of their rows, and the choices of the reader."""

from itertools import groupby

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from reportgen.analysis.confusion import SuperclassFindings
from reportgen.analysis.metrics import ClassMetrics
from reportgen.report.pages.context import RunContext
from reportgen.report.pictures.diagrams.confusion_frame import (
    MAX_NAMES,
    MatrixCells,
    draw_count_scale,
    draw_framed_matrix,
    draw_matrix,
)
from reportgen.report.pictures.images import max_errors
from reportgen.report.views.index_view import ClassMatrix, MatrixChoice
from reportgen.report.words.text import plural_text

CLASS_MATRIX_PATH = "images/confusion.png"
SUPERCLASS_MATRIX_PATH = "images/confusion-superclasses.png"

# With more classes than this, a reader starts with the superclasses.
_MAX_CLASSES_AT_FIRST = 300


def make_class_matrix(context: RunContext) -> ClassMatrix:
    """The mistakes between all classes."""
    group, num_classes = context.cache.superclasses, len(context.cache.class_names)
    levels: tuple[MatrixChoice, ...] = ()
    orders = [("similarity", "similarity"), ("name", "name")]
    if group is not None:
        starts_fine = num_classes <= _MAX_CLASSES_AT_FIRST
        levels = (
            MatrixChoice(value="classes", text=plural_text(num_classes, "class", "classes"), is_chosen=starts_fine),
            MatrixChoice(
                value="superclasses",
                text=plural_text(len(group.names), "superclass", "superclasses"),
                is_chosen=not starts_fine,
            ),
        )
        orders.insert(0, ("superclass", "superclass"))
    return ClassMatrix(
        note="Rows: true class. Columns: predicted class. Correct predictions are omitted to make errors visible."
        " Bars in the margin: recall of each row.",
        picture=draw_framed_matrix(_class_cells(context)),
        picture_note="Rows and columns are grouped by superclass."
        if group is not None
        else "Classes that are often confused are adjacent.",
        scale=draw_count_scale(max_errors(context.findings.confusion)),
        has_errors=max_errors(context.findings.confusion) > 0,
        levels=levels,
        orders=tuple(
            MatrixChoice(value=value, text=text, is_chosen=rank == 0) for rank, (value, text) in enumerate(orders)
        ),
    )


def _class_cells(context: RunContext) -> MatrixCells:
    confusion, order = context.findings.confusion, context.findings.class_order.tolist()
    num_mistakes = int(confusion.sum() - np.trace(confusion))
    ordered: list[ClassMetrics] = [context.findings.classes[class_index] for class_index in order]
    return MatrixCells(
        url=CLASS_MATRIX_PATH,
        alt=f"Confusion matrix of {plural_text(len(order), 'class', 'classes')},"
        f" {plural_text(num_mistakes, 'error')}; the table of pairs below lists the largest cells",
        blocks=_class_blocks(context, order),
        recalls=[metrics.recall for metrics in ordered],
    )


def _class_blocks(context: RunContext, order: list[int]) -> list[tuple[str, int]]:
    group = context.cache.superclasses
    if group is None:
        blocks = [(context.class_name(class_index), 1) for class_index in order]
    else:
        runs = groupby(order, key=lambda class_index: int(group.superclass_of[class_index]))
        blocks = [(group.names[superclass], len(list(members))) for superclass, members in runs]
    return blocks if len(blocks) <= MAX_NAMES else []


def make_superclass_matrix(context: RunContext, found: SuperclassFindings) -> Markup:
    """The mistakes between superclasses; the diagonal, right answers and mistakes inside, is left out."""
    order = superclass_order(context).tolist()
    cells = MatrixCells(
        url=SUPERCLASS_MATRIX_PATH,
        alt=f"Confusion matrix of {plural_text(len(order), 'superclass', 'superclasses')}; the table lists their"
        " numbers",
        blocks=[],  # the table beside it names them
        recalls=[found.recall[index] for index in order],
    )
    return draw_matrix(cells)


def superclass_order(context: RunContext) -> NDArray[np.int64]:
    """The superclasses as the picture of all classes shows their blocks: int64 (S,)."""
    group = context.cache.superclasses
    assert group is not None, "only called where superclasses are known"
    return np.array(list(dict.fromkeys(group.superclass_of[context.findings.class_order].tolist())), dtype=np.int64)
