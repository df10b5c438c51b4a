"""The logits in a network's output, and the errors if there are none."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from reportgen.errors import ModelError, ReportError, setting
from reportgen.evidence.devices import is_out_of_memory

log = logging.getLogger(__name__)


@contextmanager
def forward_hint(images: Tensor) -> Iterator[None]:
    """Within it, a failing forward of such images raises an error with a hint.

    Raises:
        ModelError: the network fails.
    """
    try:
        yield
    except ReportError:
        raise
    except SystemExit as error:
        raise ModelError(
            "The network ends the program (sys.exit) instead of returning its outputs.",
            hint="Correct its forward method.",
        ) from error
    except Exception as error:  # user code may raise anything
        if is_out_of_memory(error):
            raise
        log.debug("the network's forward failed", exc_info=True)
        height, width = images.shape[2:]
        if isinstance(error, TypeError) and "missing" in str(error) and "argument" in str(error):
            raise ModelError(
                f"The network needs more than one input: {error}.",
                hint="Write a function that returns a network of images alone, which passes the other inputs itself.",
            ) from error
        raise ModelError(
            f"The network fails on images of {height}×{width} pixels: {type(error).__name__}: {error}",
            hint=f"Give the size that it expects with {setting('resize')} and {setting('crop')}; if that is right, "
            "correct its forward method.",
        ) from error


def check_logits(output: Any, num_images: int, num_classes: int | None) -> None:
    """Check that what a network returns are the logits of so many images and classes; `None` takes any number.

    Raises:
        ModelError: they are not.
    """
    logits = extract_logits(output)
    if len(logits) != num_images:
        raise ModelError(
            f"The network returns {len(logits)} rows of logits for {num_images} images.",
            hint="Make the model factory return a classifier, whose output is one row of class logits per image.",
        )
    if num_classes is not None and logits.shape[1] != num_classes:
        raise ModelError(
            f"The network has {logits.shape[1]} output{'' if logits.shape[1] == 1 else 's'}, the test set has "
            f"{num_classes} classes.",
            hint="Build the network with one output for each class. If the test set contains only some of its classes, "
            f"list all of them in a file and give {setting('class_names_path', 'FILE')}."
            + (" If labels are counted from 1, subtract 1 from each." if logits.shape[1] == num_classes - 1 else ""),
        )


def extract_logits(output: Any) -> Tensor:
    """The logits (B, K) in what a network returns: a tensor, the first of a tuple, or the field `logits`.

    Raises:
        ModelError: there are none.
    """
    if isinstance(output, Mapping):
        found = output.get("logits")
    elif isinstance(output, (tuple, list)) and not hasattr(output, "logits"):
        found = output[0] if output else None
    else:
        found = getattr(output, "logits", output)
    if isinstance(found, Tensor) and found.ndim == 2 and found.is_floating_point():
        return found
    raise ModelError(
        f"The network returns {_describe(output)}, but logits of shape (batch, classes) are needed.",
        hint="Make the model factory return a classifier: a module whose output is one row of class logits per image.",
    )


def _describe(output: Any) -> str:
    if isinstance(output, Tensor):
        return f"a {str(output.dtype).removeprefix('torch.')} tensor of shape {tuple(output.shape)}"
    if isinstance(output, Mapping):
        return f"a {type(output).__name__} with the keys {', '.join(map(str, output)) or 'none'}"
    if isinstance(output, (tuple, list)) and output:
        return f"a {type(output).__name__} whose first element is {_describe(output[0])}"
    return f"a {type(output).__name__}"


def first_tensor(output: Any) -> Any:
    """What a layer passes on: its output, or the first tensor of a tuple or list that begins with one."""
    is_several = isinstance(output, tuple | list) and len(output) > 0 and isinstance(output[0], Tensor)
    return output[0] if is_several else output


def replace_first(output: Any, tensor: Tensor) -> Any:
    """A layer's output with another tensor in the place of what it passes on."""
    if isinstance(output, Tensor):
        return tensor
    if hasattr(output, "_replace"):  # a named tuple
        return output._replace(**{output._fields[0]: tensor})
    return type(output)([tensor, *output[1:]])
