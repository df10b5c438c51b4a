"""Which examples are shown. A selection never changes a denominator."""

from dataclasses import dataclass

HIGH_CONFIDENCE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSelection:
    """The examples on one class page, as positions 0..N-1 in the cache; ties are broken by position.

    Attributes:
        worst: the class's misclassified examples by falling confidence, then its correct ones by rising confidence.
        best: its correct examples by falling confidence.
        mistaken: examples of other classes predicted as it, by falling confidence.
    """

    worst: tuple[int, ...]
    best: tuple[int, ...]
    mistaken: tuple[int, ...]
