"""The numbers of the confusion matrix for its script: every cell that is not empty, and the orders of its rows."""

import json
import re
from collections import defaultdict
from statistics import NormalDist
from string import ascii_lowercase, ascii_uppercase

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.confusion import order_by_similarity
from reportgen.analysis.intervals import CONFIDENCE_LEVEL
from reportgen.report.pages.context import RunContext

MATRIX_DATA_PATH = "assets/confusion.js"


def matrix_script(context: RunContext) -> bytes:
    """A script that sets `window.reportgenMatrix`.

    | key | value |
    |---|---|
    | `z` | the normal quantile of a Wilson interval |
    | `size` | K, the number of classes |
    | `cells` | what `pack_cells` makes of the confusion matrix |
    | `orders` | `similarity` and `name`: the K class indices in that order |
    | `superclasses` | `names`; `of`: the superclass of each class; `orders`: of the superclasses; or null |

    Names and pages of the classes stand in `assets/classes.js`.
    """
    findings, group = context.findings, context.cache.superclasses
    # Without superclasses the findings hold the order by similarity already.
    by_similarity = findings.class_order if group is None else order_by_similarity(findings.confusion)
    superclasses = None
    if group is not None and findings.superclasses is not None:
        superclasses = {
            "names": group.names,
            "of": group.superclass_of.tolist(),
            "orders": {
                "similarity": order_by_similarity(findings.superclasses.confusion).tolist(),
                "name": order_by_name(group.names),
            },
        }
    data = {
        "z": NormalDist().inv_cdf((1 + CONFIDENCE_LEVEL) / 2),
        "size": len(findings.confusion),
        "cells": pack_cells(findings.confusion),
        "orders": {"similarity": by_similarity.tolist(), "name": order_by_name(context.cache.shown_names)},
        "superclasses": superclasses,
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"window.reportgenMatrix = {text};\n".encode()


def pack_cells(confusion: NDArray[np.int64]) -> dict[str, str]:
    """The cells of a matrix that are not 0, diagonal included, grouped by count.

    Most counts are small and most cells lie near the one before, so that a cell takes one to three characters.

    Args:
        confusion: int64 (K, K).

    Returns:
        For each count, ascending: `K * row + column` of its cells, ascending, each as the difference to the one before
        it (the first: to 0) in digits of base 26, of which the last is a capital: `A` is 0, `Z` is 25, `bA` is 26.
    """
    flat = confusion.ravel()
    places = defaultdict(list)
    for place in flat.nonzero()[0].tolist():
        places[int(flat[place])].append(place)
    return {
        str(count): "".join(_letters(gap) for gap in np.diff(places[count], prepend=0).tolist())
        for count in sorted(places)
    }


def _letters(number: int) -> str:
    rest, last = divmod(number, 26)
    leading = ""
    while rest:
        rest, digit = divmod(rest, 26)
        leading = ascii_lowercase[digit] + leading
    return leading + ascii_uppercase[last]


def order_by_name(names: tuple[str, ...]) -> list[int]:
    """The indices of names in alphabetical order; case is ignored and numbers count as numbers."""

    def key(index: int) -> list[tuple[int, str]]:
        parts = re.split(r"([0-9]+)", names[index].casefold())
        return [(int(part), "") if i % 2 else (0, part) for i, part in enumerate(parts)]

    return sorted(range(len(names)), key=key)
