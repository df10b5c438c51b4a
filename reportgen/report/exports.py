"""The data files: tables as CSV, all findings as JSON. Everything as `str`.

Numbers have full precision and read back as the same floats; undefined values are empty in CSV and `null` in JSON.
Names are exactly those of the data, so that the files can be joined with it. A spreadsheet may read a name that begins
with `=`, `+`, `-` or `@` as a formula: import such a column as text.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from reportgen.analysis import tables
from reportgen.analysis.annotations import (
    BLOB_SIGMA,
    POINTING_TOLERANCE,
    SWEEP_THRESHOLDS,
    GroupAgreement,
)
from reportgen.analysis.findings import Findings
from reportgen.analysis.intervals import Proportion
from reportgen.analysis.metrics import ClassMetrics
from reportgen.analysis.recommendations import Measurement, Recommendation
from reportgen.analysis.selection import HIGH_CONFIDENCE
from reportgen.cache import EvaluationCache
from reportgen.report.words.notices import list_notices
from reportgen.report.words.wording import describe, headline
from reportgen.version import __version__

_NUM_DIGITS = 4


def per_class_accuracy_csv(cache: EvaluationCache, findings: Findings) -> str:
    """One row per class, in index order."""
    return _csv_text(tables.tabulate_classes(cache, findings))


def most_confused_pairs_csv(cache: EvaluationCache, findings: Findings) -> str:
    """One row per ordered pair, most confused first."""
    return _csv_text(tables.tabulate_pairs(cache, findings))


def label_issues_csv(cache: EvaluationCache, findings: Findings) -> str:
    """One row per possible label error, by descending margin, for annotators."""
    return _csv_text(tables.tabulate_label_issues(cache, findings))


def class_order_csv(cache: EvaluationCache, findings: Findings) -> str:
    """One row per output of the model: the class that it appears to stand for. A file of class names for a new run."""
    order = findings.suggested_order
    assert order is not None, "only offered where the order looks wrong"
    rows = tuple((output, index, cache.class_names[index]) for output, index in enumerate(order.class_of.tolist()))
    return _csv_text(tables.Table(("output_index", "class_index", "class"), rows))


def predictions_csv(cache: EvaluationCache, findings: Findings) -> str:
    """One row per example, in the order of the test set."""
    return _csv_text(tables.tabulate_predictions(cache, findings))


def skipped_csv(cache: EvaluationCache, _findings: Findings) -> str:
    """One row per file of the test set that could not be read, and why."""
    rows = tuple((entry.name, entry.reason) for entry in cache.skipped)
    return _csv_text(tables.Table(header=("path", "reason"), rows=rows))


def _csv_text(table: tables.Table) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    """A value as a CSV cell: empty where undefined, lower-case booleans."""
    if isinstance(value, bool):
        return str(value).lower()
    return None if isinstance(value, float) and math.isnan(value) else value


def metrics_json(cache: EvaluationCache, findings: Findings) -> str:
    """All findings without single examples and maps, as strict JSON.

    Each number has its interval and its counts; undefined values are `null`.
    """
    document = {
        "generator": f"reportgen {__version__}",
        "headline": headline(findings, cache),
        "run": {"key": _plain(cache.key), **_plain(cache.provenance), "cache_sha256": cache.digest},
        "checks": [{**_plain(check), "passed": check.passed} for check in cache.checks],
        "notices": [notice.text for notice in list_notices(cache, findings)],
        "num_examples": cache.num_examples,
        "num_classes": cache.num_classes,
        "class_order": _plain(findings.suggested_order),
        "classes_with_images": _plain(findings.present_classes),
        "overall": _plain(findings.overall),
        "calibration": _plain(findings.calibration),
        "selective_prediction": _plain(findings.selective_prediction),
        "high_confidence_errors": {"min_confidence": HIGH_CONFIDENCE, "count": findings.num_confident_errors},
        "label_issues": {**_plain(findings.label_issues), "issues": len(findings.label_issues.issues)},
        "focus": _plain(findings.focus),
        "faithfulness": _plain(findings.faithfulness),
        "slices": _plain(findings.slices),
        "superclasses": _superclasses(findings),
        "classes": [_class(cache, metrics) for metrics in findings.classes],
        "pairs": [
            {
                **_plain(pair),
                "true": cache.class_names[pair.true_index],
                "predicted": cache.class_names[pair.predicted_index],
            }
            for pair in findings.pairs
        ],
        "recommendations": [_recommendation(item, cache, findings) for item in findings.recommendations],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """A value in JSON's own types: proportions with their bounds, records by field, without arrays, `None` for NaN."""
    match value:
        case Proportion():
            bounds = {"value": value.value, "low": value.low, "high": value.high}
            interval = "Clopper-Pearson" if value.exact else "Wilson"
            return {
                **_plain(bounds),
                "count": value.count,
                "n": value.total,
                "level": value.level,
                "interval": interval,
            }
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _plain(part) for key, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
        case _ if is_dataclass(value):
            parts = {field.name: getattr(value, field.name) for field in fields(value)}
            plain = {name: _plain(part) for name, part in parts.items() if not isinstance(part, np.ndarray)}
            return {name: part for name, part in plain.items() if part != {}}
        case _:
            return value


