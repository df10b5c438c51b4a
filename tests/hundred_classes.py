"""A cache of the size of CIFAR-100: as many images, classes and superclasses, and names of the same lengths."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from records import make_check, make_key, make_provenance

from reportgen.analysis.findings import compute_findings
from reportgen.cache import CamPair, EvaluationCache, Superclasses
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.settings import RenderSettings

NUM_IMAGES, NUM_CLASSES, NUM_SUPERCLASSES = 10_000, 100, 20
NAME_LENGTHS = {3: 10, 4: 14, 5: 24, 6: 15, 7: 7, 8: 10, 9: 9, 10: 6, 11: 2, 12: 2, 13: 1}
SUPERCLASS_NAME_LENGTHS = (15, 4, 7, 15, 20, 28, 19, 7, 16, 29, 28, 30, 20, 24, 6, 8, 13, 5, 10, 10)


def make_hundred_classes() -> EvaluationCache:
    """About two thirds of the images are classified correctly; most errors stay within the superclass."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(NUM_CLASSES), NUM_IMAGES // NUM_CLASSES)
    superclass_of = np.arange(NUM_CLASSES) % NUM_SUPERCLASSES
    relatives = (labels + NUM_SUPERCLASSES * rng.geometric(0.5, NUM_IMAGES)) % NUM_CLASSES
    others = rng.integers(0, NUM_CLASSES, NUM_IMAGES)
    is_error = rng.random(NUM_IMAGES) < rng.uniform(0.1, 0.6, NUM_CLASSES)[labels]
    predicted = np.where(is_error, np.where(rng.random(NUM_IMAGES) < 0.6, relatives, others), labels)
    logits = rng.normal(0, 1, (NUM_IMAGES, NUM_CLASSES))
    logits[np.arange(NUM_IMAGES), predicted] = logits.max(axis=1) + rng.exponential(np.where(is_error, 2, 6))
    maps = rng.normal(0.1, 0.4, (2, NUM_IMAGES, 8, 8)).astype(np.float16)
    maps[1, predicted == labels] = maps[0, predicted == labels]
    return EvaluationCache(
        example_index=np.arange(NUM_IMAGES),
        example_id=np.array([f"class-{label:02d}/image_s_{i:06d}.png" for i, label in enumerate(labels)]),
        labels=labels.astype(np.int64),
        logits=logits.astype(np.float32),
        cams={"gradcam": CamPair(true=maps[0], predicted=maps[1])},
        thumbnails=rng.integers(0, 256, (NUM_IMAGES, 32, 32, 3), dtype=np.uint8),
        class_names=tuple(_make_names(rng, rng.permutation(np.repeat(*zip(*NAME_LENGTHS.items(), strict=True))))),
        superclasses=Superclasses(
            names=tuple(_make_names(rng, SUPERCLASS_NAME_LENGTHS)), superclass_of=superclass_of.astype(np.int64)
        ),
        key=make_key(),
        provenance=make_provenance(model_name="ResNet-20", data_name="hundred classes"),
        checks=(make_check(num_checked=NUM_IMAGES),),
    )


def _make_names(rng: np.random.Generator, lengths: Iterable[int]) -> list[str]:
    return ["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), length)) for length in lengths]


def write_first_page(cache: EvaluationCache, folder: Path) -> None:
    """Only what is rendered up to the first page: its style sheets, scripts and images, and no other page."""
    for path, content in render_site(cache, compute_findings(cache), load_presentation(RenderSettings(out=folder))):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        if path == "index.html":
            return
