"""Tests of the maps: against plain loops in float64, and on a linear model whose true importance is known."""

import copy
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, zoom
from scipy.stats import spearmanr
from torch import Tensor, nn

from reportgen.cache import CamPair, EvaluationCache, Faithfulness
from reportgen.errors import SettingsError
from reportgen.evidence.trust import faithfulness
from reportgen.evidence.trust.faithfulness import choose_tested, correlate_ranks, measure_faithfulness
from reportgen.evidence.trust.removal import BLUR_SIDES
from reportgen.inputs.networks.classifier import Classifier
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.settings import AnalyzeSettings

PREPROCESSING = Preprocessing(mean=(0.5, 0.4, 0.6), std=(0.2, 0.25, 0.3), source="the test")


@pytest.fixture
def measure() -> Callable[..., Faithfulness]:
    """Tests the maps of a cache on a network."""

    def run(network, evaluation_set, cache: EvaluationCache, number=4, *, progress=None, is_opaque=False, **options):
        classifier = Classifier(
            name="net", module=network, preprocessing=PREPROCESSING, weights_name="", is_opaque=is_opaque
        )
        values = {"model": "x", "data": "x", "device": "cpu", "batch_size": 20, "workers": 0, **options}
        return measure_faithfulness(
            classifier, evaluation_set, AnalyzeSettings(faithfulness=number, **values), cache, progress=progress
        )

    return run


def _ranks(cam: np.ndarray, side: int) -> np.ndarray:
    """The place of each pixel, by sorting; the map scaled by SciPy."""
    scaled = zoom(cam.astype(np.float64), side / len(cam), order=1, mode="nearest", grid_mode=True).ravel().round(6)
    order = sorted(range(len(scaled)), key=lambda place: (-scaled[place], place))
    return np.argsort(order).reshape(side, side)


def _imputed(image: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Each missing pixel the weighted mean of its neighbours: a dense solve."""
    side = len(missing)
    line = 2 * np.eye(side) + np.eye(side, k=1) + np.eye(side, k=-1)
    weights = np.kron(line, line) / 12
    np.fill_diagonal(weights, 0)
    equations = np.diag(weights.sum(axis=1)) - weights
    hole, filled = missing.ravel(), image.reshape(3, -1).copy()
    right = weights[hole][:, ~hole] @ filled[:, ~hole].T
    filled[:, hole] = np.linalg.solve(equations[hole][:, hole], right).T
    return filled.reshape(image.shape)


def _plain_curves(network: nn.Module, image: np.ndarray, cam: np.ndarray, predicted: int) -> np.ndarray:
    """(F, 4): one picture at a time, in float64, from the definitions."""
    side = image.shape[1]
    ranks = _ranks(cam, side)
    sigma = BLUR_SIDES * side
    blurred = gaussian_filter(image, (0, sigma, sigma), radius=(0, *[math.ceil(3 * sigma)] * 2), mode="nearest")

    def probability(picture: np.ndarray) -> float:
        with torch.no_grad():
            return float(network(torch.from_numpy(picture)[None]).softmax(1)[0, predicted])

    curves = np.empty((11, 4))
    for step in range(11):
        count = round(step * side * side / 10)
        most, least = ranks < count, ranks >= side * side - count
        assert most.sum() == least.sum() == count
        curves[step] = [
            probability(np.where(most, 0, image)),
            probability(np.where(most, image, blurred)),
            *(probability(_imputed(image, missing) if step < 10 else 0 * image) for missing in (most, least)),
        ]
    return curves


@pytest.mark.parametrize("name", ["pooling", "mlp"])
def test_curves_are_those_of_a_plain_loop(monkeypatch, build, make_set, run_pass, to_inputs, measure, name):  # noqa: PLR0917
    monkeypatch.setattr(faithfulness, "NOISE", 0.0)
    network, evaluation_set = build(name), make_set(9)
    cache = run_pass(network, evaluation_set)
    found = measure(network, evaluation_set, cache, 3)
    double, inputs = copy.deepcopy(network).double(), to_inputs(evaluation_set).double().numpy()
    assert list(found.curves) == ["gradcam", "random", "centre"]
    np.testing.assert_allclose(found.fractions, np.arange(11) / 10, atol=1e-7)
    curves = found.curves["gradcam"]
    for row, position in enumerate(found.positions):
        cam, predicted = cache.cams["gradcam"].predicted[position], int(cache.logits[position].argmax())
        own = np.column_stack([curves.deletion[row], curves.insertion[row], curves.road[row]])
        np.testing.assert_allclose(own, _plain_curves(double, inputs[position], cam, predicted), atol=2e-4)


def test_baselines_are_chance_of_each_examples_own_and_a_blob_in_the_middle():
    some, others = (faithfulness._make_baselines(seeds, (5, 7)) for seeds in ([3, 4, 9], [4]))
    assert np.array_equal(some["random"][1], others["random"][0])
    assert len({cam.tobytes() for cam in some["random"]}) == 3
    y, x = np.mgrid[:5, :7]
    distance = np.hypot((y - 2) / 5, (x - 3) / 7).round(9)
    for cam in some["centre"]:
        assert np.array_equal(np.argsort(-cam.ravel(), kind="stable"), np.argsort(distance.ravel(), kind="stable"))


class Linear(nn.Module):
    """Two classes: the logit of the first is a weighted sum of the pixels, that of the other is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 2, 1, bias=False)
        self.head = nn.Linear(2 * 16 * 16, 2, bias=False)
        rng = np.random.default_rng(0)
        with torch.no_grad():
            self.features.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])[:, :, None, None])
            self.head.weight[0] = 0.1 * torch.from_numpy(rng.normal(size=2 * 16 * 16))
            self.head.weight[1] = 0

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).flatten(1))

    def contributions(self, inputs: Tensor) -> np.ndarray:
        """(B, 16, 16): what each pixel adds to the first class's logit."""
        return (self.features(inputs) * self.head.weight[0].view(2, 16, 16)).sum(1).detach().numpy()