def annotation_report_json(cache: EvaluationCache, findings: Findings) -> str:
    """How the maps of the first method agree with the annotations, as strict JSON: in groups, by class, by example.

    Numbers have four decimals; an undefined one is `null`.
    """
    found = findings.annotations
    assert found is not None, "only called where something is annotated"
    groups = {
        name: _group(getattr(found, name))
        for name in ("overall_true", "overall_predicted", "correct", "misclassified_true", "misclassified_predicted")
    }
    sweeps = {"true": found.sweep_true, "predicted": found.sweep_predicted, "blob": found.sweep_blob}
    by_class = (
        {
            "class_index": group.class_index,
            "class": cache.class_names[group.class_index],
            "true": _group(group.true),
            "predicted": _group(group.predicted),
        }
        for group in found.classes
    )
    columns = zip(
        cache.example_id[found.positions].tolist(),
        *(
            values.tolist()
            for scores in (found.true, found.predicted)
            for values in (scores.iou, scores.is_hit.astype(np.int64), scores.energy_inside)
        ),
        strict=True,
    )
    head = {
        "generator": f"reportgen {__version__}",
        "source": "" if cache.annotations is None else cache.annotations.source,
        "method": next(iter(cache.cams)),
        "num_annotated": len(found.positions),
        "num_examples": cache.num_examples,
        "iou_threshold": found.iou_threshold,
        "pointing_tolerance": POINTING_TOLERANCE,
        "blob_sigma": BLOB_SIGMA,
        "groups": groups,
        "sweep": {"thresholds": SWEEP_THRESHOLDS, **{name: list(sweep) for name, sweep in sweeps.items()}},
        "example_columns": ("id", *tables.AGREEMENT_COLUMNS),
    }
    parts = [f'"{name}":{_compact(value)}' for name, value in head.items()]
    parts += [f'"{name}":[\n{_lines(rows)}\n]' for name, rows in (("classes", by_class), ("examples", columns))]
    return "{" + ",\n".join(parts) + "}\n"


def _group(group: GroupAgreement) -> dict[str, Any]:
    return {"n": group.n, **_plain(group)}


def _lines(rows: Iterable[Any]) -> str:
    return ",\n".join(_compact(row) for row in rows)


def _compact(value: Any) -> str:
    """A value on one line."""
    return json.dumps(_rounded(_plain(value)), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, _NUM_DIGITS)
        case dict():
            return {key: _rounded(part) for key, part in value.items()}
        case list():
            return [_rounded(part) for part in value]
        case _:
            return value


def _superclasses(findings: Findings) -> dict[str, Any] | None:
    found = findings.superclasses
    if found is None:
        return None
    classes = zip(found.names, found.recall, strict=True)
    return {
        "accuracy": _plain(found.accuracy),
        "inside": _plain(found.inside),
        "chance": _plain(found.chance),
        "classes": [{"name": name, "recall": _plain(recall)} for name, recall in classes],
    }


def _class(cache: EvaluationCache, metrics: ClassMetrics) -> dict[str, Any]:
    index = metrics.class_index
    counts = {"mistaken_for": metrics.mistaken_for, "mistaken_by": metrics.mistaken_by}
    return {
        "name": cache.class_names[index],
        "superclass": tables.name_superclass(cache, index),
        **_plain(metrics),
        "recall_rank": metrics.recall_rank or None,
        **{
            name: [{"class": cache.class_names[found.class_index], "count": found.count} for found in found_counts]
            for name, found_counts in counts.items()
        },
    }


def _recommendation(item: Recommendation, cache: EvaluationCache, findings: Findings) -> dict[str, Any]:
    text = describe(item, cache, findings)
    return {
        "rule": item.rule.value,
        "fired": item.fired,
        "headline": text.headline,
        "advice": text.advice,
        "evidence_text": text.evidence,
        "details": text.details,
        "num_tested": item.num_tested,
        "measurements": [_measurement(found, cache) for found in item.measurements],
    }


def _measurement(found: Measurement, cache: EvaluationCache) -> dict[str, Any]:
    return {
        "class": None if found.class_index is None else cache.class_names[found.class_index],
        "pair": None if found.pair is None else [cache.class_names[index] for index in found.pair],
        "measured": _plain(found.measured),
        "threshold": _plain(found.threshold),
        "fires": "above" if found.fires_above else "below",
        "reverse": _plain(found.reverse),
        "reverse_threshold": _plain(found.reverse_threshold),
    }
