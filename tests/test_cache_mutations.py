"""A cache with any damage is read as it was, or refused with one `CacheError`: whatever was done to its bytes.

The usual run tries a thousand changes; `pytest -m stress` tries ten thousand.
"""

import dataclasses
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_cache import assert_same, complete, rewrite

from reportgen.analysis.findings import compute_findings
from reportgen.cache import EvaluationCache
from reportgen.cache_file import load_cache, load_key, save_cache
from reportgen.errors import CacheError
from reportgen.settings import RenderSettings

NUM_CHANGES, NUM_STRESS_CHANGES = 1_000, 10_000
Arrays, Facts = dict[str, NDArray[Any]], dict[str, Any]

WRONG_VALUES: tuple[object, ...] = (None, True, -1, 2**70, 1e999, "", "x" * 5_000, [], [[]], {}, {"a": 1}, float("nan"))


@pytest.fixture
def saved(tiny_cache: EvaluationCache, tmp_path: Path) -> Path:
    """A file with everything that a cache may hold."""
    save_cache(complete(tiny_cache), tmp_path / "cache.npz")
    return tmp_path / "cache.npz"


def judge(path: Path, original: EvaluationCache) -> str:
    """How a changed file is read: `same`, `refused` or `other`; anything but a `CacheError` is raised."""
    try:
        load_key(path)
        cache = load_cache(path)
    except CacheError:
        return "refused"
    try:
        assert_same(dataclasses.replace(cache), original)
    except AssertionError:
        compute_findings(cache, RenderSettings())
        return "other"
    return "same"


def _change_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """One of: flipped bits, a cut, a repeated or overwritten run, swapped runs, numbers of the zip set to extremes."""
    data = bytearray(content)
    start = int(rng.integers(len(data)))
    if rng.random() < 0.5:  # the zip's directory and the facts stand near the end
        start = len(data) - 1 - int(rng.integers(min(6_000, len(data))))
    length = int(rng.integers(1, 64))
    kind = int(rng.integers(7))
    if kind == 0:
        for _ in range(int(rng.integers(1, 8))):
            data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        del data[start:]
    elif kind == 2:
        del data[start : start + length]
    elif kind == 3:
        data[start:start] = data[start : start + length]
    elif kind == 4:
        data[start : start + 4] = b"\xff\xff\xff\xff"[: len(data) - start]
    elif kind == 5:
        data[start : start + length] = rng.bytes(min(length, len(data) - start))
    else:
        data[start] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _try_bytes(path: Path, original: EvaluationCache, num_changes: int, seed: int) -> dict[str, int]:
    content, rng = path.read_bytes(), np.random.default_rng(seed)
    counts = {"same": 0, "refused": 0, "other": 0}
    for _ in range(num_changes):
        path.write_bytes(_change_bytes(content, rng))
        counts[judge(path, original)] += 1
    return counts


def test_changed_bytes_are_refused_or_change_nothing(saved: Path, tiny_cache: EvaluationCache):
    counts = _try_bytes(saved, complete(tiny_cache), NUM_CHANGES, seed=0)
    assert counts["other"] == 0
    assert counts["refused"] > 0.9 * NUM_CHANGES


@pytest.mark.stress
def test_ten_thousand_changes_of_bytes(saved: Path, tiny_cache: EvaluationCache):
    assert _try_bytes(saved, complete(tiny_cache), NUM_STRESS_CHANGES, seed=1)["other"] == 0


def _set(name: str, value: NDArray[Any]) -> Callable[[Arrays, Facts], None]:
    return lambda arrays, _facts: arrays.update({name: value})


