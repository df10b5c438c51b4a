"""What a network returns and how the pass turns it into logits: recorded with its results, and described in words."""

from dataclasses import dataclass
from typing import Final

OUTPUT_KINDS: Final = ("logits", "probabilities", "log-probabilities", "sigmoid")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputReading:
    """How the outputs of a network were read.

    Attributes:
        kind: one of `OUTPUT_KINDS`; `sigmoid` for independent probabilities.
        element: name or index of the output among several; empty for a network that returns one tensor.
        elements: names or indices of all of them.
        num_outputs: values per image of the output that is read; one means two classes.
        conversion: `none`; `inner logits` where the network's own logits, in front of its softmax or sigmoid, are read;
            `logarithm` or `inverse sigmoid` where they were computed from the outputs.
        num_channels: of the images that the network takes; 1 for their luminance.
        is_given: whether the settings name the kind; otherwise it was recognized by its values.
    """

    kind: str
    element: str = ""
    elements: tuple[str, ...] = ()
    num_outputs: int
    conversion: str = "none"
    is_given: bool = False
    num_channels: int = 3

    def describe(self) -> tuple[str, ...]:
        """What a reader of the results has to know, as sentences; nothing for plain logits."""
        sentences = []
        if self.num_channels == 1:
            sentences.append("The network takes images of one channel; it gets the luminance of each image.")
        if len(self.elements) > 1:
            sentences.append(
                f"The model returns {len(self.elements)} outputs ({', '.join(self.elements)}); this report is about "
                f"output {self.element}."
            )
        if self.num_outputs == 1:
            sentences.append(
                "The model has one output, which is read as the evidence for the second class against the first; maps "
                "of the first class are the negative of those of the second."
            )
        return (*sentences, *_CONVERSIONS.get((self.kind, self.conversion), ()))


_SHARED_MAP: Final = "so maps are those of the logits up to a map that is common to all classes."

_CONVERSIONS: Final = {
    ("probabilities", "inner logits"): (
        "The model returns probabilities; this report uses its logits, the values before the softmax.",
    ),
    ("probabilities", "logarithm"): (
        f"The model returns probabilities; this report uses their logarithms as logits, {_SHARED_MAP}",
    ),
    ("log-probabilities", "inner logits"): (
        "The model returns log-probabilities; this report uses its logits, the values before the log-softmax.",
    ),
    ("log-probabilities", "none"): (
        f"The model returns log-probabilities, which this report uses as logits, {_SHARED_MAP}",
    ),
    ("sigmoid", "inner logits"): (
        "The model returns the output of a sigmoid; this report uses its logits, the values before the sigmoid.",
    ),
    ("sigmoid", "inverse sigmoid"): (
        "The model returns the output of a sigmoid; this report uses the inverse sigmoid of it as logits.",
    ),
}
