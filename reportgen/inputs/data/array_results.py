"""From a `.npz` with what a model said elsewhere to a cache: no model, no pass, no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from reportgen.cache import CacheKey, CamPair, EvaluationCache, Provenance, Superclasses
from reportgen.errors import DataError, SettingsError, setting
from reportgen.inputs.data.array_maps import MAP_MEMBERS, is_map_member, read_maps
from reportgen.inputs.data.arrays import ArrayImages, require_unique_ids
from reportgen.inputs.data.class_names import (
    describe_single_class,
    group_classes,
    number_names,
    read_class_names,
    read_superclasses,
    require_unique,
)
from reportgen.inputs.data.class_numbers import describe_gaps
from reportgen.inputs.data.class_orders import read_class_order
from reportgen.inputs.data.columns import column_texts, make_column
from reportgen.inputs.data.datasets import spread_positions
from reportgen.inputs.data.evaluation_set import EvaluationSet
from reportgen.inputs.data.npz import NpzFile
from reportgen.inputs.networks.names import UNNAMED
from reportgen.inputs.preprocessing import Preprocessing, thumbnail
from reportgen.inputs.run_record import time_text, version_pairs
from reportgen.plain_text import to_one_line
from reportgen.settings import AnalyzeSettings

_LABELS: Final = ("y_true", "labels")
_LOGITS: Final = ("logits",)
_PROBABILITIES: Final = ("y_pred_probs", "y_pred_proba", "y_prob", "probs", "probabilities")
_PREDICTED: Final = ("y_pred",)
_COLUMN: Final = "column."
_OTHERS: Final = ("class_names", "ids", "images", "model_name")
_LAYOUT_HINT: Final = (
    "Save y_true, integers (N,), and y_pred_probs, probabilities (N, K), or logits (N, K); and optionally "
    "class_names, str (K,), ids, str (N,), images, uint8 (N, H, W, 3), maps_true and maps_predicted, float (N, h, w)."
)
_SUM_TOLERANCE: Final = 1e-3
_AGREEMENT_TOLERANCE: Final = 0.01
"""Between probabilities that were saved in half precision and those of the logits."""
_LEAST_PROBABILITY: Final = float(np.finfo(np.float32).tiny)
_NO_MAPS: Final = "The model ran elsewhere, and its outputs came without class activation maps."
_NO_IMAGES: Final = "The class activation maps are left out: the images to lay them over did not come with them."

UNCHANGED: Final = Preprocessing(mean=(0.0,) * 3, std=(1.0,) * 3, source="the file")
"""The file's images are what the model saw."""

Members = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ArrayResults:
    """The outputs of a model that ran elsewhere.

    Attributes:
        cache: what a pass would have found.
        evaluation_set: the examples with their images; `None` if the file has no images.
    """

    cache: EvaluationCache
    evaluation_set: EvaluationSet | None


