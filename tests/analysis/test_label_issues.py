import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from reportgen.analysis.calibration import fit_temperature
from reportgen.analysis.label_issues import (
    MIN_CLASSES,
    MIN_CONFIDENCE,
    MIN_CONFIDENCE_ALONE,
    MIN_CONFUSABILITY,
    find_label_issues,
)


def _paired_world(n, k, *, seed=0, alike=3.0, strength=4.0, temperature=1.0):
    """Logits of a calibrated model whose classes 2m and 2m + 1 are alike, and labels drawn from its probabilities."""
    rng = np.random.default_rng(seed)
    logits = 0.7 * rng.standard_normal((n, k))
    centre = rng.integers(0, k, n)
    logits[np.arange(n), centre] += strength + 2 * rng.random(n)
    logits[np.arange(n), centre ^ 1] += alike + rng.standard_normal(n)
    labels = (logits + rng.gumbel(size=(n, k))).argmax(axis=1)
    return (temperature * logits).astype(np.float32), labels


def _positions(found):
    return [issue.position for issue in found.issues]


def _reference(logits, labels):
    """The definitions, example by example: {position: confusability}, number foreseen, number flagged."""
    n, k = logits.shape
    p = softmax(logits.astype(np.float64) / fit_temperature(logits, labels)[0], axis=1)
    thresholds = [p[labels == c, c].mean() if (labels == c).any() else np.inf for c in range(k)]

    def stray_share(members, of, to):
        """Share of what the members give to classes other than their own that goes to one of those."""
        given = [sum(p[m, c] for m in members if c != of) for c in range(k)]
        return given[to] / sum(given) if sum(given) > 1e-12 else 0.0

    least_confidence = MIN_CONFIDENCE if k >= MIN_CLASSES else MIN_CONFIDENCE_ALONE
    least_confusability = max(MIN_CONFUSABILITY, 2 / (k - 1)) if k >= MIN_CLASSES else 0.0
    issues, num_confident_learning, num_expected = {}, 0, 0.0
    of_class = [np.flatnonzero(labels == c) for c in range(k)]
    shares = np.array([[stray_share(of_class[a], a, b) if a != b else 0.0 for b in range(k)] for a in range(k)])
    for m in range(n):
        i, j = labels[m], p[m].argmax()
        if p[m, j] >= least_confidence and p[m, j] >= thresholds[j]:
            alike = [c for c in range(k) if c != j and np.sqrt(shares[c, j] * shares[j, c]) >= least_confusability]
            num_expected += sum(p[m, c] for c in alike)
        reached = [c for c in range(k) if p[m, c] >= thresholds[c]]
        num_confident_learning += bool(reached) and max(reached, key=lambda c, m=m: p[m, c]) != i
        if i == j or p[m, j] < least_confidence or p[m, j] < thresholds[j]:
            continue
        others = [o for o in range(n) if labels[o] == i and o != m]
        members = [o for o in range(n) if labels[o] == j]
        confusability = np.sqrt(stray_share(others, i, j) * stray_share(members, j, i))
        if confusability >= least_confusability:
            issues[m] = confusability
    return issues, num_confident_learning, num_expected, p


