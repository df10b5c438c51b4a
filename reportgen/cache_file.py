"""The cache's file: one uncompressed `.npz`, written whole or not at all. Only NumPy and JSON here."""

import hashlib
import json
import math
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray

from reportgen.atomic import note_written, replacing, space_hint, unusable_reason
from reportgen.cache import (
    REFRESH_HINT,
    Annotations,
    CacheKey,
    CamPair,
    EvaluationCache,
    Faithfulness,
    Provenance,
    RemovalCurves,
    SelfCheck,
    SkippedImage,
    Superclasses,
)
from reportgen.errors import CacheError, ForeignFileError, OutdatedCacheError, setting
from reportgen.methods import is_class_agnostic
from reportgen.npy_archive import Member, describe_member, find_difference, list_members, opened_archive, read_member
from reportgen.output_reading import OutputReading
from reportgen.parsing import parse_json

SCHEMA_VERSION: Final = 4
"""Raised when the layout of the file changes. Version 3 is read as well: it has no list of its members."""
_OLDEST_VERSION: Final = 3

_Record = TypeVar("_Record")
_MEASURES: Final = tuple(field.name for field in fields(RemovalCurves))


def check_cache_path(path: Path) -> None:
    """Check that a cache may be written to a path, before the work that fills it.

    Raises:
        CacheError: its folder can neither be written nor be created.
    """
    if reason := unusable_reason(path):
        raise CacheError(
            f"The cache {path} cannot be used: {reason}.", hint=f"Give another file with {setting('cache_path')}."
        )
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise CacheError(
            f"The cache cannot be written to {path}.", hint=f"Give another file with {setting('cache_path')}."
        )


def save_cache(cache: EvaluationCache, path: Path) -> str:
    """Write the cache as one uncompressed `.npz`.

    Returns:
        The SHA-256 that vouches for all its members, in hexadecimal; see `EvaluationCache.digest`.

    Args:
        cache: what to write.
        path: where to; an earlier file is replaced only when the new one is complete.

    Raises:
        CacheError: the folder cannot be written.
    """
    arrays: dict[str, Any] = dict(_arrays_of(cache))
    meta = _meta_of(cache) | {"members": {name: asdict(describe_member(array)) for name, array in arrays.items()}}
    digest = _digest_of(meta)
    arrays["meta"] = np.array(_json_text(meta | {"digest": digest}))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            np.savez(file, **arrays)
        note_written(path)
    except OSError as error:
        raise CacheError(
            f"The cache cannot be written to {path}: {error.strerror}.",
            hint=space_hint(error, f"Give another file with {setting('cache_path')}."),
        ) from error
    return digest


def _json_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _digest_of(meta: Mapping[str, Any]) -> str:
    """SHA-256 of the facts, the list of members included, but for the digest itself."""
    return hashlib.sha256(_json_text({name: meta[name] for name in meta if name != "digest"}).encode()).hexdigest()


def _meta_of(cache: EvaluationCache) -> dict[str, Any]:
    """What the file says about itself in JSON, but for the list of its members."""
    return {
        "schema_version": SCHEMA_VERSION,
        "key": asdict(cache.key),
        "provenance": asdict(cache.provenance),
        "checks": [asdict(check) for check in cache.checks],
        "skipped": [asdict(entry) for entry in cache.skipped],
        "annotation_source": "" if cache.annotations is None else cache.annotations.source,
    }


def _arrays_of(cache: EvaluationCache) -> Iterator[tuple[str, NDArray[Any]]]:
    """Names and values of the file's arrays, in their order."""
    yield "example_index", cache.example_index
    yield "example_id", cache.example_id
    yield "labels", cache.labels
    yield "logits", cache.logits
    if cache.thumbnails is not None:
        yield "thumbnails", cache.thumbnails
    yield "class_names", np.array(cache.class_names)
    for method, cam in cache.cams.items():
        yield f"cam.{method}.true", cam.true
        if not cam.is_class_agnostic:
            yield f"cam.{method}.predicted", cam.predicted
        if cam.positions is not None:
            yield f"cam.{method}.positions", cam.positions
    if cache.superclasses is not None:
        yield "superclass_names", np.array(cache.superclasses.names)
        yield "superclass_of", cache.superclasses.superclass_of
    for name, column in cache.columns.items():
        yield f"column.{name}", column
    if (annotations := cache.annotations) is not None:
        yield "annotation.positions", annotations.positions
        yield "annotation.bits", np.packbits(annotations.masks, axis=2)
    if (faithfulness := cache.faithfulness) is not None:
        yield "faithfulness.positions", faithfulness.positions
        yield "faithfulness.fractions", faithfulness.fractions
        for name, curves in faithfulness.curves.items():
            for measure in _MEASURES:
                yield f"faithfulness.{measure}.{name}", getattr(curves, measure)
        for name, correlations in faithfulness.randomized.items():
            yield f"faithfulness.randomised.{name}", correlations