def load_array_results(settings: AnalyzeSettings, key: CacheKey) -> ArrayResults:
    """The outputs in `settings.arrays`, in the file's order, limited where the settings say so.

    Labels are indices (N,) or one-hot (N, K). Of logits and probabilities the logits count; probabilities become
    logits by their logarithm, and a single column, the probability or logit of class 1, becomes two. Of names in the
    file and in `class_names_path` the latter count.

    Args:
        settings: the file, class names, superclasses, limit and thumbnail size.
        key: goes into the cache as it is.

    Raises:
        DataError: the file cannot be read, lacks something, or its members do not fit together.
    """
    if settings.arrays is None:
        raise SettingsError(f"{setting('arrays')} is missing.", hint="Give a .npz file.")
    file = NpzFile(path=settings.arrays, what="The arrays file", layout_hint=_LAYOUT_HINT)
    members = file.read({name for name in file.member_names() if _is_known(name)})
    logits = _read_logits(members, file)
    count, num_classes = logits.shape
    labels = _read_labels(members, file, count, num_classes)
    order = read_class_order(settings.class_names_path)
    class_names = _resolve_class_names(members, file, num_classes, settings.class_names_path)
    labels = labels if order is None else order.reorder(labels)
    ids = _read_ids(members, file, count)
    images = _read_images(members, file, count)
    maps, warnings = ({}, ()) if images is None else read_maps(members, file, count)
    picked = np.arange(count) if settings.limit is None else spread_positions(count, settings.limit)
    cache = EvaluationCache(
        example_index=picked,
        example_id=ids[picked],
        labels=labels[picked],
        logits=logits[picked],
        cams={method: _take_maps(pair, picked) for method, pair in maps.items()},
        thumbnails=None if images is None else _thumbnails(images, picked, settings.thumbnail_size),
        class_names=class_names,
        superclasses=_read_superclasses(class_names, settings.superclasses_path),
        columns={name: column[picked] for name, column in _read_columns(members, file, count).items()},
        key=key,
        provenance=Provenance(
            created=time_text(settings.arrays.stat().st_mtime),  # the run's own time is not known
            seconds=0.0,
            model_name=settings.model_name or str(members.get("model_name", UNNAMED)),
            num_parameters=0,
            weights_name="",
            data_name=settings.arrays.name,
            target_layer="",
            layer_source="given",
            no_maps_reason="" if maps else _explain_no_maps(members),
            input_size=(0, 0) if images is None else (images.shape[1], images.shape[2]),
            preprocessing="",
            device="",
            precision="",
            versions=version_pairs(("numpy", "pillow")),
            warnings=(
                *describe_gaps(labels, is_count_known=True),
                *describe_single_class(labels[picked], class_names),
                *_warn_of_zeros(logits, labels),
                *warnings,
            ),
        ),
        checks=(),
    )
    evaluation_set = None if images is None else _with_images(cache, images[picked])
    if evaluation_set is None and settings.annotations is not None:
        raise file.misfit(
            "there are annotations, but no images",
            f"Save images, uint8 (N, H, W, 3), beside the outputs, or omit {setting('annotations')}.",
        )
    return ArrayResults(cache=cache, evaluation_set=evaluation_set)


def _is_known(name: str) -> bool:
    known = (*_LABELS, *_LOGITS, *_PROBABILITIES, *_PREDICTED, *_OTHERS, *MAP_MEMBERS)
    return name in known or name.startswith(_COLUMN) or is_map_member(name)


def _find(members: Members, names: Sequence[str], what: str, file: NpzFile) -> tuple[str, NDArray[Any]]:
    """The first of the members that is there, and its name."""
    for name in names:
        if name in members:
            return name, members[name]
    raise file.misfit(f"it has no {what} (a member {' or '.join(names)}); {file.contents_text()}")


def _read_logits(members: Members, file: NpzFile) -> NDArray[np.float32]:
    """Logits, float32 (N, K) with K of two or more."""
    name, outputs = _find(members, (*_LOGITS, *_PROBABILITIES), "outputs", file)
    if outputs.dtype.kind not in "fiu":
        raise file.misfit(f"{name} is {outputs.dtype}, not numbers")
    if outputs.ndim == 1:
        outputs = outputs[:, None]
    if outputs.ndim != 2 or 0 in outputs.shape:
        raise file.misfit(f"{name} has the shape {outputs.shape}, not (N, K)")
    values = outputs.astype(np.float64)
    is_logits = name in _LOGITS
    # Minus infinity is the logit of a class that the model rules out: a probability of 0.
    is_finite = (np.isfinite(values) | (np.isneginf(values) & is_logits)).all(axis=1) & np.isfinite(values).any(axis=1)
    if not is_finite.all():
        raise file.misfit(
            f"row {np.argmin(is_finite)} of {name} is not finite",
            "Check the model's weights and input for NaN, the usual cause.",
        )
    if is_logits:
        logits: NDArray[np.float32] = _as_logits(values, name, file)
        _check_agreement(logits, members, file)
        return logits
    _check_probabilities(values, name, file)
    if values.shape[1] == 1:
        values = np.hstack([1 - values, values])
    logits = np.log(values.clip(_LEAST_PROBABILITY, None)).astype(np.float32)
    _check_agreement(logits, members, file)
    return logits