@pytest.mark.parametrize(("n", "k"), [(300, 2), (300, 3), (150, 6), (400, 12)])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_issues_are_the_definition(n, k, temperature):
    strength = 2.0 if k >= MIN_CLASSES else 8.0
    logits, labels = _paired_world(n, k + k % 2, strength=strength, temperature=temperature)
    logits = logits[:, :k]
    labels = np.minimum(labels, k - 1)
    labels[: n // 40] = labels[: n // 40] ^ 1 if k % 2 == 0 else (labels[: n // 40] + 1) % k
    found = find_label_issues(logits, labels)
    expected, num_confident_learning, num_expected, p = _reference(logits, labels)
    assert sorted(_positions(found)) == sorted(expected)
    assert found.num_confident_learning == num_confident_learning
    assert found.num_expected == pytest.approx(num_expected)
    assert len(expected) >= 1
    for issue in found.issues:
        m = issue.position
        assert issue.label_index == labels[m]
        assert issue.suggested_index == p[m].argmax()
        assert issue.suggested_probability == pytest.approx(p[m].max())
        assert issue.label_probability == pytest.approx(p[m, labels[m]])
        assert issue.confusability == pytest.approx(expected[m])
        assert issue.margin == issue.suggested_probability - issue.label_probability
    margins = [issue.margin for issue in found.issues]
    assert margins == sorted(margins, reverse=True)
    assert found.temperature == pytest.approx(fit_temperature(logits, labels)[0])


def test_labels_of_a_similar_class_are_flagged_and_other_errors_are_not():
    logits, labels = _paired_world(6000, 30, alike=2.0, strength=6.0)
    said = logits.argmax(axis=1)
    sure = np.flatnonzero((softmax(logits, axis=1).max(axis=1) > 0.9) & (said == labels))
    swapped, wild = sure[:80], sure[80:160]
    labels[swapped] ^= 1
    labels[wild] = (labels[wild] + 2 + 2 * np.arange(80) % 26) % 30
    found = find_label_issues(logits, labels)
    caught = set(_positions(found))
    assert len(caught & set(swapped.tolist())) >= 76
    assert len(caught & set(wild.tolist())) <= 4
    assert found.found.low * found.found.total > found.num_expected


def test_single_contradiction_does_not_make_its_classes_similar():
    """Two labels that are swapped with an unlike class weigh more than all else that strays: they must not vouch."""
    logits = np.full((60, 6), -6.0, dtype=np.float32)
    labels = np.arange(60) % 6
    logits[np.arange(60), labels] = 0
    logits[np.arange(60), (labels + 1) % 6] = -4
    logits[12] = logits[3]  # labelled 0, looks like 3
    assert find_label_issues(logits, labels).issues == ()
    logits[18] = logits[3]  # a second one vouches for the first, but nothing goes the other way
    assert find_label_issues(logits, labels).issues == ()
    logits[9] = logits[0]  # and now it does
    assert set(_positions(find_label_issues(logits, labels))) == {12, 18}


def test_an_example_reaches_the_average_of_its_equals():
    """Where all examples of a label have the same logits, their average is each one's probability but for rounding."""
    of_class = np.random.default_rng(0).normal(0, 0.3, (7, 7)).astype(np.float32) + 4 * np.eye(7, dtype=np.float32)
    of_class[6, [0, 6]] += [1, -7]  # without an error the fit would leave no probability but 1
    labels = np.arange(217) % 7
    found = find_label_issues(of_class[labels], labels)
    assert found.found.total == 6 * 31
    assert found.num_confident_learning == 0


@pytest.mark.parametrize(("k", "seeds"), [(2, 20), (4, 20), (10, 40), (40, 20)])
def test_clean_labels_have_as_many_issues_as_expected(k, seeds):
    """A calibrated model and right labels: the number of issues is what the probabilities foresee, not more."""
    proven, found_total, foreseen_total = 0, 0, 0.0
    for seed in range(seeds):
        found = find_label_issues(*_paired_world(1500, k, seed=seed))
        proven += found.found.low * found.found.total > found.num_expected
        found_total += found.found.count
        foreseen_total += found.num_expected
    assert proven <= max(1, 0.06 * seeds)
    assert foreseen_total > 20
    assert found_total == pytest.approx(foreseen_total, rel=0.12)


@pytest.mark.parametrize("temperature", [0.4, 2.5])
def test_overconfidence_is_no_evidence_against_labels(temperature):
    """What one temperature explains is not blamed on the labels: the same issues, whatever the logits' scale."""
    logits, labels = _paired_world(3000, 20)
    plain = find_label_issues(logits, labels)
    scaled = find_label_issues((logits * np.float32(temperature)), labels)
    assert len(plain.issues) > 5
    assert set(_positions(scaled)) == set(_positions(plain))
    assert scaled.num_expected == pytest.approx(plain.num_expected, rel=1e-3)


def test_issues_do_not_depend_on_how_many_are_worked_on_at_a_time(monkeypatch):
    logits, labels = _paired_world(500, 12, strength=2.0)
    whole = find_label_issues(logits, labels)
    monkeypatch.setattr("reportgen.analysis.predictions._BLOCK_SIZE", 12 * 7)
    blocks = find_label_issues(logits, labels)
    assert len(whole.issues) > 3
    assert _positions(blocks) == _positions(whole)
    assert blocks.num_confident_learning == whole.num_confident_learning
    assert blocks.num_expected == pytest.approx(whole.num_expected)


def test_confusability_goes_both_ways(monkeypatch):
    """Class 0 strays to 1 and 1 to 2, which strays to 0: none of them is taken for each other."""
    monkeypatch.setattr("reportgen.analysis.label_issues.fit_temperature", lambda *_: (1.0, False))
    labels = np.repeat(np.arange(12), 40)
    logits = np.random.default_rng(0).uniform(-5.1, -4.9, (480, 12))
    logits[np.arange(480), labels] = 0

    def foreseen(*directions):
        strayed = logits.copy()
        for of, to in directions:
            strayed[labels == of] -= 8
            strayed[labels == of, of], strayed[labels == of, to] = 0, -2
        found = find_label_issues(strayed.astype(np.float32), labels)
        assert found.found.total > 100
        return found.num_expected

    assert foreseen((0, 1), (1, 2), (2, 0)) == 0
    assert foreseen((0, 1), (1, 0)) > 1


def test_class_without_a_label_is_never_suggested():
    logits, labels = _paired_world(800, 8, strength=2.0)
    keep = labels != 5
    found = find_label_issues(logits[keep], labels[keep])
    assert len(found.issues) > 0
    assert all(issue.suggested_index != 5 for issue in found.issues)


def test_correct_predictions_are_no_issues_and_certain_ones_expect_none():
    labels = np.arange(30) % 6
    found = find_label_issues((30 * np.eye(6)[labels]).astype(np.float32), labels)
    assert found.issues == ()
    assert found.num_expected == pytest.approx(0, abs=1e-9)
    assert (found.found.count, found.found.total) == (0, 30)


@pytest.mark.parametrize(("n", "k"), [(1, 2), (2, 2), (3, 40), (9, 5)])
def test_tiny_test_sets_have_no_issue_without_others_to_compare(n, k):
    logits = (5 * np.eye(k)[(np.arange(n) + 1) % k]).astype(np.float32)
    found = find_label_issues(logits, np.arange(n) % k)
    assert found.issues == ()


@given(st.integers(2, 60), st.integers(2, 8), st.integers(0, 10_000), st.data())
def test_order_of_examples_changes_nothing_but_ties(n, k, seed, data):
    logits, labels = _paired_world(n, k + k % 2, seed=seed, strength=1.0)
    logits, labels = logits[:, :k], np.minimum(labels, k - 1)
    order = np.array(data.draw(st.permutations(range(n))))
    found, shuffled = find_label_issues(logits, labels), find_label_issues(logits[order], labels[order])
    assert sorted(order[_positions(shuffled)].tolist()) == sorted(_positions(found))
    assert shuffled.num_expected == pytest.approx(found.num_expected, rel=1e-4, abs=1e-9)
    assert shuffled.num_confident_learning == found.num_confident_learning
    assert found.found.count == len(found.issues)
