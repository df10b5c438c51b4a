"""What an annotation file says of one image, before it is known which example that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reportgen.errors import DataError
from reportgen.inputs.annotations.shapes import Shape
from reportgen.parsing import parse_json

FORMATS_HINT = (
    "Give a file of LabelMe, COCO, Label Studio, VIA (JSON or CSV) or CVAT (XML), a folder of these, or a folder of "
    "masks (PNG, black outside the annotations)."
)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class MarkedImage:
    """One image's annotations.

    Attributes:
        where: the file, and the entry in it, for messages.
        names: what the image may be called, the surest name first: paths with forward slashes.
        size: height and width in pixels that the annotations refer to; `None` where the file does not say.
        shapes: what is marked.
    """

    where: str
    names: tuple[str, ...]
    size: tuple[int, int] | None
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class AnnotationFile:
    """All annotations in a file or a folder.

    Attributes:
        format: the format in words, such as `LabelMe`, `COCO` or `mask pictures`.
        images: the images that they name, in a fixed order.
        num_lines: number of points and lines, which have no area and mark nothing.
        unusable: why annotations cannot be used, a sentence for each.
        notes: how the annotations were read, as clauses.
    """

    format: str
    images: tuple[MarkedImage, ...]
    num_lines: int = 0
    unusable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_json(path: Path, where: str) -> Any:
    """What a JSON file holds.

    Args:
        path: the file.
        where: the file, as it is shown.

    Raises:
        DataError: it cannot be read, or is no JSON.
    """
    try:
        return parse_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataError(f"The annotations {where} cannot be read: {error}", hint=FORMATS_HINT) from error


def misfit(where: str, problem: str) -> DataError:
    """The error of annotations that are not as their format has them."""
    return DataError(f"The annotations {where} are invalid: {problem}.", hint=FORMATS_HINT)


def image_size(entry: Mapping[str, Any], height: str, width: str, where: str) -> tuple[int, int] | None:
    """Height and width under two keys of an entry; `None` where one is missing or null.

    Raises:
        DataError: they are no sizes.
    """
    sides = entry.get(height), entry.get(width)
    if sides[0] is None or sides[1] is None:
        return None
    if not all(isinstance(side, int) and side > 0 for side in sides):
        raise misfit(where, f"{height} and {width} are {sides[0]!r} and {sides[1]!r}")
    return sides[0], sides[1]
