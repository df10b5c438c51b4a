import dataclasses
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from reportgen.cache import (
    Annotations,
    CacheKey,
    CamPair,
    EvaluationCache,
    Faithfulness,
    RemovalCurves,
    SkippedImage,
)
from reportgen.cache_file import SCHEMA_VERSION, is_valid_cache, load_cache, load_key, save_cache
from reportgen.errors import CacheError, ForeignFileError, OutdatedCacheError
from reportgen.npy_archive import describe_member


def assert_same(one: object, other: object, name: str = "cache") -> None:
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other, strict=True)
    elif isinstance(one, Mapping):
        assert list(one) == list(other), name
        for key in one:
            assert_same(one[key], other[key], f"{name}.{key}")
    elif dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            if field.name != "digest":  # of the file, not of the cache
                assert_same(getattr(one, field.name), getattr(other, field.name), f"{name}.{field.name}")
    else:
        assert one == other, name


def complete(cache: EvaluationCache) -> EvaluationCache:
    """The cache with everything that a cache may hold."""
    rng = np.random.default_rng(1)
    n, height, width = len(cache.labels), *cache.thumbnails.shape[1:3]
    once = rng.normal(size=(n, 5, 7)).astype(np.float16)
    some = np.array([2, 3, 7])
    masks = rng.random((3, height, width)) < 0.4
    masks[:, 0, 0] = True
    curves = RemovalCurves(
        deletion=rng.random((3, 4), np.float32),
        insertion=rng.random((3, 4), np.float32),
        road=rng.random((3, 4, 2), np.float32),
    )
    return dataclasses.replace(
        cache,
        cams={
            **cache.cams,
            "gradcam++": CamPair(true=once, predicted=-once),
            "rollout": CamPair(true=once, predicted=once, is_class_agnostic=True),
            "scorecam": CamPair(true=once[:3], predicted=-once[:3], positions=some),
        },
        columns={"site/room": np.array([f"room {i % 2}" for i in range(n)])},
        annotations=Annotations(positions=some, masks=masks, source="boxes.json"),
        faithfulness=Faithfulness(
            positions=some,
            fractions=np.linspace(0, 1, 4, dtype=np.float32),
            curves={"gradcam": curves, "random": curves, "centre": curves},
            randomized={"gradcam": rng.random(3, np.float32)},
        ),
    )


