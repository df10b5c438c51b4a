"""What an image may be called in a test set, from the name that an annotation tool has given it. Torch-free."""

import re
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

_UPLOAD_PREFIX: Final = re.compile(r"[0-9a-f]{8}-(?=.)")
"""Label Studio's, before the name of an uploaded file."""
_EXPORT_SUFFIX: Final = re.compile(r"_(?P<ending>[A-Za-z]{3,4})\.rf\.[0-9A-Za-z]{8,}\.[A-Za-z]+$")
"""Roboflow's: `cat_jpg.rf.0123456789abcdef.jpg` stands for `cat.jpg`."""


def list_names(said: str) -> tuple[str, ...]:
    """The names that an image may have, the surest first: as said, and without what tools add.

    Tools add folders of projects, addresses, prefixes of uploads and suffixes of exports. Paths have forward slashes.
    """
    plain = unquote(said.replace("\\", "/"))
    address = urlsplit(plain)
    if address.scheme in ("http", "https", "s3", "gs") or address.query:
        plain = parse_qs(address.query).get("d", [address.path])[0].lstrip("/")
    path = PurePosixPath(plain)
    names = [plain]
    without_prefix = _UPLOAD_PREFIX.sub("", path.name, count=1) if _UPLOAD_PREFIX.match(path.name) else ""
    if without_prefix:
        names.append(without_prefix)
    original = _EXPORT_SUFFIX.sub(lambda match: f".{match['ending']}", path.name)
    if original != path.name:
        names.append(str(path.with_name(original)))
    return tuple(dict.fromkeys(names))
