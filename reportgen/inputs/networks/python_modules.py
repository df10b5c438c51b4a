"""The user's own Python modules: where they are, without importing them, and how they become importable."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import invalidate_caches
from importlib.machinery import ModuleSpec
from pathlib import Path

from reportgen.errors import ModelError


def locate_module(name: str) -> Path:
    """The file of a module by its dotted name. Its parent packages are found, not imported.

    Raises:
        ModelError: there is no such module, or it has no file.
    """
    search: list[str] | None = None
    with importable(Path.cwd()):
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            found = _find_module(".".join(parts[:depth]), search)
            if found is None:
                raise ModelError(
                    f"The module {'.'.join(parts[:depth])} cannot be found.",
                    hint="Install its package, or run reportgen in the folder that contains it.",
                )
            search = list(found.submodule_search_locations or [])
    if found is None or found.origin is None or not Path(found.origin).is_file():
        raise ModelError(f"The module {name} has no file.", hint="Name the module that defines the function.")
    return Path(found.origin)


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Put a folder first in `sys.path`; restore `sys.path` afterwards."""
    path_before = list(sys.path)
    invalidate_caches()  # the files may be younger than Python's listing of the folder
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path[:] = path_before


def _find_module(name: str, search: list[str] | None) -> ModuleSpec | None:
    """As `importlib.util.find_spec`, which would import the parent package."""
    for finder in sys.meta_path:
        found = finder.find_spec(name, search)
        if found is not None:
            return found
    return None
