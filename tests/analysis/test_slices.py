import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from reportgen.analysis.slices import MAX_COLUMNS, MAX_VALUES, choose_columns, compute_slices


def test_counts_are_those_of_a_group_by():
    rng = np.random.default_rng(0)
    columns = {"camera": rng.choice(["a", "b", ""], 500), "site": rng.choice([f"s{i}" for i in range(20)], 500)}
    is_correct = rng.random(500) < 0.7
    for found, name in zip(compute_slices(columns, is_correct), columns, strict=True):
        groups = pd.Series(is_correct).groupby(columns[name])
        expected = {value: (int(group.sum()), len(group)) for value, group in groups}
        assert found.name == name
        assert {part.value: (part.accuracy.count, part.accuracy.total) for part in found.slices} == expected
        values = [part.accuracy.value for part in found.slices]
        assert values == sorted(values)
        assert (found.overall.count, found.overall.total) == (is_correct.sum(), 500)


def test_only_columns_that_group_the_examples_are_chosen():
    n = 100
    few = {f"few {i}": np.resize(["a", "b"], n) for i in range(MAX_COLUMNS)}
    columns = {
        "id": np.arange(n).astype(str),
        "constant": np.full(n, "x"),
        "many": np.resize(np.arange(MAX_VALUES + 1), n).astype(str),
        "most": np.resize(np.arange(MAX_VALUES), n).astype(str),
        **few,
    }
    assert choose_columns(columns) == ("most", *list(few)[: MAX_COLUMNS - 1])
    assert compute_slices({}, np.ones(3, bool)) == ()


def test_a_slice_below_the_average_is_reported_and_chance_is_not():
    rng = np.random.default_rng(1)
    camera = rng.choice(["phone", "scanner"], 2000)
    is_correct = rng.random(2000) < np.where(camera == "phone", 0.6, 0.8)
    (found,) = compute_slices({"camera": camera}, is_correct)
    assert [part.value for part in found.below] == ["phone"]
    assert [part.value for part in found.above] == ["scanner"]
    named = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        columns = {name: rng.choice([f"{i}" for i in range(10)], 400) for name in ("a", "b", "c")}
        slices = compute_slices(columns, rng.random(400) < 0.7)
        named += any(column.below or column.above for column in slices)
    assert named <= 16  # at most one test set in twenty, and what chance adds to 10 of 200


@given(st.integers(1, 60), st.integers(0, 1000))
def test_slices_partition_the_examples(n, seed):
    rng = np.random.default_rng(seed)
    is_correct = rng.random(n) < 0.5
    for found in compute_slices({"column": rng.choice(["x", "y", "z"], n)}, is_correct):
        assert sum(part.accuracy.total for part in found.slices) == n
        assert sum(part.accuracy.count for part in found.slices) == is_correct.sum()
        for part in found.slices:
            assert part.tested.low <= part.accuracy.value <= part.tested.high
