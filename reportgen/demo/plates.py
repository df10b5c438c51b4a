"""Worn number plates: composes two handwritten digits into one small photograph-like picture, many at a time.

Everything random comes from one generator in a fixed order, so a seed gives the same bytes. The arithmetic is in
float64: where two machines differ in its last bits, rounding to 8 bits hides it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SIZE: Final = 32
CELLS: Final = 8

# Ground and ink of each kind of plate: enamel, paint, brass, stone.
COLOURS: Final = (
    ("1f3a68", "f2efe6"),
    ("f0e8d5", "3a2a20"),
    ("23452f", "f3efd9"),
    ("6e1f24", "f2e3c6"),
    ("2c2f33", "e8e6e0"),
    ("eceae4", "1e2328"),
    ("f1f0ea", "1f4488"),
    ("c9962f", "2a2118"),
    ("1e5a5c", "f0e6cf"),
    ("5c6b75", "f4f1ea"),
    ("c8b08a", "4a2e1f"),
    ("1b1b1d", "d9b45a"),
    ("a9512f", "f6e9d2"),
    ("bfd3dc", "21344a"),
    ("a9b79b", "26382b"),
    ("4a2a45", "ebd9c8"),
    ("b9b9b4", "7a1f1f"),
    ("d9b23c", "1f3358"),
)
RUST: Final = "6b4a32"

Floats = NDArray[np.float64]


def compose_plates(glyphs: Floats, generator: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures of two digits each, and where the digits are.

    Args:
        glyphs: (n, 2, 8, 8), the left and the right digit's ink in [0, 1].
        generator: the only source of chance.

    Returns:
        The RGB pictures, uint8 (n, 32, 32, 3), and the tight boxes of the digits' ink, int64 (n, 2, 4) as
        x0, y0, x1, y1 in pixels, the end exclusive. Boxes may overlap by a pixel where digits touch.
    """
    ink = draw_digits(glyphs, generator)
    boxes = tight_boxes(ink)
    coverage = ink.max(axis=1)

    num_plates = len(glyphs)
    kind = generator.integers(len(COLOURS), size=num_plates)
    ground_colour, ink_colour = (np.array([_rgb(pair[side]) for pair in COLOURS])[kind] for side in (0, 1))
    ground_colour += generator.uniform(-0.06, 0.06, (num_plates, 3))
    ink_colour += generator.uniform(-0.05, 0.05, (num_plates, 3))

    coverage *= generator.uniform(0.45, 1.0, (num_plates, 1, 1))  # faded paint
    coverage *= 1 - 0.8 * _patches(num_plates, 4.5, generator)  # chipped paint
    coverage = np.maximum(coverage, 0.75 * _scratches(num_plates, 2, generator))  # slips of the brush
    coverage *= 1 - 0.8 * _scratches(num_plates, 2, generator)
    picture = _blend(ground_colour[:, None, None], ink_colour[:, None, None], coverage)
    picture = _blend(picture, np.array(_rgb(RUST)), 0.65 * _patches(num_plates, 6.5, generator))

    picture *= _lighting(num_plates, generator)[..., None]
    grain = generator.uniform(0.01, 0.07, (num_plates, 1, 1, 1))
    picture += grain * generator.standard_normal((num_plates, SIZE, SIZE, 1))
    picture += 0.4 * grain * generator.standard_normal((num_plates, SIZE, SIZE, 3))
    return np.rint(255 * picture.clip(0, 1)).astype(np.uint8), boxes


def draw_digits(glyphs: Floats, generator: np.random.Generator) -> Floats:
    """The digits enlarged and set side by side: coverage in [0, 1], (n, 2, 32, 32), of the same (n, 2, 8, 8) glyphs."""
    num_plates = len(glyphs)
    columns = glyphs.max(axis=2) > 0  # (n, 2, 8); every glyph fills all of its rows
    first = columns.argmax(axis=2)
    width_in_cells = CELLS - columns[..., ::-1].argmax(axis=2) - first

    pitch_y = generator.uniform(1.55, 2.35, (num_plates, 1)) * generator.uniform(0.92, 1.08, (num_plates, 2))
    pitch_x = pitch_y * generator.uniform(0.75, 1.0, (num_plates, 1))
    gap = generator.uniform(-1.0, 2.5, num_plates)
    pitch_x *= np.minimum(1, (SIZE - 2 - gap) / (pitch_x * width_in_cells).sum(axis=1))[:, None]

    widths, heights = pitch_x * width_in_cells, pitch_y * CELLS
    slack = SIZE - 2 - gap - widths.sum(axis=1)
    left = 1 + slack * generator.uniform(0, 1, num_plates)
    x0 = np.stack([left, left + widths[:, 0] + gap], axis=1)
    top = (SIZE - heights.max(axis=1)) * generator.uniform(0.05, 0.95, num_plates)
    y0 = top[:, None] + (SIZE - heights - top[:, None]).clip(0, 2) * generator.uniform(0, 1, (num_plates, 2))

    rows = _interpolation(y0, pitch_y)
    cols = _interpolation(x0 - pitch_x * first, pitch_x)
    level = rows @ glyphs @ cols.swapaxes(-1, -2)
    threshold = generator.uniform(0.35, 0.55, (num_plates, 1, 1, 1))  # boldness of the stroke
    return _smooth_step((level - threshold) / 0.3 + 0.5)


