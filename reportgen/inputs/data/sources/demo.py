"""The demo's test set, which is composed when it is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from reportgen.inputs.data.source import DataSource
from reportgen.settings import AnalyzeSettings

if TYPE_CHECKING:
    from reportgen.inputs.data.evaluation_set import LabelledImages


@dataclass(frozen=True, kw_only=True)
class DemoData(DataSource):
    """The demo's number plates, 00 to 99."""

    title: ClassVar = "the demo"
    forms: ClassVar = ("demo",)

    @classmethod
    def match(cls, settings: AnalyzeSettings) -> Self | None:
        """The source, if the spec is `demo`; write `./demo` for a folder of this name."""
        return cls(settings=settings) if settings.data in cls.forms else None

    def describe(self) -> str:
        """The spec."""
        return self.forms[0]

    def files(self) -> Mapping[str, Path]:
        """None: the images are composed from the digits of scikit-learn."""
        return {}

    def digest(self) -> str:
        """SHA-256 of the generator and its digits."""
        from reportgen.demo.dataset import dataset_digest

        return dataset_digest()

    def load(self) -> "LabelledImages":
        """The test set, composed once per process."""
        from reportgen.demo.dataset import shared_test_set
        from reportgen.inputs.data.arrays import ArrayImages
        from reportgen.inputs.data.evaluation_set import LabelledImages

        demo = shared_test_set()
        groups = demo.superclasses
        return LabelledImages(
            name="TwoDigits",
            images=ArrayImages(demo.images),
            labels=demo.labels,
            example_ids=demo.example_ids,
            class_names=demo.class_names,
            superclass_of={
                name: groups.names[group] for name, group in zip(demo.class_names, groups.superclass_of, strict=True)
            },
        )
