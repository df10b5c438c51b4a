"""The network under review: as its provider builds it, and ready to run."""

from dataclasses import dataclass

from torch import nn

from reportgen.inputs.preprocessing import Preprocessing
from reportgen.output_reading import OutputReading


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Classifier:
    """A network in evaluation mode with its weights and its preprocessing.

    Attributes:
        name: the network, in words.
        module: maps float32 (B, 3, H, W) to logits (B, K).
        preprocessing: how an image becomes the module's input.
        weights_name: file name of the checkpoint; empty where none was given.
        is_opaque: whether its inside can be neither hooked nor differentiated: predictions without maps.
        outputs: how the module's outputs are read; `None` before that is found.
        notes: what was assumed about its weights and its preprocessing, as sentences.
    """

    name: str
    module: nn.Module
    preprocessing: Preprocessing
    weights_name: str
    is_opaque: bool = False
    outputs: OutputReading | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Network:
    """A network as its provider builds it.

    Attributes:
        name: in words.
        module: maps float32 (B, 3, H, W) to logits (B, K).
        weights_name: the provider's name for the weights that are already in it; empty where those are to come.
        preprocessing: that of the network; `None` if unknown.
        input_side: side in pixels of the square images that it is made for, where no more of the preprocessing is
            known than that.
        is_opaque: as in `Classifier`.
        unsupported: which step of its own preprocessing cannot be reproduced, as a sentence; empty where all can be.
        notes: as in `Classifier`.
    """

    name: str
    module: nn.Module
    weights_name: str = ""
    preprocessing: Preprocessing | None = None
    input_side: int | None = None
    is_opaque: bool = False
    unsupported: str = ""
    notes: tuple[str, ...] = ()