def tight_boxes(ink: Floats) -> NDArray[np.int64]:
    """The smallest boxes (..., 4), as x0, y0, x1, y1 with the end exclusive, around all ink of (..., 32, 32)."""
    x, y = ink.max(axis=-2) > 0, ink.max(axis=-1) > 0
    return np.stack(
        [
            x.argmax(axis=-1),
            y.argmax(axis=-1),
            SIZE - x[..., ::-1].argmax(axis=-1),
            SIZE - y[..., ::-1].argmax(axis=-1),
        ],
        axis=-1,
    ).astype(np.int64)


def _interpolation(origin: Floats, pitch: Floats) -> Floats:
    """Catmull-Rom weights (..., 32, 8) that take cells of `pitch` pixels, the first starting at `origin`, to pixels."""
    pixel = (np.arange(SIZE) + 0.5 - origin[..., None]) / pitch[..., None] - 0.5
    distance = np.abs(pixel[..., None] - np.arange(CELLS))
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0))


def _patches(num: int, pitch: float, generator: np.random.Generator) -> Floats:
    """Soft-edged patches (num, 32, 32), some `pitch` pixels wide; half of the plates have none, the others up to 1."""
    weights = _interpolation(np.full(num, -pitch), np.full(num, pitch))
    field = weights @ generator.standard_normal((num, CELLS, CELLS)) @ weights.swapaxes(-1, -2)
    strength = generator.uniform(-1, 1, (num, 1, 1)).clip(0)
    return strength * _smooth_step((field - 0.4) / 0.8)


def _scratches(num: int, per_plate: int, generator: np.random.Generator) -> Floats:
    """Coverage in [0, 1], (num, 32, 32), of up to `per_plate` thin straight strokes."""
    coverage: Floats = np.zeros((num, SIZE, SIZE))
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    for _ in range(per_plate):
        x0, y0 = generator.uniform(0, SIZE, (2, num, 1, 1))
        angle = generator.uniform(0, 2 * np.pi, (num, 1, 1))
        length = generator.uniform(4, 16, (num, 1, 1))
        width = generator.uniform(0.3, 0.9, (num, 1, 1))
        dx, dy = np.cos(angle), np.sin(angle)
        along = ((x - x0) * dx + (y - y0) * dy).clip(0, length)
        distance = np.sqrt((x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2)
        drawn = generator.uniform(-0.5, 1, (num, 1, 1)).clip(0)
        np.maximum(coverage, drawn * (1 - (distance - width).clip(0, 1)), out=coverage)
    return coverage


def _lighting(num: int, generator: np.random.Generator) -> Floats:
    """Gain (num, 32, 32) that falls off in a random direction."""
    exposure = generator.uniform(0.6, 1.1, (num, 1, 1))
    slope = generator.uniform(0, 0.5, (num, 1, 1))
    angle = generator.uniform(0, 2 * np.pi, (num, 1, 1))
    y, x = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE * 2 - 1
    gain: Floats = exposure * (1 + slope * (x * np.cos(angle) + y * np.sin(angle)))
    return gain


def _blend(below: Floats, above: Floats, coverage: Floats) -> Floats:
    """`above` over `below`, colours (..., 3), where coverage (n, 32, 32) is 1."""
    return below + (above - below) * coverage[..., None]


def _smooth_step(values: Floats) -> Floats:
    """0 up to 0, 1 from 1 on, and a smooth cubic between."""
    values = values.clip(0, 1)
    return values * values * (3 - 2 * values)


def _rgb(text: str) -> tuple[float, float, float]:
    """Red, green and blue in [0, 1] of a colour written as six hexadecimal digits."""
    red, green, blue = bytes.fromhex(text)
    return red / 255, green / 255, blue / 255
