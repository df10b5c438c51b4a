"""Annotations of the images of a test set, as masks over its thumbnails.

The readers list regions by image. Here images are found by name, and regions are transformed like the pixels.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import numpy as np
from PIL import Image

from reportgen.cache import Annotations
from reportgen.errors import DataError
from reportgen.inputs.annotations.formats import read_annotations
from reportgen.inputs.annotations.marked_images import FORMATS_HINT, AnnotationFile, MarkedImage
from reportgen.inputs.annotations.shapes import Mask, Shape, draw_shapes, view_mask
from reportgen.inputs.data.arrays import ArrayImages
from reportgen.inputs.data.evaluation_set import EvaluationSet, ImageSource
from reportgen.inputs.data.image_files import FileImages
from reportgen.inputs.data.sources.demo import DemoData
from reportgen.inputs.preprocessing import Preprocessing, thumbnail
from reportgen.settings import AnalyzeSettings

_NAMES_HINT: Final = (
    "Annotations are matched with images by path, else by file name, else by file name without its ending."
)
_ORIENTATION_TAG, _TURNED = 0x0112, (5, 6, 7, 8)


def load_annotations(
    settings: AnalyzeSettings, evaluation_set: EvaluationSet, preprocessing: Preprocessing
) -> Annotations | None:
    """The annotations of the examples; `None` if there are none. Those of the demo are the boxes of its digits.

    Args:
        settings: the annotations, and the thumbnails' size.
        evaluation_set: the N examples.
        preprocessing: how an image becomes what the model sees.

    Raises:
        DataError: no annotation can be used, or none belongs to an image.
    """
    if settings.annotations is None and DemoData.match(settings) is None:
        return None
    height, width, _ = thumbnail(preprocessing.view(evaluation_set.images[0]), settings.thumbnail_size).shape
    thumbnail_size = (height, width)
    if settings.annotations is not None:
        read = read_annotations(settings.annotations, settings.mask_values)
        return match_annotations(read, evaluation_set, preprocessing, thumbnail_size=thumbnail_size)
    return _demo_annotations(evaluation_set, preprocessing, thumbnail_size)


def match_annotations(
    read: AnnotationFile,
    evaluation_set: EvaluationSet,
    preprocessing: Preprocessing,
    *,
    thumbnail_size: tuple[int, int],
) -> Annotations:
    """The annotations as masks over the thumbnails of the examples that they belong to.

    Where shapes are labelled with the example's true class, whatever their case, only those count; otherwise all do.

    Raises:
        DataError: no annotation belongs to an example, one could belong to several, or its image has another size.
    """
    unusable = list(read.unusable)
    found, num_foreign = _find_examples(read, evaluation_set.example_ids, unusable)
    if not found:
        raise _no_match(read, evaluation_set.example_ids, unusable)
    masks: dict[int, Mask] = {}
    num_vanished = 0
    for position, image in sorted(found.items()):
        if image.shapes:
            try:
                mask = _draw(image, evaluation_set, position, preprocessing, thumbnail_size)
            except DataError as error:
                unusable.append(error.message)
                continue
            masks |= {position: mask} if mask.any() else {}
            num_vanished += not mask.any()
    if not masks:
        first = f" {len(unusable):,} cannot be used, such as: {unusable[0]}" if unusable else ""
        raise DataError(
            f"None of the annotations ({read.format}) covers anything that the model sees.{first}",
            hint="Check that they contain areas, that they are of these images, and that the crop does not cut them "
            "off.",
        )
    tally = _Tally(
        num_examples=len(evaluation_set.labels),
        num_annotated=len(masks),
        num_foreign=num_foreign,
        num_empty=sum(not image.shapes for image in found.values()),
        num_vanished=num_vanished,
        num_lines=read.num_lines,
        num_others=sum(_marks_others_only(found[at], evaluation_set, at) for at in masks),
        unusable=tuple(unusable),
    )
    return _stack(masks, "; ".join((tally.describe(read.format), *read.notes)))


def describe_annotations(annotations: Annotations | None) -> tuple[str, ...]:
    """A note about annotations of which something is left out or assumed; empty if all of them are used as they are."""
    if annotations is None or "; " not in annotations.source:
        return ()
    return (f"Annotations: {annotations.source}.",)


def _find_examples(
    read: AnnotationFile, example_ids: Sequence[str], unusable: list[str]
) -> tuple[dict[int, MarkedImage], int]:
    """The annotated image at each position, and the number of those that are not in the test set.

    Those whose image is not clear, or that are of an image which has annotations already, are added to `unusable`.
    """
    names = _ExampleNames(example_ids)
    found: dict[int, MarkedImage] = {}
    num_foreign = 0
    for image in read.images:
        try:
            position = names.find(image)
        except DataError as error:
            unusable.append(error.message)
            continue
        if position is None:
            num_foreign += 1
        elif position in found:
            unusable.append(
                f"The annotations {found[position].where} and {image.where} both belong to the image "
                f"{example_ids[position]}."
            )
        else:
            found[position] = image
    return found, num_foreign


def _marks_others_only(image: MarkedImage, evaluation_set: EvaluationSet, position: int) -> bool:
    """Whether the shapes of an image name classes, but not the true one."""
    labels = {shape.label.casefold() for shape in image.shapes}
    own = evaluation_set.class_names[int(evaluation_set.labels[position])].casefold()
    return own not in labels and any(name.casefold() in labels for name in evaluation_set.class_names)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tally:
    """What became of the annotations.

    Attributes:
        num_examples: images of the test set.
        num_annotated: those with a mark.
        num_foreign: annotated images that are not in the test set.
        num_empty: images of the test set whose annotations mark nothing.
        num_vanished: those whose regions are outside the crop, or cover half of no pixel of the thumbnail.
        num_lines: points and lines.
        num_others: images that are marked with other classes only.
        unusable: why annotations cannot be used, a sentence for each.
    """

    num_examples: int
    num_annotated: int
    num_foreign: int
    num_empty: int
    num_vanished: int
    num_lines: int
    num_others: int
    unusable: tuple[str, ...]

    def describe(self, source: str) -> str:
        """`LabelMe, 20 of 10,000 images; 2 more mark nothing`."""
        return "; ".join((f"{source}, {self.num_annotated:,} of {self.num_examples:,} images", *self._left_out()))

    def _left_out(self) -> list[str]:
        reasons = (
            (self.num_foreign, "annotated but not in the test set"),
            (self.num_empty, "listed without a mark"),
            (self.num_vanished, "with regions outside the crop, or smaller than half a pixel of the thumbnail"),
            (self.num_lines, "points and lines, which have no area, are ignored"),
            (self.num_others, "with annotations of other classes only, which are used"),
            (len(self.unusable), f"cannot be used, such as: {self.unusable[0].rstrip('.') if self.unusable else ''}"),
        )
        return [f"{count:,} {what}" for count, what in reasons if count]


class _ExampleNames:
    """The examples' names in all forms in which annotations may give them."""

    def __init__(self, example_ids: Sequence[str]) -> None:
        self._ids = [PurePosixPath(name) for name in example_ids]
        self._by_form: dict[tuple[int, str], list[int]] = defaultdict(list)
        for position, path in enumerate(self._ids):
            for form in enumerate(_forms(path)):
                self._by_form[form].append(position)
        self._folders = {path.parent.name for path in self._ids} - {""}

    def find(self, image: MarkedImage) -> int | None:
        """The position of the example with this image; `None` if there is none.

        Raises:
            DataError: it could be several.
        """
        paths = [_plain_path(name) for name in image.names]
        for form in range(_NUM_FORMS):
            for path in paths:
                candidates = self._by_form.get((form, _forms(path)[form]), [])
                # A file name alone must not lead from one class's folder into another's.
                if path.parent.name in self._folders:
                    candidates = [at for at in candidates if self._ids[at].parent.name == path.parent.name]
                if len(candidates) > 1:
                    first, second = (self._ids[at] for at in candidates[:2])
                    raise DataError(
                        f"The annotations {image.where} of {path} match both {first} and {second}.",
                        hint=f"{_NAMES_HINT} Give the image with its folder.",
                    )
                if candidates:
                    return candidates[0]
        return None


