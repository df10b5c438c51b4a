"""The embedded test set: worn number plates 00 to 99, each composed of two real handwritten digits.

The digits are the 1,797 of scikit-learn's `load_digits`; none of them occurs in both the training and the test pool.
"""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reportgen.cache import Superclasses
from reportgen.demo import plates

NUM_CLASSES: Final = 100
CLASS_NAMES: Final = tuple(f"{number:02d}" for number in range(NUM_CLASSES))
NUM_TEST_PER_CLASS: Final = 100

_TRAINING_SHARE: Final = 0.5
_SPLIT_SEED: Final = 20
_TEST_SEED: Final = 2024
_TRAINING_SEED: Final = 7
_CHUNK: Final = 100  # pictures composed at a time, so that they stay in the processor's cache


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class DemoSet:
    """Pictures of two-digit numbers with everything that is known of them.

    Attributes:
        images: uint8 (N, 32, 32, 3), RGB.
        labels: int64 (N,), the number shown, ascending.
        example_ids: N names, such as `38-017` for the eighteenth picture of a 38.
        class_names: `00` to `99`.
        superclasses: the numbers grouped by their tens digit, `00s` to `90s`.
        boxes: int64 (N, 2, 4), the tight boxes of the tens digit and the units digit as x0, y0, x1, y1 in pixels,
            the end exclusive.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    example_ids: tuple[str, ...]
    class_names: tuple[str, ...]
    superclasses: Superclasses
    boxes: NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class DigitPools:
    """Two disjoint halves of the handwritten digits.

    Attributes:
        glyphs: float64 (1797, 8, 8), ink in [0, 1].
        training: for each digit 0 to 9, the positions in `glyphs` that training may use.
        test: for each digit 0 to 9, the positions left for the test set.
    """

    glyphs: NDArray[np.float64]
    training: tuple[NDArray[np.int64], ...]
    test: tuple[NDArray[np.int64], ...]


def load_digit_pools() -> DigitPools:
    """The handwritten digits, split by a fixed seed within each digit."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    generator = np.random.default_rng(_SPLIT_SEED)
    training, test = [], []
    for digit in range(10):
        positions = generator.permutation(np.flatnonzero(digits.target == digit))
        num_training = round(_TRAINING_SHARE * len(positions))
        training.append(np.sort(positions[:num_training]))
        test.append(np.sort(positions[num_training:]))
    return DigitPools(glyphs=digits.images / 16.0, training=tuple(training), test=tuple(test))


@functools.cache
def shared_test_set() -> DemoSet:
    """The test pictures, composed once a process: for those who only read them."""
    return make_test_set()


def make_test_set() -> DemoSet:
    """The 10,000 test pictures, 100 of each number: the same bytes at every call."""
    pools = load_digit_pools()
    return _compose_set(pools.glyphs, pools.test, NUM_TEST_PER_CLASS, np.random.default_rng(_TEST_SEED))


def make_training_set(*, num_per_class: int, seed: int = 0) -> DemoSet:
    """Pictures of the training pool's digits, `num_per_class` of each number, which differ from seed to seed."""
    pools = load_digit_pools()
    generator = np.random.default_rng((_TRAINING_SEED, seed))
    return _compose_set(pools.glyphs, pools.training, num_per_class, generator)


def dataset_digest() -> str:
    """SHA-256 over what the test set is made from: the generator's source and the digits. No picture is composed."""
    from sklearn.datasets import load_digits

    digest = hashlib.sha256()
    for source in (__file__, plates.__file__):
        digest.update(Path(source).read_bytes().replace(b"\r\n", b"\n"))
    digits = load_digits()
    digest.update(digits.images.astype("<f8").tobytes())
    digest.update(digits.target.astype("<i8").tobytes())
    return digest.hexdigest()


def _compose_set(
    glyphs: NDArray[np.float64],
    pool: tuple[NDArray[np.int64], ...],
    num_per_class: int,
    generator: np.random.Generator,
) -> DemoSet:
    labels = np.repeat(np.arange(NUM_CLASSES, dtype=np.int64), num_per_class)
    chosen = np.stack([_draw_positions(pool, digit, generator) for digit in (labels // 10, labels % 10)], axis=1)
    chunks = [
        plates.compose_plates(glyphs[chosen[start : start + _CHUNK]], generator)
        for start in range(0, len(labels), _CHUNK)
    ]
    return DemoSet(
        images=np.concatenate([images for images, _ in chunks]),
        labels=labels,
        example_ids=tuple(f"{name}-{copy:03d}" for name in CLASS_NAMES for copy in range(num_per_class)),
        class_names=CLASS_NAMES,
        superclasses=Superclasses(
            names=tuple(f"{tens}0s" for tens in range(10)), superclass_of=np.arange(NUM_CLASSES, dtype=np.int64) // 10
        ),
        boxes=np.concatenate([boxes for _, boxes in chunks]),
    )


def _draw_positions(
    pool: tuple[NDArray[np.int64], ...], digits: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """For each of the (N,) digits, the position of one of its handwritten pictures."""
    sizes = np.array([len(positions) for positions in pool])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    picked = generator.integers(sizes[digits])
    return np.concatenate(pool)[starts[digits] + picked]
