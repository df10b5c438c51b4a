"""CIFAR-10 and CIFAR-100, as torchvision stores them."""

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from reportgen.inputs.data.source import DataSource
from reportgen.settings import AnalyzeSettings

if TYPE_CHECKING:
    from reportgen.inputs.data.cifar import CifarVariant
    from reportgen.inputs.data.evaluation_set import LabelledImages


@dataclass(frozen=True, kw_only=True)
class _Cifar(DataSource, ABC):
    """A test set of CIFAR. The names of torchvision mean the same."""

    @classmethod
    def match(cls, settings: AnalyzeSettings) -> Self | None:
        """The source, if the spec is its name; write `./cifar10` for a folder of this name."""
        prefix, _, name = settings.data.rpartition(":")
        is_own = (prefix == "torchvision" and name.lower() in cls.forms) or settings.data in cls.forms
        return cls(settings=settings) if is_own else None

    @property
    def variant(self) -> "CifarVariant":
        """Names, files and statistics."""
        from reportgen.inputs.data.cifar import VARIANTS

        return VARIANTS[self.forms[0]]

    def describe(self) -> str:
        """The name."""
        return self.forms[0]

    def files(self) -> Mapping[str, Path]:
        """The files of the test set, downloaded if allowed."""
        from reportgen.inputs.data.cifar import require_test_files

        paths = require_test_files(self.variant, self.settings.data_root, download=self.settings.download)
        return {path.name: path for path in paths}

    def load(self) -> "LabelledImages":
        """The test set."""
        from reportgen.inputs.data.arrays import ArrayImages
        from reportgen.inputs.data.cifar import read_test_set
        from reportgen.inputs.data.class_names import number_names
        from reportgen.inputs.data.evaluation_set import LabelledImages

        variant = self.variant
        images, labels, class_names = read_test_set(variant, self.settings.data_root, download=self.settings.download)
        return LabelledImages(
            name=f"{variant.title} test set",
            images=ArrayImages(images),
            labels=labels,
            example_ids=number_names(len(labels)),
            class_names=class_names,
            superclass_of=variant.superclass_of,
            normalisation=variant.normalisation,
        )


class Cifar10(_Cifar):
    """CIFAR-10."""

    title: ClassVar = "CIFAR-10"
    forms: ClassVar = ("cifar10",)


class Cifar100(_Cifar):
    """CIFAR-100, with its superclasses."""

    title: ClassVar = "CIFAR-100"
    forms: ClassVar = ("cifar100",)
