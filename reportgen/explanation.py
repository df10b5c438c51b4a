"""Explanations of single images, as records: predictions, and maps of the requested classes.

Like `cache` for a test set, these records separate the half that runs the network from the half that renders.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reportgen.cache import Provenance


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ClassMap:
    """One map of one image.

    Attributes:
        method: the method's name.
        class_index: the explained class; the predicted one for a class-agnostic method.
        values: float32 (h, w), unnormalised, at the layer's own resolution; signed where the method is.
    """

    method: str
    class_index: int
    values: NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ImageExplanation:
    """One image with its prediction and maps.

    Attributes:
        path: the image's file.
        view: uint8 (H, W, 3), RGB, what the network saw before normalisation.
        logits: float32 (K,).
        maps: by class, then by method, in the requested order; empty if the network cannot be explained.
        annotation: bool (h', w'), the annotated region, over the whole view at any resolution; `None` without
        annotation.
    """

    path: Path
    view: NDArray[np.uint8]
    logits: NDArray[np.float32]
    maps: tuple[ClassMap, ...]
    annotation: NDArray[np.bool_] | None = None

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Softmax of the logits, float64 (K,)."""
        shifted = np.exp(self.logits.astype(np.float64) - self.logits.max())
        probabilities: NDArray[np.float64] = shifted / shifted.sum()
        return probabilities

    @property
    def predicted(self) -> int:
        """Index of the largest logit, the first of equals."""
        return int(self.logits.argmax())

    def top(self, count: int = 5) -> tuple[int, ...]:
        """Indices of the most probable classes, in descending order; of equals the first."""
        return tuple(np.argsort(-self.logits, kind="stable")[:count].tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFailure:
    """An image that could not be explained.

    Attributes:
        path: its file.
        message: why, as a sentence.
        hint: what to do about it.
    """

    path: Path
    message: str
    hint: str


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Explanations:
    """Some images explained by one network.

    Attributes:
        images: those that could be read, in the order given.
        failures: those that could not.
        class_names: the K classes' names in index order.
        provenance: how it came about.
        display_names: names of the K classes for the page; empty for `class_names`.
    """

    images: tuple[ImageExplanation, ...]
    failures: tuple[ImageFailure, ...]
    class_names: tuple[str, ...]
    provenance: Provenance
    display_names: tuple[str, ...] = ()

    @property
    def shown_names(self) -> tuple[str, ...]:
        """The K classes' names as the page shows them."""
        return self.display_names or self.class_names
