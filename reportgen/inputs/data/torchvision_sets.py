"""The images and labels of torchvision's classification sets. torchvision is imported when a set is opened."""

import inspect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reportgen.errors import DataError, setting
from reportgen.inputs.data.class_names import number_names
from reportgen.inputs.data.evaluation_set import LabelledImages
from reportgen.inputs.data.image_files import to_rgb

_SPLITS: Final[Mapping[str, tuple[str, ...]]] = {"split": ("test", "val", "valid"), "version": ("2021_valid",)}
"""Parameters that choose the images, with the values to be tried for a test set, the best first."""
_LABEL_ATTRIBUTES: Final = ("targets", "labels", "_labels", "_samples", "samples", "imgs", "identity")


class _NoSuchSplitError(Exception):
    """The set has no split of this name, or no labels for it."""


@dataclass(frozen=True, eq=False, slots=True)
class TorchvisionImages:
    """The images of a torchvision data set; an `ImageSource`.

    Attributes:
        data: the data set.
        positions: int64 (N,), the positions in it.
    """

    data: Any
    positions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, position: int, /) -> NDArray[np.uint8]:
        image, _ = _read_example(self.data, int(self.positions[position]))
        if not isinstance(image, Image.Image):
            raise DataError(
                f"torchvision's {type(self.data).__name__} gives {type(image).__name__}, not images.",
                hint="Give a data set of single images with class labels.",
            )
        return to_rgb(image)

    def take(self, positions: NDArray[np.int64], /) -> Self:
        """The images at some positions."""
        return type(self)(self.data, self.positions[positions])


def read_torchvision_set(name: str, split: str, root: Path, *, download: bool) -> LabelledImages:
    """A split of a data set of torchvision.

    Args:
        name: the class in `torchvision.datasets`.
        split: the split; empty for the test split, or the validation split if no test labels are public.
        root: the folder that torchvision stores data sets in.
        download: whether missing files may be downloaded.

    Raises:
        DataError: it is missing or damaged, the split must be chosen, or it has no images with class labels.
    """
    data, part, labels = open_test_split(name, split, root, download=download)
    return LabelledImages(
        name=f"{name} {part} set" if part else f"{name}, all images",
        images=TorchvisionImages(data, np.arange(len(labels))),
        labels=labels,
        example_ids=number_names(len(labels)),
        class_names=_class_names(data),
    )


def open_test_split(title: str, wanted: str, root: Path, *, download: bool) -> tuple[Any, str, NDArray[np.int64]]:
    """The data set, its split (empty if it has none), and its labels, int64 (N,)."""
    from torchvision import datasets

    build = getattr(datasets, title)
    parameters = _parameters_of(build)
    fixed = {"root": str(root)} if "root" in parameters else {}
    chooser = next((name for name in _SPLITS if name in parameters), None)
    if "train" in parameters:
        fixed["train"] = wanted == "train" and chooser is None  # type: ignore[assignment]
    if chooser is None:
        part = (wanted or "test") if "train" in parameters else ""
        if wanted not in {"", *(("train", "test") if part else ())}:
            raise DataError(f"torchvision's {title} has no split {wanted}.", hint=f"Give torchvision:{title}.")
        choices: Iterable[tuple[str, dict[str, str]]] = [(part, {})]
    else:
        choices = [(value, {chooser: value}) for value in ([wanted] if wanted else _SPLITS[chooser])]
    problem: Exception | None = None
    for part, choice in choices:
        try:
            data = _open(title, build, {**fixed, **choice}, root, can_download="download" in parameters and download)
            return data, part, _read_labels(data, title)
        except _NoSuchSplitError as error:
            problem = problem or error
    raise DataError(
        f"torchvision's {title} has no {wanted or 'test'} split with labels: {problem}",
        hint=f"Choose a split: torchvision:{title}#SPLIT.",
    )


def _parameters_of(build: type) -> set[str]:
    """The names of a constructor's parameters, and of those that it hands its keywords on to."""
    names: set[str] = set()
    for base in build.__mro__:
        parameters = inspect.signature(base.__init__).parameters if "__init__" in vars(base) else {}  # type: ignore[misc]
        names.update(parameters)
        if parameters and not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            break
    return names


