import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from reportgen.analysis.findings import compute_findings
from reportgen.analysis.tables import Tables


@pytest.fixture
def tables(tiny_cache) -> Tables:
    return Tables(tiny_cache, compute_findings(tiny_cache))


def test_metrics_of_classes_are_those_of_scikit_learn(tables, tiny_cache):
    frame = tables.per_class
    predicted = tiny_cache.logits.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(tiny_cache.labels, predicted)
    for name, expected in (("precision", precision), ("recall", recall), ("f1", f1), ("support", support)):
        np.testing.assert_allclose(frame[name], expected)
    assert list(frame["class"]) == list(tiny_cache.class_names)
    assert list(frame["superclass"]) == ["pets", "pets", "tags"]


def test_predictions_have_one_row_for_each_example(tables, tiny_cache):
    frame = tables.predictions
    assert list(frame["id"]) == tiny_cache.example_id.tolist()
    np.testing.assert_array_equal(frame["predicted_index"], tiny_cache.logits.argmax(axis=1))
    is_correct = frame["true_index"] == frame["predicted_index"]
    np.testing.assert_array_equal(is_correct, frame["true_rank"] == 1)


def test_pairs_and_superclasses_count_what_the_predictions_hold(tables):
    predictions = tables.predictions
    for pair in tables.pairs.itertuples():
        is_pair = (predictions["true_index"] == pair.true_index) & (
            predictions["predicted_index"] == pair.predicted_index
        )
        assert is_pair.sum() == pair.count
    superclasses = tables.superclasses.set_index("superclass")
    is_pets = predictions["true_index"] < 2
    assert superclasses.loc["pets", "support"] == is_pets.sum()
    assert superclasses.loc["pets", "correct"] == (predictions["predicted_index"][is_pets] < 2).sum()


def test_columns_give_the_accuracy_of_each_value(tiny_cache):
    from dataclasses import replace

    light = np.array(["day", "night"] * 6)
    cache = replace(tiny_cache, columns={"light": light})
    frame = Tables(cache, compute_findings(cache)).columns.set_index("value")
    is_correct = cache.logits.argmax(axis=1) == cache.labels
    for value in ("day", "night"):
        np.testing.assert_allclose(frame.loc[value, "accuracy"], is_correct[light == value].mean())


def test_empty_tables_keep_their_columns(tables):
    assert "accuracy" in tables.columns.columns
    assert "margin" in tables.label_issues.columns
