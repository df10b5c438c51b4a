"""Static HTML reports for image classifiers.

`import reportgen` takes milliseconds: the public names are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reportgen.cache import EvaluationCache
    from reportgen.cache_file import load_cache, save_cache
    from reportgen.errors import ReportError
    from reportgen.explanation import Explanations
    from reportgen.pipeline import analyze, explain, render, run
    from reportgen.settings import AnalyzeSettings, ExplainSettings, PreprocessingSettings, RenderSettings
    from reportgen.version import __version__

__all__ = [
    "AnalyzeSettings",
    "EvaluationCache",
    "ExplainSettings",
    "Explanations",
    "PreprocessingSettings",
    "RenderSettings",
    "ReportError",
    "__version__",
    "analyze",
    "explain",
    "load_cache",
    "render",
    "run",
    "save_cache",
]

_HOME = {
    "AnalyzeSettings": "settings",
    "EvaluationCache": "cache",
    "ExplainSettings": "settings",
    "Explanations": "explanation",
    "PreprocessingSettings": "settings",
    "RenderSettings": "settings",
    "ReportError": "errors",
    "__version__": "version",
    "analyze": "pipeline",
    "explain": "pipeline",
    "load_cache": "cache_file",
    "render": "pipeline",
    "run": "pipeline",
    "save_cache": "cache_file",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"reportgen.{_HOME[name]}"), name)
    raise AttributeError(f"module 'reportgen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
