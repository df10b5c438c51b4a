"""Label Studio's annotations: one JSON list of tasks, with shapes in percent of the image, and brush strokes."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from reportgen.errors import DataError
from reportgen.inputs.annotations.brush_runs import decode_brush
from reportgen.inputs.annotations.image_names import list_names
from reportgen.inputs.annotations.marked_images import AnnotationFile, MarkedImage, image_size, misfit
from reportgen.inputs.annotations.shapes import Bitmap, Outline, Shape, ellipse, rotated_rectangle

_IMAGE_KEYS: Final = ("image", "img", "picture")


def is_label_studio(document: Any) -> bool:
    """Whether a JSON document is a list of Label Studio's tasks."""
    return (
        isinstance(document, list)
        and bool(document)
        and all(isinstance(task, Mapping) and isinstance(task.get("data"), Mapping) for task in document)
    )


def read_label_studio(document: list[Mapping[str, Any]], where: str) -> AnnotationFile:
    """The images of the tasks with what is marked in them. Of several annotations of a task, the first counts."""
    images: list[MarkedImage] = []
    unusable: list[str] = []
    num_lines = 0
    for number, task in enumerate(document, start=1):
        place = f"{where}, task {task.get('id', number)}"
        name = next((task["data"][key] for key in _IMAGE_KEYS if isinstance(task["data"].get(key), str)), "")
        if not name:
            unusable.append(f"{place} names no image")
            continue
        shapes: list[Shape] = []
        size = None
        annotations = [entry for entry in task.get("annotations") or [] if not entry.get("was_cancelled")]
        for entry in annotations[0].get("result") or [] if annotations else []:
            if str(entry.get("type", "")).startswith(("keypoint", "choices", "textarea", "rating")):
                num_lines += str(entry["type"]).startswith("keypoint")
                continue
            try:
                size = image_size(entry, "original_height", "original_width", place) or size
                shapes.append(_read_shape(entry, size, place))
            except DataError as error:
                unusable.append(error.message)
        images.append(MarkedImage(where=place, names=list_names(name), size=size, shapes=tuple(shapes)))
    return AnnotationFile(format="Label Studio", images=tuple(images), num_lines=num_lines, unusable=tuple(unusable))


def _read_shape(entry: Mapping[str, Any], size: tuple[int, int] | None, where: str) -> Shape:
    kind, value = str(entry.get("type")), entry.get("value")
    if size is None or not isinstance(value, Mapping):
        raise misfit(where, "it lacks original_width, original_height or a value")
    labels = value.get(kind) or [""]
    label, (height, width) = str(labels[0]), size
    try:
        if kind.startswith("polygon"):
            corners = np.array(value["points"], dtype=np.float64) * (width / 100, height / 100)
            if corners.ndim != 2 or len(corners) < 3:
                raise misfit(where, "its polygon has no three points")
            return Outline(label, corners)
        if kind.startswith("brush") and value.get("format") == "rle":
            return Bitmap(label, decode_brush(value["rle"], size))
        x, y = float(value["x"]) * width / 100, float(value["y"]) * height / 100
        turn = float(value.get("rotation") or 0)
        if kind.startswith("rectangle"):
            sides = float(value["width"]) * width / 100, float(value["height"]) * height / 100
            return rotated_rectangle(label, (x, y), sides, turn)
        if kind.startswith("ellipse"):
            radii = float(value["radiusX"]) * width / 100, float(value["radiusY"]) * height / 100
            return ellipse(label, (x, y), radii, turn)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise misfit(where, f"its {kind} lacks or misuses {error}") from error
    raise misfit(where, f"its type {kind} is not known")
