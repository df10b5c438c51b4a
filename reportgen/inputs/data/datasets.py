"""From a data spec to an evaluation set: the sources in files here, those of libraries in modules of their own.

Torch-free, but for what torchvision reads.
"""

import logging
from enum import StrEnum
from itertools import pairwise
from math import modf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reportgen.cache import Superclasses
from reportgen.errors import DataError
from reportgen.inputs.data import cifar, hf_datasets, torchvision_sets
from reportgen.inputs.data.arrays import ArrayImages, read_npz
from reportgen.inputs.data.class_names import (
    group_classes,
    index_labels,
    number_names,
    read_class_names,
    read_superclasses,
    reorder_labels,
    require_unique,
)
from reportgen.inputs.data.evaluation_set import EvaluationSet, LabelledImages
from reportgen.inputs.data.image_files import FileImages, list_image_names
from reportgen.inputs.data.manifests import SUFFIXES as MANIFEST_SUFFIXES
from reportgen.inputs.data.manifests import read_manifest
from reportgen.inputs.networks.hf_folders import read_own_class_names
from reportgen.inputs.suggestions import few_text
from reportgen.settings import AnalyzeSettings

log = logging.getLogger(__name__)

_DATA_HINT = (
    "Give an image folder (<class>/<image>), a .npz file, a manifest (.csv or .parquet with the columns path and "
    "label), hf:FOLDER, torchvision:NAME, cifar10, cifar100 or demo."
)
_FOLDER_HINT = "Put each class's images into a folder named for the class: <folder>/<class>/<image>."
_GOLDEN_RATIO = 1.618033988749895


class DataKind(StrEnum):
    """Where a test set comes from."""

    FOLDER = "folder"
    NPZ = "npz"
    MANIFEST = "manifest"
    HF = "hf"
    TORCHVISION = "torchvision"
    CIFAR10 = "cifar10"
    CIFAR100 = "cifar100"
    DEMO = "demo"


def load_evaluation_set(settings: AnalyzeSettings) -> EvaluationSet:
    """The test set that the settings name, its labels in the model's index order, limited where they say so.

    That order is `--class-names`, or the model's own names where they hold all of the data's classes. A source with
    numbers only gets its class names from them, which its labels then index; without them the classes are called 0 to
    the largest label.

    Raises:
        DataError: it cannot be read, or does not fit the class names or superclasses given.
    """
    test_set = _READERS[find_data_kind(settings.data)](settings)
    labels, class_names = _resolve_classes(test_set, settings)
    picked = np.arange(len(labels)) if settings.limit is None else spread_positions(len(labels), settings.limit)
    is_whole = len(picked) == len(labels)
    return EvaluationSet(
        name=test_set.name,
        images=test_set.images if is_whole else test_set.images.take(picked),
        labels=labels[picked],
        example_ids=tuple(test_set.example_ids[position] for position in picked),
        example_index=picked,
        class_names=class_names,
        superclasses=_resolve_superclasses(test_set, class_names, settings.superclasses_path),
        normalisation=test_set.normalisation,
        columns={name: column[picked] for name, column in test_set.columns.items()},
    )


def find_data_kind(spec: str) -> DataKind:
    """What a data spec names. `cifar10`, `cifar100` and `demo` are never folders; write `./demo` for a folder.

    torchvision's own names of CIFAR name the same.

    Raises:
        DataError: nothing that can be read.
    """
    if spec in (DataKind.CIFAR10, DataKind.CIFAR100, DataKind.DEMO):
        return DataKind(spec)
    if spec.startswith(hf_datasets.PREFIX):
        return DataKind.HF
    if spec.startswith(torchvision_sets.PREFIX):
        name = spec.removeprefix(torchvision_sets.PREFIX).lower()
        return DataKind(name) if name in cifar.VARIANTS else DataKind.TORCHVISION
    path = Path(spec)
    if path.is_dir():
        return DataKind.FOLDER
    if not path.exists():
        raise DataError(f"The test set {spec} does not exist.", hint=_DATA_HINT)
    if path.suffix.lower() in MANIFEST_SUFFIXES:
        return DataKind.MANIFEST
    if path.suffix.lower() != ".npz":
        raise DataError(f"The test set {spec} is neither a folder, nor a .npz file, nor a manifest.", hint=_DATA_HINT)
    return DataKind.NPZ


def list_class_folders(root: Path) -> dict[str, list[str]]:
    """For each class of an image folder, sorted, its images' paths below the class folder, sorted.

    Images in folders below a class belong to that class; hidden files and folders, and files that are no images, are
    left out.

    Raises:
        DataError: there is no class folder, or one without an image.
    """
    folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    images = {name: list_image_names(root / name) for name in folders}
    if not any(images.values()):
        problem = "holds images, but no class folders" if list_image_names(root) else "holds no image"
        raise DataError(f"The test set {root} {problem}.", hint=_FOLDER_HINT)
    empty = [name for name, files in images.items() if not files]
    if empty:
        raise DataError(
            f"The class folder {root / empty[0]} holds no image.",
            hint="Take it away, or fill it; where the model knows more classes than the test set shows, name them all "
            "with --class-names.",
        )
    return images


