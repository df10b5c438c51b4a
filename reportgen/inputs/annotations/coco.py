"""COCO's annotations: one JSON file for all images, with boxes, polygons and run lengths."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import DataError
from reportgen.inputs.annotations.image_names import list_names
from reportgen.inputs.annotations.marked_images import AnnotationFile, MarkedImage, image_size, misfit
from reportgen.inputs.annotations.shapes import Bitmap, Outline, Shape, rectangle


def is_coco(document: Any) -> bool:
    """Whether a JSON document is one of COCO's."""
    return isinstance(document, dict) and all(isinstance(document.get(k), list) for k in ("images", "annotations"))


def read_coco(document: Mapping[str, Any], where: str) -> AnnotationFile:
    """The images of a COCO document with their annotations.

    The region of an annotation is its segmentation, or its box if it has none. Annotations in another form are left
    out.
    """
    labels: dict[Any, str] = {}
    shapes: dict[Any, list[Shape]] = defaultdict(list)
    images: list[MarkedImage] = []
    unusable: list[str] = []
    with _collected(unusable, where):
        labels = {category["id"]: str(category["name"]) for category in document.get("categories", [])}
    for number, annotation in enumerate(document["annotations"]):
        with _collected(unusable, f"{where}, annotation {number},"):
            place = f"{where}, annotation {annotation.get('id', '?')},"
            label = labels.get(annotation.get("category_id"), "")
            shapes[annotation["image_id"]] += _read_shapes(annotation, label, place)
    for number, image in enumerate(document["images"]):
        with _collected(unusable, f"{where}, image {number},"):
            images.append(_read_image(image, tuple(shapes.pop(image["id"], ())), f"{where}, image {image['id']},"))
    unusable += [f"Annotations in {where} refer to the image {image}, which is not listed." for image in shapes]
    return AnnotationFile(format="COCO", images=tuple(images), unusable=tuple(unusable))


@contextmanager
def _collected(unusable: list[str], where: str) -> Iterator[None]:
    """Collect the message of what cannot be read, instead of raising it."""
    try:
        yield
    except DataError as error:
        unusable.append(error.message)
    except (KeyError, TypeError, AttributeError) as error:
        unusable.append(misfit(where, f"it lacks {error} or gives it in a wrong form").message)


def _read_image(image: Mapping[str, Any], shapes: tuple[Shape, ...], where: str) -> MarkedImage:
    sizes = {image_size(image, "height", "width", where)} - {None}
    sizes |= {(shape.pixels.shape[0], shape.pixels.shape[1]) for shape in shapes if isinstance(shape, Bitmap)}
    if len(sizes) > 1:
        raise misfit(where, f"its size and the sizes of its run lengths differ: {_sizes_text(sizes)}")
    extra = image.get("extra")  # Roboflow's: the name before the export
    original = [str(extra["name"])] if isinstance(extra, Mapping) and extra.get("name") else []
    names = tuple(dict.fromkeys((*list_names(str(image["file_name"])), *original)))
    return MarkedImage(where=where, names=names, size=next(iter(sizes), None), shapes=shapes)


def _sizes_text(sizes: set[tuple[int, int] | None]) -> str:
    return ", ".join(sorted(f"{size[1]}×{size[0]}" for size in sizes if size is not None))


def _read_shapes(annotation: Mapping[str, Any], label: str, where: str) -> list[Shape]:
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, Mapping):
        return [Bitmap(label, decode_run_lengths(segmentation, where))]
    if segmentation:
        return [Outline(label, _read_corners(part, where)) for part in segmentation]
    box = _numbers(annotation.get("bbox"), where, "its bbox")
    if len(box) != 4:
        raise misfit(where, "its bbox is not x, y, width and height")
    x, y, width, height = box
    return [rectangle(label, x, y, x + width, y + height)]


def _read_corners(part: Any, where: str) -> NDArray[np.float64]:
    """float64 (n, 2) of a list x, y, x, y, ..."""
    numbers = _numbers(part, where, "its polygon")
    if len(numbers) < 6 or len(numbers) % 2:
        raise misfit(where, f"its polygon has {len(numbers)} numbers, not three or more pairs")
    return numbers.reshape(-1, 2)


def _numbers(values: Any, where: str, what: str) -> NDArray[np.float64]:
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise misfit(where, f"{what} is not a list of numbers") from error
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise misfit(where, f"{what} is not a list of numbers")
    return numbers


def decode_run_lengths(segmentation: Mapping[str, Any], where: str) -> NDArray[np.bool_]:
    """The pixels of a segmentation in run lengths: bool (h, w).

    `counts` are lengths of runs, column by column, the first of unmarked pixels: as a list, or as COCO's text.

    Raises:
        DataError: they are no run lengths, or don't add up to `size`.
    """
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(n, int) and n > 0 for n in size):
        raise misfit(where, f"its size {size} is not height and width")
    if isinstance(counts, str):
        counts = _decode_text(counts, where)
    lengths = _numbers(counts, where, "its counts")
    height, width = size
    if (lengths < 0).any() or (lengths % 1).any() or lengths.sum() != height * width:
        raise misfit(where, f"its counts are not run lengths of {height}×{width} pixels")
    is_marked = np.arange(len(lengths)) % 2 == 1
    pixels: NDArray[np.bool_] = np.repeat(is_marked, lengths.astype(np.int64)).reshape(width, height).T
    return pixels


def _decode_text(text: str, where: str) -> list[int]:
    """The run lengths in COCO's text (cocoapi, `maskApi.c`, `rleFrString`).

    Each character is six bits from `0` on: five of the number, the lowest first, and whether more follow; the last
    one's highest bit is the sign. From the fourth length on, numbers are differences to the length two before.
    """
    lengths: list[int] = []
    number = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise misfit(where, f"its counts contain the character {character!r}")
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        lengths.append(number + (lengths[-2] if len(lengths) > 2 else 0))
        number = shift = 0
    if shift:
        raise misfit(where, "its counts end within a number")
    return lengths
