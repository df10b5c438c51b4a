"""CVAT's annotations: one XML file for all images, "CVAT for images 1.1"."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import DataError
from reportgen.inputs.annotations.image_names import list_names
from reportgen.inputs.annotations.marked_images import FORMATS_HINT, AnnotationFile, MarkedImage, misfit
from reportgen.inputs.annotations.shapes import Bitmap, Outline, Pair, Shape, ellipse, rotated_rectangle

_WITHOUT_AREA = ("points", "polyline", "tag", "cuboid", "skeleton")


def read_cvat(path: Path, where: str) -> AnnotationFile:
    """The images of the file with what is marked in them. Its entries that cannot be read are left out.

    Raises:
        DataError: it is no XML, or no file of CVAT.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError) as error:
        raise DataError(f"The annotations {where} cannot be read: {error}", hint=FORMATS_HINT) from error
    if root.tag != "annotations":
        raise misfit(where, f"its root is {root.tag}, not annotations, as in CVAT's files")
    images: list[MarkedImage] = []
    unusable: list[str] = []
    num_lines = 0
    for entry in root.iter("image"):
        name = entry.get("name", "")
        place = f"{where}, {name}"
        shapes: list[Shape] = []
        for mark in entry:
            if mark.tag in _WITHOUT_AREA:
                num_lines += mark.tag in ("points", "polyline")
                continue
            try:
                shapes.append(_read_mark(mark, place))
            except DataError as error:
                unusable.append(error.message)
        images.append(MarkedImage(where=place, names=list_names(name), size=_size(entry), shapes=tuple(shapes)))
    return AnnotationFile(format="CVAT", images=tuple(images), num_lines=num_lines, unusable=tuple(unusable))


def _size(entry: ElementTree.Element) -> tuple[int, int] | None:
    sides = entry.get("height", ""), entry.get("width", "")
    return (int(sides[0]), int(sides[1])) if all(side.isdigit() for side in sides) else None


def _read_mark(mark: ElementTree.Element, where: str) -> Shape:
    label = mark.get("label", "")
    try:
        match mark.tag:
            case "box":
                x0, y0, x1, y1 = _numbers(mark, "xtl", "ytl", "xbr", "ybr")
                return _turned_box(label, (x0, y0), (x1, y1), float(mark.get("rotation", "0")))
            case "polygon":
                corners = np.array([p.split(",") for p in mark.attrib["points"].split(";")], dtype=np.float64)
                if len(corners) < 3 or corners.shape[1] != 2:
                    raise misfit(where, "its polygon has no three points")
                return Outline(label, corners)
            case "ellipse":
                x, y, rx, ry = _numbers(mark, "cx", "cy", "rx", "ry")
                return ellipse(label, (x, y), (rx, ry), float(mark.get("rotation", "0")))
            case "mask":
                left, top, width, height = map(int, _numbers(mark, "left", "top", "width", "height"))
                return Bitmap(label, _decode(mark.attrib["rle"], height, width, where), left=left, top=top)
    except (KeyError, ValueError) as error:
        raise misfit(where, f"its {mark.tag} lacks or misuses {error}") from error
    raise misfit(where, f"its shape {mark.tag} is not known")


def _turned_box(label: str, low: Pair, high: Pair, degrees: float) -> Outline:
    """A box turned clockwise about its center."""
    center, half = np.add(low, high) / 2, np.subtract(high, low) / 2
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y = (center - np.array([[c, -s], [s, c]]) @ half).tolist()
    return rotated_rectangle(label, (x, y), (high[0] - low[0], high[1] - low[1]), degrees)


def _numbers(mark: ElementTree.Element, *names: str) -> list[float]:
    return [float(mark.attrib[name]) for name in names]


def _decode(text: str, height: int, width: int, where: str) -> NDArray[np.bool_]:
    """Run lengths, row by row, the first of unmarked pixels: bool (height, width)."""
    lengths = np.array(text.split(","), dtype=np.int64)
    if (lengths < 0).any() or lengths.sum() != height * width:
        raise misfit(where, f"its runs are not of {height}×{width} pixels")
    pixels: NDArray[np.bool_] = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(height, width)
    return pixels
