"""The user's own model code: import the file or module, and call the function that builds the network."""

import importlib
import inspect
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from torch import nn

from reportgen.errors import ModelError, ReportError, setting
from reportgen.inputs.networks.classifier import Network
from reportgen.inputs.networks.keras_models import is_keras_model, wrap_keras
from reportgen.inputs.networks.names import network_name
from reportgen.inputs.networks.python_modules import importable
from reportgen.inputs.suggestions import nearest_text
from reportgen.plain_text import to_one_line

log = logging.getLogger(__name__)


def build_from_file(path: Path, function: str) -> Network:
    """The network that a function in a file returns: a module of torch, or a Keras model.

    While the code runs, the file's folder is importable. Its imports from there are forgotten afterwards, so that
    another model's folder may contain modules of the same names.

    Raises:
        ModelError: the file cannot be imported, or the function is missing, needs arguments or returns neither.
    """
    with importable(path.parent), _forgetting_imports_from(path.parent):
        return _name(_call(_import_file(path), str(path), function), str(path), function)


def build_from_module(name: str, function: str) -> Network:
    """As `build_from_file`, for a function in a module, which is imported with the current folder importable."""
    with importable(Path.cwd()):
        return _name(_call(_import_module(name), name, function), name, function)


def _name(network: nn.Module, place: str, function: str) -> Network:
    name = network_name(type(network).__name__, function, place)
    return wrap_keras(network, name=name) if is_keras_model(network) else Network(name=name, module=network)


def _import_file(path: Path) -> ModuleType:
    """The module in a file, under a name made from its path: files in other folders may have the same name."""
    name = f"_reportgen_{path.stem}_{sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    module_spec = spec_from_file_location(name, path.resolve())
    if module_spec is None or module_spec.loader is None:
        raise ModelError(f"The model file {path} is not a Python module.", hint="Give a .py file.")
    module = module_from_spec(module_spec)
    sys.modules[name] = module  # where dataclasses and pickle look classes up
    try:
        module_spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, Exception | SystemExit):
            raise _explain_import(str(path), error) from error
        raise
    return module


def _import_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise _explain_import(name, error) from error


def _explain_import(what: str, error: Exception | SystemExit) -> ModelError:
    if isinstance(error, SystemExit):
        return ModelError(
            f"The model's code {what} ends the program (sys.exit) when it is imported.",
            hint='Put what it runs as a script under if __name__ == "__main__".',
        )
    if isinstance(error, SyntaxError):
        return ModelError(f"The model's code {what} cannot be imported: {error}.", hint="Correct the syntax.")
    if isinstance(error, ImportError):
        hint = "Install what it imports, or put it next to it."
        return ModelError(f"The model's code {what} cannot be imported: {error}.", hint=hint)
    return ModelError(
        f"The model's code {what} fails when it is imported{_place_text(error)}: {_error_text(error)}.",
        hint="Correct the code.",
    )


def _error_text(error: BaseException) -> str:
    """The kind and the message of an error in a user's code, on one line."""
    return to_one_line(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__).rstrip(".")


def _place_text(error: BaseException) -> str:
    """The file and line that raised an error."""
    frames = traceback.extract_tb(error.__traceback__)
    return f", in line {frames[-1].lineno} of {Path(frames[-1].filename).name}" if frames else ""


def _call(module: ModuleType, place: str, function: str) -> nn.Module:
    factory = getattr(module, function, None)
    if factory is None:
        own = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise ModelError(f"{place} has no {function}.", hint=nearest_text(function, own))
    if isinstance(factory, nn.Module) or not callable(factory):
        raise ModelError(
            f"{function} in {place} is a {type(factory).__name__}, not a function that builds the network.",
            hint=f"Write a function without arguments: def build_model(): return {function}",
        )
    needed = _needed_arguments(factory)
    if needed:
        raise ModelError(
            f"{function} in {place} needs arguments: {', '.join(needed)}.",
            hint=f"Write a function without arguments: def build_model(): return {function}(...)",
        )
    try:
        network = factory()
    except SystemExit as error:
        raise ModelError(
            f"{function} in {place} ends the program (sys.exit) instead of returning the network.",
            hint="Write a function that only builds the network and returns it.",
        ) from error
    except ReportError:
        raise
    except Exception as error:  # the user's code may raise anything
        log.debug("the factory failed", exc_info=True)
        raise ModelError(
            f"{function} in {place} fails{_place_text(error)}: {_error_text(error)}.", hint="Correct the function."
        ) from error
    if not isinstance(network, nn.Module):
        raise ModelError(
            f"{function} in {place} returned {_what_text(network)}, not a torch.nn.Module.",
            hint=f"Return the network itself; its weights come from {setting('weights')}.",
        )
    return _unwrapped(network)


def _unwrapped(network: nn.Module) -> nn.Module:
    """The network inside torch.compile and wrappers for several devices, whose layers can be hooked one by one."""
    while True:
        if isinstance(inner := getattr(network, "_orig_mod", None), nn.Module):
            network = inner
        elif isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel):
            network = network.module
        else:
            return network


def _needed_arguments(factory: object) -> list[str]:
    """Names of the parameters without default values."""
    try:
        parameters = inspect.signature(factory).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):  # some builtins have no signature
        return []
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is inspect.Parameter.empty and p.kind not in optional]


def _what_text(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, tuple | list | dict):
        kinds = ", ".join(dict.fromkeys(type(part).__name__ for part in value))
        return f"a {type(value).__name__} of {kinds or 'nothing'}"
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


@contextmanager
def _forgetting_imports_from(folder: Path) -> Iterator[None]:
    """Remove modules from `sys.modules` that are imported from a folder meanwhile, unless it is always importable."""
    place, known = folder.resolve(), set(sys.modules)
    try:
        yield
    finally:
        if place not in {Path(entry).resolve() for entry in sys.path[1:]}:
            new = [name for name in sys.modules if name not in known and not name.startswith("_reportgen_")]
            tops = {name for name in new if "." not in name and _folder_of(sys.modules[name]) == place}
            for name in new:
                if name.partition(".")[0] in tops:
                    del sys.modules[name]


def _folder_of(module: ModuleType) -> Path | None:
    """The folder of a top-level module or package."""
    packages = list(getattr(module, "__path__", []))
    location = packages[0] if packages else getattr(module, "__file__", None)
    return None if location is None else Path(location).resolve().parent
