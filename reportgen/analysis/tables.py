"""The findings as tables: rows of plain values, for CSV files and pandas alike.

Names are those of the data. Fractions are in [0, 1]; undefined numbers are NaN. Bounds are of 95% confidence intervals.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reportgen.analysis.findings import Findings
from reportgen.analysis.metrics import ClassCount, ClassMetrics
from reportgen.cache import EvaluationCache

if TYPE_CHECKING:
    import pandas as pd

_NUM_DIGITS = 4

AGREEMENT_COLUMNS: Final = (
    "iou_true", "is_hit_true", "energy_inside_true",
    "iou_predicted", "is_hit_predicted", "energy_inside_predicted",
)  # fmt: skip
"""Agreement of the maps of the true and of the predicted class with the annotation, by the first method."""


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """Named columns and rows of plain values; `None` is an empty cell."""

    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def to_frame(self) -> "pd.DataFrame":
        """The table as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame.from_records(list(self.rows), columns=list(self.header))


class Tables:
    """All tables of a report as pandas DataFrames."""

    def __init__(self, cache: EvaluationCache, findings: Findings) -> None:
        self._cache, self._findings = cache, findings

    @property
    def per_class(self) -> "pd.DataFrame":
        """One row per class, in index order.

        Columns: `class_index`, `class`, `superclass`; `support` and `correct` (counts); `recall`, `precision` and `f1`,
        each with `_low` and `_high`; `recall_rank` (1 is the best); `predicted` (how often the class is predicted);
        `mean_confidence`, of all its examples, of the correct ones and of the errors; `high_confidence_errors`; and the
        most frequent confusion in each direction with its count.
        """
        return tabulate_classes(self._cache, self._findings).to_frame()

    @property
    def pairs(self) -> "pd.DataFrame":
        """One row per confused pair, most confused first.

        Columns: `rank`; the indices and names of both classes; `count` of `support` examples and their `fraction`, with
        `_low` and `_high`; the same in the `reverse` direction; `same_superclass`.
        """
        return tabulate_pairs(self._cache, self._findings).to_frame()

    @property
    def label_issues(self) -> "pd.DataFrame":
        """One row per possible label error, by descending margin.

        Columns: `example_index` and `id`; the `label` and the `suggested` class, with the probability of each; `margin`
        and `typicality`.
        """
        return tabulate_label_issues(self._cache, self._findings).to_frame()

    @property
    def superclasses(self) -> "pd.DataFrame":
        """One row per superclass; none without superclasses.

        Columns: `superclass`; `support` and `correct` (predictions inside the superclass); `recall` with `_low` and
        `_high`.
        """
        return tabulate_superclasses(self._cache, self._findings).to_frame()

    @property
    def columns(self) -> "pd.DataFrame":
        """One row per value of each metadata column that groups the examples.

        Columns: `column`, `value`; `support` and `correct` (counts); `accuracy` with `_low` and `_high`.
        """
        return tabulate_columns(self._cache, self._findings).to_frame()

    @property
    def predictions(self) -> "pd.DataFrame":
        """One row per example, in the order of the test set.

        Columns: `example_index` and `id`; the indices and names of the true and the predicted class; `confidence`;
        `true_probability` and `true_rank` (1 for a correct prediction); agreement with the annotations, if there are
        any; then the metadata columns.
        """
        return tabulate_predictions(self._cache, self._findings).to_frame()


def tabulate_classes(cache: EvaluationCache, findings: Findings) -> Table:
    """Metrics of each class with intervals, and its most frequent confusions."""
    header = (
        "class_index", "class", "superclass", "support", "correct",
        "recall", "recall_low", "recall_high", "recall_rank",
        "predicted", "precision", "precision_low", "precision_high",
        "f1", "f1_low", "f1_high",
        "mean_confidence", "mean_confidence_correct", "mean_confidence_errors", "high_confidence_errors",
        "most_mistaken_for", "most_mistaken_for_count", "most_mistaken_by", "most_mistaken_by_count",
    )  # fmt: skip
    return Table(header, tuple(_class_row(cache, metrics) for metrics in findings.classes))


def _class_row(cache: EvaluationCache, metrics: ClassMetrics) -> tuple[Any, ...]:
    recall, precision, f1 = metrics.recall, metrics.precision, metrics.f1
    return (
        metrics.class_index, cache.class_names[metrics.class_index], name_superclass(cache, metrics.class_index),
        recall.total, recall.count,
        recall.value, recall.low, recall.high, metrics.recall_rank or None,
        precision.total, precision.value, precision.low, precision.high,
        f1.value, f1.low, f1.high,
        metrics.mean_confidence.value, metrics.mean_confidence_correct.value, metrics.mean_confidence_errors.value,
        metrics.num_confident_errors,
        *_first_count(cache, metrics.mistaken_for), *_first_count(cache, metrics.mistaken_by),
    )  # fmt: skip


