"""The tensors in what a network returns, and the one of them that is read."""

from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor

from reportgen.errors import ModelError, setting

_TOLERANCE: Final = 1e-3


def list_elements(output: Any) -> dict[str, Tensor]:
    """The floating-point tensors in an output by name or index; a tensor alone has an empty name."""
    if isinstance(output, Tensor):
        found: dict[str, Any] = {"": output}
    elif isinstance(output, Mapping):
        found = {str(name): value for name, value in output.items()}
    elif hasattr(output, "_fields"):
        found = dict(zip(output._fields, output, strict=True))
    elif hasattr(output, "logits"):
        found = {"logits": output.logits}
    elif isinstance(output, tuple | list):
        found = {str(index): value for index, value in enumerate(output)}
    else:
        found = {}
    return {name: value for name, value in found.items() if isinstance(value, Tensor) and value.is_floating_point()}


def choose_element(output: Any, num_images: int, num_classes: int | None, wanted: str) -> str | None:
    """The name of the element of an output that is read; `None` where none has one row for each image and class.

    Without a wish it is the one whose softmax is another one, then `logits`, then the first that fits.

    Args:
        output: what the network returned.
        num_images: B.
        num_classes: K; `None` if unknown.
        wanted: its name or index; empty for no wish.

    Raises:
        ModelError: there is no element of the name that is wanted.
    """
    elements = list_elements(output)
    if wanted:
        if wanted in elements:
            return wanted
        names = list(elements)
        if wanted.isascii() and wanted.isdigit() and int(wanted) < len(names) and names != [""]:
            return names[int(wanted)]
        listed = ", ".join(filter(None, names))
        raise ModelError(
            f"The model has no output {wanted}.",
            hint=f"Give one of: {listed}." if listed else f"Omit {setting('output')}: the model returns one tensor.",
        )
    fitting = [name for name, tensor in elements.items() if fits(tensor, num_images, num_classes)]
    for name in fitting:
        if any(_is_softmax_of(elements[other], elements[name]) for other in fitting if other != name):
            return name
    return "logits" if "logits" in fitting else next(iter(fitting), None)


def fits(tensor: Tensor, num_images: int, num_classes: int | None) -> bool:
    """Whether a tensor has one row for each image, and one value for each class: of two classes, one is enough."""
    if tensor.ndim not in (1, 2) or len(tensor) != num_images:
        return False
    width = 1 if tensor.ndim == 1 else tensor.shape[1]
    return width in (1, 2) if num_classes == 2 else width == num_classes or (num_classes is None and width > 0)


def _is_softmax_of(probabilities: Tensor, logits: Tensor) -> bool:
    if probabilities.shape != logits.shape or logits.ndim != 2 or logits.shape[1] < 2:
        return False
    return bool((logits.double().softmax(dim=1) - probabilities.double()).abs().max() <= _TOLERANCE)
