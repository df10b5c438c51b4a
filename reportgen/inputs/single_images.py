"""Single images without labels: which files are meant, what the network sees of each, and its classes' names."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import DataError
from reportgen.explanation import ImageFailure
from reportgen.inputs.data.class_names import read_class_names
from reportgen.inputs.data.file_checks import FileCheck, check_file
from reportgen.inputs.data.image_files import FULL_WINDOW, Window, read_image
from reportgen.inputs.data.image_listing import CONVERT_HINT, list_images, unsupported_reason
from reportgen.inputs.data.windows import choose_window, find_range
from reportgen.inputs.networks.source import ModelSource
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.plain_text import to_one_line


def find_images(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The image files: a folder stands for the images in and below it, sorted. Each file counts once.

    A file that does not exist, or is no image, is among them: it fails when it is read, and the others do not.

    Raises:
        DataError: a folder contains no images.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            found[path] = None
            continue
        (listing,) = list_images([path])
        names = [*listing.images, *(entry.name for entry in listing.unusable)]
        if not names:
            raise DataError(
                f"The folder {path} contains no images.", hint="Give image files, or a folder that contains some."
            )
        found.update(dict.fromkeys(path / name for name in sorted(names)))
    return tuple(found)


def read_views(
    paths: Sequence[Path],
    preprocessing: Preprocessing,
    *,
    window: tuple[float, ...] | str = "full",
    failed: Callable[[int], None] | None = None,
) -> tuple[list[tuple[Path, NDArray[np.uint8]]], tuple[ImageFailure, ...]]:
    """What the network sees of each image before normalisation, and which images can't be read.

    Args:
        paths: image files.
        preprocessing: gives the geometry.
        window: of pictures with more than 8 bits; `auto` takes the range of all images.
        failed: called with 1 for each image that can't be read.

    Returns:
        Each readable file with its view, uint8 (h, w, 3), in order; and the others.

    Raises:
        DataError: none can be read.
    """
    checks = [check_file(path) for path in paths]
    deep = [path for path, check in zip(paths, checks, strict=True) if check.is_deep]
    chosen, _ = choose_window(window, find_range(deep)) if deep else (FULL_WINDOW, "")
    views, failures = [], []
    for path, check in zip(paths, checks, strict=True):
        try:
            _require_readable(path, check)
            views.append((path, preprocessing.view(_read(path, chosen))))
        except DataError as error:
            failures.append(ImageFailure(path=path, message=error.message, hint=error.hint))
            if failed is not None:
                failed(1)
    if not views:
        first = failures[0]
        raise DataError(first.message, hint=first.hint)
    return views, tuple(failures)


def find_class_names(source: ModelSource) -> tuple[str, ...]:
    """The network's class names in index order, without a test set; empty if they are unknown.

    They come from the file of class names, else from the model.

    Raises:
        DataError: the file of class names cannot be read.
    """
    path = source.settings.class_names_path
    if path is not None:
        return read_class_names(path)
    return tuple(to_one_line(name) for name in source.class_names())


def _require_readable(path: Path, check: FileCheck) -> None:
    """Check that opening a file can succeed: that of a pipe would wait forever."""
    if check.reason and path.exists():
        hint = CONVERT_HINT if unsupported_reason(path.name) else "Give an image that Pillow can read, such as a PNG."
        raise DataError(f"The image {path} cannot be read: {check.reason}.", hint=hint)


def _read(path: Path, window: Window) -> NDArray[np.uint8]:
    if not path.exists():
        raise DataError(f"The image {path} does not exist.", hint="Check the path.")
    try:
        return read_image(path, window)
    except DataError as error:
        raise DataError(error.message, hint="Give an image that Pillow can read, such as a PNG or JPEG.") from error
