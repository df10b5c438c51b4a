"""The model and the test set as sentences name them."""

import re
from typing import Final

from reportgen.report.words.text import plural_text

_GENERIC_DATA: Final = frozenset(
    {"data", "dataset", "eval", "images", "test", "testdata", "testimages", "testset", "train", "val", "valid"}
)
_PARTS: Final = re.compile(r"(?P<title>.+?)(?: (?P<part>test|val|train) set|, split (?P<split>\S+)|, all images)?")
_PART_NAMES: Final = {"val": "validation", "train": "training"}


def sentence_start(name: str) -> str:
    """A name at the start of a sentence: `the model` is capitalized, `resnet20` stays as it is."""
    return name[0].upper() + name[1:] if name.startswith(("the ", "a ", "an ")) else name


def images_text(count: int, data_name: str) -> str:
    """`10,000 CIFAR-100 test images`; a file or folder with a generic name is not named: `10,000 test images`.

    Args:
        count: number of images.
        data_name: the test set as the cache records it: `CIFAR-100 test set`, `beans, split validation`, `test.npz`.
    """
    if set(data_name) & set("./\\:") or data_name.lower().replace("_", "").replace("-", "") in _GENERIC_DATA:
        return plural_text(count, "test image")
    found = _PARTS.fullmatch(data_name)
    assert found is not None, "a test set has a name"
    part = "" if data_name.endswith(", all images") else found["part"] or found["split"] or "test"
    return plural_text(count, " ".join(filter(None, (found["title"], _PART_NAMES.get(part, part), "image"))))
