"""The cache's file: one uncompressed `.npz`, written whole or not at all. Only NumPy and JSON here."""

import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reportgen.atomic import replacing
from reportgen.cache import (
    REFRESH_HINT,
    SCHEMA_VERSION,
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
from reportgen.output_reading import OutputReading

_MEASURES: Final = tuple(field.name for field in fields(RemovalCurves))


def check_cache_path(path: Path) -> None:
    """Check that a cache may be written to a path, before the work that fills it.

    Raises:
        CacheError: its folder can neither be written nor be created.
    """
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise CacheError(
            f"The cache cannot be written to {path}.", hint=f"Give another file with {setting('cache_path')}."
        )


def save_cache(cache: EvaluationCache, path: Path) -> None:
    """Write the cache as one uncompressed `.npz`.

    Args:
        cache: what to write.
        path: where to; an earlier file is replaced only when the new one is complete.

    Raises:
        CacheError: the folder cannot be written.
    """
    arrays: dict[str, Any] = dict(_arrays_of(cache))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise CacheError(
            f"The cache cannot be written to {path}: {error.strerror}.",
            hint=f"Free some space there, or give another file with {setting('cache_path')}.",
        ) from error


def _arrays_of(cache: EvaluationCache) -> Iterator[tuple[str, NDArray[Any]]]:
    """Names and values of the file's members, in their order."""
    meta = {
        "schema_version": SCHEMA_VERSION,
        "key": asdict(cache.key),
        "provenance": asdict(cache.provenance),
        "checks": [asdict(check) for check in cache.checks],
        "skipped": [asdict(entry) for entry in cache.skipped],
        "annotation_source": "" if cache.annotations is None else cache.annotations.source,
    }
    yield "example_index", cache.example_index
    yield "example_id", cache.example_id
    yield "labels", cache.labels
    yield "logits", cache.logits
    if cache.thumbnails is not None:
        yield "thumbnails", cache.thumbnails
    yield "class_names", np.array(cache.class_names)
    yield "meta", np.array(json.dumps(meta, sort_keys=True))
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
        CacheError: the file is missing, truncated, damaged or of a newer schema.
        ForeignFileError: the file is something else.
    """
    with _opened(path) as archive:
        meta = _read_meta(archive, path)
        try:
            arrays = {name: archive[name] for name in archive.files if name != "meta"}
        except (zipfile.BadZipFile, EOFError, ValueError, OSError) as error:
            raise _damaged(path) from error
    try:
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
            key=CacheKey(**meta["key"]),
            provenance=_read_provenance(meta["provenance"]),
            checks=tuple(SelfCheck(**check) for check in meta["checks"]),
            skipped=tuple(SkippedImage(**entry) for entry in meta.get("skipped", ())),
        )
    except (KeyError, TypeError) as error:
        raise _foreign(path, f"it lacks {error}") from error


def load_key(path: Path) -> CacheKey:
    """The key of the cache in a file; the arrays are not read.

    Raises:
        CacheError: as `load_cache`.
    """
    with _opened(path) as archive:
        meta = _read_meta(archive, path)
    try:
        return CacheKey(**meta["key"])
    except (KeyError, TypeError) as error:
        raise _foreign(path, f"it lacks {error}") from error


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
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise CacheError(
            f"The cache {path} {what}.", hint="Name the file that `reportgen analyze` or `reportgen run` wrote."
        )
    try:
        file = path.open("rb")
    except OSError as error:
        raise CacheError(f"The cache {path} cannot be read: {error.strerror}.", hint=REFRESH_HINT) from error
    with file:
        start = file.read(2)
        if not start:
            raise CacheError(f"The cache {path} is empty.", hint=REFRESH_HINT)
        if start != b"PK":
            raise _foreign(path, "it is not a .npz file")
        file.seek(0)
        try:
            archive = np.load(file, allow_pickle=False)
        except (zipfile.BadZipFile, EOFError, ValueError, OSError) as error:
            raise _damaged(path) from error
        with archive:
            yield archive


def _read_meta(archive: Any, path: Path) -> dict[str, Any]:
    if "meta" not in archive.files:
        raise _foreign(path, "it has no member `meta`")
    try:
        meta = json.loads(str(archive["meta"]))
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise _damaged(path) from error
    except ValueError as error:
        raise _foreign(path, "its member `meta` is not valid JSON") from error
    if not isinstance(meta, dict) or not isinstance(meta.get("schema_version"), int):
        raise _foreign(path, "its member `meta` names no schema version")
    version = meta["schema_version"]
    if version > SCHEMA_VERSION:
        raise CacheError(
            f"The cache {path} has schema version {version}; this reportgen reads up to {SCHEMA_VERSION}.",
            hint="Upgrade reportgen, or create the cache again with this version.",
        )
    if version < SCHEMA_VERSION:
        raise OutdatedCacheError(f"The cache {path} was written by an older version of reportgen.", hint=REFRESH_HINT)
    return meta


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
    return Provenance(
        **{
            **values,
            "input_size": tuple(values["input_size"]),
            "versions": tuple((name, version) for name, version in values["versions"]),
            "warnings": tuple(values["warnings"]),
            "outputs": outputs and OutputReading(**{**outputs, "elements": tuple(outputs["elements"])}),
        }
    )


def _damaged(path: Path) -> CacheError:
    return CacheError(f"The cache {path} is truncated or damaged.", hint=REFRESH_HINT)


def _foreign(path: Path, why: str) -> ForeignFileError:
    return ForeignFileError(
        f"{path} is not a cache of reportgen: {why}.",
        hint=f"Give the file that `reportgen run` wrote, or another file with {setting('cache_path')}; this one "
        "stays unchanged.",
    )
