import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from loaded import compute_cache_key
from PIL import Image
from scipy.special import log_softmax, softmax

from reportgen.cache_file import load_cache, save_cache
from reportgen.errors import DataError
from reportgen.inputs.data.array_results import load_array_results
from reportgen.pipeline import analyze
from reportgen.settings import AnalyzeSettings

LOGITS = np.random.default_rng(0).normal(size=(6, 3)) * 4
PROBABILITIES = softmax(LOGITS, axis=1)
LABELS = np.array([0, 0, 1, 1, 2, 2])


@pytest.fixture
def write(tmp_path):
    """Writes outputs of six examples of three classes; members may be replaced, or left out with None."""

    def write(name: str = "outputs.npz", **members: object) -> Path:
        complete = {"y_true": LABELS, "y_pred_probs": PROBABILITIES.astype(np.float32), **members}
        np.savez(tmp_path / name, **{key: value for key, value in complete.items() if value is not None})
        return tmp_path / name

    return write


def load(path: Path, **options):
    settings = AnalyzeSettings(arrays=path, **options)
    return load_array_results(settings, compute_cache_key(settings)).cache


def test_probabilities_come_back_from_the_logits(write):
    cache = load(write())
    np.testing.assert_allclose(softmax(cache.logits, axis=1), PROBABILITIES, atol=1e-6)
    np.testing.assert_allclose(cache.logits, log_softmax(LOGITS, axis=1), atol=1e-5)
    assert cache.labels.tolist() == LABELS.tolist()
    assert cache.example_id.tolist() == ["0", "1", "2", "3", "4", "5"]
    assert cache.class_names == ("0", "1", "2")
    assert cache.thumbnails is None
    assert dict(cache.cams) == {}
    assert cache.checks == ()


@pytest.mark.parametrize("name", ["y_pred_proba", "y_prob", "probs", "probabilities"])
def test_other_names_of_probabilities_and_labels_are_known(write, name):
    path = write(y_pred_probs=None, y_true=None, labels=LABELS, **{name: PROBABILITIES})
    np.testing.assert_array_equal(load(path).logits, np.log(PROBABILITIES).astype(np.float32))


def test_logits_count_before_probabilities(write):
    np.testing.assert_array_equal(load(write(logits=LOGITS)).logits, LOGITS.astype(np.float32))


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_one_column_is_the_second_class(write, shape):
    values, labels = PROBABILITIES[:, 0], np.array([0, 1, 1, 0, 0, 1])
    from_probabilities = load(write(y_true=labels, y_pred_probs=values.reshape(shape)))
    from_logits = load(
        write(y_true=labels, y_pred_probs=None, logits=(np.log(values) - np.log(1 - values)).reshape(shape))
    )
    for cache in (from_probabilities, from_logits):
        np.testing.assert_allclose(softmax(cache.logits, axis=1)[:, 1], values, atol=1e-6)
        assert cache.class_names == ("0", "1")


@pytest.mark.parametrize(
    "labels",
    [
        np.eye(3)[LABELS],
        np.eye(3, dtype=bool)[LABELS],
        LABELS[:, None],
        LABELS.astype(np.float32),
        LABELS.astype(np.uint8),
    ],
)
def test_labels_may_be_one_hot_or_any_whole_numbers(write, labels):
    cache = load(write(y_true=labels))
    assert cache.labels.tolist() == LABELS.tolist()
    assert cache.labels.dtype == np.int64


def test_probability_zero_of_the_true_class_stays_finite_and_is_told(write):
    probabilities = np.eye(3)[[0, 1, 1, 1, 2, 2]]
    cache = load(write(y_pred_probs=probabilities))
    np.testing.assert_allclose(softmax(cache.logits, axis=1), probabilities, atol=1e-30)
    assert cache.provenance.warnings == (
        "1 of 6 examples have the probability 0 for their true class: their log-loss counts as 87.3 instead of "
        "infinity.",
    )
    assert load(write()).provenance.warnings == ()


