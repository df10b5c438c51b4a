"""Unpickling without running anything: tensors and plain containers as they are, stand-ins for all other objects.

It is handed to `torch.load` as its `pickle_module`. A pickle can only call what `find_class` gives it, and that is the
three functions that put tensors together, `OrderedDict`, and classes of stand-ins, which do nothing.
"""

import pickle
from collections import OrderedDict
from typing import Any, BinaryIO, Final

from torch._utils import _rebuild_parameter, _rebuild_tensor_v2

_ALLOWED: Final = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
}


class StandIn:
    """Something in place of a Python object in a pickle: it takes whatever it is given, and forgets it.

    Each class or function in the pickle gets its own class of stand-ins, of the same name.
    """

    def __new__(cls, *_args: Any, **_options: Any) -> "StandIn":
        """Nothing but itself, whatever the arguments."""
        return object.__new__(cls)

    def __init__(self, *_args: Any, **_options: Any) -> None:
        """Keep nothing."""

    def __call__(self, *_args: Any, **_options: Any) -> "StandIn":
        """Itself: what a pickle calls may be a method of another object."""
        return self

    def _forget(self, *_values: Any) -> None:
        """Keep nothing: what a pickle does to an object after it is made."""

    __setstate__ = __setitem__ = append = extend = add = _forget


class Unpickler(pickle.Unpickler):
    """An unpickler that calls nothing but what puts tensors together."""

    def find_class(self, module: str, name: str, /) -> Any:
        """What a pickle may call under a name."""
        return _ALLOWED.get((module, name)) or type(name, (StandIn,), {"__qualname__": f"{module}.{name}"})


def load(file: BinaryIO, **options: Any) -> Any:
    """What a pickle holds; `torch.load` requires it of a module, and calls it for its older format alone."""
    return Unpickler(file, **options).load()