def _forgeries() -> dict[str, Callable[[Arrays, Facts], object]]:
    """Changes whose digests are brought in step, as somebody would who wants to deceive the reader."""
    changes: dict[str, Callable[[Arrays, Facts], object]] = {}
    names = (
        *("example_index", "example_id", "labels", "logits", "thumbnails", "class_names", "superclass_of"),
        *("superclass_names", "cam.gradcam.true", "cam.gradcam.predicted", "cam.scorecam.positions"),
        *("column.site/room", "annotation.positions", "annotation.bits", "faithfulness.positions"),
        *("faithfulness.fractions", "faithfulness.road.centre", "faithfulness.randomised.gradcam"),
    )
    for name in names:
        changes[f"{name} missing"] = lambda arrays, _facts, name=name: arrays.pop(name)
        changes[f"{name} flat"] = lambda arrays, _facts, name=name: arrays.update({name: arrays[name].reshape(-1)[:7]})
        changes[f"{name} empty"] = lambda arrays, _facts, name=name: arrays.update({name: arrays[name][:0]})
        changes[f"{name} scalar"] = _set(name, np.array(3))
        changes[f"{name} text"] = _set(name, np.array(["a", "b"]))
        changes[f"{name} complex"] = _set(name, np.zeros(12, complex))
        changes[f"{name} structured"] = _set(name, np.zeros(12, [("a", "f4")]))
        changes[f"{name} negative"] = lambda arrays, _facts, name=name: arrays.update(
            {name: arrays[name] if arrays[name].dtype.kind in "Uub" else arrays[name] * 0 - 1}
        )
        changes[f"{name} NaN"] = lambda arrays, _facts, name=name: arrays.update(
            {name: arrays[name] * np.nan if arrays[name].dtype.kind == "f" else arrays[name]}
        )
    for field in ("key", "provenance", "checks", "skipped", "annotation_source", "schema_version"):
        changes[f"{field} missing"] = lambda _arrays, facts, field=field: facts.pop(field)
        for number, value in enumerate(WRONG_VALUES):
            changes[f"{field} wrong {number}"] = lambda _arrays, facts, field=field, value=value: facts.update(
                {field: value}
            )
    for record, fields in (
        ("key", ("model", "limit", "schema_version", "methods")),
        ("provenance", ("created", "seconds", "versions", "warnings", "input_size", "outputs", "num_parameters")),
    ):
        for field in fields:
            for number, value in enumerate(WRONG_VALUES):
                changes[f"{record}.{field} wrong {number}"] = (
                    lambda _arrays, facts, record=record, field=field, value=value: facts[record].update({field: value})
                )
    return changes


@pytest.mark.parametrize("name", list(_forgeries()))
def test_a_forged_cache_is_refused_or_can_be_analyzed(saved: Path, tiny_cache: EvaluationCache, name: str):
    rewrite(saved, _forgeries()[name], forge=True)
    judge(saved, complete(tiny_cache))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda arrays, _: arrays.pop("column.site/room"), "member column.site/room is missing"),
        (lambda arrays, _: arrays.update(extra=np.zeros(3)), "a member extra that it was not written with"),
        (lambda arrays, _: arrays.update(labels=arrays["labels"][::-1]), "member labels has changed"),
        (lambda arrays, _: arrays.update(logits=arrays["logits"].astype(np.float64)), "member logits has changed"),
        (lambda _, facts: facts["provenance"].update(model_name="better"), "member `meta` has changed"),
    ],
)
def test_an_edit_that_was_packed_again_is_named(saved: Path, change: Callable[[Arrays, Facts], object], problem: str):
    rewrite(saved, change, forge=False)
    with pytest.raises(CacheError, match=problem):
        load_cache(saved)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_cache_is_refused(saved: Path, compression: int):
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(saved, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(CacheError, match="is compressed"):
        load_cache(saved)


def test_facts_that_are_nested_too_deeply_are_refused(saved: Path):
    with np.load(saved) as archive:
        arrays = {name: archive[name] for name in archive.files}
    with saved.open("wb") as file:
        np.savez(file, **{**arrays, "meta": np.array("[" * 100_000)})
    with pytest.raises(CacheError, match="not valid JSON"):
        load_cache(saved)


def _with_header(shape: str) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


@pytest.mark.parametrize("shape", ["(100000000, 100000)", "(9223372036854775807,)", "(-1,)", "(2**70,)", "'x'"])
def test_a_header_gets_no_memory_that_the_file_does_not_have(saved: Path, shape: str):
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(saved, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, _with_header(shape) if name == "logits.npy" else content)
    limited = (
        "import resource, sys; from pathlib import Path\n"
        "from reportgen.cache_file import load_cache; from reportgen.errors import CacheError\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (20, 20))\n"
        "try: load_cache(Path(sys.argv[1]))\n"
        "except CacheError as error: print(error.message)\n"
    )
    done = subprocess.run([sys.executable, "-c", limited, str(saved)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "truncated or damaged" in done.stdout


def test_a_saved_cache_has_the_digest_that_its_file_has(tiny_cache: EvaluationCache, tmp_path: Path):
    digest = save_cache(tiny_cache, tmp_path / "cache.npz")
    assert load_cache(tmp_path / "cache.npz").digest == digest
    other = dataclasses.replace(tiny_cache, labels=tiny_cache.labels[::-1].copy())
    assert save_cache(other, tmp_path / "other.npz") != digest


def test_the_version_before_is_read(saved: Path, tiny_cache: EvaluationCache):
    def to_version_3(_arrays: Arrays, facts: Facts) -> None:
        facts["schema_version"] = 3
        del facts["members"], facts["digest"]

    rewrite(saved, to_version_3, forge=False)
    assert_same(load_cache(saved), complete(tiny_cache))


def test_the_list_of_members_is_that_of_the_documentation(saved: Path):
    with np.load(saved) as archive:
        facts = json.loads(str(archive["meta"]))
        listed = {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in facts["members"].items()}
        found = {name: (archive[name].dtype.str, archive[name].shape) for name in archive.files if name != "meta"}
    assert listed == found
