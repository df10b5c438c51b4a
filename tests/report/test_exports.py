import csv
import io
import json
import math

import numpy as np
import pandas as pd
import pytest

from reportgen.analysis.selection import HIGH_CONFIDENCE
from reportgen.report import exports


def read_csv(text: str) -> pd.DataFrame:
    """The table as pandas reads it: only empty cells are missing, names such as `NA` are names."""
    return pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""])


def reject_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def test_the_table_of_classes_reads_back_as_the_findings(small_cache, small_findings):
    table = read_csv(exports.per_class_accuracy_csv(small_cache, small_findings))
    assert table["class"].tolist() == list(small_cache.class_names)
    assert table["class_index"].tolist() == list(range(6))
    classes = small_findings.classes
    for column, values in {
        "recall": [metrics.recall.value for metrics in classes],
        "recall_low": [metrics.recall.low for metrics in classes],
        "precision_high": [metrics.precision.high for metrics in classes],
        "f1": [metrics.f1.value for metrics in classes],
        "mean_confidence_errors": [metrics.mean_confidence_errors.value for metrics in classes],
    }.items():
        np.testing.assert_allclose(table[column].to_numpy(float), values, rtol=1e-14)
    assert table["support"].tolist() == small_findings.confusion.sum(axis=1).tolist()
    assert table["correct"].tolist() == np.diagonal(small_findings.confusion).tolist()
    assert table["predicted"].tolist() == small_findings.confusion.sum(axis=0).tolist()


def test_a_class_without_images_has_empty_cells_not_zeros(small_cache, small_findings):
    rows = list(csv.DictReader(io.StringIO(exports.per_class_accuracy_csv(small_cache, small_findings))))
    empty = rows[5]
    assert empty["support"] == "0"
    for column in ("recall", "recall_low", "recall_high", "recall_rank", "mean_confidence", "most_mistaken_for"):
        assert empty[column] == ""
    assert empty["most_mistaken_by"] == "=1+1"
    assert "nan" not in exports.per_class_accuracy_csv(small_cache, small_findings)


def test_the_table_of_pairs_holds_both_directions(small_cache, small_findings):
    table = read_csv(exports.most_confused_pairs_csv(small_cache, small_findings))
    assert len(table) == len(small_findings.pairs)
    first = table.iloc[0]
    assert (first["rank"], first["true"], first["predicted"]) == (1, "=1+1", "猫")
    assert (first["count"], first["support"], first["reverse_count"], first["reverse_support"]) == (7, 12, 6, 12)
    assert first["fraction"] == pytest.approx(7 / 12, rel=1e-14)
    assert first["fraction_low"] == pytest.approx(small_findings.pairs[0].share.low, rel=1e-14)
    assert bool(first["same_superclass"]) is True
    assert table["count"].is_monotonic_decreasing


def test_predictions_read_back_as_the_findings(small_cache, small_findings):
    table = read_csv(exports.predictions_csv(small_cache, small_findings))
    predictions = small_findings.predictions
    assert table["id"].tolist() == small_cache.example_id.tolist()
    assert table["example_index"].tolist() == small_cache.example_index.tolist()
    assert table["true_index"].tolist() == small_cache.labels.tolist()
    assert table["predicted_index"].tolist() == predictions.predicted.tolist()
    assert [small_cache.class_names.index(name) for name in table["predicted"]] == predictions.predicted.tolist()
    np.testing.assert_allclose(table["confidence"], predictions.confidence, rtol=1e-14)
    np.testing.assert_allclose(table["true_probability"], predictions.true_probability, rtol=1e-14)
    # The rank against an independent count.
    logits = small_cache.logits
    own = logits[np.arange(len(logits)), small_cache.labels]
    assert table["true_rank"].tolist() == (1 + (logits > own[:, None]).sum(axis=1)).tolist()


def test_probabilities_are_written_in_full(small_cache, small_findings):
    rows = csv.DictReader(io.StringIO(exports.predictions_csv(small_cache, small_findings)))
    assert [float(row["confidence"]) for row in rows] == small_findings.predictions.confidence.tolist()


def test_lines_end_in_one_character_whatever_the_platform(small_cache, small_findings):
    for text in (
        exports.per_class_accuracy_csv(small_cache, small_findings),
        exports.predictions_csv(small_cache, small_findings),
        exports.metrics_json(small_cache, small_findings),
    ):
        assert "\r" not in text
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