@pytest.mark.slow
def test_on_a_linear_model_the_true_map_beats_chance_and_the_reversed_one_loses(make_set, run_pass, to_inputs, measure):
    network, evaluation_set = Linear().eval(), make_set(24, num_classes=2)
    cache = run_pass(network, evaluation_set)
    predicted = cache.logits.argmax(1)
    sign = np.where(predicted == 0, 1, -1)[:, None, None]
    truth = (sign * network.contributions(to_inputs(evaluation_set))).astype(np.float16)

    found = {}
    for name, maps in (("true", truth), ("reversed", -truth)):
        own = replace(cache, cams={"gradcam": CamPair(true=maps, predicted=maps)})
        found[name] = measure(network, evaluation_set, own, 24).curves
    for name, order in (("true", 1), ("reversed", -1)):
        # Deletion by hand: the margin is the sum of what is left.
        ranked = np.sort(order * truth.astype(np.float64).reshape(24, -1), axis=1)[:, ::-1] * order
        kept = ranked.sum(1, keepdims=True) - np.cumsum(np.pad(ranked, ((0, 0), (1, 0))), axis=1)
        counts = [round(step * 25.6) for step in range(11)]
        expected = 1 / (1 + np.exp(-kept[:, counts]))
        np.testing.assert_allclose(found[name]["gradcam"].deletion, expected, atol=2e-3)
    area = {name: curves["gradcam"].deletion.mean(1) for name, curves in found.items()}
    chance = found["true"]["random"].deletion.mean(1)
    assert (area["true"] < chance).all()
    assert (chance < area["reversed"]).all()
    insertion = {name: curves["gradcam"].insertion.mean(1) for name, curves in found.items()}
    assert (insertion["true"] > found["true"]["random"].insertion.mean(1)).all()
    assert (insertion["reversed"] < found["true"]["random"].insertion.mean(1)).all()
    road = {
        name: (curves["gradcam"].road[..., 1] - curves["gradcam"].road[..., 0]).mean() for name, curves in found.items()
    }
    np.testing.assert_allclose(road["true"], -road["reversed"], atol=1e-3)  # one order is the other's reverse
    assert road["true"] > 0.2


def test_curves_start_and_end_where_they_must(build, make_set, run_pass, measure):
    network, evaluation_set = build("pooling"), make_set(10)
    cache = run_pass(network, evaluation_set)
    found = measure(network, evaluation_set, cache, 10)
    shifted = np.exp(cache.logits - cache.logits.max(1, keepdims=True))
    confidence = (shifted / shifted.sum(1, keepdims=True)).max(1)
    for curves in found.curves.values():
        np.testing.assert_allclose(curves.deletion[:, 0], confidence, rtol=1e-5)
        np.testing.assert_allclose(curves.insertion[:, -1], confidence, rtol=1e-5)
        np.testing.assert_allclose(curves.road[:, 0], np.stack([confidence, confidence], 1), rtol=1e-5)
        assert np.array_equal(curves.road[:, -1, 0], curves.road[:, -1, 1])
    assert not np.array_equal(found.curves["random"].deletion, found.curves["centre"].deletion)


def test_imputed_pixels_carry_noise_and_known_ones_none(build, make_set, run_pass, measure, monkeypatch):
    network, evaluation_set = build("pooling"), make_set(6)
    cache = run_pass(network, evaluation_set)
    seen: list[Tensor] = []
    ask = faithfulness._Probability.__call__
    monkeypatch.setattr(faithfulness._Probability, "__call__", lambda *a: (seen.append(a[1]), ask(*a))[1])
    measure(network, evaluation_set, cache, 2)
    noisy, seen = list(seen), []
    monkeypatch.setattr(faithfulness, "NOISE", 0.0)
    monkeypatch.setattr(faithfulness._Probability, "__call__", lambda *a: (seen.append(a[1]), ask(*a))[1])
    measure(network, evaluation_set, cache, 2)
    differences = [(first - second) for first, second in zip(noisy, seen, strict=True)]
    road = torch.cat([d for d in differences if d.any()])
    assert sum(1 for d in differences if not d.any()) == 3 + 3 * 2  # whole, blurred, empty; deletions and insertions
    noise = road[road != 0]
    assert abs(float(noise.std()) - 0.01) < 5e-4
    assert 0.4 < float((road != 0).float().mean()) < 0.6  # tenths from 1 to 9, both ways


