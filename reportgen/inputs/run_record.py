"""When something ran, and on which versions: what every cache records."""

import os
import platform
import time
from collections.abc import Iterable
from importlib import metadata

from reportgen.version import __version__


def time_text(seconds: float | None = None) -> str:
    """The time that SOURCE_DATE_EPOCH gives for reproducible builds, or else the one given: ISO 8601 in UTC.

    Args:
        seconds: since the epoch; `None` for now.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isascii() and epoch.isdigit():
        seconds = int(epoch)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() if seconds is None else seconds))


def version_pairs(packages: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Names and versions of Python, reportgen and those of the packages that are installed, sorted."""
    versions = {"python": platform.python_version(), "reportgen": __version__}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return tuple(sorted(versions.items()))
