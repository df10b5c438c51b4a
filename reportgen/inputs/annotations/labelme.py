"""LabelMe's annotations: one JSON file an image, with polygons, rectangles, circles and bitmaps."""

import base64
import binascii
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from reportgen.errors import DataError
from reportgen.inputs.annotations.marked_images import AnnotationFile, MarkedImage, image_size, misfit
from reportgen.inputs.annotations.shapes import Bitmap, Outline, Shape, circle, rectangle

_WITHOUT_AREA: Final = ("point", "points", "line", "linestrip")
_FEWEST_POINTS: Final = {"polygon": 3, "rectangle": 2, "circle": 2, "mask": 2}


def is_labelme(document: Any) -> bool:
    """Whether a JSON document is one of LabelMe's."""
    return isinstance(document, dict) and isinstance(document.get("shapes"), list) and "imagePath" in document


def read_labelme(document: Mapping[str, Any], below: Path) -> AnnotationFile:
    """The shapes of a LabelMe file; those in another form are left out.

    Args:
        document: the file's content.
        below: the file, relative to the folder of annotations; its folder distinguishes images of the same name.

    Raises:
        DataError: its size is not valid.
    """
    where, num_lines = below.as_posix(), 0
    shapes: list[Shape] = []
    unusable: list[str] = []
    for number, entry in enumerate(document["shapes"], start=1):
        try:
            shape = _read_shape(entry, f"{where}, shape {number},")
        except DataError as error:
            unusable.append(error.message)
            continue
        num_lines += shape is None
        shapes += [] if shape is None else [shape]
    image = MarkedImage(
        where=where,
        names=_names(str(document["imagePath"]), below),
        size=image_size(document, "imageHeight", "imageWidth", where),
        shapes=tuple(shapes),
    )
    return AnnotationFile(format="LabelMe", images=(image,), num_lines=num_lines, unusable=tuple(unusable))


def _names(image_path: str, below: Path) -> tuple[str, ...]:
    """What the image may be called: beside its file, as the file says, and as the file itself is called."""
    said = image_path.replace("\\", "/")
    beside = (below.parent / Path(said).name).as_posix()
    return tuple(dict.fromkeys((said, beside, below.with_suffix("").as_posix())))


def _read_shape(entry: Any, where: str) -> Shape | None:
    """A shape; `None` for points and lines.

    Raises:
        DataError: it is not as LabelMe writes it, or of a type that is not known.
    """
    if not isinstance(entry, Mapping):
        raise misfit(where, "it is not a JSON object")
    kind = entry.get("shape_type") or "polygon"  # early versions have polygons only, without a type
    if kind in _WITHOUT_AREA:
        return None
    if kind not in _FEWEST_POINTS:
        raise misfit(where, f"its type {kind} is unknown")
    points = _read_points(entry.get("points"), _FEWEST_POINTS[kind], kind, where)
    label = str(entry.get("label") or "")
    match kind:
        case "polygon":
            return Outline(label, points)
        case "rectangle":  # two opposite corners, or all four
            return rectangle(label, *points.min(axis=0), *points.max(axis=0))
        case "circle":  # the centre, and a point on the edge
            (x, y), reach = points[0].tolist(), points[1] - points[0]
            return circle(label, x, y, float(np.hypot(*reach)))
        case _:
            return _read_bitmap(label, entry.get("mask"), points, where)


def _read_points(points: Any, fewest: int, kind: str, where: str) -> NDArray[np.float64]:
    """float64 (n, 2)."""
    try:
        read = np.array(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise misfit(where, "its points are not pairs of numbers") from error
    if read.ndim != 2 or read.shape[1] != 2 or not np.isfinite(read).all():
        raise misfit(where, "its points are not pairs of numbers")
    if len(read) < fewest:
        raise misfit(where, f"a {kind} has {fewest} points or more, not {len(read)}")
    return read


def _read_bitmap(label: str, encoded: Any, points: NDArray[np.float64], where: str) -> Bitmap:
    """A bitmap within the box that the points span."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(encoded, validate=True))) as picture:
            pixels = np.asarray(picture.convert("L")) > 0
    except (TypeError, binascii.Error, UnidentifiedImageError, OSError) as error:
        raise misfit(where, "its mask is not an image") from error
    left, top = (round(float(value)) for value in points.min(axis=0))
    if left < 0 or top < 0:
        pixels, left, top = pixels[max(-top, 0) :, max(-left, 0) :], max(left, 0), max(top, 0)
    return Bitmap(label, pixels, left=left, top=top)