def test_the_same_sample_gives_the_same_curves_whatever_the_batch(build, make_set, run_pass, measure):
    network, evaluation_set = build("pooling"), make_set(12)
    cache = run_pass(network, evaluation_set)
    told: list[int] = []
    one, other = (measure(network, evaluation_set, cache, 7, batch_size=size, progress=told.append) for size in (4, 27))
    assert told == [1] * 7 + [3, 3, 1]
    for name, curves in one.curves.items():
        np.testing.assert_allclose(curves.road, other.curves[name].road, atol=1e-5)
        np.testing.assert_allclose(curves.deletion, other.curves[name].deletion, atol=1e-6)


def test_no_batch_is_larger_than_asked_for_and_the_network_is_left_as_found(build, make_set, run_pass, measure):
    class Counting(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network
            self.sizes: list[int] = []

        def forward(self, x: Tensor) -> Tensor:
            self.sizes.append(len(x))
            return self.network(x)

    network, evaluation_set = Counting(build("pooling")).train(), make_set(12)
    cache = run_pass(network, evaluation_set, layers=("network.features",))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.sizes.clear()
    measure(network, evaluation_set, cache, 6, batch_size=18, layers=("network.features",))
    assert max(network.sizes) <= 18
    assert sum(network.sizes) >= 6 * (4 + 3 * 36)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(module.training and not module._forward_hooks for module in network.modules())


def test_randomized_maps_are_those_of_the_same_class_by_a_shuffled_head(build, make_set, run_pass, measure):
    network, evaluation_set = build("pooling"), make_set(12)
    cache = run_pass(network, evaluation_set)
    found = measure(network, evaluation_set, cache, 12)
    predicted = cache.logits.argmax(1)
    from reportgen.evidence.trust.head_shuffle import shuffled

    with shuffled([network.head.weight]):
        relabelled = run_pass(network, replace(evaluation_set, labels=predicted))
    pairs = zip(cache.cams["gradcam"].predicted, relabelled.cams["gradcam"].true, strict=True)
    expected = [spearmanr(own.ravel(), other.ravel()).statistic for own, other in pairs]
    np.testing.assert_allclose(found.randomized["gradcam"], expected, atol=1e-6)
    assert np.abs(expected).max() < 1


def test_without_a_linear_head_nothing_is_randomized(make_set, run_pass, measure):
    class Ends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.features = nn.Conv2d(3, 5, 3, stride=4, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.features(x).relu().mean((2, 3))

    network, evaluation_set = Ends().eval(), make_set(6)
    found = measure(network, evaluation_set, run_pass(network, evaluation_set), 3)
    assert found.randomized == {}


def test_maps_of_some_examples_are_not_tested_and_without_any_there_is_an_error(build, make_set, run_pass, measure):
    network, evaluation_set = build("pooling"), make_set(12)
    cache = run_pass(network, evaluation_set)
    pair = cache.cams["gradcam"]
    some = CamPair(true=pair.true[:2], predicted=pair.predicted[:2], positions=np.array([3, 5]))
    found = measure(network, evaluation_set, replace(cache, cams={"gradcam": pair, "scorecam": some}), 3)
    assert list(found.curves) == ["gradcam", "random", "centre"]
    for broken, options in ((replace(cache, cams={}), {}), (cache, {"is_opaque": True})):
        with pytest.raises(SettingsError, match="faithfulness=3 tests maps"):
            measure(network, evaluation_set, broken, 3, **options)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=60), st.integers(1, 70))
def test_every_stratum_gives_its_share(strata, number):
    labels, is_correct = (np.array(column) for column in zip(*strata, strict=True))
    chosen = choose_tested(labels.astype(np.int64), is_correct, number)
    assert len(chosen) == min(number, len(strata))
    assert (np.diff(chosen) > 0).all()
    assert chosen.dtype == np.int64
    taken = Counter(strata[position] for position in chosen)
    for stratum, size in Counter(strata).items():
        share = size * len(chosen) / len(strata)
        assert math.floor(share) <= taken[stratum] <= math.ceil(share)


def test_which_of_a_stratum_are_taken_is_chance(make_set):
    chosen = choose_tested(np.zeros(1000, np.int64), np.ones(1000, np.bool_), 100)
    assert len(set(np.diff(chosen).tolist())) > 5
    assert np.array_equal(chosen, choose_tested(np.zeros(1000, np.int64), np.ones(1000, np.bool_), 100))


def test_rank_correlation_is_spearmans_with_ties_and_undefined_for_flat_maps():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, (2, 6, 4, 5)).astype(np.float16)
    expected = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(correlate_ranks(first, second), expected, atol=1e-6)
    first[2] = 1
    assert np.isnan(correlate_ranks(first, second)).tolist() == [False, False, True, False, False, False]