_NUM_FORMS: Final = 4


def _forms(path: PurePosixPath) -> tuple[str, ...]:
    """A name whole, without its ending, without its folder, and without either: the surest form first."""
    return str(path), str(path.with_suffix("")) if path.name else "", path.name, path.stem


def _plain_path(name: str) -> PurePosixPath:
    """A path without what leads upwards."""
    return PurePosixPath(*(part for part in PurePosixPath(name).parts if part not in ("/", "..", ".")))


def _no_match(read: AnnotationFile, example_ids: Sequence[str], unusable: Sequence[str]) -> DataError:
    if unusable:
        return DataError(
            f"No annotation ({read.format}) can be used. {len(unusable):,} were left out, such as: {unusable[0]}",
            hint=f"{FORMATS_HINT} {_NAMES_HINT}",
        )
    if not read.images:
        return DataError(f"The annotations ({read.format}) contain no image.", hint=FORMATS_HINT)
    return DataError(
        f"No annotation ({read.format}) belongs to an image of the test set: one is of {read.images[0].names[0]}, the"
        f" first image is {example_ids[0]}.",
        hint=_NAMES_HINT,
    )


def _draw(
    image: MarkedImage,
    evaluation_set: EvaluationSet,
    position: int,
    preprocessing: Preprocessing,
    thumbnail_size: tuple[int, int],
) -> Mask:
    size = _image_size(evaluation_set.images, position)
    if image.size not in (None, size):
        said = f"{image.size[1]}×{image.size[0]}"
        raise DataError(
            f"The annotations {image.where} are of an image of {said} pixels, but"
            f" {evaluation_set.example_ids[position]} has {size[1]}×{size[0]}.",
            hint="Annotate the images of the test set themselves, or scale the annotations to them.",
        )
    class_name = evaluation_set.class_names[int(evaluation_set.labels[position])]
    return view_mask(draw_shapes(_counted(image.shapes, class_name), size), preprocessing, thumbnail_size)


