"""The network under review, ready to run."""

from dataclasses import dataclass

from torch import nn

from reportgen.inputs.preprocessing import Preprocessing


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Classifier:
    """A network in evaluation mode with its weights and its preprocessing.

    Attributes:
        name: the network, in words.
        module: maps float32 (B, 3, H, W) to logits (B, K).
        preprocessing: how an image becomes the module's input.
        weights_name: file name of the checkpoint; empty where none was given.
        is_opaque: whether its inside can be neither hooked nor differentiated: predictions without maps.
    """

    name: str
    module: nn.Module
    preprocessing: Preprocessing
    weights_name: str
    is_opaque: bool = False
