"""Test sets in memory: the images of a `.npz` or of a data set that fits into memory. Torch-free."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import DataError
from reportgen.inputs.files import require_file

_LAYOUT_HINT = (
    "A .npz test set holds images, uint8 (N, H, W, 3) or (N, H, W); labels, integers (N,); "
    "and, where they are known, class_names, str (K,), and ids, str (N,)."
)
_PLAIN_HINT = "Save plain arrays: np.array(names, dtype=str) for names; images of one size, np.stack(images)."


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
    """What a `.npz` test set holds, checked.

    Attributes:
        images: uint8 (N, H, W, 3), RGB.
        labels: int64 (N,), not negative; below K where there are class names.
        class_names: the K names; `None` where the file has none.
        ids: the N names; `None` where the file has none.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...] | None
    ids: tuple[str, ...] | None


def read_npz(path: Path) -> ArrayMembers:
    """The members of a `.npz` test set. Grey images (N, H, W) or (N, H, W, 1) become RGB.

    Raises:
        DataError: the file is missing, damaged or no `.npz`, or a member is missing, of another type or misshapen.
    """
    require_file(path, "The test set", error=DataError, hint="Name a .npz file.")
    with path.open("rb") as file:
        start = file.read(2)
    if start != b"PK":
        raise DataError(f"The test set {path} is no .npz file.", hint=_LAYOUT_HINT)
    try:
        # Opened here, as NumPy leaves the file open when the archive is damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            images = _as_rgb(_read_member(archive, "images", path), path)
            labels = _as_labels(_read_member(archive, "labels", path), len(images), path)
            class_names, ids = (
                _as_names(_read_member(archive, name, path), name, path) if name in archive.files else None
                for name in ("class_names", "ids")
            )
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise _damaged(path) from error
    if ids is not None and len(ids) != len(images):
        raise _misfit(path, f"ids has {len(ids)} entries for {len(images)} images")
    if class_names is not None and labels.max() >= len(class_names):
        raise _misfit(path, f"labels go up to {labels.max()}, but class_names has only {len(class_names)} entries")
    return ArrayMembers(images=images, labels=labels, class_names=class_names, ids=ids)


def _read_member(archive: Any, name: str, path: Path) -> NDArray[Any]:
    if name not in archive.files:
        has = f"it has {', '.join(archive.files)}" if archive.files else "it is empty"
        raise _misfit(path, f"it has no member {name}; {has}")
    try:
        member = archive[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise _damaged(path) from error
        # NumPy advises allow_pickle, which would run code from the file.
        raise _misfit(path, f"{name} holds Python objects instead of plain values", _PLAIN_HINT) from error
    if not isinstance(member, np.ndarray):
        raise _misfit(path, f"{name} is no array")
    return member


def _as_rgb(images: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    if images.dtype != np.uint8:
        raise _misfit(
            path,
            f"images are {images.dtype}, not uint8",
            "Save the pictures before any normalisation, as uint8 from 0 to 255.",
        )
    is_grey = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 1)
    if not is_grey and (images.ndim != 4 or images.shape[3] != 3):
        is_channels_first = images.ndim == 4 and images.shape[1] in (1, 3)
        hint = "Put the channels last: images.transpose(0, 2, 3, 1)." if is_channels_first else _LAYOUT_HINT
        raise _misfit(path, f"images have the shape {images.shape}, not (N, H, W, 3)", hint)
    if images.size == 0:
        raise _misfit(path, f"images have the shape {images.shape}: there is no picture")
    rgb: NDArray[np.uint8] = np.repeat(images.reshape(*images.shape[:3], 1), 3, axis=3) if is_grey else images
    return rgb


def _as_labels(labels: NDArray[Any], num_images: int, path: Path) -> NDArray[np.int64]:
    if labels.dtype.kind not in "iu":
        raise _misfit(path, f"labels are {labels.dtype}, not integers", "Save class indices, 0 for the first class.")
    if labels.shape != (num_images,):
        raise _misfit(path, f"labels have the shape {labels.shape} for {num_images} images, not ({num_images},)")
    if labels.min() < 0:
        raise _misfit(path, f"labels go down to {labels.min()}", "Save class indices, 0 for the first class.")
    return labels.astype(np.int64)


def _as_names(names: NDArray[Any], member: str, path: Path) -> tuple[str, ...]:
    if names.dtype.kind != "U" or names.ndim != 1:
        raise _misfit(path, f"{member} is {names.dtype} {names.shape}, not a list of str", _PLAIN_HINT)
    return tuple(names.tolist())


def _damaged(path: Path) -> DataError:
    return DataError(f"The test set {path} is truncated or damaged.", hint="Write or fetch it again.")


def _misfit(path: Path, problem: str, hint: str = _LAYOUT_HINT) -> DataError:
    return DataError(f"The test set {path} does not fit: {problem}.", hint=hint)
