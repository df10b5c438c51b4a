"""Views of the test set in batches, in order: slices of images in memory, else loaded by worker processes."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import DataError, setting
from reportgen.inputs.data.arrays import ArrayImages
from reportgen.inputs.data.evaluation_set import EvaluationSet, ImageSource
from reportgen.inputs.preprocessing import Preprocessing, centre_crop

log = logging.getLogger(__name__)

_MAX_WORKERS = 8
_FEW_IMAGES = 512  # so few are loaded before workers would have started

Pixels = NDArray[np.uint8]


def iterate_views(
    evaluation_set: EvaluationSet, preprocessing: Preprocessing, batch_size: int, workers: int | None = None
) -> Iterator[Pixels]:
    """What the model sees of each example, before normalisation, in the evaluation set's order.

    Args:
        evaluation_set: the N examples.
        preprocessing: gives the geometry.
        batch_size: B.
        workers: processes that load images; 0 loads them in this one, `None` chooses. Images in memory that need no
            resize are sliced in this process.

    Yields:
        uint8 (B, h, w, 3), the last one shorter; may be a window into the evaluation set's memory, so not to be
            written to.

    Raises:
        DataError: an image cannot be read, or has another size after preprocessing than the first.
    """
    images = evaluation_set.images
    if not len(images):
        return
    if isinstance(images, ArrayImages) and _needs_no_resize(images.array, preprocessing):
        _require_memory(images[0], preprocessing, min(batch_size, len(images)))
        yield from _slice_views(images.array, preprocessing.crop, batch_size)
        return
    _require_memory(images[0], preprocessing, min(batch_size, len(images)))
    height, width = preprocessing.view(images[0]).shape[:2]
    views = _Views(images, preprocessing, (height, width))
    ranges = [range(start, min(start + batch_size, len(images))) for start in range(0, len(images), batch_size)]
    num_workers = _choose_workers(images, len(ranges)) if workers is None else workers
    for batch in _load(views, ranges, num_workers):
        if isinstance(batch, _Misfit):
            raise _explain(batch, (height, width), evaluation_set.example_ids)
        yield batch


@dataclass(frozen=True, slots=True)
class _Misfit:
    """Why a batch could not be made: exceptions with a hint don't survive the way between processes, plain values do.

    Attributes:
        position: of the first example that does not fit.
        size: its height and width after preprocessing; `None` if it cannot be read.
        message: why it can't be read.
        hint: what to do about it.
    """

    position: int
    size: tuple[int, int] | None = None
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class _Views:
    """A torch-style dataset whose items are whole batches, by range of positions. Picklable, for spawned workers."""

    images: ImageSource
    preprocessing: Preprocessing
    size: tuple[int, int]

    def __getitem__(self, positions: range) -> "Pixels | _Misfit":
        batch = np.empty((len(positions), *self.size, 3), dtype=np.uint8)
        for row, position in enumerate(positions):
            try:
                view = self.preprocessing.view(self.images[position])
            except DataError as error:
                return _Misfit(position, message=error.message, hint=error.hint)
            if view.shape[:2] != self.size:
                return _Misfit(position, size=(view.shape[0], view.shape[1]))
            batch[row] = view
        return batch


def _require_memory(image: Pixels, preprocessing: Preprocessing, batch_size: int) -> None:
    """Check that one batch, as bytes and as float32, fits into the machine's memory.

    Raises:
        DataError: it does not.
    """
    height, width = preprocessing.resized_size(*image.shape[:2])
    side = preprocessing.crop or 0
    pixels = max(height * width, side * side) + (side or height) * (side or width) * (batch_size - 1)
    needed, memory = 15 * pixels, _num_memory_bytes()
    if needed > memory:
        raise DataError(
            f"A batch of {batch_size:,} images of {side or width}×{side or height} pixels takes "
            f"{needed / 1e9:,.0f} GB, more than the {memory / 1e9:,.0f} GB of memory of this machine.",
            hint=f"Give a smaller {setting('batch_size')}, or smaller images with {setting('resize')} and "
            f"{setting('crop')}.",
        )


def _num_memory_bytes() -> float:
    """The machine's memory; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # as on Windows
        return float("inf")


def _needs_no_resize(array: Pixels, preprocessing: Preprocessing) -> bool:
    height, width = array.shape[1:3]
    return preprocessing.resized_size(height, width) == (height, width)


def _slice_views(array: Pixels, crop: int | None, batch_size: int) -> Iterator[Pixels]:
    for start in range(0, len(array), batch_size):
        batch = array[start : start + batch_size]
        yield batch if crop is None else centre_crop(batch, crop)


def _load(views: _Views, ranges: list[range], num_workers: int) -> Iterator["Pixels | _Misfit"]:
    if num_workers == 0:
        yield from (views[positions] for positions in ranges)
        return
    from torch import Generator, Tensor
    from torch.utils.data import DataLoader

    log.debug("loading %d batches in %d workers", len(ranges), num_workers)
    dataset: Any = views  # only its __getitem__ is called, with what the sampler yields
    loader: DataLoader[Any] = DataLoader(
        dataset,
        batch_size=None,
        sampler=ranges,
        num_workers=num_workers,
        collate_fn=_to_shared,
        generator=Generator(),  # else the loader would draw from torch's global one
    )
    try:
        for batch in loader:
            yield batch.numpy() if isinstance(batch, Tensor) else batch
    except RuntimeError as error:
        if "DataLoader worker (pid" not in str(error):  # what is raised in a worker keeps its traceback
            raise
        raise DataError(
            f"A process that loads images stopped unexpectedly: {error}",
            hint=f"Give {setting('workers', 0)}, or provide more (shared) memory.",
        ) from error


def _to_shared(batch: Any) -> Any:
    """An array as a tensor: torch passes tensors between processes through shared memory, arrays through a pipe."""
    from torch import from_numpy

    return from_numpy(batch) if isinstance(batch, np.ndarray) else batch


def _choose_workers(images: ImageSource, num_batches: int) -> int:
    """One per processor, within limits; none for few images."""
    if len(images) <= _FEW_IMAGES:
        return 0
    num_processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(num_batches, _MAX_WORKERS, num_processors)


def _explain(misfit: _Misfit, expected: tuple[int, int], example_ids: tuple[str, ...]) -> DataError:
    if misfit.size is None:
        return DataError(misfit.message, hint=misfit.hint)
    (height, width), (first_height, first_width) = misfit.size, expected
    return DataError(
        f"The images differ in size: {example_ids[misfit.position]} has {width}x{height} pixels after preprocessing, "
        f"{example_ids[0]} has {first_width}x{first_height}.",
        hint=f"Give {setting('resize')} and {setting('crop')} as in training, so that all images have one size.",
    )
