"""The members of a user's `.npz`, read without running code from it and checked."""

import zipfile
import zlib
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import DataError
from reportgen.inputs.files import require_file
from reportgen.npy_archive import check_size

_PLAIN_HINT = "Save plain arrays: np.array(names, dtype=str) for names; images of one size, np.stack(images)."


@dataclass(frozen=True, slots=True, kw_only=True)
class NpzFile:
    """A `.npz` file and how to speak about it in messages.

    Attributes:
        path: the file.
        what: what it is, as the start of messages, such as `The test set`.
        layout_hint: the members that it must have.
    """

    path: Path
    what: str
    layout_hint: str

    def member_names(self) -> tuple[str, ...]:
        """The names of all members, in the file's order.

        Raises:
            DataError: the file is missing, damaged or no `.npz`.
        """
        require_file(self.path, self.what, error=DataError, hint="Give a .npz file.")
        with self.path.open("rb") as file:
            start = file.read(2)
        if start != b"PK":
            raise DataError(f"{self.what} {self.path} is not a .npz file.", hint=self.layout_hint)
        try:
            with zipfile.ZipFile(self.path) as archive:
                return tuple(name.removesuffix(".npy") for name in archive.namelist())
        except (zipfile.BadZipFile, OSError) as error:
            raise self._damaged() from error

    def read(self, wanted: Container[str]) -> dict[str, NDArray[Any]]:
        """Those of the wanted members that the file has, by name.

        Raises:
            DataError: the file is missing, damaged or no `.npz`, or a wanted member is no plain array.
        """
        names = self.member_names()
        try:
            # Opened here, as NumPy leaves the file open when the archive is damaged.
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                return {name: self._read_member(archive, name) for name in names if name in wanted}
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise self._damaged() from error

    def contents_text(self) -> str:
        """The members of the file, as a clause: `it has images, labels`."""
        names = self.member_names()
        return f"it has {', '.join(names)}" if names else "it is empty"

    def misfit(self, problem: str, hint: str = "") -> DataError:
        """The error to raise where a member is not as it should be.

        Args:
            problem: what is wrong, as a clause.
            hint: what to do about it, where that is not to follow the layout.
        """
        return DataError(f"{self.what} {self.path} is invalid: {problem}.", hint=hint or self.layout_hint)

    def rgb_images(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        """Images as uint8 (N, H, W, 3); grey ones, (N, H, W) or (N, H, W, 1), become RGB.

        Raises:
            DataError: they have another type or shape, or there is none.
        """
        if images.dtype != np.uint8:
            raise self.misfit(
                f"images are {images.dtype}, not uint8",
                "Save the images before any normalization, as uint8 from 0 to 255.",
            )
        is_grey = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 1)
        if not is_grey and (images.ndim != 4 or images.shape[3] != 3):
            is_channels_first = images.ndim == 4 and images.shape[1] in (1, 3)
            hint = "Put the channels last: images.transpose(0, 2, 3, 1)." if is_channels_first else ""
            raise self.misfit(f"images have the shape {images.shape}, not (N, H, W, 3)", hint)
        if images.size == 0:
            raise self.misfit(f"images have the shape {images.shape}: there are no images")
        rgb: NDArray[np.uint8] = np.repeat(images.reshape(*images.shape[:3], 1), 3, axis=3) if is_grey else images
        return rgb

    def names(self, values: NDArray[Any], member: str) -> tuple[str, ...]:
        """A member that lists names.

        Raises:
            DataError: it is no list of str.
        """
        if values.dtype.kind != "U" or values.ndim != 1:
            raise self.misfit(f"{member} is {values.dtype} {values.shape}, not a list of str", _PLAIN_HINT)
        names = tuple(values.tolist())
        blank = next((position for position, name in enumerate(names) if not name.strip()), None)
        if blank is not None:
            raise self.misfit(f"{member} has an empty name at index {blank}", "Give each entry a name.")
        return names

    def _read_member(self, archive: Any, name: str) -> NDArray[Any]:
        try:
            self._check_size(archive, name)
            member = archive[name]
        except ValueError as error:
            if "Python objects" not in str(error):
                raise self._damaged() from error
            raise self.misfit(f"{name} contains Python objects instead of plain values", _PLAIN_HINT) from error
        if not isinstance(member, np.ndarray):
            raise self.misfit(f"{name} is not an array")
        return member

    def _check_size(self, archive: Any, name: str) -> None:
        """Check that the values that a member's header announces are there, before memory is taken for them."""
        member = f"{name}.npy"
        if member not in archive.zip.namelist():
            return  # no array: what NumPy hands on as bytes
        with archive.zip.open(member) as stream:
            check_size(stream, archive.zip.getinfo(member).file_size)

    def _damaged(self) -> DataError:
        return DataError(f"{self.what} {self.path} is truncated or damaged.", hint="Save or download it again.")