def test_names_stand_as_they_are_in_the_data(small_cache, small_findings):
    rows = list(csv.reader(io.StringIO(exports.per_class_accuracy_csv(small_cache, small_findings))))
    assert [row[1] for row in rows[1:]] == ["con", "a/b", "Ünïcode & <tag>", "=1+1", "猫", "no, images"]


def test_metrics_are_strict_json_with_null_for_what_is_undefined(small_cache, small_findings):
    text = exports.metrics_json(small_cache, small_findings)
    document = json.loads(text, parse_constant=reject_constant)
    assert document["classes"][5]["recall"]["value"] is None
    assert document["classes"][5]["recall"]["n"] == 0
    assert "Ünïcode & <tag>" in text


def test_metrics_hold_each_number_with_its_interval(small_cache, small_findings):
    document = json.loads(exports.metrics_json(small_cache, small_findings))
    predictions = small_findings.predictions
    top1, expected = document["overall"]["top1"], small_findings.overall.top1
    assert top1 == {
        "value": 38 / 60,
        "low": expected.low,
        "high": expected.high,
        "count": 38,
        "n": 60,
        "level": 0.95,
        "interval": "Wilson",
    }
    log_loss = document["overall"]["log_loss"]
    assert math.isclose(log_loss["value"], float(predictions.log_loss.mean()), rel_tol=1e-12)
    assert log_loss["low"] < log_loss["value"] < log_loss["high"]
    assert document["overall"]["num_without_support"] == 1
    assert document["num_examples"] == 60
    assert document["high_confidence_errors"] == {
        "min_confidence": HIGH_CONFIDENCE,
        "count": int(((predictions.confidence >= HIGH_CONFIDENCE) & ~predictions.is_correct).sum()),
    }
    assert sum(part["accuracy"]["n"] for part in document["calibration"]["bins"]) == 60
    assert document["calibration"]["temperature"]["temperature"] == small_findings.calibration.temperature.temperature
    assert [part["name"] for part in document["superclasses"]["classes"]] == ["others", "things & <such>"]
    assert document["classes"][0]["mistaken_for"] == [
        {"class": "a/b", "count": 2},
        {"class": "Ünïcode & <tag>", "count": 1},
    ]
    assert document["run"]["key"]["weights_digest"] == small_cache.key.weights_digest
    assert document["run"]["target_layer"] == "features.3"
    assert document["run"]["input_size"] == [16, 16]
    assert document["label_issues"]["found"]["count"] == document["label_issues"]["issues"]
    assert document["focus"]["comparison"]["blank_true"]["count"] == 1
    assert "overlap" not in document["focus"]["comparison"]  # one value an example


def test_metrics_hold_the_rules_with_words_and_numbers(small_cache, small_findings):
    document = json.loads(exports.metrics_json(small_cache, small_findings))
    told = {item["rule"]: item for item in document["recommendations"]}
    assert len(told) == len(small_findings.recommendations)
    item = told["superclass-errors"]
    assert item["fired"] is True
    assert item["measurements"][0]["measured"]["count"] == 21
    assert item["measurements"][0]["measured"]["interval"] == "Clopper-Pearson"
    assert item["measurements"][0]["fires"] == "above"
    assert item["headline"] in json.dumps(document, ensure_ascii=False)
    assert told["symmetric-pairs"]["measurements"][0]["pair"] == ["=1+1", "猫"]


@pytest.mark.parametrize(
    "name", ["per_class_accuracy_csv", "most_confused_pairs_csv", "predictions_csv", "metrics_json"]
)
def test_the_same_findings_give_the_same_text(small_cache, small_findings, name):
    export = getattr(exports, name)
    assert export(small_cache, small_findings) == export(small_cache, small_findings)


def test_unknown_superclasses_leave_their_cells_empty(small_cache, small_findings):
    from dataclasses import replace

    from reportgen.analysis.findings import compute_findings

    cache = replace(small_cache, superclasses=None)
    findings = compute_findings(cache)
    rows = list(csv.DictReader(io.StringIO(exports.per_class_accuracy_csv(cache, findings))))
    assert {row["superclass"] for row in rows} == {""}
    pairs = list(csv.DictReader(io.StringIO(exports.most_confused_pairs_csv(cache, findings))))
    assert {row["same_superclass"] for row in pairs} == {""}
    assert json.loads(exports.metrics_json(cache, findings))["superclasses"] is None
