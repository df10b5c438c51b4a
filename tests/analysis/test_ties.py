import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reportgen.analysis.ties import settle_ties

ULP = np.spacing(0.7)


def test_values_that_differ_by_rounding_become_equal():
    values = np.array([0.5, 0.7 + ULP, 0.9, 0.7 - ULP, 0.7, 0.7 + 1e-9])

    assert settle_ties(values).tolist() == [0.5, 0.7 - ULP, 0.9, 0.7 - ULP, 0.7 - ULP, 0.7 + 1e-9]


def test_no_values_have_no_ties():
    assert settle_ties(np.empty(0)).tolist() == []


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(0, 10**6))
def test_rounding_changes_no_order(tenths, seed):
    computed = np.array(tenths) / 10 + np.random.default_rng(seed).uniform(-1e-15, 1e-15, len(tenths))

    order = np.argsort(-settle_ties(computed), kind="stable")

    assert order.tolist() == sorted(range(len(tenths)), key=lambda position: (-tenths[position], position))
