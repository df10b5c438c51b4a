import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.analysis.label_issues import MIN_EXCESS, MIN_TYPICALITY, find_label_issues


def _world(n, k, *, seed=0, pair=0.0, planted=0.0, by_class=False):
    """Logits, labels and the positions of wrong labels; the first two classes are mixed up at a rate, in both ways."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, k, n)
    logits = rng.normal(0, 0.6, (n, k))
    logits[np.arange(n), true] += 5
    mixed = np.flatnonzero((true < 2) & (rng.random(n) < pair))
    logits[mixed, true[mixed] ^ 1] += 7
    if by_class:
        logits *= rng.uniform(0.5, 2, k)[true][:, None]
    wrong = np.flatnonzero(rng.random(n) < planted)
    labels = true.copy()
    labels[wrong] = (true[wrong] + rng.integers(1, k, len(wrong))) % k
    return logits.astype(np.float32), labels, wrong


def _positions(found):
    return [issue.position for issue in found.issues]


def _fires(found):
    return found.found.total > 0 and found.found.low > found.num_expected / found.found.total + MIN_EXCESS


@pytest.mark.parametrize("k", [2, 10, 100])
@pytest.mark.parametrize(("pair", "by_class"), [(0.05, False), (0.3, False), (0.15, True), (0.0, True)])
def test_hard_pairs_are_no_evidence_against_labels(k, pair, by_class):
    fired = sum(_fires(find_label_issues(*_world(3000, k, seed=s, pair=pair, by_class=by_class)[:2])) for s in range(4))
    assert fired == 0


@pytest.mark.parametrize(("k", "pair"), [(2, 0.0), (10, 0.0), (10, 0.2), (100, 0.0), (100, 0.2)])
def test_wrong_labels_are_found(k, pair):
    for seed in range(4):
        logits, labels, wrong = _world(3000, k, seed=seed, pair=pair, planted=0.02)
        found = find_label_issues(logits, labels)
        assert _fires(found)
        assert len(set(_positions(found)) & set(wrong.tolist())) > 0.55 * len(wrong)


def test_a_calibrated_model_shows_as_many_issues_as_expected():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        logits = 1.5 * rng.normal(size=(3000, 10)) + 5 * np.eye(10)[rng.integers(0, 10, 3000)]
        labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
        assert not _fires(find_label_issues(logits.astype(np.float32), labels))


def test_issues_are_the_definition():
    logits, labels, _ = _world(600, 6, planted=0.05)
    found = find_label_issues(logits, labels)
    predicted = logits.argmax(axis=1)
    assert len(found.issues) > 10
    for issue in found.issues:
        m, i, j = issue.position, issue.label_index, issue.suggested_index
        assert (labels[m], predicted[m]) == (i, j)
        members = logits[(labels == j) & (predicted == j)]
        margins = members[:, j].astype(float) - members[:, i]
        own = float(logits[m, j]) - float(logits[m, i])
        assert issue.typicality == pytest.approx((margins <= own + 1e-6).mean())
        assert issue.typicality >= MIN_TYPICALITY - 1 / len(members)
        assert issue.margin == issue.suggested_probability - issue.label_probability
    margins = [issue.margin for issue in found.issues]
    assert margins == sorted(margins, reverse=True)
    assert found.found.count == len(found.issues)


@pytest.mark.parametrize("factor", [0.01, 0.4, 2.5, 1e4])
def test_issues_do_not_depend_on_the_unit_of_the_logits(factor):
    logits, labels, _ = _world(1500, 10, planted=0.02)
    plain, scaled = find_label_issues(logits, labels), find_label_issues(logits * np.float32(factor), labels)
    assert set(_positions(scaled)) == set(_positions(plain))


def test_minus_infinity_is_a_probability_of_zero():
    logits, labels, _ = _world(500, 10)
    logits[np.arange(500), (labels + 1) % 10] = -np.inf
    assert find_label_issues(logits, labels).issues == ()


def test_class_without_a_label_is_never_suggested():
    logits, labels, _ = _world(800, 8, planted=0.1)
    keep = labels != 5
    found = find_label_issues(logits[keep], labels[keep])
    assert len(found.issues) > 0
    assert all(issue.suggested_index != 5 for issue in found.issues)


@pytest.mark.parametrize(("n", "k"), [(1, 2), (2, 2), (3, 40), (9, 5)])
def test_tiny_test_sets_have_no_issue_without_others_to_compare(n, k):
    logits = (5 * np.eye(k)[(np.arange(n) + 1) % k]).astype(np.float32)
    assert find_label_issues(logits, np.arange(n) % k).issues == ()


@given(st.integers(2, 60), st.integers(2, 8), st.integers(0, 10_000), st.data())
def test_order_of_examples_changes_nothing_but_ties(n, k, seed, data):
    logits, labels, _ = _world(n, k, seed=seed, planted=0.1)
    order = np.array(data.draw(st.permutations(range(n))))
    found, shuffled = find_label_issues(logits, labels), find_label_issues(logits[order], labels[order])
    assert sorted(order[_positions(shuffled)].tolist()) == sorted(_positions(found))
    assert shuffled.num_expected == pytest.approx(found.num_expected, rel=1e-4, abs=1e-9)
    assert found.found.count == len(found.issues)