def load_cache(path: Path) -> EvaluationCache:
    """The cache in a file, read whole and checked.

    Raises:
        CacheError: the file is missing, truncated, damaged, changed since it was written, or of a newer schema.
        ForeignFileError: the file is something else.
    """
    with _reading(path) as archive:
        meta = _read_meta(archive, path)
        arrays = {name: read_member(archive, name) for name in list_members(archive) if name != "meta"}
        _require_unchanged(arrays, meta, path)
        return EvaluationCache(
            example_index=arrays["example_index"],
            example_id=arrays["example_id"],
            labels=arrays["labels"],
            logits=arrays["logits"],
            cams={method: _read_maps(arrays, method) for method in _names(arrays, "cam.", ".true")},
            thumbnails=arrays.get("thumbnails"),
            class_names=tuple(arrays["class_names"].tolist()),
            superclasses=_read_superclasses(arrays),
            columns={name: arrays[f"column.{name}"] for name in _names(arrays, "column.")},
            annotations=_read_annotations(arrays, meta),
            faithfulness=_read_faithfulness(arrays),
            key=_read_record(CacheKey, meta["key"]),
            provenance=_read_provenance(meta["provenance"]),
            checks=tuple(_read_record(SelfCheck, check) for check in meta["checks"]),
            skipped=tuple(_read_record(SkippedImage, entry) for entry in meta.get("skipped", ())),
            digest=_digest_of(meta),
        )


def load_key(path: Path) -> CacheKey:
    """The key of the cache in a file; the arrays are not read.

    Raises:
        CacheError: as `load_cache`.
    """
    with _reading(path) as archive:
        return _read_record(CacheKey, _read_meta(archive, path)["key"])


def is_valid_cache(path: Path, key: CacheKey, *, refresh: bool, say: Callable[[str], None]) -> bool:
    """Whether the cache in a file, if there is one, can spare the pass with this key.

    Args:
        path: the file.
        key: of the pass.
        refresh: whether the pass runs in any case; then an unreadable cache may be replaced.
        say: gets a sentence if there is a cache that is not valid.

    Raises:
        CacheError: the file cannot be read.
        ForeignFileError: the file is something else, which a pass must not replace.
    """
    if not path.exists():
        return False
    try:
        differing = load_key(path).differences(key)
    except ForeignFileError:
        raise
    except OutdatedCacheError as error:
        say(f"{error.message} Running the model again.")
        return False
    except CacheError:
        if refresh:
            return False
        raise
    if refresh:
        return False
    if differing:
        names = ", ".join(name.replace("_", " ") for name in differing)
        say(f"The cache {path} is stale ({names} differ); running the model again.")
    return not differing