def name_superclass(cache: EvaluationCache, class_index: int) -> str | None:
    """The superclass of a class; `None` without superclasses."""
    group = cache.superclasses
    return None if group is None else group.names[int(group.superclass_of[class_index])]


def _first_count(cache: EvaluationCache, counts: Sequence[ClassCount]) -> tuple[str | None, int]:
    return (cache.class_names[counts[0].class_index], counts[0].count) if counts else (None, 0)


def tabulate_pairs(cache: EvaluationCache, findings: Findings) -> Table:
    """Each ordered pair, most confused first: count, fraction of the true class, and the reverse direction."""
    header = (
        "rank", "true_index", "true", "predicted_index", "predicted",
        "count", "support", "fraction", "fraction_low", "fraction_high",
        "reverse_count", "reverse_support", "reverse_fraction", "reverse_fraction_low", "reverse_fraction_high",
        "same_superclass",
    )  # fmt: skip
    rows = (
        (
            rank, pair.true_index, cache.class_names[pair.true_index],
            pair.predicted_index, cache.class_names[pair.predicted_index],
            pair.share.count, pair.share.total, pair.share.value, pair.share.low, pair.share.high,
            pair.reverse.count, pair.reverse.total, pair.reverse.value, pair.reverse.low, pair.reverse.high,
            pair.same_superclass,
        )
        for rank, pair in enumerate(findings.pairs, start=1)
    )  # fmt: skip
    return Table(header, tuple(rows))


def tabulate_label_issues(cache: EvaluationCache, findings: Findings) -> Table:
    """Each possible label error, by descending margin."""
    header = (
        "example_index", "id", "label", "suggested", "margin",
        "label_probability", "suggested_probability", "typicality",
    )  # fmt: skip
    rows = (
        (
            int(cache.example_index[issue.position]), str(cache.example_id[issue.position]),
            cache.class_names[issue.label_index], cache.class_names[issue.suggested_index], issue.margin,
            issue.label_probability, issue.suggested_probability, issue.typicality,
        )
        for issue in findings.label_issues.issues
    )  # fmt: skip
    return Table(header, tuple(rows))


def tabulate_superclasses(cache: EvaluationCache, findings: Findings) -> Table:  # noqa: ARG001 - as all tables
    """Each superclass with the fraction of its examples whose predicted class is inside it."""
    found = findings.superclasses
    rows = [] if found is None else list(zip(found.names, found.recall, strict=True))
    return Table(
        ("superclass", "support", "correct", "recall", "recall_low", "recall_high"),
        tuple((name, recall.total, recall.count, recall.value, recall.low, recall.high) for name, recall in rows),
    )


def tabulate_columns(cache: EvaluationCache, findings: Findings) -> Table:  # noqa: ARG001 - as all tables
    """Accuracy for each value of each metadata column that groups the examples."""
    rows = (
        (column.name, part.value, part.accuracy.total, part.accuracy.count,
         part.accuracy.value, part.accuracy.low, part.accuracy.high)
        for column in findings.slices
        for part in column.slices
    )  # fmt: skip
    return Table(("column", "value", "support", "correct", "accuracy", "accuracy_low", "accuracy_high"), tuple(rows))


def tabulate_predictions(cache: EvaluationCache, findings: Findings) -> Table:
    """Each example in the order of the test set; `true_rank` is 1 for a correct prediction.

    Metadata columns follow; where a name is taken, it gets the prefix `data.`.
    """
    own = (
        "example_index", "id", "true_index", "true", "predicted_index", "predicted",
        "confidence", "true_probability", "true_rank", *(() if findings.annotations is None else AGREEMENT_COLUMNS),
    )  # fmt: skip
    header = (*own, *(f"data.{name}" if name in own else name for name in cache.columns))
    predictions, labels, names = findings.predictions, cache.labels.tolist(), cache.class_names
    predicted = predictions.predicted.tolist()
    rows = zip(
        cache.example_index.tolist(),
        cache.example_id.tolist(),
        labels,
        [names[label] for label in labels],
        predicted,
        [names[index] for index in predicted],
        predictions.confidence.tolist(),
        predictions.true_probability.tolist(),
        predictions.true_rank.tolist(),
        *_agreement_columns(cache, findings),
        *(column.tolist() for column in cache.columns.values()),
        strict=True,
    )
    return Table(header, tuple(rows))


def _agreement_columns(cache: EvaluationCache, findings: Findings) -> Iterator[Sequence[Any]]:
    """The N values of each of `AGREEMENT_COLUMNS`; none without annotations, empty cells for examples without one."""
    if (found := findings.annotations) is None:
        return
    for scores in (found.true, found.predicted):
        for values in (scores.iou.round(_NUM_DIGITS), scores.is_hit, scores.energy_inside.round(_NUM_DIGITS)):
            column = np.full(cache.num_examples, None, dtype=object)
            column[found.positions] = values.tolist()
            yield column.tolist()