def rewrite(path: Path, change: Callable[[dict[str, NDArray[Any]], dict[str, Any]], object], *, forge: bool) -> None:
    """Change the arrays and the facts of a cache; `forge` brings the list of members and the digest in step."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    meta = json.loads(str(arrays.pop("meta")))
    change(arrays, meta)
    if forge and isinstance(meta, dict):
        meta["members"] = {name: asdict(describe_member(array)) for name, array in arrays.items()}
        rest = {name: value for name, value in meta.items() if name != "digest"}
        meta["digest"] = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
    with path.open("wb") as file:
        np.savez(file, **arrays, meta=np.array(json.dumps(meta, sort_keys=True)))


def rewrite_meta(path: Path, **changes: object) -> None:
    rewrite(path, lambda _arrays, meta: meta.update(changes), forge=True)


def test_loading_gives_back_what_was_saved(tiny_cache: EvaluationCache, tmp_path: Path):
    save_cache(tiny_cache, tmp_path / "new folder" / "cache.npz")
    assert_same(load_cache(tmp_path / "new folder" / "cache.npz"), tiny_cache)
    assert load_key(tmp_path / "new folder" / "cache.npz") == tiny_cache.key


def test_everything_that_a_cache_may_hold_survives(tiny_cache: EvaluationCache, tmp_path: Path):
    full = complete(tiny_cache)
    save_cache(full, tmp_path / "cache.npz")
    loaded = load_cache(tmp_path / "cache.npz")
    assert_same(loaded, full)
    assert [method for method, maps in loaded.cams.items() if maps.is_class_agnostic] == ["rollout"]


def test_skipped_files_survive_and_older_caches_have_none(tiny_cache: EvaluationCache, tmp_path: Path):
    skipped = (SkippedImage(name="a/0.png", reason="is empty"),)
    save_cache(dataclasses.replace(tiny_cache, skipped=skipped), tmp_path / "cache.npz")
    assert load_cache(tmp_path / "cache.npz").skipped == skipped
    rewrite(tmp_path / "cache.npz", lambda _arrays, meta: meta.pop("skipped"), forge=True)
    assert load_cache(tmp_path / "cache.npz").skipped == ()


def test_a_cache_without_images_and_maps_survives(tiny_cache: EvaluationCache, tmp_path: Path):
    bare = dataclasses.replace(tiny_cache, cams={}, thumbnails=None)
    save_cache(bare, tmp_path / "cache.npz")
    assert_same(load_cache(tmp_path / "cache.npz"), bare)


def test_the_cache_of_an_older_version_is_told_from_a_foreign_file(tiny_cache: EvaluationCache, tmp_path: Path):
    save_cache(tiny_cache, tmp_path / "cache.npz")
    rewrite_meta(tmp_path / "cache.npz", schema_version=2)
    for load in (load_cache, load_key):
        with pytest.raises(OutdatedCacheError, match="older"):
            load(tmp_path / "cache.npz")


def test_a_cache_from_before_outputs_and_averages_were_read_is_made_anew(tiny_cache: EvaluationCache, tmp_path: Path):
    """Version 2 has no record of how outputs were read: its logits may be probabilities, its weights not averaged."""
    path = tmp_path / "cache.npz"
    save_cache(tiny_cache, path)
    assert is_valid_cache(path, tiny_cache.key, refresh=False, say=lambda _: None)
    rewrite_meta(path, schema_version=2)
    said: list[str] = []
    assert not is_valid_cache(path, tiny_cache.key, refresh=False, say=said.append)
    assert said == [f"The cache {path} was written by an older version of reportgen. Running the model again."]


@pytest.mark.parametrize(
    ("part", "changes", "problem"),
    [
        ("annotations", {"masks": np.zeros((3, 4, 4), bool)}, "annotation masks"),
        ("annotations", {"positions": np.array([2, 3, 99])}, "annotated positions"),
        ("faithfulness", {"positions": np.array([3, 2, 7])}, "tested positions"),
        ("faithfulness", {"fractions": np.linspace(0, 1, 9, dtype=np.float32)}, "deletion of gradcam"),
        ("faithfulness", {"fractions": np.zeros(4, np.float32)}, "do not ascend"),
        ("faithfulness", {"curves": {}}, "no removal curves of random"),
        ("faithfulness", {"randomized": {"gradcam": np.zeros(2, np.float32)}}, "randomization of gradcam"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tiny_cache: EvaluationCache, part, changes, problem):
    full = complete(tiny_cache)
    with pytest.raises(CacheError, match=problem):
        dataclasses.replace(full, **{part: dataclasses.replace(getattr(full, part), **changes)})


def test_an_annotation_that_marks_nothing_is_refused(tiny_cache: EvaluationCache):
    annotations = complete(tiny_cache).annotations
    masks = annotations.masks.copy()
    masks[1] = False
    with pytest.raises(CacheError, match="covers no pixel"):
        dataclasses.replace(tiny_cache, annotations=dataclasses.replace(annotations, masks=masks))


def test_maps_of_some_examples_cannot_come_first(tiny_cache: EvaluationCache):
    with pytest.raises(CacheError, match="comes first"):
        dataclasses.replace(tiny_cache, cams={"scorecam": complete(tiny_cache).cams["scorecam"]})


def test_a_cache_without_superclasses_survives(tiny_cache: EvaluationCache, tmp_path: Path):
    bare = dataclasses.replace(tiny_cache, superclasses=None)
    save_cache(bare, tmp_path / "cache.npz")
    assert_same(load_cache(tmp_path / "cache.npz"), bare)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    logits=hnp.arrays(np.float32, (12, 3), elements=st.floats(-(2.0**100), 2.0**100, width=32)),
    ids=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=12, max_size=12),
)
def test_any_finite_logits_and_any_ids_survive(tiny_cache: EvaluationCache, tmp_path: Path, logits, ids):
    cache = dataclasses.replace(tiny_cache, logits=logits, example_id=np.array(ids, dtype=str))
    save_cache(cache, tmp_path / "cache.npz")
    assert_same(load_cache(tmp_path / "cache.npz"), cache)


def test_equal_caches_are_equal_bytes(tiny_cache: EvaluationCache, tmp_path: Path):
    for name in ("a.npz", "b.npz"):
        save_cache(tiny_cache, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_members_stand_uncompressed_under_the_documented_names(tiny_cache: EvaluationCache, tmp_path: Path):
    save_cache(tiny_cache, tmp_path / "cache.npz")
    with zipfile.ZipFile(tmp_path / "cache.npz") as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {name.removesuffix(".npy") for name in archive.namelist()} == {
            "example_index",
            "example_id",
            "labels",
            "logits",
            "cam.gradcam.true",
            "cam.gradcam.predicted",
            "thumbnails",
            "class_names",
            "superclass_names",
            "superclass_of",
            "meta",
        }


def test_an_interrupted_save_leaves_the_earlier_cache(
    tiny_cache: EvaluationCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "cache.npz"
    save_cache(tiny_cache, path)
    before = path.read_bytes()

    def interrupt(file: io.BufferedWriter, **arrays: object) -> None:
        file.write(b"PK half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_cache(tiny_cache, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["cache.npz"]


def test_a_folder_that_is_a_file_is_one_clear_error(tiny_cache: EvaluationCache, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="cannot be written"):
        save_cache(tiny_cache, tmp_path / "file" / "cache.npz")


@pytest.mark.parametrize("length", [1, 100, 1000, -1])
def test_a_truncated_file_is_one_clear_error(tiny_cache: EvaluationCache, tmp_path: Path, length: int):
    path = tmp_path / "cache.npz"
    save_cache(tiny_cache, path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CacheError) as caught:
        load_cache(path)
    assert str(path) in caught.value.message
    assert "pickle" not in caught.value.message + caught.value.hint


def test_a_flipped_byte_is_noticed(tiny_cache: EvaluationCache, tmp_path: Path):
    path = tmp_path / "cache.npz"
    save_cache(tiny_cache, path)
    content = bytearray(path.read_bytes())
    content[content.index(tiny_cache.thumbnails.tobytes()) + 40] ^= 1
    path.write_bytes(content)
    with pytest.raises(CacheError, match="truncated or damaged"):
        load_cache(path)


def test_a_missing_file_a_folder_and_an_empty_file_are_told_apart(tmp_path: Path):
    (tmp_path / "empty.npz").touch()
    for name, words in (("missing.npz", "does not exist"), (".", "is a folder"), ("empty.npz", "is empty")):
        with pytest.raises(CacheError, match=words):
            load_cache(tmp_path / name)


def test_foreign_files_are_named_as_such(tmp_path: Path):
    (tmp_path / "text.npz").write_text("not an archive")
    np.savez(tmp_path / "arrays.npz", images=np.zeros(3))
    np.savez(tmp_path / "meta.npz", meta=np.array("no JSON"))
    np.savez(tmp_path / "list.npz", meta=np.array("[1]"))
    np.savez(tmp_path / "pickled.npz", meta=np.array([{}], dtype=object))
    for name in ("text", "arrays", "meta", "list", "pickled"):
        with pytest.raises(ForeignFileError, match="not a cache of reportgen"):
            load_cache(tmp_path / f"{name}.npz")


def test_a_newer_schema_is_refused_with_both_versions(tiny_cache: EvaluationCache, tmp_path: Path):
    save_cache(tiny_cache, tmp_path / "cache.npz")
    rewrite_meta(tmp_path / "cache.npz", schema_version=SCHEMA_VERSION + 1)
    for load in (load_cache, load_key):
        with pytest.raises(CacheError, match=f"version {SCHEMA_VERSION + 1}.*up to {SCHEMA_VERSION}"):
            load(tmp_path / "cache.npz")


def test_meta_with_other_fields_is_foreign(tiny_cache: EvaluationCache, tmp_path: Path):
    save_cache(tiny_cache, tmp_path / "cache.npz")
    rewrite_meta(tmp_path / "cache.npz", key={"model": "x"})
    for load in (load_cache, load_key):
        with pytest.raises(ForeignFileError, match="lacks"):
            load(tmp_path / "cache.npz")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"labels": np.full(12, 3)}, "labels lie outside"),
        ({"labels": np.zeros(12, np.int32)}, "labels is int32"),
        ({"logits": np.zeros((12, 2), np.float32)}, "logits is float32"),
        ({"logits": np.full((12, 3), np.nan, np.float32)}, "logits are not finite"),
        ({"example_index": np.zeros(12, np.int64)}, "not ascending"),
        ({"thumbnails": np.zeros((12, 8, 8), np.uint8)}, "thumbnails is uint8"),
        ({"columns": {"room": np.zeros(12)}}, "column room"),
        ({"class_names": ("cat",)}, "1 classes"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tiny_cache: EvaluationCache, changes, problem):
    with pytest.raises(CacheError, match=problem):
        dataclasses.replace(tiny_cache, **changes)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(CacheKey)])
def test_cache_is_stale_when_any_field_of_its_key_changes(tiny_cache: EvaluationCache, field: str):
    value = getattr(tiny_cache.key, field)
    changed = dataclasses.replace(tiny_cache.key, **{field: value + 1 if isinstance(value, int) else value + "x"})
    assert tiny_cache.key.differences(changed) == (field,)
    assert tiny_cache.key.differences(tiny_cache.key) == ()