def _open(title: str, build: Any, arguments: Mapping[str, object], root: Path, *, can_download: bool) -> Any:
    try:
        try:
            return build(**arguments)
        except (OSError, RuntimeError):
            if not can_download:
                raise
            return build(**arguments, download=True)
    except ImportError as error:
        raise DataError(f"torchvision's {title} needs another package: {error}", hint="Install it with pip.") from error
    except ValueError as error:
        if "for argument" in str(error):
            raise _NoSuchSplitError(str(error)) from error
        raise DataError(
            f"torchvision's {title} cannot be read from {root}: {error}", hint="Download it again."
        ) from error
    except (OSError, RuntimeError) as error:
        hint = (
            f"Check the connection, or download the data elsewhere and put them into {root}."
            if can_download
            else f"Give {setting('download', True)} if torchvision can download it, or {setting('data_root', 'DIR')} "
            "with the folder that contains it."
        )
        raise DataError(f"torchvision's {title} cannot be read from {root}: {error}", hint=hint) from error
    except TypeError as error:
        raise DataError(
            f"torchvision's {title} needs more than a folder: {error}",
            hint="Give a data set of single images with class labels.",
        ) from error


def _read_labels(data: Any, title: str) -> NDArray[np.int64]:
    """The labels: from a list of the data set, if samples agree with it, else from all examples."""
    count = len(data)
    if not count:
        raise DataError(
            f"torchvision's {title} contains no images.", hint=f"Download it again with {setting('download', True)}."
        )
    probed = sorted({0, count // 2, count - 1})
    seen = [_as_label(_read_example(data, position)[1], title) for position in probed]
    for name in _LABEL_ATTRIBUTES:
        labels = _as_label_list(getattr(data, name, None), count)
        if labels is not None and labels[probed].tolist() == seen:
            return labels
    return np.array([_as_label(_read_example(data, position)[1], title) for position in range(count)], dtype=np.int64)


def _read_example(data: Any, index: int) -> tuple[Any, Any]:
    """An image and its target, as the data set gives them."""
    try:
        image, target = data[index]
    except Exception as error:  # as many exceptions as there are data sets and damages
        raise DataError(
            f"Image {index} of torchvision's {type(data).__name__} cannot be read: {error}",
            hint=f"Move the damaged files away and download them again with {setting('download', True)}.",
        ) from error
    return image, target


def _as_label(target: Any, title: str) -> int:
    if target is None or (isinstance(target, (int, np.integer)) and target < 0):
        raise _NoSuchSplitError("its labels are not public.")
    value = target.item() if hasattr(target, "item") and getattr(target, "ndim", 0) == 0 else target
    if isinstance(value, bool) or not isinstance(value, int):
        raise DataError(
            f"torchvision's {title} is labeled with {type(target).__name__}, not with one class for each image.",
            hint="Give a classification data set, such as torchvision:MNIST.",
        )
    return value


def _as_label_list(kept: Any, count: int) -> NDArray[np.int64] | None:
    if kept is None or len(kept) != count:
        return None
    if isinstance(kept, list) and isinstance(kept[0], tuple):
        kept = [entry[-1] for entry in kept]
    labels = np.asarray(kept)
    return labels.astype(np.int64) if labels.ndim == 1 and labels.dtype.kind in "iu" else None


def _class_names(data: Any) -> tuple[str, ...] | None:
    """The unique names of the classes; `None` if the data set has only numbers."""
    for name in ("classes", "categories", "all_categories"):
        names = getattr(data, name, None)
        if isinstance(names, Sequence) and names:
            return _make_unique([_first_synonyms(entry, names) for entry in names])
    index_of = getattr(data, "class_to_idx", None)
    return tuple(sorted(index_of, key=lambda name: int(index_of[name]))) if index_of else None


def _first_synonyms(entry: Any, entries: Sequence[Any]) -> str:
    """A class's name; of synonyms the first, or all of them where another class starts with the same."""
    if isinstance(entry, str):
        return entry
    is_alone = sum(other[0] == entry[0] for other in entries) == 1
    return str(entry[0]) if is_alone else ", ".join(entry)


def _make_unique(names: Sequence[str]) -> tuple[str, ...]:
    counts = Counter(names)
    return tuple(name if counts[name] == 1 else f"{name} (class {index})" for index, name in enumerate(names))