def _counted(shapes: tuple[Shape, ...], class_name: str) -> tuple[Shape, ...]:
    """The shapes of the true class, if there are any; otherwise all."""
    own = tuple(shape for shape in shapes if shape.label.casefold() == class_name.casefold())
    return own or shapes


def _image_size(images: ImageSource, position: int) -> tuple[int, int]:
    """Height and width in pixels of an upright image, from the file's header if possible."""
    if isinstance(images, ArrayImages):
        return images.array.shape[1], images.array.shape[2]
    if isinstance(images, FileImages):
        try:
            with Image.open(images.root / images.names[position]) as image:
                is_turned = image.getexif().get(_ORIENTATION_TAG) in _TURNED
                return image.size if is_turned else (image.height, image.width)
        except OSError:
            pass  # read below, which raises the error
    height, width = images[position].shape[:2]
    return height, width


def _demo_annotations(
    evaluation_set: EvaluationSet, preprocessing: Preprocessing, thumbnail_size: tuple[int, int]
) -> Annotations | None:
    """The boxes of both digits of each image; `None` if a crop leaves none."""
    from reportgen.demo.dataset import shared_test_set

    demo = shared_test_set()
    boxes = demo.boxes[evaluation_set.example_index]  # (N, 2, 4)
    rows, columns = (np.arange(side)[:, None] for side in demo.images.shape[1:3])
    x0, y0, x1, y1 = (boxes[:, None, :, side] for side in range(4))  # (N, 1, 2)
    is_row, is_column = (rows >= y0) & (rows < y1), (columns >= x0) & (columns < x1)  # (N, 32, 2)
    marked: Mask = np.any(is_row[:, :, None] & is_column[:, None], axis=3)
    masks = {at: view_mask(mask, preprocessing, thumbnail_size) for at, mask in enumerate(marked)}
    seen = {position: mask for position, mask in masks.items() if mask.any()}
    if not seen:
        return None
    return _stack(seen, f"the boxes of both digits, {len(seen):,} of {len(boxes):,} images")


def _stack(masks: dict[int, Mask], source: str) -> Annotations:
    return Annotations(
        positions=np.array(list(masks), dtype=np.int64), masks=np.stack(list(masks.values())), source=source
    )
