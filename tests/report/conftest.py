"""A small evaluation with everything that makes reports break: awkward names, a class without images, a blank map."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from records import make_check, make_key, make_provenance

from reportgen.analysis.findings import Findings, compute_findings
from reportgen.cache import CamPair, EvaluationCache, Superclasses

CLASS_NAMES = ("con", "a/b", "Ünïcode & <tag>", "=1+1", "猫", "no, images")

# Rows true, columns predicted. The third class is perfect, the last has no image and is predicted once.
CONFUSION = np.array(
    [
        [9, 2, 1, 0, 0, 0],
        [4, 8, 0, 0, 0, 0],
        [0, 0, 12, 0, 0, 0],
        [1, 0, 0, 3, 7, 1],
        [0, 0, 0, 6, 6, 0],
        [0, 0, 0, 0, 0, 0],
    ]
)

BLANK_POSITION = 27
"""A mistake whose map of the true class is negative everywhere."""


def make_small_cache() -> EvaluationCache:
    rng = np.random.default_rng(7)
    true, predicted = np.nonzero(CONFUSION)
    labels, said = (np.repeat(indices, CONFUSION[true, predicted]) for indices in (true, predicted))
    order = rng.permutation(len(labels))
    labels, said = labels[order], said[order]
    n, k = len(labels), len(CLASS_NAMES)

    logits = rng.normal(0, 0.5, (n, k))
    logits[np.arange(n), said] = logits.max(axis=1) + rng.permutation(np.linspace(0.1, 7, n))
    maps = rng.normal(0.1, 0.4, (2, n, 8, 8))
    maps[1, labels == said] = maps[0, labels == said]
    maps[0, BLANK_POSITION] = -np.abs(maps[0, BLANK_POSITION])
    return EvaluationCache(
        example_index=np.arange(n) * 2,
        example_id=np.array([f"{CLASS_NAMES[label]}/{i:03d}.png" for i, label in enumerate(labels)]),
        labels=labels.astype(np.int64),
        logits=logits.astype(np.float32),
        cams={"gradcam": CamPair(true=maps[0].astype(np.float16), predicted=maps[1].astype(np.float16))},
        thumbnails=rng.integers(0, 256, (n, 16, 16, 3), dtype=np.uint8),
        class_names=CLASS_NAMES,
        superclasses=Superclasses(
            names=("others", "things & <such>"), superclass_of=np.array([1, 1, 1, 0, 0, 0], np.int64)
        ),
        key=make_key(),
        provenance=make_provenance(
            model_name="net <v2>",
            data_name="small & odd",
            target_layer="features.3",
            warnings=("The grid has few cells.",),
        ),
        checks=(make_check(num_checked=n),),
    )


@pytest.fixture(scope="session")
def small_cache() -> EvaluationCache:
    return make_small_cache()


@pytest.fixture(scope="session")
def small_findings(small_cache: EvaluationCache) -> Findings:
    return compute_findings(small_cache)


class RecordedPage:
    """What was set on a canvas, and the picture that came of it."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.boxes: list[tuple[float, float, float, float]] = []
        self.pictures: list[tuple[int, int, np.ndarray]] = []
        self.pixels = np.zeros((0, 0, 3), np.uint8)

    def overlapping_texts(self) -> list[tuple[str, str]]:
        """Texts of which one covers the other, by more than a pixel."""
        found = []
        for i, (left, top, right, bottom) in enumerate(self.boxes):
            for j, (other_left, other_top, other_right, other_bottom) in enumerate(self.boxes[:i]):
                width = min(right, other_right) - max(left, other_left)
                height = min(bottom, other_bottom) - max(top, other_top)
                if width > 1 and height > 1:
                    found.append((self.texts[j], self.texts[i]))
        return found

    def texts_outside(self) -> list[str]:
        """Texts that run off the page."""
        height, width = self.pixels.shape[:2]
        return [
            text
            for text, (left, top, right, bottom) in zip(self.texts, self.boxes, strict=True)
            if left < 0 or top < 0 or right > width or bottom > height
        ]


@pytest.fixture
def record_page(monkeypatch: pytest.MonkeyPatch) -> Callable[..., RecordedPage]:
    """Calls a function of a module that draws on a `Canvas`, and returns what it drew."""
    from reportgen.report.pictures.canvas import Canvas, TextStyle, fit_text, printable, text_width

    def record(module: ModuleType, draw: Callable[..., bytes], *arguments: object) -> RecordedPage:
        page = RecordedPage()

        class RecordingCanvas(Canvas):
            def write(self, x, baseline, text, style: TextStyle, *, align="left", max_width=None, keep_end=False):
                line = printable(text) if max_width is None else fit_text(text, style, max_width, keep_end=keep_end)
                width = text_width(line, style)
                left = x - {"left": 0.0, "center": width / 2, "right": width}[align]
                page.texts.append(line)
                page.boxes.append((left, baseline - 0.75 * style.size, left + width, baseline + 0.2 * style.size))
                return super().write(x, baseline, text, style, align=align, max_width=max_width, keep_end=keep_end)

            def write_upward(self, baseline_x, bottom, text, style: TextStyle, *, align="left", max_width):
                line = fit_text(text, style, max_width)
                start = bottom - text_width(line, style) if align == "left" else bottom
                page.texts.append(line)
                page.boxes.append(
                    (
                        baseline_x - 0.75 * style.size,
                        start,
                        baseline_x + 0.2 * style.size,
                        start + text_width(line, style),
                    )
                )
                super().write_upward(baseline_x, bottom, text, style, align=align, max_width=max_width)

            def png(self):
                page.pixels = self.pixels
                return super().png()

            def picture(self, x, y, pixels):
                page.pictures.append((x, y, pixels))
                super().picture(x, y, pixels)

        with monkeypatch.context() as patch:
            patch.setattr(module, "Canvas", RecordingCanvas)
            draw(*arguments)
        return page

    return record


@pytest.fixture(scope="session")
def blank_position() -> int:
    """Position of the small cache's mistake whose map of the true class is blank."""
    return BLANK_POSITION
