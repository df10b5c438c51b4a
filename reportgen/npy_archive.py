"""Arrays in a `.npz` archive, read without trusting it.

Nothing is unpickled, and no header can ask for more memory than the file has bytes.
"""

import hashlib
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True, slots=True)
class Member:
    """What a list of members says of one.

    Attributes:
        dtype: as NumPy's `dtype.str`, such as `<f4`.
        shape: of the array.
        sha256: of its values in C order, in hexadecimal.
    """

    dtype: str
    shape: tuple[int, ...]
    sha256: str


def describe_member(array: NDArray[Any]) -> Member:
    """What a list of members says of an array."""
    digest = hashlib.sha256()
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.size and flat.dtype.itemsize:
        digest.update(flat.view(np.uint8).data)
    return Member(array.dtype.str, tuple(array.shape), digest.hexdigest())


@contextmanager
def opened_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive of stored members in a file.

    Raises:
        ValueError: a member is compressed or listed twice, or the members claim more bytes than the file has.
        OSError: the file cannot be read.
        zipfile.BadZipFile: it is no archive.
    """
    # Opened here, as the archive leaves the file open when it is damaged.
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        compressed = [entry.filename for entry in entries if entry.compress_type != zipfile.ZIP_STORED]
        if compressed:
            raise ValueError(f"its member {compressed[0].removesuffix('.npy')} is compressed")
        names = [entry.filename for entry in entries]
        if len(set(names)) < len(names):
            raise ValueError("it has two members of one name")
        if sum(entry.file_size for entry in entries) > os.fstat(file.fileno()).st_size:
            raise ValueError("its members are larger than the file")
        yield archive


def list_members(archive: zipfile.ZipFile) -> list[str]:
    """The names of the arrays, in the archive's order."""
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def read_member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """An array.

    Raises:
        ValueError: the member holds Python objects, or not as many bytes as its header says.
        KeyError: there is no such member.
        zipfile.BadZipFile: its bytes do not have the recorded checksum.
    """
    with archive.open(f"{name}.npy") as stream:
        check_size(stream, archive.getinfo(f"{name}.npy").file_size)
    with archive.open(f"{name}.npy") as stream:
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
        stream.read()  # to the end, where the checksum is compared
    return array


def check_size(stream: IO[bytes], num_bytes: int) -> None:
    """Check that a `.npy` stream holds as many bytes as its header says, before memory is taken for them.

    Args:
        stream: at its beginning.
        num_bytes: its length.

    Raises:
        ValueError: it does not, or it holds Python objects.
    """
    version = np.lib.format.read_magic(stream)
    if version not in _HEADER_READERS:
        raise ValueError(f"its format version {version} is not known")
    shape, _is_fortran, dtype = _HEADER_READERS[version](stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    if math.prod(shape) * dtype.itemsize != num_bytes - stream.tell():
        raise ValueError("its header and its length contradict each other")


def find_difference(listed: Mapping[str, Member], found: Mapping[str, NDArray[Any]]) -> str:
    """How arrays differ from the list that was written with them, as a clause; empty if they don't."""
    for name in listed:
        if name not in found:
            return f"its member {name} is missing"
    for name, array in found.items():
        if name not in listed:
            return f"it has a member {name} that it was not written with"
        if describe_member(array) != listed[name]:
            return f"its member {name} has changed since it was written"
    return ""
