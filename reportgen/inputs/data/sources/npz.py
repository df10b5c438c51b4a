"""Images and labels in a `.npz` file."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from reportgen.inputs.data.source import FileDataSource
from reportgen.inputs.files import file_digest

if TYPE_CHECKING:
    from reportgen.inputs.data.evaluation_set import LabelledImages


@dataclass(frozen=True, kw_only=True)
class NpzTestSet(FileDataSource):
    """A `.npz` file with images and labels."""

    title: ClassVar = "arrays"
    forms: ClassVar = ("FILE.npz",)
    note: ClassVar = "with `images` and `labels`"
    suffixes: ClassVar = (".npz",)

    def digest(self) -> str:
        """SHA-256 of the file."""
        return file_digest(self.path)

    def load(self) -> "LabelledImages":
        """The members of the file."""
        from reportgen.inputs.data.arrays import ArrayImages, read_npz
        from reportgen.inputs.data.class_names import number_names
        from reportgen.inputs.data.evaluation_set import LabelledImages

        members = read_npz(self.path, self.settings.preprocessing.window)
        return LabelledImages(
            name=self.path.name,
            images=ArrayImages(members.images),
            labels=members.labels,
            example_ids=members.ids or number_names(len(members.labels)),
            class_names=members.class_names,
            notes=members.notes,
            is_windowed=bool(members.notes),
        )
