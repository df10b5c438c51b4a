"""Annotations of the VGG Image Annotator (VIA 1 and 2): one JSON or CSV file for all images."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reportgen.errors import DataError
from reportgen.inputs.annotations.image_names import list_names
from reportgen.inputs.annotations.marked_images import AnnotationFile, MarkedImage, misfit
from reportgen.inputs.annotations.shapes import Outline, Shape, circle, ellipse, rectangle
from reportgen.parsing import parse_json, parse_table

_WITHOUT_AREA = ("point", "polyline")
_REGION_COLUMNS = ("region_shape_attributes", "region_attributes")


def is_via(document: Any) -> bool:
    """Whether a JSON document is a project or an export of VIA."""
    return (
        isinstance(document, Mapping)
        and bool(entries := _entries(document))
        and all(isinstance(entry, Mapping) and "filename" in entry and "regions" in entry for entry in entries)
    )


def read_via(document: Mapping[str, Any], where: str) -> AnnotationFile:
    """The images with their regions; a region is labeled with the first of its attributes."""
    images: list[MarkedImage] = []
    unusable: list[str] = []
    num_lines = 0
    for entry in _entries(document):
        name = str(entry["filename"])
        place = f"{where}, {name}"
        shapes: list[Shape] = []
        regions = entry["regions"]  # a list; in VIA 1 a mapping by number
        for region in regions.values() if isinstance(regions, Mapping) else regions or []:
            try:
                shape = _read_region(region, place)
            except DataError as error:
                unusable.append(error.message)
                continue
            num_lines += shape is None
            shapes += [] if shape is None else [shape]
        images.append(MarkedImage(where=place, names=list_names(name), size=None, shapes=tuple(shapes)))
    return AnnotationFile(format="VIA", images=tuple(images), num_lines=num_lines, unusable=tuple(unusable))


def is_via_csv(text: str) -> bool:
    """Whether a text is VIA's table of regions, by its header."""
    header = text.partition("\n")[0].lstrip("#")
    return all(name in header for name in ("filename", *_REGION_COLUMNS))


def read_via_csv(text: str, where: str) -> AnnotationFile:
    """The images of VIA's table of regions, as `read_via` reads those of its JSON.

    Raises:
        DataError: it is not a table.
    """
    try:
        _columns, rows = parse_table(text.lstrip("#"))
    except ValueError as error:
        raise misfit(where, str(error)) from error
    entries: dict[str, Any] = {}
    for _line, row in rows:
        entry = entries.setdefault(row["filename"], {"filename": row["filename"], "regions": []})
        shape, attributes = (_parse_cell(row[name]) for name in _REGION_COLUMNS)
        if shape != {}:
            entry["regions"].append({"shape_attributes": shape, "region_attributes": attributes})
    return read_via(entries, where)


def _parse_cell(text: str) -> Any:
    try:
        return parse_json(text or "{}")
    except ValueError:
        return None  # reported as a region that lacks its shape


def _entries(document: Mapping[str, Any]) -> list[Any]:
    images = document.get("_via_img_metadata", document)
    return list(images.values()) if isinstance(images, Mapping) else []


def _read_region(region: Any, where: str) -> Shape | None:
    """The shape of a region; `None` for points and lines."""
    try:
        form = region["shape_attributes"]
        label = _label(region.get("region_attributes") or {})
        match form["name"]:
            case kind if kind in _WITHOUT_AREA:
                return None
            case "rect":
                x, y = float(form["x"]), float(form["y"])
                return rectangle(label, x, y, x + float(form["width"]), y + float(form["height"]))
            case "polygon":
                corners = np.array([form["all_points_x"], form["all_points_y"]], dtype=np.float64).T
                if len(corners) < 3:
                    raise misfit(where, "its polygon has no three points")
                return Outline(label, corners)
            case "circle":
                return circle(label, float(form["cx"]), float(form["cy"]), float(form["r"]))
            case "ellipse":
                radii, turn = (float(form["rx"]), float(form["ry"])), float(np.degrees(form.get("theta") or 0))
                return ellipse(label, (float(form["cx"]), float(form["cy"])), radii, turn)
            case kind:
                raise misfit(where, f"its shape {kind} is not known")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise misfit(where, f"a region lacks or misuses {error}") from error


def _label(attributes: Mapping[str, Any]) -> str:
    """The first attribute's value; of check boxes the first that is checked."""
    value = next(iter(attributes.values()), "")
    if isinstance(value, Mapping):
        value = next((name for name, is_checked in value.items() if is_checked), "")
    return str(value)
