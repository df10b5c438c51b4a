"""Masks: one PNG per image, of the same size, whose values distinguish the annotated region."""

from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from reportgen.errors import DataError
from reportgen.inputs.annotations.marked_images import AnnotationFile, MarkedImage
from reportgen.inputs.annotations.shapes import Bitmap, Mask
from reportgen.inputs.suggestions import few_text

_VOID: Final = 255
_MOST_LABELS: Final = 64  # a mask with more values is a picture with soft edges, not one of labels


def read_masks(paths: list[Path], root: Path, values: tuple[int, ...] = ()) -> AnnotationFile:
    """The masks in PNG files.

    A pixel is marked where its value, or the index in its palette, is one of `values`. Without `values`, every pixel is
    marked that is not 0 in one of its channels but transparency; and 255 is void, as in Pascal VOC's masks, if other
    values mark more. A file that is not an image is left out.
    """
    read: list[tuple[Path, NDArray[np.generic]]] = []
    unusable: list[str] = []
    for path in paths:
        try:
            read.append((path, _read_pixels(path)))
        except DataError as error:
            unusable.append(error.message)
    counts = _count_values([pixels for _, pixels in read if pixels.ndim == 2])
    found = set(counts)
    has_void = (
        not values and 1 < len(found) <= _MOST_LABELS and 0 < counts[_VOID] < sum(counts.values()) - counts[_VOID]
    )
    images: list[MarkedImage] = []
    for path, pixels in read:
        marked = _mark(pixels, values, has_void=has_void)
        name = path.relative_to(root).as_posix()
        if marked is None:
            unusable.append(f"The mask {name} has colors, so that no value can be chosen.")
            continue
        shapes = (Bitmap("", marked),) if marked.any() else ()
        size = (marked.shape[0], marked.shape[1])
        images.append(MarkedImage(where=name, names=(name,), size=size, shapes=shapes))
    return AnnotationFile(
        format="mask pictures",
        images=tuple(images),
        unusable=tuple(unusable),
        notes=_describe_values(found, values, has_void=has_void),
    )


def _count_values(masks: list[NDArray[np.generic]]) -> Counter[int]:
    """How many pixels have each value, but 0."""
    counts: Counter[int] = Counter()
    for pixels in masks:
        values, numbers = np.unique(pixels, return_counts=True)
        counts.update({int(value): int(number) for value, number in zip(values, numbers, strict=True) if value})
    return counts


def _read_pixels(path: Path) -> NDArray[np.generic]:
    """The values (h, w), or the color channels (h, w, c) without transparency."""
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            pixels = np.asarray(picture)
    except UnidentifiedImageError as error:
        problem = "it is not an image in a known format"
        raise DataError(f"The mask {path.name} cannot be read: {problem}.", hint="Replace or remove it.") from error
    except Exception as error:  # Pillow's decoders meet damaged bytes with almost any exception
        raise DataError(f"The mask {path.name} cannot be read: {error}", hint="Replace or remove it.") from error
    if pixels.ndim == 2:
        return pixels
    has_transparency = picture.mode in ("LA", "RGBA", "PA", "La", "RGBa")
    pixels = pixels[..., :-1] if has_transparency else pixels
    is_grey = bool((pixels == pixels[..., :1]).all())
    return pixels[..., 0] if is_grey else pixels


def _mark(pixels: NDArray[np.generic], values: tuple[int, ...], *, has_void: bool) -> Mask | None:
    """The marked pixels, bool (h, w); `None` where values are to be chosen from colors."""
    if pixels.ndim == 3:
        return None if values else np.any(pixels != 0, axis=2)
    if values:
        return np.isin(pixels, values)
    is_marked: Mask = pixels != 0
    return is_marked & (pixels != _VOID) if has_void else is_marked


def _describe_values(found: set[int], values: tuple[int, ...], *, has_void: bool) -> tuple[str, ...]:
    """How the values of the masks were read, where there are several."""
    shown = few_text(map(str, sorted(found)))
    if values:
        missing = sorted(set(values) - found)
        told = [f"only {few_text(map(str, values))} counts as marked, of the values {shown}"]
        return (*told, *([f"no mask has the value {few_text(map(str, missing))}"] if missing else []))
    if len(found) < 2 or len(found) > _MOST_LABELS:
        return ()
    if has_void:
        others = few_text(map(str, sorted(found - {_VOID})))
        return (f"255 is void and marks nothing; the values {others} count as marked",)
    return (f"the values {shown} all count as marked; give mask values to count some only",)
