import numpy as np
import pytest
import torch

from reportgen.errors import LayerError, ModelError
from reportgen.evidence.pass_results import HostBatch, PassResults


@pytest.fixture
def results(make_set) -> PassResults:
    evaluation_set = make_set(6)
    view = evaluation_set.images[0]
    return PassResults(
        evaluation_set,
        grids={"gradcam": (4, 4), "eigencam": (2, 2)},
        first_view=view,
        thumbnail_size=8,
        sampled=np.array([1, 4]),
    )


def _maps(true: torch.Tensor, predicted: torch.Tensor) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    shared = true[:, :2, :2].clone()
    return {"gradcam": (true, predicted), "eigencam": (shared, shared)}


def _batch(start: int, **changes: object) -> HostBatch:
    generator = torch.Generator().manual_seed(start)
    values = {
        "start": start,
        "views": np.full((3, 16, 16, 3), start, np.uint8),
        "logits": torch.randn(3, 5, generator=generator),
        "predicted": torch.tensor([0, 1, 2]),
        "maps": _maps(*(torch.randn(3, 4, 4, generator=generator) for _ in range(2))),
        "sum_error": None,
    }
    return HostBatch(**{**values, **changes})


def test_batches_lie_where_they_belong(results):
    batches = [_batch(0), _batch(3)]
    for batch in reversed(batches):
        results.place(batch)
    assert (results.logits == np.concatenate([b.logits for b in batches])).all()
    expected = np.concatenate([b.maps["gradcam"][1] for b in batches])
    np.testing.assert_allclose(results.cams["gradcam"].predicted, expected, rtol=1e-3)
    assert results.thumbnails.shape == (6, 8, 8, 3)
    assert results.thumbnails[:, 0, 0, 0].tolist() == [0, 0, 0, 3, 3, 3]


def test_a_method_that_knows_no_classes_keeps_one_array(results):
    for start in (0, 3):
        results.place(_batch(start))
    assert results.cams["eigencam"].is_class_agnostic
    assert results.cams["eigencam"].true.shape == (6, 2, 2)
    assert not results.cams["gradcam"].is_class_agnostic


def test_the_sample_keeps_maps_before_rounding(results, make_set):
    batches = [_batch(0), _batch(3)]
    for batch in batches:
        results.place(batch)
    sample, labels = results.sample, make_set(6).labels
    assert (sample.maps["gradcam"][0, 0] == batches[0].maps["gradcam"][0][1].numpy()).all()
    assert (sample.maps["gradcam"][1, 1] == batches[1].maps["gradcam"][1][1].numpy()).all()
    assert (sample.maps["eigencam"][1, 1] == batches[1].maps["eigencam"][0][1].numpy()).all()
    assert sample.classes.tolist() == [[labels[1], 1], [labels[4], 1]]
    assert sample.views[:, 0, 0, 0].tolist() == [0, 3]


def test_the_worst_sum_error_is_kept(results):
    assert results.worst_sum_error is None
    for error in (0.25, 0.5, 0.125):
        results.place(_batch(0, sum_error=torch.tensor(error)))
    assert results.worst_sum_error == 0.5


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_logit_that_is_not_finite_names_the_example(results, value):
    logits = torch.zeros(3, 5)
    logits[2, 4] = value
    with pytest.raises(ModelError, match=r"example 5\.png are not finite"):
        results.place(_batch(3, logits=logits))


def test_a_map_that_is_not_a_number_names_the_example(results):
    maps = torch.zeros(3, 4, 4)
    maps[1, 0, 0] = float("nan")
    with pytest.raises(LayerError, match=r"example 4\.png"):
        results.place(_batch(3, maps=_maps(maps, torch.zeros(3, 4, 4))))


def test_a_map_beyond_float16_is_cut_off_and_said_so(results):
    maps = torch.zeros(3, 4, 4)
    maps[0, 0, 0] = -1e6
    results.place(_batch(0, maps=_maps(torch.zeros(3, 4, 4), maps)))
    results.place(_batch(3))
    assert results.cams["gradcam"].predicted[0, 0, 0] == -65504
    assert "exceed ±65,504" in results.warnings()[0]


def test_logits_give_no_warning(results):
    results.place(_batch(0))
    results.place(_batch(3))
    assert results.warnings() == ()