def test_logit_of_minus_infinity_is_a_probability_of_zero(write):
    logits = LOGITS.copy()
    logits[0, (LABELS[0] + 1) % 3] = logits[1, LABELS[1]] = -np.inf
    cache = load(write(y_pred_probs=None, logits=logits))
    np.testing.assert_array_equal(cache.logits, logits.astype(np.float32))
    assert "1 of 6 examples have the probability 0 for their true class" in cache.provenance.warnings[0]
    logits[2] = -np.inf
    with pytest.raises(DataError, match="row 2 of logits is not finite"):
        load(write(y_pred_probs=None, logits=logits))


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"logits": LOGITS[::-1]}, r"y_pred_probs and the other outputs contradict each other in \d of 6 rows"),
        ({"y_pred": (PROBABILITIES.argmin(axis=1))}, "y_pred and the other outputs contradict each other in 6 of 6"),
        ({"y_pred": np.full(6, 3)}, "y_pred and the other outputs contradict each other in 6 of 6"),
        ({"y_pred": np.zeros(5, int)}, r"y_pred is int64 \(5,\), not integers \(6,\)"),
        ({"logits": LOGITS, "y_pred_probs": PROBABILITIES[:, :2]}, r"has the shape \(6, 2\) for outputs of the shape"),
        ({"ids": np.array(["a", "b", "a", "c", "d", "e"])}, "ids has a 2 times"),
    ],
)
def test_members_that_contradict_each_other_are_refused(write, members, problem):
    with pytest.raises(DataError, match=problem):
        load(write(**members))


def test_members_that_agree_are_taken(write):
    agreeing = write(logits=LOGITS, y_pred_probs=softmax(LOGITS, axis=1), y_pred=LOGITS.argmax(axis=1))
    np.testing.assert_array_equal(load(agreeing).logits, LOGITS.astype(np.float32))


def test_names_ids_and_columns_are_kept(write):
    cache = load(
        write(
            class_names=np.array(["cat", "dog", "owl"]),
            ids=np.array(list("uvwxyz")),
            model_name=np.array("our API"),
            **{"column.site": np.array([1, 1, 2, 2, 3, 3]), "something else": np.zeros(2)},
        )
    )
    assert cache.class_names == ("cat", "dog", "owl")
    assert cache.example_id.tolist() == list("uvwxyz")
    assert cache.columns["site"].tolist() == ["1", "1", "2", "2", "3", "3"]
    assert cache.provenance.model_name == "our API"
    assert load(write(ids=np.arange(10, 16))).example_id[0] == "10"


def test_class_names_and_superclasses_are_honoured(write, tmp_path):
    names, groups = tmp_path / "names.txt", tmp_path / "groups.csv"
    names.write_text("Katze\nHund\nEule")
    groups.write_text("class,superclass\nKatze,mammals\nHund,mammals\nEule,birds\n")
    path = write(class_names=np.array(["cat", "dog", "owl"]))
    cache = load(path, class_names_path=names, superclasses_path=groups)
    assert cache.class_names == ("Katze", "Hund", "Eule")
    assert cache.superclasses is not None
    assert cache.superclasses.superclass_of.tolist() == [1, 1, 0]
    names.write_text("dog\ncat\nowl")
    with pytest.raises(DataError, match="in another order"):
        load(path, class_names_path=names)
    names.write_text("cat\ndog")
    with pytest.raises(DataError, match="lists 2 classes, but there are outputs for 3"):
        load(path, class_names_path=names)


def test_images_become_thumbnails(write, pixels):
    images = pixels(6, 40, 80, 3)
    small = load(write(images=images), thumbnail_size=20).thumbnails
    assert small.shape == (6, 10, 20, 3)
    # Area averaging by a whole factor is the mean of 4x4 blocks, rounded twice: once along each axis.
    means = images.reshape(6, 10, 4, 20, 4, 3).mean(axis=(2, 4))
    assert np.abs(small - means).max() <= 1
    np.testing.assert_array_equal(load(write(images=images)).thumbnails, images)
    assert load(write(images=images)).provenance.input_size == (40, 80)
    assert load(write(images=images[..., 0])).thumbnails.shape == (6, 40, 80, 3)


