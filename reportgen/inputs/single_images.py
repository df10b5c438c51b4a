"""Single images without labels: which files are meant, what the network sees of each, and its classes' names."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import DataError
from reportgen.explanation import ImageFailure
from reportgen.inputs.data.class_names import read_class_names
from reportgen.inputs.data.image_files import list_image_names, read_image
from reportgen.inputs.networks.hf_folders import read_own_class_names
from reportgen.inputs.networks.specs import PRETRAINED, ModelKind, ModelSpec, parse_model_spec
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.settings import ModelSettings


def find_images(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The files that are meant: a folder stands for the images in and below it, sorted. Each file counts once.

    A file that does not exist, or is no image, is among them: it fails when it is read, and the others do not.

    Raises:
        DataError: a folder holds no image.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            found[path] = None
            continue
        names = list_image_names(path)
        if not names:
            raise DataError(f"The folder {path} holds no image.", hint="Name image files, or a folder that holds some.")
        found.update(dict.fromkeys(path / name for name in names))
    return tuple(found)


def read_views(
    paths: Sequence[Path], preprocessing: Preprocessing, *, failed: Callable[[int], None] | None = None
) -> tuple[list[tuple[Path, NDArray[np.uint8]]], tuple[ImageFailure, ...]]:
    """What the network sees of each image before normalisation, and which images can't be read.

    Args:
        paths: image files.
        preprocessing: gives the geometry.
        failed: called with 1 for each image that can't be read.

    Returns:
        Each readable file with its view, uint8 (h, w, 3), in order; and the others.

    Raises:
        DataError: none can be read.
    """
    views, failures = [], []
    for path in paths:
        try:
            views.append((path, preprocessing.view(_read(path))))
        except DataError as error:
            failures.append(ImageFailure(path=path, message=error.message, hint=error.hint))
            if failed is not None:
                failed(1)
    if not views:
        first = failures[0]
        raise DataError(first.message, hint=first.hint)
    return views, tuple(failures)


def find_class_names(settings: ModelSettings) -> tuple[str, ...]:
    """The network's class names in index order, without a test set that knows them; empty where nobody does.

    They come from `--class-names`, else from the model: a Hugging Face folder, torchvision's pretrained weights, the
    demo.

    Raises:
        DataError: the file of class names cannot be read.
        ModelError: the model's spec is wrong.
    """
    if settings.class_names_path is not None:
        return read_class_names(settings.class_names_path)
    spec = parse_model_spec(settings.model)
    if spec.kind is ModelKind.DEMO:
        from reportgen.demo.dataset import CLASS_NAMES

        return CLASS_NAMES
    if spec.kind is ModelKind.TORCHVISION and settings.weights == PRETRAINED:
        return _torchvision_categories(spec)
    return read_own_class_names(settings) or ()


def _torchvision_categories(spec: ModelSpec) -> tuple[str, ...]:
    """What torchvision's pretrained weights tell apart; a name that two classes share gets their indices.

    A network that torchvision does not know has none; building it says so.
    """
    from torchvision import models

    if spec.name not in models.list_models(module=models):
        return ()
    names = tuple(models.get_model_weights(spec.name).DEFAULT.meta.get("categories", ()))
    return tuple(name if names.count(name) == 1 else f"{name} ({index})" for index, name in enumerate(names))


def _read(path: Path) -> NDArray[np.uint8]:
    if not path.exists():
        raise DataError(f"The image {path} does not exist.", hint="Check the name.")
    try:
        return read_image(path)
    except DataError as error:
        raise DataError(error.message, hint="Name a picture that Pillow can read, such as a PNG or JPEG.") from error
