"""Masks: one PNG per image, of the same size, black outside the annotated region."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from reportgen.errors import DataError
from reportgen.inputs.annotations.marked_images import AnnotationFile, MarkedImage
from reportgen.inputs.annotations.shapes import Bitmap


def read_masks(paths: list[Path], root: Path) -> AnnotationFile:
    """The masks in PNG files.

    A pixel is marked where any of its channels but transparency is not 0; in a picture with a palette, where its index
    is not 0, as in Pascal VOC's.

    Raises:
        DataError: a file is not an image.
    """
    return AnnotationFile(format="mask pictures", images=tuple(_read_mask(path, root) for path in paths))


def _read_mask(path: Path, root: Path) -> MarkedImage:
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            pixels = np.asarray(picture)
    except Exception as error:  # Pillow's decoders meet damaged bytes with almost any exception
        raise DataError(f"The mask {path} cannot be read: {error}", hint="Replace or remove it.") from error
    if pixels.ndim == 3:
        has_transparency = picture.mode in ("LA", "RGBA", "PA", "La", "RGBa")
        pixels = pixels[..., :-1] if has_transparency else pixels
        marked = (pixels != 0).any(axis=2)
    else:
        marked = pixels != 0
    return MarkedImage(
        where=str(path),
        names=(path.relative_to(root).as_posix(),),
        size=(marked.shape[0], marked.shape[1]),
        shapes=(Bitmap("", marked),) if marked.any() else (),
    )
