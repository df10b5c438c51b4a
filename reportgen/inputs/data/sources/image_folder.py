"""A folder with one folder of images for each class."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

from reportgen.errors import DataError, setting
from reportgen.inputs.data.source import DataSource
from reportgen.settings import AnalyzeSettings

if TYPE_CHECKING:
    from reportgen.inputs.data.evaluation_set import LabelledImages
    from reportgen.inputs.data.image_listing import FolderListing

_LAYOUT_HINT: Final = "Put the images of each class into a folder named after the class: <folder>/<class>/<image>."
_SPLITS: Final = (
    *("test", "testing", "eval", "evaluation"),
    *("val", "valid", "validation", "validate", "dev"),
    *("train", "training", "trn"),
)
"""Names of folders that hold a part of a data set each, the best for a report first."""


@dataclass(frozen=True, kw_only=True)
class ImageFolder(DataSource):
    """A folder of class folders."""

    title: ClassVar = "an image folder"
    forms: ClassVar = ("FOLDER",)
    note: ClassVar = "images in `<class>/`"

    @classmethod
    def match(cls, settings: AnalyzeSettings) -> Self | None:
        """The source, if the spec is a folder."""
        return cls(settings=settings) if Path(settings.data).is_dir() else None

    @property
    def root(self) -> Path:
        """The folder."""
        return Path(self.settings.data)

    @cached_property
    def listings(self) -> "dict[str, FolderListing]":
        """For each class folder, in the order of the classes, what lies below it; listed once.

        Images in folders below a class belong to that class; hidden files and folders, and files that are not images,
        are ignored.

        Raises:
            DataError: there is no class folder, or one without images, or the folders are splits of a data set.
        """
        from reportgen.inputs.data.class_numbers import sort_class_names
        from reportgen.inputs.data.image_listing import CONVERT_HINT, list_image_names, list_images

        root = self.root
        folders = [entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
        _require_no_splits(root, folders)
        names, _ = sort_class_names(folders)
        listings = dict(zip(names, list_images([root / name for name in names]), strict=True))
        unusable = [f"{name}/{entry.name}" for name, listing in listings.items() for entry in listing.unusable]
        if unusable and not any(listing.images for listing in listings.values()):
            first = f"{unusable[0]} and {len(unusable) - 1:,} more" if len(unusable) > 1 else unusable[0]
            raise DataError(f"The test set {root} contains no image that can be read, but {first}.", hint=CONVERT_HINT)
        if not any(listing.images for listing in listings.values()):
            problem = "contains images, but no class folders" if list_image_names(root) else "contains no images"
            raise DataError(f"The test set {root} {problem}.", hint=_LAYOUT_HINT)
        empty = [name for name, listing in listings.items() if not listing.images]
        if empty:
            raise DataError(
                f"The class folder {root / empty[0]} contains no images.",
                hint="Remove it or add images. If the model has more classes than the test set, list all of them "
                f"in a file and give {setting('class_names_path', 'FILE')}.",
            )
        return listings

    def describe(self) -> str:
        """The folder's own name."""
        return self.root.resolve().name

    def files(self) -> Mapping[str, Path]:
        """The images by class and name."""
        return {
            f"{group}/{name}": self.root / group / name
            for group, listing in self.listings.items()
            for name in listing.images
        }

    def load(self) -> "LabelledImages":
        """The images, labelled with their folders."""
        from dataclasses import replace

        import numpy as np

        from reportgen.inputs.data.class_numbers import sort_class_names
        from reportgen.inputs.data.evaluation_set import LabelledImages
        from reportgen.inputs.data.image_files import FileImages
        from reportgen.inputs.data.image_listing import describe_left_out

        listings = self.listings
        names = tuple(f"{class_name}/{name}" for class_name, listing in listings.items() for name in listing.images)
        left_out, unusable = (
            [
                replace(entry, name=f"{group}/{entry.name}")
                for group, listing in listings.items()
                for entry in getattr(listing, kind)
            ]
            for kind in ("left_out", "unusable")
        )
        _, order_notes = sort_class_names(tuple(listings))
        return LabelledImages(
            name=self.describe(),
            images=FileImages(self.root, names),
            labels=np.repeat(np.arange(len(listings)), [len(listing.images) for listing in listings.values()]),
            example_ids=names,
            class_names=tuple(listings),
            notes=(*describe_left_out(left_out), *_describe_stray(self.root)),
            order_notes=order_notes,
            unusable=tuple(unusable),
        )


def _describe_stray(root: Path) -> tuple[str, ...]:
    """A note about images that lie beside the class folders; none without any."""
    from reportgen.inputs.data.image_files import SUFFIXES
    from reportgen.inputs.suggestions import few_text

    stray = sorted(entry.name for entry in root.iterdir() if entry.is_file() and entry.suffix.lower() in SUFFIXES)
    if not stray:
        return ()
    subject = "One image lies" if len(stray) == 1 else f"{len(stray):,} images lie"
    return (
        f"{subject} beside the class folders and {'is' if len(stray) == 1 else 'are'} left out: {few_text(stray)}.",
    )


def _require_no_splits(root: Path, folders: list[str]) -> None:
    """Check that the folders are classes, and not parts of a data set that have the same classes each.

    Raises:
        DataError: two of them, or the only one, are called as splits are and contain the same folders.
    """
    splits = sorted((name for name in folders if name.lower() in _SPLITS), key=lambda name: _SPLITS.index(name.lower()))
    below = [{entry.name for entry in (root / name).iterdir() if entry.is_dir()} for name in splits]
    is_split = bool(set.intersection(*below)) if len(splits) > 1 else len(folders) == len(splits) == 1 and below[0]
    if is_split:
        raise DataError(
            f"The test set {root} contains splits of a data set ({', '.join(splits)}), not classes.",
            hint=f"Give one of them: {setting('data', str(root / splits[0]))}.",
        )
