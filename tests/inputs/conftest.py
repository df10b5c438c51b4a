from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image


@pytest.fixture
def pixels() -> Callable[..., NDArray[np.uint8]]:
    """Random pictures of a shape, the same ones for the same seed."""

    def make(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
        return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)

    return make


@pytest.fixture
def image_folder(tmp_path: Path, pixels) -> Path:
    """Three classes of two, three and one lossless 8x8 pictures."""
    root = tmp_path / "pictures"
    for class_index, (name, count) in enumerate({"cat": 2, "dog": 3, "owl": 1}.items()):
        (root / name).mkdir(parents=True)
        for number in range(count):
            image = Image.fromarray(pixels(8, 8, 3, seed=10 * class_index + number))
            image.save(root / name / f"{number}.png")
    return root


@pytest.fixture
def write_npz(tmp_path: Path, pixels) -> Callable[..., Path]:
    """Writes a test set of six 8x8 pictures of three classes; members may be replaced, or left out with None."""

    def write(name: str = "set.npz", **members: object) -> Path:
        complete: dict[str, object] = {
            "images": pixels(6, 8, 8, 3),
            "labels": np.array([0, 0, 1, 1, 2, 2]),
            "class_names": np.array(["cat", "dog", "owl"]),
            **members,
        }
        path = tmp_path / name
        np.savez(path, **{key: value for key, value in complete.items() if value is not None})
        return path

    return write
