"""The results of the pass as records of plain arrays, which separate the two halves of reportgen.

The pass runs torch once; everything after it needs neither torch nor the model nor the images. `cache_file` stores the
records in a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import CacheError, setting
from reportgen.methods import is_class_agnostic
from reportgen.output_reading import OutputReading

KEY_VERSION: Final = 3
"""Raised when the same model and data give other results: caches of version 2 contain raw weights of checkpoints with
averages, and probabilities of networks that end in a softmax."""

FLOAT16_MAX: Final = float(np.finfo(np.float16).max)

BASELINES: Final = ("random", "centre")
"""Baselines of the faithfulness tests: a map of random values, and a blob in the center of the image."""

REFRESH_HINT: Final = f"Run the model again, with {setting('refresh', True)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheKey:
    """What decides whether a cache is still valid. It comes from settings and file digests alone.

    Attributes:
        schema_version: the rules by which weights and outputs are read.
        model: the model spec without its folder, such as `resnet.py:resnet20`.
        model_digest: SHA-256 of the file that defines the model; empty where it is a library's.
        weights_digest: SHA-256 of the checkpoint; empty where none is given, `pretrained` where the library's are used.
        data: the data spec without its folder.
        data_digest: SHA-256 over the names and contents of the test set's files.
        class_names_digest: SHA-256 of the file of class names; empty where none is given.
        superclasses_digest: SHA-256 of the file of superclasses; empty where none is given.
        preprocessing: the preprocessing options as text.
        methods: the methods of the maps, joined by commas, with the options that shape them.
        layers: the requested target layers, joined by commas; `auto` where one is found by probing.
        annotations_digest: SHA-256 over the annotations' files; empty where none are given.
        faithfulness: number of examples on which the maps are tested.
        limit: number of examples to evaluate; 0 for all.
        thumbnail_size: longest side of the thumbnails in pixels.
        precision: `fp32` or `bf16`.
    """

    schema_version: int = KEY_VERSION
    model: str
    model_digest: str
    weights_digest: str
    data: str
    data_digest: str
    class_names_digest: str
    superclasses_digest: str
    preprocessing: str
    methods: str
    layers: str
    annotations_digest: str
    faithfulness: int
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
class SkippedImage:
    """A file of the test set that was not evaluated.

    Attributes:
        name: the file, as the identifier of an example.
        reason: why, as a clause.
    """

    name: str
    reason: str


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
        target_layer: dotted names of the layers that the maps come from, or words such as `attention of 12 layers`,
            joined by commas; empty where no map does.
        layer_source: `given` or `probed`.
        no_maps_reason: why there are no maps, as a sentence; empty where there are.
        input_size: height and width in pixels of what the model saw.
        preprocessing: the preprocessing that was applied, in words.
        device: the device's type and name.
        precision: `fp32` or `bf16`.
        versions: package names and versions, sorted.
        warnings: caveats for the reader of the report, as sentences.
        outputs: how the network's outputs were read; `None` where that is not known.
    """

    created: str
    seconds: float
    model_name: str
    num_parameters: int
    weights_name: str
    data_name: str
    target_layer: str
    layer_source: str
    no_maps_reason: str = ""
    input_size: tuple[int, int]
    preprocessing: str
    device: str
    precision: str
    versions: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    outputs: OutputReading | None = None


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class CamPair:
    """Both maps of the examples, by one method: unnormalised, at the layer's own resolution.

    Sign and unit are those of the method.

    Attributes:
        true: float16 (M, h, w), the map of the true class.
        predicted: float16 (M, h, w), the map of the predicted class.
        positions: int64 (M,), ascending, the positions of the examples that have maps; `None` where all N have.
        is_class_agnostic: whether the method is class-agnostic; both maps of an example are then the same, and stored
            once.
    """

    true: NDArray[np.float16]
    predicted: NDArray[np.float16]
    positions: NDArray[np.int64] | None = None
    is_class_agnostic: bool = False


