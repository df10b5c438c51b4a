"""The images of a test set that can be read, with the window of deep pictures. Torch-free."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reportgen.cache import SkippedImage
from reportgen.errors import DataError, SettingsError, setting
from reportgen.inputs.data.evaluation_set import ImageSource, LabelledImages
from reportgen.inputs.data.file_checks import (
    check_file,
    describe_frames,
    describe_skipped,
    find_undecodable,
    positions_without,
    refuse,
)
from reportgen.inputs.data.image_files import FileImages
from reportgen.inputs.data.windows import choose_window, find_range
from reportgen.settings import AnalyzeSettings


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ReadableImages:
    """The images that are evaluated.

    Attributes:
        images: M images by position.
        positions: int64 (M,), ascending, in the whole test set.
        skipped: the images that cannot be read.
        notes: what was assumed or left out, as sentences.
    """

    images: ImageSource
    positions: NDArray[np.int64]
    skipped: tuple[SkippedImage, ...]
    notes: tuple[str, ...]


def read_files(test_set: LabelledImages, picked: NDArray[np.int64], settings: AnalyzeSettings) -> ReadableImages:
    """Those of the picked images that can be read.

    Headers and ends of files are always checked. With `on_bad_image` of `skip`, all images are decoded as well, so that
    those that fail can be left out before the pass.

    Raises:
        DataError: images cannot be read, and are not to be skipped; or none can be read.
        SettingsError: a window is given for a test set without images of more than 8 bits.
    """
    is_skipping = settings.on_bad_image == "skip"
    images = test_set.images if len(picked) == len(test_set.labels) else test_set.images.take(picked)
    names = tuple(test_set.example_ids[position] for position in picked)
    skipped, notes = list(test_set.unusable), list[str]()
    total = len(names) + len(skipped)
    if isinstance(images, FileImages):
        checks = [check_file(images.root / name) for name in images.names]
        skipped += [SkippedImage(name=name, reason=c.reason) for name, c in zip(names, checks, strict=True) if c.reason]
        if skipped and not is_skipping:
            raise refuse(skipped, total)
        deep = [images.root / name for name, check in zip(images.names, checks, strict=True) if check.is_deep]
        notes += describe_frames([name for name, check in zip(names, checks, strict=True) if check.has_frames])
        if deep:
            window, note = choose_window(settings.preprocessing.window, find_range(deep))
            images, notes = replace(images, window=window), [*notes, note]
    elif settings.preprocessing.window != "full" and not test_set.is_windowed:
        raise SettingsError(
            f"{setting('window')} is given, but {test_set.name} has no images with more than 8 bits.",
            hint="Omit it.",
        )
    kept = positions_without(skipped, names)
    if is_skipping:
        images = images if len(kept) == len(names) else images.take(kept)
        undecodable = find_undecodable(images, [names[position] for position in kept])
        still = positions_without(undecodable, tuple(names[position] for position in kept))
        images = images if len(still) == len(kept) else images.take(still)
        kept, skipped = kept[still], [*skipped, *undecodable]
    if not len(kept):
        raise DataError(f"None of the {total:,} images of {test_set.name} can be read.", hint="Give another test set.")
    if skipped:
        notes.append(describe_skipped(skipped, total))
    return ReadableImages(images=images, positions=picked[kept], skipped=tuple(skipped), notes=tuple(notes))
