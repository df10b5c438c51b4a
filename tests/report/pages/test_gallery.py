import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reportgen.report.pages.gallery import find_top_classes


@given(hnp.arrays(np.float64, st.integers(2, 30), elements=st.integers(-3, 3).map(float)))
def test_top_classes_are_those_of_a_stable_sort_even_where_logits_are_equal(logits):
    assert find_top_classes(logits) == np.argsort(-logits, kind="stable")[:5].tolist()
