"""The errors a user can meet. Each names the wrong value and carries a hint that says what to do about it.

    ReportError
    ├── SettingsError      an option's value cannot be used
    ├── DataError          the test set cannot be read, or does not fit
    ├── ModelError         the network cannot be built, or does not fit the data
    │   └── CheckpointError    the weights cannot be read, or do not fit the network
    ├── LayerError         no usable target layer
    ├── CacheError         the file is no readable cache
    │   ├── ForeignFileError   the file is something else, and is left alone
    │   └── OutdatedCacheError the file is of an older reportgen
    └── SiteError          the report cannot be written where it should go, or a template is wrong

Anything else that is raised is a bug and keeps its traceback.
"""


class ReportError(Exception):
    """A problem that the user can solve.

    Args:
        message: what is wrong, naming the value.
        hint: what to do about it, as an instruction.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SettingsError(ReportError):
    """An option's value cannot be used."""


class DataError(ReportError):
    """The test set cannot be read, or does not fit what was said of it."""


class ModelError(ReportError):
    """The network cannot be built, or does not fit the data."""


class CheckpointError(ModelError):
    """The weights cannot be read, or do not fit the network."""


class LayerError(ReportError):
    """No layer can be used for class activation maps."""


class CacheError(ReportError):
    """The file is not a readable cache."""


class ForeignFileError(CacheError):
    """The file is not reportgen's; it is never overwritten."""


class OutdatedCacheError(CacheError):
    """The file is the cache of an older reportgen, whose layout this one does not read."""


class SiteError(ReportError):
    """The report cannot be written where it should go, or a template is wrong."""
