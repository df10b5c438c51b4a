import numpy as np
import pytest

from reportgen.explain.recomputation import choose_positions


@pytest.mark.parametrize(("num_examples", "count"), [(1, 1), (5, 2), (999, 2), (3000, 6), (10_000, 16), (50_000, 16)])
def test_the_sample_is_small_seeded_ascending_and_without_repeats(num_examples, count):
    positions = choose_positions(num_examples)
    assert len(set(positions.tolist())) == len(positions) == count
    assert (np.diff(positions) > 0).all()
    assert 0 <= positions.min() <= positions.max() < num_examples
    assert (positions == choose_positions(num_examples)).all()
