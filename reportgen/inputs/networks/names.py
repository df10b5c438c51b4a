"""What a report calls the network."""

import re
from pathlib import Path
from typing import Final

UNNAMED: Final = "the model"
"""The fallback name; sentences capitalize it in first place."""

_GENERIC: Final = frozenset(
    {"classifier", "cnn", "functional", "graphmodule", "model", "models", "module", "net", "network", "sequential"}
)
_NUMBERING: Final = re.compile(r"_\d+$")  # as Keras numbers models without a name
_BUILDERS: Final = ("build", "create", "get", "load", "make")


def network_name(class_name: str, factory: str, place: str) -> str:
    """The name of a network that a user's factory built: the most specific one that the code gives it.

    1. The factory's name where it extends the class's: `resnet20` for a `ResNet` that `resnet20()` returns.
    2. Otherwise the class's name, such as `DemoNet`, unless it is generic (`Sequential`, `Model`, `Net`).
    3. Otherwise the factory's name, unless that is generic too or starts with a verb (`build_model`, `make`).
    4. Otherwise the name of the file or module, unless that is generic: `vgg.py` gives `vgg`.
    5. Otherwise "the model".

    Args:
        class_name: the network's class.
        factory: the name behind the colon of the spec.
        place: the file or the dotted module name before it.
    """
    plain_class, plain_factory = (name.replace("_", "").lower() for name in (class_name, factory))
    if plain_factory.startswith(plain_class) and plain_factory != plain_class and plain_class not in _GENERIC:
        return factory
    module = Path(place).stem if place.endswith(".py") else place.rpartition(".")[2]
    return next((name for name in (class_name, factory, module) if _is_specific(name)), UNNAMED)


def own_name(name: str, path: Path) -> str:
    """The name that a saved network gives itself, or its file's where that is generic (`functional_1`)."""
    return next((text for text in (name, path.stem) if _is_specific(text)), UNNAMED)


def _is_specific(name: str) -> bool:
    plain = _NUMBERING.sub("", name.lower())
    return plain not in _GENERIC and plain.partition("_")[0] not in _BUILDERS