@contextmanager
def _reading(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive in a file. Whatever its bytes make the body raise, it becomes a `CacheError`.

    Raises:
        CacheError: the file cannot be read, or the body failed.
    """
    _require_archive(path)
    try:
        with opened_archive(path) as archive:
            yield archive
    except CacheError:
        raise
    except (KeyError, TypeError) as error:
        raise _foreign(path, f"it lacks {error}") from error
    except Exception as error:  # damaged or forged bytes raise almost any exception
        raise _damaged(path, str(error) if type(error) is ValueError else "") from error


def _require_archive(path: Path) -> None:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not a regular file" if path.exists() else "does not exist"
        raise CacheError(
            f"The cache {path} {what}.", hint="Name the file that `reportgen analyze` or `reportgen run` wrote."
        )
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        raise CacheError(f"The cache {path} cannot be read: {error.strerror}.", hint=REFRESH_HINT) from error
    if not start:
        raise CacheError(f"The cache {path} is empty.", hint=REFRESH_HINT)
    if start != b"PK":
        raise _foreign(path, "it is not a .npz file")


def _read_meta(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    if "meta" not in list_members(archive):
        raise _foreign(path, "it has no member `meta`")
    try:
        meta = parse_json(str(read_member(archive, "meta")))
    except ValueError as error:
        raise _foreign(path, "its member `meta` is not valid JSON") from error
    version = meta.get("schema_version") if isinstance(meta, dict) else None
    if not isinstance(version, int):
        raise _foreign(path, "its member `meta` names no schema version")
    if version > SCHEMA_VERSION:
        raise CacheError(
            f"The cache {path} has schema version {version}; this reportgen reads up to {SCHEMA_VERSION}.",
            hint="Upgrade reportgen, or create the cache again with this version.",
        )
    if version < _OLDEST_VERSION:
        raise OutdatedCacheError(f"The cache {path} was written by an older version of reportgen.", hint=REFRESH_HINT)
    if version > _OLDEST_VERSION and meta.get("digest") != _digest_of(meta):
        raise _changed(path, "its member `meta` has changed since it was written")
    return dict(meta)


def _require_unchanged(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], path: Path) -> None:
    """Check the arrays against the list of members, which a file of the oldest version does not have."""
    if meta["schema_version"] == _OLDEST_VERSION:
        return
    listed = {
        name: Member(entry["dtype"], tuple(entry["shape"]), entry["sha256"]) for name, entry in meta["members"].items()
    }
    difference = find_difference(listed, arrays)
    if difference:
        raise _changed(path, difference)


def _read_record(kind: type[_Record], values: Mapping[str, Any]) -> _Record:
    """A record of plain values, each of the type that the record declares.

    Raises:
        CacheError: a field is missing, unknown or of another type.
    """
    types = get_type_hints(kind)
    for name, value in values.items():
        wanted = types.get(name)
        is_number = wanted is float and isinstance(value, int | float) and math.isfinite(value)
        is_fit = is_number or wanted not in (str, int, float, bool) or type(value) is wanted
        if wanted is None or not is_fit:
            raise CacheError(
                f"The cache contains {name}={value!r:.60}, which is not a {kind.__name__}'s.", hint=REFRESH_HINT
            )
    return kind(**values)


def _names(arrays: Mapping[str, NDArray[Any]], prefix: str, suffix: str = "") -> list[str]:
    """The parts of the members' names between prefix and suffix, in their order."""
    return [
        name.removeprefix(prefix).removesuffix(suffix)
        for name in arrays
        if name.startswith(prefix) and name.endswith(suffix)
    ]


def _read_maps(arrays: Mapping[str, NDArray[Any]], method: str) -> CamPair:
    is_agnostic = is_class_agnostic(method)
    return CamPair(
        true=arrays[f"cam.{method}.true"],
        predicted=arrays[f"cam.{method}.{'true' if is_agnostic else 'predicted'}"],
        positions=arrays.get(f"cam.{method}.positions"),
        is_class_agnostic=is_agnostic,
    )


def _read_annotations(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Annotations | None:
    if "annotation.bits" not in arrays:
        return None
    width = arrays["thumbnails"].shape[2]
    bits = np.unpackbits(arrays["annotation.bits"], axis=2, count=width)
    return Annotations(
        positions=arrays["annotation.positions"], masks=bits.astype(bool), source=meta["annotation_source"]
    )


def _read_faithfulness(arrays: Mapping[str, NDArray[Any]]) -> Faithfulness | None:
    if "faithfulness.positions" not in arrays:
        return None
    return Faithfulness(
        positions=arrays["faithfulness.positions"],
        fractions=arrays["faithfulness.fractions"],
        curves={
            name: RemovalCurves(**{measure: arrays[f"faithfulness.{measure}.{name}"] for measure in _MEASURES})
            for name in _names(arrays, f"faithfulness.{_MEASURES[0]}.")
        },
        randomized={
            name: arrays[f"faithfulness.randomised.{name}"] for name in _names(arrays, "faithfulness.randomised.")
        },
    )


def _read_superclasses(arrays: Mapping[str, NDArray[Any]]) -> Superclasses | None:
    if "superclass_of" not in arrays:
        return None
    return Superclasses(names=tuple(arrays["superclass_names"].tolist()), superclass_of=arrays["superclass_of"])


def _read_provenance(values: Mapping[str, Any]) -> Provenance:
    outputs = values.get("outputs")
    height, width = values["input_size"]
    if outputs:
        outputs = _read_record(OutputReading, {**outputs, "elements": _texts(outputs["elements"])})
    versions = tuple((str(name), str(version)) for name, version in values["versions"])
    changes = {"input_size": (int(height), int(width)), "versions": versions, "warnings": _texts(values["warnings"])}
    return _read_record(Provenance, {**values, **changes, "outputs": outputs or None})


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("a list of texts is none")
    return tuple(values)


def _damaged(path: Path, why: str = "") -> CacheError:
    return CacheError(f"The cache {path} is truncated or damaged{f': {why}' if why else ''}.", hint=REFRESH_HINT)


def _changed(path: Path, difference: str) -> CacheError:
    return CacheError(f"The cache {path} is not as reportgen wrote it: {difference}.", hint=REFRESH_HINT)


def _foreign(path: Path, why: str) -> ForeignFileError:
    return ForeignFileError(
        f"{path} is not a cache of reportgen: {why}.",
        hint=f"Give the file that `reportgen run` wrote, or another file with {setting('cache_path')}; this one "
        "stays unchanged.",
    )
