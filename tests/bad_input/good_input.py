"""A small folder in which every input is good: what the rows of bad input start from."""

import csv
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from reportgen.cache import EvaluationCache
from reportgen.cache_file import save_cache

NAMES = ("otter", "seal", "walrus")
NUM_IMAGES, SIDE = 12, 16
MODEL = """
from torch import nn


def make_model():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    )
"""


def images_and_labels() -> tuple[np.ndarray, np.ndarray]:
    """Seeded noise: uint8 (12, 16, 16, 3), and int64 labels (12,) of three classes."""
    labels = np.arange(NUM_IMAGES, dtype=np.int64) % len(NAMES)
    images = np.random.default_rng(0).integers(0, 160, (NUM_IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
    images[np.arange(NUM_IMAGES), 4:12, 4:12, labels] += 90
    return images, labels


def logits() -> np.ndarray:
    """Seeded float32 logits (12, 3), most of them correct."""
    values = np.random.default_rng(1).normal(size=(NUM_IMAGES, len(NAMES))).astype(np.float32)
    values[np.arange(NUM_IMAGES), np.arange(NUM_IMAGES) % len(NAMES)] += 1.5
    return values


def write_good_input(folder: Path, cache: EvaluationCache) -> None:
    """Write a model with weights, a test set in three forms, arrays, a cache, and all kinds of text files."""
    images, labels = images_and_labels()
    np.savez(folder / "test.npz", images=images, labels=labels, class_names=np.array(NAMES))
    np.savez(folder / "arrays.npz", y_true=labels, logits=logits(), class_names=np.array(NAMES))
    rows = [["path", "label", "id"]]
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / "photos" / NAMES[label] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        rows.append([str(path.relative_to(folder)), NAMES[label], f"n{number}"])
    with (folder / "test.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    torch.manual_seed(0)
    network: dict[str, object] = {}
    exec(MODEL, network)
    torch.save(network["make_model"]().state_dict(), folder / "model.pth")  # type: ignore[operator]
    (folder / "names.txt").write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    save_cache(cache, folder / "good_cache.npz")