def _read_folder(settings: AnalyzeSettings) -> LabelledImages:
    root = Path(settings.data)
    images = list_class_folders(root)
    names = tuple(f"{class_name}/{name}" for class_name, files in images.items() for name in files)
    return LabelledImages(
        name=root.resolve().name,
        images=FileImages(root, names),
        labels=np.repeat(np.arange(len(images)), [len(files) for files in images.values()]),
        example_ids=names,
        class_names=tuple(images),
    )


def _read_npz(settings: AnalyzeSettings) -> LabelledImages:
    path = Path(settings.data)
    members = read_npz(path)
    return LabelledImages(
        name=path.name,
        images=ArrayImages(members.images),
        labels=members.labels,
        example_ids=members.ids or number_names(len(members.labels)),
        class_names=members.class_names,
    )


def _read_manifest(settings: AnalyzeSettings) -> LabelledImages:
    path = Path(settings.data)
    manifest = read_manifest(path)
    known = () if settings.class_names_path is None else read_class_names(settings.class_names_path)
    labels, class_names = index_labels(manifest.labels, known)
    return LabelledImages(
        name=path.name,
        images=FileImages(path.parent, manifest.paths),
        labels=labels,
        example_ids=manifest.example_ids,
        class_names=class_names,
        columns=manifest.columns,
    )


def _read_cifar(settings: AnalyzeSettings) -> LabelledImages:
    variant = cifar.VARIANTS[find_data_kind(settings.data)]
    images, labels, class_names = cifar.read_test_set(variant, settings.data_root, download=settings.download)
    return LabelledImages(
        name=f"{variant.title} test set",
        images=ArrayImages(images),
        labels=labels,
        example_ids=number_names(len(labels)),
        class_names=class_names,
        superclass_of=variant.superclass_of,
        normalisation=variant.normalisation,
    )


def _read_demo(settings: AnalyzeSettings) -> LabelledImages:  # noqa: ARG001
    from reportgen.demo.dataset import shared_test_set

    demo = shared_test_set()
    groups = demo.superclasses
    return LabelledImages(
        name="TwoDigits",
        images=ArrayImages(demo.images),
        labels=demo.labels,
        example_ids=demo.example_ids,
        class_names=demo.class_names,
        superclass_of={
            name: groups.names[group] for name, group in zip(demo.class_names, groups.superclass_of, strict=True)
        },
    )


_READERS = {
    DataKind.FOLDER: _read_folder,
    DataKind.NPZ: _read_npz,
    DataKind.MANIFEST: _read_manifest,
    DataKind.HF: hf_datasets.read_saved_dataset,
    DataKind.TORCHVISION: torchvision_sets.read_torchvision_set,
    DataKind.CIFAR10: _read_cifar,
    DataKind.CIFAR100: _read_cifar,
    DataKind.DEMO: _read_demo,
}


def _resolve_classes(test_set: LabelledImages, settings: AnalyzeSettings) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels and class names in the model's order."""
    labels, data_names, path = test_set.labels, test_set.class_names, settings.class_names_path
    if data_names is not None:
        require_unique(data_names, f"The test set {test_set.name}")
    class_names = data_names or number_names(int(labels.max()) + 1)
    if path is not None:
        class_names, what = read_class_names(path), f"the class names of {path}"
        if data_names is not None:
            labels = reorder_labels(labels, data_names, class_names, what)
        elif labels.max() >= len(class_names):
            raise DataError(
                f"The test set {test_set.name} has labels up to {labels.max()}, but {path} names {len(class_names)} "
                "classes.",
                hint="Name every class of the model, in its index order.",
            )
    elif (own_names := read_own_class_names(settings)) is not None:
        if set(data_names) <= set(own_names) if data_names is not None else labels.max() < len(own_names):
            labels = labels if data_names is None else reorder_labels(labels, data_names, own_names, "the model's")
            class_names = own_names
        else:
            log.warning(
                "The classes of %s are not among the model's own (%s): its outputs are taken in the test set's order.",
                test_set.name,
                few_text(own_names),
            )
    if len(class_names) < 2:
        raise DataError(
            f"The test set {test_set.name} has only the class {class_names[0]}.",
            hint="Give a test set of two classes or more, or all of the model's classes with --class-names.",
        )
    return labels, class_names


def _resolve_superclasses(
    test_set: LabelledImages, class_names: tuple[str, ...], path: Path | None
) -> Superclasses | None:
    if path is not None:
        return group_classes(class_names, read_superclasses(path), f"The file of superclasses {path}")
    if test_set.superclass_of is None:
        return None
    return group_classes(class_names, test_set.superclass_of, f"The {test_set.name}")


def spread_positions(total: int, limit: int) -> NDArray[np.int64]:
    """Positions in 0..total-1, one from each of `limit` equal stretches, ascending; all where the limit is larger.

    Where in its stretch each one lies moves on by the golden ratio (a Weyl sequence), as a fixed stride would see only
    some classes of a test set that lists its classes in turn.
    """
    num_picked = min(limit, total)
    stretches = [number * total // num_picked for number in range(num_picked + 1)]
    return np.array(
        [
            start + int(modf(number * _GOLDEN_RATIO)[0] * (stop - start))
            for number, (start, stop) in enumerate(pairwise(stretches))
        ],
        dtype=np.int64,
    )
