"""The files of CIFAR-10 and CIFAR-100, as torchvision stores them. torchvision is imported when images are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import DataError, setting
from reportgen.inputs.preprocessing import Normalisation
from reportgen.settings import DEFAULT_DATA_ROOT

# Krizhevsky 2009, section 3.1.
_CIFAR100_CLASSES: Final = {
    "aquatic mammals": "beaver dolphin otter seal whale",
    "fish": "aquarium_fish flatfish ray shark trout",
    "flowers": "orchid poppy rose sunflower tulip",
    "food containers": "bottle bowl can cup plate",
    "fruit and vegetables": "apple mushroom orange pear sweet_pepper",
    "household electrical devices": "clock keyboard lamp telephone television",
    "household furniture": "bed chair couch table wardrobe",
    "insects": "bee beetle butterfly caterpillar cockroach",
    "large carnivores": "bear leopard lion tiger wolf",
    "large man-made outdoor things": "bridge castle house road skyscraper",
    "large natural outdoor scenes": "cloud forest mountain plain sea",
    "large omnivores and herbivores": "camel cattle chimpanzee elephant kangaroo",
    "medium-sized mammals": "fox porcupine possum raccoon skunk",
    "non-insect invertebrates": "crab lobster snail spider worm",
    "people": "baby boy girl man woman",
    "reptiles": "crocodile dinosaur lizard snake turtle",
    "small mammals": "hamster mouse rabbit shrew squirrel",
    "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
    "vehicles 1": "bicycle bus motorcycle pickup_truck train",
    "vehicles 2": "lawn_mower rocket streetcar tank tractor",
}
CIFAR100_SUPERCLASS_OF: Final = {
    name: superclass for superclass, names in _CIFAR100_CLASSES.items() for name in names.split()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CifarVariant:
    """One of the two data sets.

    Attributes:
        title: the name; without the hyphen that of torchvision's class.
        folder: below the data root.
        test_files: the files in the folder that the test set is read from.
        normalisation: statistics of the training images.
        superclass_of: the published superclass of each class; `None` if there is none.
    """

    title: str
    folder: str
    test_files: tuple[str, ...]
    normalisation: Normalisation
    superclass_of: Mapping[str, str] | None


VARIANTS: Final = {
    "cifar10": CifarVariant(
        title="CIFAR-10",
        folder="cifar-10-batches-py",
        test_files=("batches.meta", "test_batch"),
        normalisation=Normalisation(mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616)),
        superclass_of=None,
    ),
    "cifar100": CifarVariant(
        title="CIFAR-100",
        folder="cifar-100-python",
        test_files=("meta", "test"),
        normalisation=Normalisation(mean=(0.5071, 0.4865, 0.4409), std=(0.2673, 0.2564, 0.2762)),
        superclass_of=CIFAR100_SUPERCLASS_OF,
    ),
}


def require_test_files(variant: CifarVariant, root: Path | None, *, download: bool) -> tuple[Path, ...]:
    """The files that the test set is read from, downloaded if they are missing and this is allowed.

    Raises:
        DataError: they are missing and cannot be downloaded.
    """
    root = root or DEFAULT_DATA_ROOT
    paths = tuple(root / variant.folder / name for name in variant.test_files)
    if download and not all(path.is_file() for path in paths):
        _open_with_torchvision(variant, root, download=True)
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{variant.title} is not in {root}: {missing[0]} does not exist.",
            hint=f"Give {setting('download', True)} to download it, or {setting('data_root', 'DIR')} with the folder "
            f"that contains {variant.folder}.",
        )
    return paths


def read_test_set(
    variant: CifarVariant, root: Path | None, *, download: bool
) -> tuple[NDArray[np.uint8], NDArray[np.int64], tuple[str, ...]]:
    """The test set through torchvision, which checks the files' checksums.

    Returns:
        Images uint8 (10000, 32, 32, 3), labels int64 (10000,), and the class names in index order.

    Raises:
        DataError: the files are missing or damaged.
    """
    require_test_files(variant, root, download=download)
    data = _open_with_torchvision(variant, root or DEFAULT_DATA_ROOT, download=download)
    # torchvision permutes the stored planes by strides only; the pass reads contiguous images faster.
    return np.ascontiguousarray(data.data), np.array(data.targets, dtype=np.int64), tuple(data.classes)


def _open_with_torchvision(variant: CifarVariant, root: Path, *, download: bool) -> Any:
    from torchvision import datasets

    try:
        return getattr(datasets, variant.title.replace("-", ""))(root, train=False, download=download)
    except (OSError, RuntimeError) as error:
        hint = (
            f"Check the connection, or download the archive elsewhere and unpack it to {root / variant.folder}."
            if download
            else f"Delete {root / variant.folder} and give {setting('download', True)} to download it again, including "
            "the training files."
        )
        raise DataError(f"{variant.title} cannot be read from {root}: {error}.", hint=hint) from error
