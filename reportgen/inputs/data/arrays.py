"""Test sets in memory: the images of a `.npz` or of a data set that fits into memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from reportgen.inputs.data.deep_arrays import reduce_images
from reportgen.inputs.data.npz import NpzFile

_LAYOUT_HINT = (
    "A .npz test set contains images, uint8 (N, H, W, 3) or (N, H, W); labels, integers (N,); "
    "and optionally class_names, str (K,), and ids, str (N,)."
)

MAX_CLASSES: Final = 2**31
_MEMBER_NAMES: Final = {
    "images": ("images", "test_images", "x_test", "X_test"),
    "labels": ("labels", "test_labels", "y_test"),
    "class_names": ("class_names",),
    "ids": ("ids",),
}
"""The names that a member may have; those after the first are MedMNIST's and Keras'."""


@dataclass(frozen=True, eq=False, slots=True)
class ArrayImages:
    """Images of one size in memory; an `ImageSource`.

    Attributes:
        array: uint8 (N, H, W, 3), RGB.
    """

    array: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, position: int, /) -> NDArray[np.uint8]:
        image: NDArray[np.uint8] = self.array[position]
        return image

    def take(self, positions: NDArray[np.int64]) -> Self:
        """The images at some positions, copied."""
        return type(self)(self.array[positions])


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ArrayMembers:
    """The checked members of a `.npz` test set.

    Attributes:
        images: uint8 (N, H, W, 3), RGB.
        labels: int64 (N,), not negative; below K if there are class names.
        class_names: the K names; `None` where the file has none.
        ids: the N names; `None` where the file has none.
        notes: how the values of the images were reduced to 8 bits, as sentences.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...] | None
    ids: tuple[str, ...] | None
    notes: tuple[str, ...] = ()


def read_npz(path: Path, window: tuple[float, ...] | str = "full") -> ArrayMembers:
    """The members of a `.npz` test set. Grey images (N, H, W) or (N, H, W, 1) become RGB.

    Args:
        path: the file.
        window: of images with more than 8 bits, as in `PreprocessingSettings`.

    Raises:
        DataError: the file is missing, damaged or no `.npz`, or a member is missing, of another type or misshapen.
    """
    file = NpzFile(path=path, what="The test set", layout_hint=_LAYOUT_HINT)
    found = set(file.member_names())
    of = {name: next((other for other in others if other in found), name) for name, others in _MEMBER_NAMES.items()}
    read = file.read(set(of.values()))
    members = {name: read[other] for name, other in of.items() if other in read}
    for name in ("images", "labels"):
        if name not in members:
            raise file.misfit(f"it has no member {name}; {file.contents_text()}")
    reduced = reduce_images(members["images"], window, file)
    images = file.rgb_images(reduced.images)
    labels = _as_labels(members["labels"], len(images), file)
    class_names, ids = (file.names(members[name], name) if name in members else None for name in ("class_names", "ids"))
    if ids is not None and len(ids) != len(images):
        raise file.misfit(f"ids has {len(ids)} entries for {len(images)} images")
    if ids is not None:
        require_unique_ids(ids, file)
    if class_names is not None and labels.max() >= len(class_names):
        raise file.misfit(f"labels reach {labels.max()}, but class_names has only {len(class_names)} entries")
    return ArrayMembers(images=images, labels=labels, class_names=class_names, ids=ids, notes=reduced.notes)


def require_unique_ids(ids: Sequence[str], file: NpzFile) -> None:
    """Check that no two examples have the same name.

    Raises:
        DataError: two have.
    """
    name, count = Counter(ids).most_common(1)[0]
    if count > 1:
        raise file.misfit(f"ids has {name} {count:,} times", "Give each example a name of its own.")


def _as_labels(labels: NDArray[Any], num_images: int, file: NpzFile) -> NDArray[np.int64]:
    if labels.dtype.kind not in "iu":
        raise file.misfit(f"labels are {labels.dtype}, not integers", "Save class indices, 0 for the first class.")
    if labels.shape == (num_images, 1):
        labels = labels[:, 0]
    elif labels.ndim == 2 and len(labels) == num_images and np.isin(labels, (0, 1)).all():
        if (labels.sum(axis=1) != 1).any():
            hint = "Give a test set with one class for each image: multi-label networks are not supported."
            raise file.misfit("some images have several labels, or none", hint)
        labels = labels.argmax(axis=1)
    if labels.shape != (num_images,):
        raise file.misfit(f"labels have the shape {labels.shape} for {num_images} images, not ({num_images},)")
    for label in (labels.min(), labels.max()):
        if not 0 <= label < MAX_CLASSES:
            raise file.misfit(f"{label} is one of the labels", "Save class indices, 0 for the first class.")
    return labels.astype(np.int64)