def _check_agreement(logits: NDArray[np.float32], members: Members, file: NpzFile) -> None:
    """Check that other outputs in the file, probabilities or predicted classes, are those of the logits.

    Raises:
        DataError: they are not.
    """
    hint = "Save the outputs of one run, in the order of the labels."
    probabilities = softmax(logits.astype(np.float64), axis=1)
    for name in (*_PROBABILITIES, *_PREDICTED):
        other = members.get(name)
        if other is None:
            continue
        if name in _PREDICTED:
            if other.shape != (len(logits),) or other.dtype.kind not in "iu":
                raise file.misfit(f"{name} is {other.dtype} {other.shape}, not integers ({len(logits)},)", hint)
            is_known = (other >= 0) & (other < logits.shape[1])
            chosen = probabilities[np.arange(len(logits)), np.where(is_known, other, 0)]
            differs = ~is_known | (chosen < probabilities.max(axis=1) - _AGREEMENT_TOLERANCE)
        else:
            values = other[:, None] if other.ndim == 1 else other
            values = np.hstack([1 - values, values]) if values.shape[1:] == (1,) else values
            if values.shape != probabilities.shape:
                raise file.misfit(f"{name} has the shape {other.shape} for outputs of the shape {logits.shape}", hint)
            differs = (np.abs(values - probabilities) > _AGREEMENT_TOLERANCE).any(axis=1)
        if differs.any():
            raise file.misfit(
                f"{name} and the other outputs contradict each other in {differs.sum():,} of {len(logits):,} rows, "
                f"the first of which is {np.argmax(differs)}",
                hint,
            )


def _as_logits(values: NDArray[np.float64], name: str, file: NpzFile) -> NDArray[np.float32]:
    if values.shape[1] == 1:
        values = np.hstack([np.zeros_like(values), values])
    elif values.min() >= 0 and np.abs(values.sum(axis=1) - 1).max() < _SUM_TOLERANCE:
        raise file.misfit(
            f"{name} looks like probabilities: no value is negative, and each row sums to 1",
            f"Save it as {_PROBABILITIES[0]}, or save the outputs before the softmax.",
        )
    largest = np.abs(values[np.isfinite(values)]).max()
    if largest > np.finfo(np.float32).max:
        raise file.misfit(f"{name} reaches {largest:.3g}, beyond the range of float32")
    return values.astype(np.float32)


def _check_probabilities(values: NDArray[np.float64], name: str, file: NpzFile) -> None:
    is_inside = ((values >= 0) & (values <= 1 + _SUM_TOLERANCE)).all(axis=1)
    if not is_inside.all():
        row = int(np.argmin(is_inside))
        raise file.misfit(
            f"row {row} of {name} reaches from {values[row].min():.4g} to {values[row].max():.4g}, outside [0, 1]",
            "Save outputs before the softmax as logits.",
        )
    if values.shape[1] == 1:
        return
    sums = values.sum(axis=1)
    row = int(np.argmax(np.abs(sums - 1)))
    if abs(sums[row] - 1) > _SUM_TOLERANCE:
        raise file.misfit(
            f"row {row} of {name} sums to {sums[row]:.4g}, not to 1",
            "Save one probability for each of the classes, which exclude each other; outputs before the softmax are "
            "logits.",
        )


def _read_labels(members: Members, file: NpzFile, count: int, num_classes: int) -> NDArray[np.int64]:
    name, labels = _find(members, _LABELS, "labels", file)
    if labels.dtype.kind not in "iufb" or (labels.dtype.kind == "f" and not (labels % 1 == 0).all()):
        raise file.misfit(f"{name} is {labels.dtype}, not integers", "Save class indices, 0 for the first class.")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape == (count, num_classes):
        is_one_hot = ((labels == 0) | (labels == 1)).all(axis=1) & (labels.sum(axis=1) == 1)
        if not is_one_hot.all():
            raise file.misfit(
                f"row {np.argmin(is_one_hot)} of {name} marks {labels[np.argmin(is_one_hot)].sum():g} classes, not one",
                "Give each example one class: multi-label classification is not supported.",
            )
        labels = labels.argmax(axis=1)
    if labels.shape != (count,):
        raise file.misfit(
            f"{name} has the shape {labels.shape} for outputs of the shape ({count}, {num_classes})",
            "Save labels and outputs of the same examples in the same order.",
        )
    if labels.min() < 0 or labels.max() >= num_classes:
        raise file.misfit(
            f"{name} reaches from {labels.min():g} to {labels.max():g}, but the outputs are of {num_classes} classes",
            "Count the classes from 0, and save one output for each class of the model.",
        )
    return labels.astype(np.int64)