def test_limit_keeps_what_belongs_together(write, pixels):
    maps = np.random.default_rng(1).normal(size=(2, 6, 4, 4))
    path = write(
        images=pixels(6, 8, 8, 3),
        maps_true=maps[0],
        maps_predicted=maps[1],
        **{"column.site": np.array(list("abcdef"))},
    )
    whole, part = load(path), load(path, limit=3)
    index = part.example_index
    assert len(index) == 3
    np.testing.assert_array_equal(part.labels, whole.labels[index])
    np.testing.assert_array_equal(part.logits, whole.logits[index])
    np.testing.assert_array_equal(part.thumbnails, whole.thumbnails[index])
    np.testing.assert_array_equal(part.columns["site"], whole.columns["site"][index])
    np.testing.assert_array_equal(part.cams["given"].predicted, whole.cams["given"].predicted[index])
    np.testing.assert_array_equal(part.example_id, whole.example_id[index])


def test_missing_maps_are_explained(write, pixels):
    assert "without class activation maps" in load(write()).provenance.no_maps_reason
    maps = {"maps_true": np.ones((6, 4, 4)), "maps_predicted": np.ones((6, 4, 4))}
    blind = load(write(**maps))
    assert dict(blind.cams) == {}
    assert "images to lay them over" in blind.provenance.no_maps_reason
    assert load(write(images=pixels(6, 8, 8, 3), **maps)).provenance.no_maps_reason == ""