def to_float16(maps: NDArray[np.float32]) -> NDArray[np.float16]:
    """Maps as a cache stores them; values beyond the range of float16 are clipped."""
    return maps.clip(-FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Annotations:
    """The annotated regions. `A` examples have one.

    Attributes:
        positions: int64 (A,), ascending, the positions of the annotated examples.
        masks: bool (A, H, W), at the thumbnails' resolution: the annotated locations, at least one each.
        source: the annotations, in words.
    """

    positions: NDArray[np.int64]
    masks: NDArray[np.bool_]
    source: str


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class RemovalCurves:
    """The probability of the predicted class while pixels are removed or restored in the order of one explanation.

    Attributes:
        deletion: float32 (M, F), the most important first, replaced by the mean that the normalization subtracts (RISE,
            Petsiuk et al. 2018).
        insertion: float32 (M, F), the most important first, restored to a blurred picture (RISE).
        road: float32 (M, F, 2), removed by noisy linear imputation: the most important first, the least important
            first (ROAD, Rong et al. 2022). Where all are removed, the picture is the mean.
    """

    deletion: NDArray[np.float32]
    insertion: NDArray[np.float32]
    road: NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Faithfulness:
    """Faithfulness tests on `M` examples at `F` fractions of the image.

    Attributes:
        positions: int64 (M,), ascending, the positions of the tested examples.
        fractions: float32 (F,), ascending from 0 to 1, the fraction of pixels removed or restored.
        curves: by explanation: the methods' names, then `BASELINES`.
        randomized: by method, float32 (M,): Spearman's correlation of a map with that of the same class by the same
            network with shuffled head weights (model parameter randomization, Adebayo et al. 2018); NaN where a map is
            the same everywhere. Empty where the network does not end in a linear layer.
    """

    positions: NDArray[np.int64]
    fractions: NDArray[np.float32]
    curves: Mapping[str, RemovalCurves]
    randomized: Mapping[str, NDArray[np.float32]]


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
        cams: the maps by method name, the first of all examples; empty where the network's inside is not known.
        thumbnails: uint8 (N, H, W, 3), RGB, what the model saw before normalisation; `None` where no image is known.
        class_names: the K classes' names in index order.
        superclasses: the grouping of the classes, if there is one.
        columns: metadata by name, str (N,).
        annotations: the annotated regions, if there are any.
        faithfulness: results of the faithfulness tests, if they were run.
        key: what decides whether the cache is valid.
        provenance: how it came about.
        checks: what the self-checks found.
        skipped: files of the test set that could not be read.
        digest: SHA-256 of the file that it was saved to or read from; empty if neither.
        display_names: names of the K classes for the pages of one report, which are not saved; empty for `class_names`.
    """

    example_index: NDArray[np.int64]
    example_id: NDArray[np.str_]
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]
    cams: Mapping[str, CamPair]
    thumbnails: NDArray[np.uint8] | None
    class_names: tuple[str, ...]
    superclasses: Superclasses | None
    columns: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    annotations: Annotations | None = None
    faithfulness: Faithfulness | None = None
    key: CacheKey
    provenance: Provenance
    checks: tuple[SelfCheck, ...]
    skipped: tuple[SkippedImage, ...] = ()
    digest: str = ""
    display_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the arrays fit together.

        Raises:
            CacheError: they do not.
        """
        _check_arrays(self)

    def with_model_name(self, name: str) -> Self:
        """The cache with another name for the network, which decides nothing; an empty one keeps the name."""
        return replace(self, provenance=replace(self.provenance, model_name=name)) if name else self

    @property
    def shown_names(self) -> tuple[str, ...]:
        """The K classes' names as pages show them."""
        return self.display_names or self.class_names

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
        raise CacheError(f"The evaluation cache is inconsistent: {problem}.", hint=REFRESH_HINT)


def _require_array(name: str, array: NDArray[Any], kind: str, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    is_kind = array.dtype.kind == "U" if kind == "str" else array.dtype == np.dtype(kind)
    wanted = ", ".join("any" if want is None else str(want) for want in shape)
    _require(fits and is_kind, f"{name} is {array.dtype} {array.shape}, expected {kind} ({wanted})")


def _check_arrays(cache: EvaluationCache) -> None:
    n, k = cache.num_examples, cache.num_classes
    _require(n > 0, "it contains no examples")
    _require(k > 1, f"it holds {k} classes, expected two or more")
    _require(len(set(cache.class_names)) == k and all(cache.class_names), f"class_names are not {k} different names")
    _require_array("labels", cache.labels, "int64", (n,))
    _require_array("example_index", cache.example_index, "int64", (n,))
    _require_array("example_id", cache.example_id, "str", (n,))
    _require_array("logits", cache.logits, "float32", (n, k))
    if cache.thumbnails is not None:
        _require_array("thumbnails", cache.thumbnails, "uint8", (n, None, None, 3))
        _require(cache.thumbnails.size > 0, "thumbnails have no pixels")
    _require(bool((np.diff(cache.example_index) > 0).all()), "example_index is not ascending")
    _require(bool(((cache.labels >= 0) & (cache.labels < k)).all()), f"labels lie outside 0..{k - 1}")
    is_number = (cache.logits < np.inf).all() and np.isfinite(cache.logits.max(axis=1)).all()
    _require(bool(is_number), "logits are not finite")  # minus infinity is a probability of 0
    _check_maps(cache)
    if cache.superclasses is not None:
        group = cache.superclasses
        _require_array("superclass_of", group.superclass_of, "int64", (k,))
        _require(len(set(group.names)) == len(group.names), "superclass_names are not different names")
        inside = (group.superclass_of >= 0) & (group.superclass_of < len(group.names))
        _require(bool(inside.all()), f"superclass_of lies outside 0..{len(group.names) - 1}")
    for name, column in cache.columns.items():
        _require_array(f"column {name}", column, "str", (n,))
    if cache.annotations is not None:
        _check_annotations(cache, cache.annotations)
    if cache.faithfulness is not None:
        _check_faithfulness(cache, cache.faithfulness)


def _check_maps(cache: EvaluationCache) -> None:
    for place, (method, cam) in enumerate(cache.cams.items()):
        num_mapped = cache.num_examples if cam.positions is None else len(cam.positions)
        _require_array(f"cam.{method}.true", cam.true, "float16", (num_mapped, None, None))
        _require_array(f"cam.{method}.predicted", cam.predicted, "float16", cam.true.shape)
        _require(0 not in cam.true.shape[1:], f"maps of {method} have no cells")
        _require(bool(np.isfinite(cam.true).all() and np.isfinite(cam.predicted).all()), f"{method} is not finite")
        _require(cam.is_class_agnostic == is_class_agnostic(method), f"maps of {method} are those of another method")
        if cam.is_class_agnostic:
            _require(np.array_equal(cam.true, cam.predicted), f"{method} has two maps of an example")
        if cam.positions is not None:
            _require(place > 0, f"{method} comes first, but not every example has its map")
            _check_positions(f"cam.{method}.positions", cam.positions, cache.num_examples)


def _check_positions(name: str, positions: NDArray[np.int64], num_examples: int) -> None:
    _require_array(name, positions, "int64", (None,))
    is_ascending = bool((np.diff(positions) > 0).all())
    is_inside = bool(((positions >= 0) & (positions < num_examples)).all())
    _require(is_ascending and is_inside, f"{name} are not ascending positions of its {num_examples} examples")


def _check_annotations(cache: EvaluationCache, annotations: Annotations) -> None:
    _check_positions("annotated positions", annotations.positions, cache.num_examples)
    _require(cache.thumbnails is not None, "there are annotations, but no images")
    size = (None, None) if cache.thumbnails is None else cache.thumbnails.shape[1:3]
    _require_array("annotation masks", annotations.masks, "bool", (len(annotations.positions), *size))
    _require(bool(annotations.masks.any(axis=(1, 2)).all()), "an annotation covers no pixel")


def _check_faithfulness(cache: EvaluationCache, faithfulness: Faithfulness) -> None:
    _check_positions("tested positions", faithfulness.positions, cache.num_examples)
    num_tested, num_fractions = len(faithfulness.positions), len(faithfulness.fractions)
    _require_array("tested fractions", faithfulness.fractions, "float32", (num_fractions,))
    is_ascending = bool((np.diff(faithfulness.fractions) > 0).all()) and num_fractions > 1
    _require(is_ascending and num_tested > 0, "the tested fractions do not ascend, or nothing was tested")
    lacking = [name for name in (*BASELINES, *faithfulness.randomized) if name not in faithfulness.curves]
    _require(not lacking, f"there are no removal curves of {'' if not lacking else lacking[0]}")
    for name, curves in faithfulness.curves.items():
        for curve in (curves.deletion, curves.insertion, curves.road):
            _require(curve.dtype.kind == "f" and bool(np.isfinite(curve).all()), f"curves of {name} are not finite")
        _require_array(f"deletion of {name}", curves.deletion, "float32", (num_tested, num_fractions))
        _require_array(f"insertion of {name}", curves.insertion, "float32", (num_tested, num_fractions))
        _require_array(f"road of {name}", curves.road, "float32", (num_tested, num_fractions, 2))
    for name, correlations in faithfulness.randomized.items():
        _require_array(f"randomization of {name}", correlations, "float32", (num_tested,))