def _warn_of_zeros(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> list[str]:
    least = np.float32(np.log(_LEAST_PROBABILITY))
    of_true = logits[np.arange(len(labels)), labels]
    num_zeros = int(((of_true == least) | np.isneginf(of_true)).sum())
    if not num_zeros:
        return []
    return [
        f"{num_zeros:,} of {len(labels):,} examples have the probability 0 for their true class: their log-loss counts "
        f"as {-least:.1f} instead of infinity."
    ]


def _resolve_class_names(members: Members, file: NpzFile, num_classes: int, path: Path | None) -> tuple[str, ...]:
    own = file.names(members["class_names"], "class_names") if "class_names" in members else None
    if path is None:
        names, what = own or number_names(num_classes), f"class_names of {file.path}"
    else:
        names, what = read_class_names(path), f"The file of class names {path}"
        is_list = read_class_order(path) is None
        if is_list and own is not None and set(own) == set(names) and own != names:
            raise DataError(
                f"{what} lists the classes of {file.path} in another order.",
                hint=f"Omit {setting('class_names_path')}, or correct one of the two: names are in the order of "
                "the outputs.",
            )
    if len(names) != num_classes:
        raise DataError(
            f"{what} lists {len(names)} classes, but there are outputs for {num_classes}.",
            hint="List every class of the model, in the order of its outputs.",
        )
    names = tuple(to_one_line(name) for name in names)
    require_unique(names, what)
    return names


def _read_superclasses(class_names: tuple[str, ...], path: Path | None) -> Superclasses | None:
    if path is None:
        return None
    return group_classes(class_names, read_superclasses(path), f"The file of superclasses {path}")


def _read_ids(members: Members, file: NpzFile, count: int) -> NDArray[np.str_]:
    ids = members.get("ids")
    if ids is None:
        return np.array(number_names(count), dtype=np.str_)
    if ids.dtype.kind not in "Uiu" or ids.shape != (count,):
        raise file.misfit(f"ids is {ids.dtype} {ids.shape}, not str ({count},)")
    require_unique_ids(ids.astype(np.str_).tolist(), file)
    return ids.astype(np.str_)


def _read_images(members: Members, file: NpzFile, count: int) -> NDArray[np.uint8] | None:
    """uint8 (N, H, W, 3), or (N, H, W) for grayscale."""
    if "images" not in members:
        return None
    images = file.rgb_images(members["images"])
    if len(images) != count:
        raise file.misfit(f"there are {len(images)} images for {count} outputs")
    return images


def _thumbnails(images: NDArray[np.uint8], picked: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    return np.stack([thumbnail(images[position], size) for position in picked])


def _take_maps(pair: CamPair, picked: NDArray[np.int64]) -> CamPair:
    true = pair.true[picked]
    return replace(pair, true=true, predicted=true if pair.is_class_agnostic else pair.predicted[picked])


def _read_columns(members: Members, file: NpzFile, count: int) -> dict[str, NDArray[np.str_]]:
    import pandas as pd

    columns = {}
    for member, values in members.items():
        if not member.startswith(_COLUMN):
            continue
        if values.shape != (count,):
            raise file.misfit(f"{member} has the shape {values.shape}, not ({count},)")
        columns[member.removeprefix(_COLUMN)] = make_column(column_texts(pd.Series(values)))
    return columns


def _with_images(cache: EvaluationCache, images: NDArray[np.uint8]) -> EvaluationSet:
    return EvaluationSet(
        name=cache.provenance.data_name,
        images=ArrayImages(images),
        labels=cache.labels,
        example_ids=tuple(cache.example_id.tolist()),
        example_index=cache.example_index,
        class_names=cache.class_names,
        superclasses=cache.superclasses,
        normalisation=None,
    )


def _explain_no_maps(members: Members) -> str:
    has_maps = any(name in MAP_MEMBERS or is_map_member(name) for name in members)
    return _NO_IMAGES if has_maps else _NO_MAPS
