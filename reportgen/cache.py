"""The hinge between the two halves: what the one pass found, as plain arrays in one `.npz` file.

Left of it torch runs once; right of it nothing needs torch, the model or the images. Only NumPy and JSON here.
"""

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import CacheError, ForeignFileError

SCHEMA_VERSION = 1

_REFRESH_HINT = "Make the cache anew with `reportgen analyze`, or give --refresh to `reportgen run`."


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheKey:
    """What decides whether a cache is still valid. It comes from settings and file digests alone.

    Attributes:
        schema_version: layout of the file.
        model: the model spec without its folder, such as `resnet.py:resnet20`.
        model_digest: SHA-256 of the file that defines the model; empty where it is a library's.
        weights_digest: SHA-256 of the checkpoint; empty where none is given, `pretrained` where the library's are used.
        data: the data spec without its folder.
        data_digest: SHA-256 over the names and contents of the test set's files.
        class_names_digest: SHA-256 of the file of class names; empty where none is given.
        superclasses_digest: SHA-256 of the file of superclasses; empty where none is given.
        preprocessing: the preprocessing options as text.
        method: the CAM method.
        layer: the target layer asked for; `auto` where it is found by probing.
        limit: number of examples asked for; 0 for all.
        thumbnail_size: longest side of the thumbnails in pixels.
        precision: `fp32` or `bf16`.
    """

    schema_version: int = SCHEMA_VERSION
    model: str
    model_digest: str
    weights_digest: str
    data: str
    data_digest: str
    class_names_digest: str
    superclasses_digest: str
    preprocessing: str
    method: str
    layer: str
    limit: int
    thumbnail_size: int
    precision: str

    def differences(self, other: Self) -> tuple[str, ...]:
        """Names of the fields in which the two keys differ, in the order of definition."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """One comparison of the maps with an independent computation.

    Attributes:
        name: what was compared, such as `map sum + bias = logit`.
        num_checked: number of maps compared; 0 where the check does not apply to this network.
        worst_error: largest error, relative as `measure` says; 0 where nothing was compared.
        tolerance: error up to which the check passes.
        measure: what the error is relative to, in words.
    """

    name: str
    num_checked: int
    worst_error: float
    tolerance: float
    measure: str

    @property
    def passed(self) -> bool:
        """Whether every map compared lies within the tolerance."""
        return self.worst_error <= self.tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How the cache came about: recorded and shown, never compared.

    Attributes:
        created: time of the pass, ISO 8601 in UTC, to the second.
        seconds: duration of the pass.
        model_name: the network, in words.
        num_parameters: number of its parameters.
        weights_name: file name of the checkpoint; empty where none was given.
        data_name: the test set, in words.
        target_layer: dotted name of the layer that the maps come from.
        layer_source: `given` or `probed`.
        input_size: height and width in pixels of what the model saw.
        preprocessing: the preprocessing that was applied, in words.
        device: the device's type and name.
        precision: `fp32` or `bf16`.
        versions: package names and versions, sorted.
        warnings: what a reader of the report has to know, as sentences.
    """

    created: str
    seconds: float
    model_name: str
    num_parameters: int
    weights_name: str
    data_name: str
    target_layer: str
    layer_source: str
    input_size: tuple[int, int]
    preprocessing: str
    device: str
    precision: str
    versions: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class CamPair:
    """Both maps of every example, by one CAM method: signed, in units of the logit, at the layer's own resolution.

    Attributes:
        true: float16 (N, h, w), the map of the true class.
        predicted: float16 (N, h, w), the map of the predicted class.
    """

    true: NDArray[np.float16]
    predicted: NDArray[np.float16]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Superclasses:
    """A grouping of the classes.

    Attributes:
        names: the S superclasses' names.
        superclass_of: int64 (K,), superclass index of each class.
    """

    names: tuple[str, ...]
    superclass_of: NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class EvaluationCache:
    """Everything that a report is made from. `N` examples, `K` classes, `h, w` the CAM grid, `H, W` the thumbnail.

    Attributes:
        example_index: int64 (N,), position in the test set, ascending, unique.
        example_id: str (N,), file name or index, as the data gives it.
        labels: int64 (N,), true class index.
        logits: float32 (N, K), before softmax.
        cams: the maps by method name.
        thumbnails: uint8 (N, H, W, 3), RGB, what the model saw before normalisation.
        class_names: the K classes' names in index order.
        superclasses: the grouping of the classes, where one is known.
        key: what decides whether the cache is valid.
        provenance: how it came about.
        checks: what the self-checks found.
    """

    example_index: NDArray[np.int64]
    example_id: NDArray[np.str_]
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]
    cams: Mapping[str, CamPair]
    thumbnails: NDArray[np.uint8]
    class_names: tuple[str, ...]
    superclasses: Superclasses | None
    key: CacheKey
    provenance: Provenance
    checks: tuple[SelfCheck, ...]

    def __post_init__(self) -> None:
        """Check that the arrays fit together.

        Raises:
            CacheError: they do not.
        """
        _check_arrays(self)

    @property
    def num_examples(self) -> int:
        """N."""
        return len(self.labels)

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.class_names)


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise CacheError(f"The evaluation cache is inconsistent: {problem}.", hint=_REFRESH_HINT)


