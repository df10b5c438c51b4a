"""Caches."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bad_input.row import RUN, Row, data, text

R = "render good_cache.npz"


def _members(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(folder / "good_cache.npz") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zipped(folder: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(folder / "good_cache.npz", "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _npy(array: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array))
    return stream.getvalue()


def _with(**changes: object) -> Callable[[Path], object]:
    """The cache with these members changed, or left out where they are None."""

    def write(folder: Path) -> None:
        members = _members(folder)
        for name, value in changes.items():
            if value is None:
                del members[f"{name}.npy"]
            else:
                members[f"{name}.npy"] = value if isinstance(value, bytes) else _npy(value)
        _zipped(folder, members)

    return write


def _with_meta(change: Callable[[dict], object]) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        meta = json.loads(str(np.load(io.BytesIO(_members(folder)["meta.npy"]))))
        change(meta)
        _with(meta=np.array(json.dumps(meta)))(folder)

    return write


def _cut(folder: Path) -> None:
    path = folder / "good_cache.npz"
    path.write_bytes(path.read_bytes()[:-500])


def _flip(folder: Path) -> None:
    path = folder / "good_cache.npz"
    content = bytearray(path.read_bytes())
    content[700] ^= 255
    path.write_bytes(content)


HUGE = (
    b"\x93NUMPY\x01\x00\x76\x00"
    + b"{'descr': '<f4', 'fortran_order': False, 'shape': (100000000, 100000), }".ljust(117)
    + b"\n"
)
ROWS = (
    Row("a cache that does not exist", "render nowhere.npz", ("nowhere.npz",)),
    Row("a folder", "render photos", ("photos",)),
    Row("an empty file", R, ("good_cache.npz",), data("good_cache.npz", b"")),
    Row("text", R, ("good_cache.npz",), text("good_cache.npz", "hello")),
    Row("a .npz file of something else", "render test.npz", ("test.npz",)),
    Row("without its end", R, ("good_cache.npz",), _cut),
    Row("with a changed byte", R, ("good_cache.npz",), _flip),
    Row("without its labels", R, ("labels",), _with(labels=None)),
    Row("without its logits", R, ("logits",), _with(logits=None)),
    Row("without its facts", R, ("good_cache.npz",), _with(meta=None)),
    Row("with a member too many", R, ("extra",), _with(extra=np.zeros(3))),
    Row("with other labels", R, ("labels",), _with(labels=np.zeros(12, np.int64))),
    Row("with fewer labels", R, ("labels",), _with(labels=np.zeros(5, np.int64))),
    Row("with labels as text", R, ("labels",), _with(labels=np.array(["a"] * 12))),
    Row("with pickled labels", R, ("Python objects",), _with(labels=np.array([None] * 12, dtype=object))),
    Row("with flat logits", R, ("logits",), _with(logits=np.zeros(36, np.float32))),
    Row("with logits that announce 40 terabytes", R, ("contradict",), _with(logits=HUGE)),
    Row("with facts that are no JSON", R, ("meta",), _with(meta=np.array("{"))),
    Row("with facts that are too deep", R, ("meta",), _with(meta=np.array("[" * 100_000))),
    Row("with facts as a list", R, ("meta",), _with(meta=np.array("[]"))),
    Row("from a newer version", R, ("version",), _with_meta(lambda meta: meta.update(schema_version=99))),
    Row(
        "with a version that is a word",
        R,
        ("good_cache.npz",),
        _with_meta(lambda meta: meta.update(schema_version="x")),
    ),
    Row("without a key", R, ("good_cache.npz",), _with_meta(lambda meta: meta.pop("key"))),
    Row("with a key of the wrong kind", R, ("good_cache.npz",), _with_meta(lambda meta: meta.update(key=[1]))),
    Row("with checks of the wrong kind", R, ("good_cache.npz",), _with_meta(lambda meta: meta.update(checks=3))),
    Row("with class names twice", R, ("good_cache.npz",), _with(class_names=np.array(["a", "a", "b"]))),
    Row("compressed", R, ("good_cache.npz",), lambda folder: _zipped(folder, _members(folder), zipfile.ZIP_BZIP2)),
    Row("run: the cache is broken", f"{RUN} --cache good_cache.npz", ("good_cache.npz",), _cut),
)
