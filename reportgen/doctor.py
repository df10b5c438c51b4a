"""What is installed here: versions, devices and optional libraries, and which sources lack one."""

import platform
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module, metadata

from reportgen.inputs.libraries import Library
from reportgen.inputs.registry import DATA_SOURCES, MODEL_SOURCES
from reportgen.inputs.source import Source
from reportgen.version import __version__

_PACKAGES = ("torch", "torchvision", "grad-cam", "numpy", "scipy", "scikit-learn", "pandas", "pillow", "matplotlib")

Facts = list[tuple[str, str]]


def diagnose() -> Mapping[str, Facts]:
    """Sections of names with what was found. A library that is missing or broken is a finding, not an error."""
    sources: tuple[type[Source], ...] = (*MODEL_SOURCES, *DATA_SOURCES)
    libraries = list(dict.fromkeys(library for source in sources for library in source.libraries))
    states = {library: _state_of(library.package, library.import_module) for library in libraries}
    return {
        "Versions": [
            ("reportgen", __version__),
            ("Python", f"{platform.python_version()} ({platform.system()} {platform.machine()})"),
            *((package, _state_of(package, partial(import_module, _module_of(package)))[1]) for package in _PACKAGES),
        ],
        "Devices": _list_devices(),
        "Optional libraries": [
            (library.title, text if works else f"{text}; run pip install 'reportgen[{library.extra}]'")
            for library, (works, text) in states.items()
        ],
        "Models": [_availability(source, states) for source in MODEL_SOURCES],
        "Test sets": [_availability(source, states) for source in DATA_SOURCES],
    }


def _module_of(package: str) -> str:
    """The module of a package whose name differs."""
    return {"grad-cam": "pytorch_grad_cam", "scikit-learn": "sklearn", "pillow": "PIL"}.get(package, package)


def _state_of(package: str, load: Callable[[], object]) -> tuple[bool, str]:
    """Whether a library can be imported, and its version or what is wrong with it."""
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        return False, "not installed"
    try:
        load()
    except Exception as error:  # a broken installation raises almost anything
        reason = (str(error).strip().splitlines() or [""])[0]
        return False, f"{version}, but its import fails: {type(error).__name__}: {reason}"
    return True, version


def _list_devices() -> Facts:
    """The devices that can be used here."""
    try:
        from reportgen.evidence.devices import list_devices

        return [(name, text or "available") for name, text in list_devices()]
    except Exception as error:  # torch is missing or broken, as the versions say too
        return [("none", f"torch cannot be imported: {type(error).__name__}")]


def _availability(source: type[Source], states: Mapping[Library, tuple[bool, str]]) -> tuple[str, str]:
    """How a source is spelled, and which libraries it lacks."""
    missing = [library.title for library in source.libraries if not states[library][0]]
    return source.forms[0], f"needs {', '.join(missing)}" if missing else "available"
