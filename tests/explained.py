"""Explanations of single images that no network made, with awkward names, a blank map and a file that failed."""

from pathlib import Path

import numpy as np
from records import make_provenance

from reportgen.explanation import ClassMap, Explanations, ImageExplanation, ImageFailure

CLASS_NAMES = ("cat & dog", "猫", "otter", "seal", "tree", "van")
LOGITS = np.log(np.array([0.5, 0.2, 0.15, 0.1, 0.04, 0.01], np.float32))


def make_image(path: str = "a/otter.jpg", **changes: object) -> ImageExplanation:
    rng = np.random.default_rng(3)
    maps = rng.normal(0, 1, (3, 4, 4)).astype(np.float32)
    maps[2] = -1
    values = {
        "path": Path(path),
        "view": rng.integers(0, 256, (16, 24, 3), dtype=np.uint8),
        "logits": LOGITS,
        "maps": (
            ClassMap(method="gradcam", class_index=0, values=maps[0]),
            ClassMap(method="eigencam", class_index=0, values=maps[1]),
            ClassMap(method="gradcam", class_index=3, values=maps[2]),
        ),
    }
    return ImageExplanation(**{**values, **changes})


def make_explanations(*images: ImageExplanation, **provenance: object) -> Explanations:
    return Explanations(
        images=images,
        failures=(ImageFailure(path=Path("b/<broken>.png"), message="It is no picture.", hint="Name one."),),
        class_names=CLASS_NAMES,
        provenance=make_provenance(**provenance),
    )