def _require_array(name: str, array: NDArray[Any], kind: str, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    is_kind = array.dtype.kind == "U" if kind == "str" else array.dtype == np.dtype(kind)
    wanted = ", ".join("any" if want is None else str(want) for want in shape)
    _require(fits and is_kind, f"{name} is {array.dtype} {array.shape}, expected {kind} ({wanted})")


def _check_arrays(cache: EvaluationCache) -> None:
    n, k = cache.num_examples, cache.num_classes
    _require(n > 0, "it holds no example")
    _require(k > 1, f"it holds {k} classes, expected two or more")
    _require_array("labels", cache.labels, "int64", (n,))
    _require_array("example_index", cache.example_index, "int64", (n,))
    _require_array("example_id", cache.example_id, "str", (n,))
    _require_array("logits", cache.logits, "float32", (n, k))
    _require_array("thumbnails", cache.thumbnails, "uint8", (n, None, None, 3))
    _require(bool((np.diff(cache.example_index) > 0).all()), "example_index is not ascending")
    _require(bool(((cache.labels >= 0) & (cache.labels < k)).all()), f"labels lie outside 0..{k - 1}")
    _require(bool(np.isfinite(cache.logits).all()), "logits are not finite")
    _require(len(cache.cams) > 0, "it holds no class activation map")
    for method, cam in cache.cams.items():
        _require_array(f"cam.{method}.true", cam.true, "float16", (n, None, None))
        _require_array(f"cam.{method}.predicted", cam.predicted, "float16", cam.true.shape)
        _require(bool(np.isfinite(cam.true).all() and np.isfinite(cam.predicted).all()), f"{method} is not finite")
    if cache.superclasses is not None:
        group = cache.superclasses
        _require_array("superclass_of", group.superclass_of, "int64", (k,))
        inside = (group.superclass_of >= 0) & (group.superclass_of < len(group.names))
        _require(bool(inside.all()), f"superclass_of lies outside 0..{len(group.names) - 1}")


def check_cache_path(path: Path) -> None:
    """Check that a cache may be written to a path, before the work that fills it.

    Raises:
        CacheError: its folder can neither be written nor be created.
    """
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise CacheError(f"The cache cannot be written to {path}.", hint="Name another file with --cache.")


def save_cache(cache: EvaluationCache, path: Path) -> None:
    """Write the cache as one uncompressed `.npz`, under a temporary name first.

    Args:
        cache: what to write.
        path: where to; an earlier file is replaced only when the new one is complete.

    Raises:
        CacheError: the folder cannot be written.
    """
    arrays: dict[str, Any] = {
        "example_index": cache.example_index,
        "example_id": cache.example_id,
        "labels": cache.labels,
        "logits": cache.logits,
        "thumbnails": cache.thumbnails,
        "class_names": np.array(cache.class_names),
        "meta": np.array(
            json.dumps(
                {
                    "schema_version": SCHEMA_VERSION,
                    "key": asdict(cache.key),
                    "provenance": asdict(cache.provenance),
                    "checks": [asdict(check) for check in cache.checks],
                },
                sort_keys=True,
            )
        ),
    }
    for method, cam in cache.cams.items():
        arrays[f"cam.{method}.true"] = cam.true
        arrays[f"cam.{method}.predicted"] = cam.predicted
    if cache.superclasses is not None:
        arrays["superclass_names"] = np.array(cache.superclasses.names)
        arrays["superclass_of"] = cache.superclasses.superclass_of
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise CacheError(
            f"The cache cannot be written to {path}: {error.strerror}.", hint="Name another file with --cache."
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)
        os.chmod(temporary, 0o666 & ~_umask())  # noqa: PTH101  mkstemp gives 0600; a report's cache is shared
        os.replace(temporary, path)  # noqa: PTH105  the atomic step
    except OSError as error:
        raise CacheError(
            f"The cache cannot be written to {path}: {error.strerror}.",
            hint="Free some space there, or name another file with --cache.",
        ) from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


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
        methods = [name.removeprefix("cam.").removesuffix(".true") for name in arrays if name.endswith(".true")]
        return EvaluationCache(
            example_index=arrays["example_index"],
            example_id=arrays["example_id"],
            labels=arrays["labels"],
            logits=arrays["logits"],
            cams={
                method: CamPair(true=arrays[f"cam.{method}.true"], predicted=arrays[f"cam.{method}.predicted"])
                for method in methods
            },
            thumbnails=arrays["thumbnails"],
            class_names=tuple(arrays["class_names"].tolist()),
            superclasses=_read_superclasses(arrays),
            key=CacheKey(**meta["key"]),
            provenance=_read_provenance(meta["provenance"]),
            checks=tuple(SelfCheck(**check) for check in meta["checks"]),
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
        raise CacheError(f"The cache {path} cannot be read: {error.strerror}.", hint=_REFRESH_HINT) from error
    with file:
        start = file.read(2)
        if not start:
            raise CacheError(f"The cache {path} is empty.", hint=_REFRESH_HINT)
        if start != b"PK":
            raise _foreign(path, "it is no .npz file")
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
        raise _foreign(path, "its member `meta` is no JSON") from error
    if not isinstance(meta, dict) or not isinstance(meta.get("schema_version"), int):
        raise _foreign(path, "its member `meta` names no schema version")
    version = meta["schema_version"]
    if version > SCHEMA_VERSION:
        raise CacheError(
            f"The cache {path} has schema version {version}; this reportgen reads up to {SCHEMA_VERSION}.",
            hint="Upgrade reportgen, or make the cache anew with this version.",
        )
    return meta


def _read_superclasses(arrays: Mapping[str, NDArray[Any]]) -> Superclasses | None:
    if "superclass_of" not in arrays:
        return None
    return Superclasses(names=tuple(arrays["superclass_names"].tolist()), superclass_of=arrays["superclass_of"])


def _read_provenance(values: Mapping[str, Any]) -> Provenance:
    return Provenance(
        **{
            **values,
            "input_size": tuple(values["input_size"]),
            "versions": tuple((name, version) for name, version in values["versions"]),
            "warnings": tuple(values["warnings"]),
        }
    )


def _damaged(path: Path) -> CacheError:
    return CacheError(f"The cache {path} is truncated or damaged.", hint=_REFRESH_HINT)


def _foreign(path: Path, why: str) -> ForeignFileError:
    return ForeignFileError(
        f"{path} is not a cache of reportgen: {why}.",
        hint="Name the file that `reportgen run` wrote, or another file with --cache; this one is left as it is.",
    )
