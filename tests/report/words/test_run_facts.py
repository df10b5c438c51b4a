from dataclasses import replace

import numpy as np
import pytest
from records import make_key, make_provenance

from reportgen.cache import CamPair, EvaluationCache
from reportgen.report.words.run_facts import maps_text, no_maps_text, run_facts, run_summary


def some_maps(cam: CamPair, num: int) -> CamPair:
    return CamPair(true=cam.true[:num], predicted=cam.predicted[:num], positions=np.arange(num))


def test_one_method_is_told_with_its_layer_and_grid(small_cache: EvaluationCache):
    facts = dict(run_facts(small_cache))
    assert facts["Maps"] == "Grad-CAM, signed, in units of the logit"
    assert facts["Target layer"] == "features.3, 8×8 cells, found by probing the network"
    assert "for the true and the predicted class" in run_summary(small_cache)


def test_each_method_says_its_nature_its_grid_and_how_many_images_it_has(small_cache: EvaluationCache):
    cam = small_cache.cams["gradcam"]
    cams = {"gradcam": cam, "layercam": cam, "scorecam": some_maps(cam, 7)}
    facts = dict(run_facts(replace(small_cache, cams=cams)))
    assert facts["Maps"] == (
        "Grad-CAM, signed, in units of the logit, 8×8 cells; LayerCAM, in arbitrary units, 8×8 cells;"
        " ScoreCAM, in arbitrary units, 8×8 cells, 7 of 60 images"
    )
    assert "Grad-CAM, LayerCAM and ScoreCAM" in run_summary(replace(small_cache, cams=cams))


@pytest.mark.parametrize(
    ("methods", "joined"),
    [
        ("gradcam aggregate=mean", "combined by their mean"),
        ("gradcam aggregate=max", "combined by their maximum"),
        ("gradcam,rollout aggregate=weighted", "combined by their mean, weighted by each layer’s evidence"),
    ],
)
def test_several_layers_are_named_with_how_their_maps_became_one(small_cache: EvaluationCache, methods, joined):
    provenance = make_provenance(target_layer="layer3, layer4", layer_source="given")
    facts = dict(run_facts(replace(small_cache, key=make_key(methods=methods), provenance=provenance)))
    assert facts["Target layers"] == f"layer3, layer4, 8×8 cells, {joined}, as specified"


def test_attention_is_no_target_layer(small_cache: EvaluationCache):
    both = replace(small_cache, provenance=make_provenance(target_layer="attention of 4 layers, blocks.3.norm1"))
    facts = dict(run_facts(both))
    assert facts["Target layer"] == "blocks.3.norm1 and attention of 4 layers, 8×8 cells, found by probing the network"
    assert "target layer blocks.3.norm1 and attention of 4 layers, 8×8 cells" in run_summary(both)
    alone = replace(small_cache, provenance=make_provenance(target_layer="attention of 4 layers"))
    assert dict(run_facts(alone))["Maps from"] == "attention of 4 layers, 8×8 cells, found by probing the network"
    assert "maps from attention of 4 layers, 8×8 cells" in run_summary(alone)


def test_maps_that_know_no_class_are_not_told_as_pairs(small_cache: EvaluationCache):
    maps = small_cache.cams["gradcam"].true
    cache = replace(small_cache, cams={"rollout": CamPair(true=maps, predicted=maps, is_class_agnostic=True)})
    assert "with the attention rollout map of every image" in run_summary(cache)
    assert "predicted class" not in run_summary(cache)
    assert dict(run_facts(cache))["Maps"] == "attention rollout, in arbitrary units, class-agnostic"


def test_what_is_not_known_has_no_row(small_cache: EvaluationCache):
    provenance = make_provenance(
        target_layer="",
        no_maps_reason="The file holds no maps.",
        num_parameters=0,
        weights_name="",
        preprocessing="",
        input_size=(0, 0),
        device="",
        precision="",
        versions=(),
        seconds=0.0,
    )
    key = make_key(weights_digest="", model="")
    cache = replace(small_cache, cams={}, key=key, provenance=provenance)
    facts = dict(run_facts(cache))
    assert set(facts) == {"Model", "Data", "Examples", "Maps", "Run"}
    assert facts["Model"] == "make"
    assert facts["Maps"] == maps_text(cache) == "There are no maps: the file holds no maps."


def test_a_reason_is_joined_to_its_sentence_and_may_be_missing(small_cache: EvaluationCache):
    provenance = make_provenance(no_maps_reason="Its inside is hidden")
    assert no_maps_text(replace(small_cache, provenance=provenance)) == "There are no maps: its inside is hidden."
    assert no_maps_text(small_cache) == "There are no maps."