def test_annotations_of_the_images_are_taken_along(write, pixels, tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    mask = np.zeros((8, 8), np.uint8)
    mask[2:4, 4:8] = 255
    Image.fromarray(mask).save(folder / "d.png")
    path = write(images=pixels(6, 8, 8, 3), ids=np.array([f"{letter}.jpg" for letter in "abcdef"]))
    settings = AnalyzeSettings(arrays=path, annotations=folder)
    annotations = analyze(settings, cache_path=tmp_path / "cache.npz").annotations
    assert annotations is not None
    assert annotations.positions.tolist() == [3]
    np.testing.assert_array_equal(annotations.masks[0], mask > 0)
    with pytest.raises(DataError, match="annotations, but no images"):
        load(write(), annotations=folder)


@pytest.mark.parametrize(
    ("members", "problem", "remedy"),
    [
        ({"y_true": None}, "it has no labels .*y_true or labels.*; it has y_pred_probs", "y_true"),
        ({"y_pred_probs": None}, "it has no outputs .*; it has y_true", "y_pred_probs"),
        ({"y_pred_probs": LOGITS}, r"row 0 of y_pred_probs reaches from .* outside \[0, 1\]", "as logits"),
        ({"y_pred_probs": PROBABILITIES / 2}, "row 0 of y_pred_probs sums to 0.5, not to 1", "exclude each other"),
        ({"y_pred_probs": np.where(np.eye(6, 3), np.nan, 0.5)}, "row 0 of y_pred_probs is not finite", "NaN"),
        ({"logits": np.where(np.eye(6, 3)[::-1], np.inf, 0.5)}, "row 3 of logits is not finite", "NaN"),
        ({"logits": PROBABILITIES}, "logits looks like probabilities", "y_pred_probs"),
        ({"logits": LOGITS * 1e40}, "beyond the range of float32", "y_true"),
        ({"y_pred_probs": np.array(["a"] * 6)}, "y_pred_probs is <U1, not numbers", "y_true"),
        ({"y_pred_probs": np.ones((6, 3, 1))}, r"shape \(6, 3, 1\), not \(N, K\)", "y_true"),
        ({"y_pred_probs": np.ones((0, 3)), "y_true": LABELS[:0]}, r"shape \(0, 3\)", "y_true"),
        ({"y_true": LABELS[:5]}, r"y_true has the shape \(5,\) for outputs of the shape \(6, 3\)", "same order"),
        ({"y_true": LABELS + 1}, "reaches from 1 to 3, but the outputs are of 3 classes", "from 0"),
        ({"y_true": LABELS - 1}, "reaches from -1", "from 0"),
        ({"y_true": LABELS + 0.5}, "y_true is float64, not integers", "indices"),
        ({"y_true": np.array(list("aabbcc"))}, "y_true is <U1, not integers", "indices"),
        ({"y_true": np.ones((6, 3))}, "row 0 of y_true marks 3 classes", "one class"),
        ({"y_true": np.array([0, None, 1, 1, 2, 2])}, "y_true contains Python objects", "plain"),
        ({"class_names": np.array(["a", "b"])}, "lists 2 classes, but there are outputs for 3", "every class"),
        ({"class_names": np.array(["a", "b", "a"])}, "contains a twice", "unique name"),
        ({"ids": np.array(["a"])}, r"ids is <U1 \(1,\)", "ids"),
        ({"images": np.zeros((5, 8, 8, 3), np.uint8)}, "there are 5 images for 6 outputs", "images"),
        ({"images": np.zeros((6, 8, 8, 3))}, "images are float64, not uint8", "0 to 255"),
        ({"column.site": np.array(["a"])}, r"column\.site has the shape \(1,\)", "y_true"),
    ],
)
def test_misfits_are_named_with_their_remedy(write, members, problem, remedy):
    with pytest.raises(DataError, match=problem) as caught:
        load(write(**members))
    assert remedy in caught.value.hint


def test_the_time_is_the_files_own_or_that_of_a_reproducible_build(write, monkeypatch):
    path = write()
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    os.utime(path, (86400, 86400))
    assert load(path).provenance.created == "1970-01-02T00:00:00Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "172800")
    assert load(path).provenance.created == "1970-01-03T00:00:00Z"


def test_same_arrays_give_the_same_bytes_and_survive_the_file(write, pixels, tmp_path):
    maps = np.random.default_rng(1).normal(size=(6, 4, 4))
    path = write(images=pixels(6, 8, 8, 3), **{"cam.rollout.true": maps, "column.site": LABELS})
    for name in ("a.npz", "b.npz"):
        save_cache(load(path), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    kept = load_cache(tmp_path / "a.npz")
    assert kept.key == compute_cache_key(AnalyzeSettings(arrays=path))
    assert kept.cams["rollout"].is_class_agnostic
    assert kept.columns["site"].tolist() == ["0", "0", "1", "1", "2", "2"]


def test_key_names_the_file_and_only_what_decides(write, tmp_path):
    path = write()
    key = compute_cache_key(AnalyzeSettings(arrays=path))
    assert (key.model, key.data) == ("arrays", "outputs.npz")
    for changes in ({"aggregate": "max"}, {"batch_size": 3}, {"device": "cpu"}):
        assert key.differences(compute_cache_key(AnalyzeSettings(arrays=path, **changes))) == ()
    names = tmp_path / "names.txt"
    names.write_text("a\nb\nc")
    assert key.differences(compute_cache_key(AnalyzeSettings(arrays=path, class_names_path=names))) == (
        "class_names_digest",
    )
    assert key.differences(compute_cache_key(AnalyzeSettings(arrays=path, limit=2))) == ("limit",)
    write(y_true=LABELS[::-1])
    assert key.differences(compute_cache_key(AnalyzeSettings(arrays=path))) == ("data_digest",)
    with pytest.raises(DataError, match=r"nowhere\.npz does not exist"):
        compute_cache_key(AnalyzeSettings(arrays=tmp_path / "nowhere.npz"))


def test_no_torch_is_imported(write, pixels):
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from reportgen.inputs.digests import compute_cache_key\n"
        "from reportgen.inputs.registry import resolve\n"
        "from reportgen.settings import AnalyzeSettings\n"
        f"settings = AnalyzeSettings(arrays=Path({str(write(images=pixels(6, 8, 8, 3)))!r}), thumbnail_size=4)\n"
        "sources = resolve(settings)\n"
        "sources.load(compute_cache_key(sources))\n"
        "assert not {'torch', 'torchvision', 'datasets'} & set(sys.modules)\n"
    )
    root = Path(__file__).parents[3]
    result = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_suggested_order_corrects_the_labels(write, tmp_path):
    order = tmp_path / "class_order.csv"
    order.write_text("output_index,class_index,class\n0,1,dog\n1,2,owl\n2,0,cat\n", encoding="utf-8")
    for names in ({}, {"class_names": np.array(["cat", "dog", "owl"])}):
        cache = load(write(**names), class_names_path=order)
        assert cache.class_names == ("dog", "owl", "cat")
        assert cache.labels.tolist() == [[2, 0, 1][label] for label in LABELS]
