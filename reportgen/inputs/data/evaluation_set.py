"""The test set as the one pass reads it: images by position, with their labels and names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from reportgen.cache import SkippedImage, Superclasses
from reportgen.inputs.preprocessing import Normalisation


class ImageSource(Protocol):
    """Images by position. Instances are picklable, so that worker processes can load them."""

    def __len__(self) -> int:
        """Number of images."""
        ...

    def __getitem__(self, position: int, /) -> NDArray[np.uint8]:
        """The image as a person would see it: RGB, uint8 (H, W, 3); sizes may differ between positions."""
        ...

    def take(self, positions: NDArray[np.int64], /) -> Self:
        """The images at some positions, in that order."""
        ...


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class LabelledImages:
    """A test set as its source gives it, before the options are applied.

    Attributes:
        name: the test set, in words.
        images: N images by position.
        labels: int64 (N,), indices into `class_names`, or into the model's if there are none.
        example_ids: N names.
        class_names: K names; `None` where the source has only numbers.
        superclass_of: the superclass of each class; `None` if unknown.
        normalisation: the statistics of the data; `None` if unknown.
        columns: by name, str (N,): what else the source says of each example.
        notes: what was assumed or left out, as sentences for the reader of the report.
        order_notes: notes about the order of `class_names`, for the case that the model's own is not known.
        unusable: files that belong to the test set, but cannot be read.
        is_windowed: whether there are images with more than 8 bits, to which the source has applied the window.
    """

    name: str
    images: ImageSource
    labels: NDArray[np.int64]
    example_ids: tuple[str, ...]
    class_names: tuple[str, ...] | None
    superclass_of: Mapping[str, str] | None = None
    normalisation: Normalisation | None = None
    columns: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    order_notes: tuple[str, ...] = ()
    unusable: tuple[SkippedImage, ...] = ()
    is_windowed: bool = False


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class EvaluationSet:
    """A labelled test set. All of its fields but the images are in memory.

    Attributes:
        name: the test set, in words.
        images: N images by position.
        labels: int64 (N,), true class index in the model's order.
        example_ids: the N file names or indices.
        example_index: int64 (N,), position in the whole test set, ascending; differs from 0..N-1 under a limit.
        class_names: the K classes' names in the model's index order.
        superclasses: the grouping of the classes, where one is known.
        normalisation: the statistics of the data set; `None` if unknown.
        columns: by name, str (N,): what else the data says of each example.
        notes: what was assumed or left out, as sentences for the reader of the report.
        skipped: files that could not be read, and are left out.
    """

    name: str
    images: ImageSource
    labels: NDArray[np.int64]
    example_ids: tuple[str, ...]
    example_index: NDArray[np.int64]
    class_names: tuple[str, ...]
    superclasses: Superclasses | None
    normalisation: Normalisation | None
    columns: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    skipped: tuple[SkippedImage, ...] = ()
