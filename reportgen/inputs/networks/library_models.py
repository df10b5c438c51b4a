"""What torchvision and timm have in common: quiet construction, and where the preprocessing comes from."""

import warnings
from collections.abc import Callable

from torch import nn

from reportgen.errors import ModelError, setting


def explain_origin(weights: str, *, is_pretrained: bool) -> str:
    """Where the preprocessing comes from. A checkpoint does not record its own, so the library's is assumed."""
    return weights if is_pretrained else f"{weights}, assumed for this checkpoint too"


def build_quietly(spec: str, build: Callable[[], nn.Module]) -> nn.Module:
    """The network that a library builds, without its advice about initial weights.

    Raises:
        ModelError: it cannot be built, for example because the weights cannot be downloaded.
    """
    library, _, name = spec.partition(":")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return build()
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"{library} cannot build {name}: {error}",
            hint="Check the name and, for pretrained weights, the connection; or give a checkpoint with "
            f"{setting('weights', 'FILE')}.",
        ) from error
