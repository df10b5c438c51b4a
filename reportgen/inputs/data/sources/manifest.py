"""Images listed in a table, with their labels and other columns."""

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from reportgen.inputs.data.source import FileDataSource
from reportgen.inputs.libraries import PYARROW

if TYPE_CHECKING:
    from reportgen.inputs.data.evaluation_set import LabelledImages
    from reportgen.inputs.data.manifests import Manifest


@dataclass(frozen=True, kw_only=True)
class ManifestFile(FileDataSource, ABC):
    """A table with one image per row."""

    note: ClassVar = "with the columns `path,label`"

    @cached_property
    def manifest(self) -> "Manifest":
        """The rows, read once."""
        from reportgen.inputs.data.manifests import ManifestOptions, read_manifest

        settings = self.settings
        options = ManifestOptions(
            path_column=settings.path_column,
            label_column=settings.label_column,
            id_column=settings.id_column,
            image_root=settings.image_root,
            suffix=settings.image_suffix,
            skips_missing=settings.on_bad_image == "skip",
        )
        return read_manifest(self.path, options)

    def files(self) -> Mapping[str, Path]:
        """The table, and the images that it lists."""
        return {self.path.name: self.path, **{name: self.manifest.root / name for name in self.manifest.paths}}

    def load(self) -> "LabelledImages":
        """The images of all rows. Labels that are numbers index the class names given."""
        from reportgen.inputs.data.class_names import index_labels, read_class_names
        from reportgen.inputs.data.evaluation_set import LabelledImages
        from reportgen.inputs.data.image_files import FileImages

        manifest, names_path = self.manifest, self.settings.class_names_path
        labels, class_names = index_labels(manifest.labels, () if names_path is None else read_class_names(names_path))
        return LabelledImages(
            name=self.path.name,
            images=FileImages(manifest.root, manifest.paths),
            labels=labels,
            example_ids=manifest.example_ids,
            class_names=class_names,
            columns=manifest.columns,
            notes=manifest.notes,
            unusable=manifest.missing,
        )


class CsvManifest(ManifestFile):
    """A table in a text file."""

    title: ClassVar = "a CSV manifest"
    forms: ClassVar = ("FILE.csv",)
    suffixes: ClassVar = (".csv", ".tsv", ".txt", ".lst")


class ParquetManifest(ManifestFile):
    """A table in a Parquet file."""

    title: ClassVar = "a Parquet manifest"
    forms: ClassVar = ("FILE.parquet",)
    suffixes: ClassVar = (".parquet", ".pq")
    libraries: ClassVar = (PYARROW,)
