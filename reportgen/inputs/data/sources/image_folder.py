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

_LAYOUT_HINT: Final = "Put the images of each class into a folder named after the class: <folder>/<class>/<image>."


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
    def images_of(self) -> dict[str, list[str]]:
        """For each class, sorted, its images as sorted paths below the class folder; listed once.

        Images in folders below a class belong to that class; hidden files and folders, and files that are not images,
        are ignored.

        Raises:
            DataError: there is no class folder, or one without images.
        """
        from reportgen.inputs.data.image_files import list_image_names

        root = self.root
        folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        images = {name: list_image_names(root / name) for name in folders}
        if not any(images.values()):
            problem = "contains images, but no class folders" if list_image_names(root) else "contains no images"
            raise DataError(f"The test set {root} {problem}.", hint=_LAYOUT_HINT)
        empty = [name for name, files in images.items() if not files]
        if empty:
            raise DataError(
                f"The class folder {root / empty[0]} contains no images.",
                hint="Remove it or add images. If the model has more classes than the test set, list all of them "
                f"in a file and give {setting('class_names_path', 'FILE')}.",
            )
        return images

    def describe(self) -> str:
        """The folder's own name."""
        return self.root.resolve().name

    def files(self) -> Mapping[str, Path]:
        """The images by class and name."""
        return {
            f"{group}/{name}": self.root / group / name for group, names in self.images_of.items() for name in names
        }

    def load(self) -> "LabelledImages":
        """The images, labelled with their folders."""
        import numpy as np

        from reportgen.inputs.data.evaluation_set import LabelledImages
        from reportgen.inputs.data.image_files import FileImages

        images = self.images_of
        names = tuple(f"{class_name}/{name}" for class_name, files in images.items() for name in files)
        return LabelledImages(
            name=self.describe(),
            images=FileImages(self.root, names),
            labels=np.repeat(np.arange(len(images)), [len(files) for files in images.values()]),
            example_ids=names,
            class_names=tuple(images),
        )
