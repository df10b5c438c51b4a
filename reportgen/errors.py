"""Errors that a user can solve. Each names the wrong value and carries a hint that says what to do.

    ReportError
    ├── SettingsError      a setting cannot be used
    ├── DataError          the test set cannot be read, or does not fit
    ├── ModelError         the network cannot be built, or does not fit the data
    │   └── CheckpointError    the weights cannot be read, or do not fit the network
    ├── LayerError         no usable target layer
    │   └── NoMapsError        the network can have no maps at all, whatever the settings
    ├── CacheError         the file is not a readable cache
    │   ├── ForeignFileError   the file was not written by reportgen and stays unchanged
    │   └── OutdatedCacheError the cache was written by an older version of reportgen
    ├── SiteError          the report cannot be written, or a template is invalid
    └── BusyError          another process writes to the same place

Any other exception is a bug and keeps its traceback.

Messages name settings with `setting`. Python callers read the argument (`mean`), users of the command line the option
(`--mean`): the command line passes its own names to `ReportError.with_names`.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Self

_TOKEN = re.compile("\x02([^\x02\x03\x1f]*)\x1f([^\x02\x03\x1f]*)\x1f([^\x02\x03\x1f]*)\x03")


def setting(name: str, value: object = None) -> str:
    """A placeholder for a setting in a message or hint, such as `setting("resize", 256)`.

    Args:
        name: the field of the settings, or the argument of the public function.
        value: the value to show, if any. A text in capitals, such as `FILE`, is itself a placeholder.
    """
    is_text = isinstance(value, str | Path)
    if value is None:
        in_python = on_command_line = ""
    elif isinstance(value, tuple):
        in_python, on_command_line = repr(value), ",".join(map(str, value))
    elif value is True:
        in_python, on_command_line = "True", ""
    else:
        is_placeholder = is_text and str(value).partition(".")[0].isupper()
        in_python = repr(str(value)) if is_text and not is_placeholder else str(value)
        on_command_line = str(value)
    return f"\x02{name}\x1f{in_python}\x1f{on_command_line}\x03"


def name_settings(text: str, name_option: Callable[[str], str] | None = None) -> str:
    """A text with its settings spelled out: as Python arguments, or as options where their names are given."""

    def spell(match: re.Match[str]) -> str:
        name, in_python, on_command_line = match.groups()
        if name_option is None:
            return f"{name}={in_python}" if in_python else name
        option = name_option(name)
        return f"{option} {on_command_line}" if on_command_line else option

    return _TOKEN.sub(spell, text)


class ReportError(Exception):
    """A problem that the user can solve.

    Args:
        message: what is wrong; names the value.
        hint: what to do about it, as an imperative.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(name_settings(message))
        self._message = message
        self._hint = hint

    @property
    def message(self) -> str:
        """What is wrong, with settings named as Python arguments."""
        return name_settings(self._message)

    @property
    def hint(self) -> str:
        """What to do about it, with settings named as Python arguments."""
        return name_settings(self._hint)

    def at(self, place: str) -> Self:
        """The same error, with the place where it happened in front of its message."""
        return type(self)(f"{place}: {self._message}", hint=self._hint)

    def with_names(self, name_option: Callable[[str], str]) -> tuple[str, str]:
        """Message and hint, with each setting named by the given function."""
        return name_settings(self._message, name_option), name_settings(self._hint, name_option)


class SettingsError(ReportError):
    """A setting cannot be used."""


class DataError(ReportError):
    """The test set cannot be read, or does not fit the settings."""


class ModelError(ReportError):
    """The network cannot be built, or does not fit the data."""


class CheckpointError(ModelError):
    """The weights cannot be read, or do not fit the network."""


class LayerError(ReportError):
    """No layer can be used for class activation maps."""


class NoMapsError(LayerError):
    """The network can have no class activation maps, whatever the settings; the report does without them."""


class CacheError(ReportError):
    """The file is not a readable cache."""


class ForeignFileError(CacheError):
    """The file was not written by reportgen; it is never overwritten."""


class OutdatedCacheError(CacheError):
    """The cache was written by an older version of reportgen, in a format that this version does not read."""


class SiteError(ReportError):
    """The report cannot be written, or a template is invalid."""


class BusyError(ReportError):
    """Another process writes to the same place."""
