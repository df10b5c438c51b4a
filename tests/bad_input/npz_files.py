"""Test sets in .npz files."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bad_input.good_input import NAMES, images_and_labels
from bad_input.row import OK, RUN, Row, data, text

IMAGES, LABELS = images_and_labels()


def _npz(**changes: object) -> Callable[[Path], object]:
    """test.npz with these members changed, or left out where they are None."""

    def write(folder: Path) -> None:
        members: dict[str, object] = {"images": IMAGES, "labels": LABELS, "class_names": np.array(NAMES), **changes}
        kept = {name: np.asarray(member) for name, member in members.items() if member is not None}
        np.savez(folder / "test.npz", **kept)  # type: ignore[arg-type]

    return write


def _cut(folder: Path) -> None:
    path = folder / "test.npz"
    path.write_bytes(path.read_bytes()[:-200])


def _flip(folder: Path) -> None:
    path = folder / "test.npz"
    content = bytearray(path.read_bytes())
    content[600] ^= 255
    path.write_bytes(content)


def _huge_member(folder: Path) -> None:
    """A header that promises 10 TB."""
    with zipfile.ZipFile(folder / "test.npz", "w") as archive:
        header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000, 1000, 10), }"
        archive.writestr("images.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        archive.writestr("labels.npy", b"")


def _plain_zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "test.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")


ROWS = (
    Row("no such file", RUN.replace("test.npz", "nowhere.npz"), ("nowhere.npz",)),
    Row("an empty .npz file", RUN, ("test.npz",), data("test.npz", b"")),
    Row("text named .npz", RUN, ("test.npz",), text("test.npz", "hello")),
    Row("an HTML page named .npz", RUN, ("test.npz",), text("test.npz", "<!doctype html><html>")),
    Row(
        "a pointer of Git LFS named .npz",
        RUN,
        ("test.npz",),
        text("test.npz", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
    ),
    Row("a .npz file without its end", RUN, ("test.npz",), _cut),
    Row("a .npz file with a changed byte", RUN, ("test.npz",), _flip),
    Row("a .npz file that announces ten terabytes", RUN, ("test.npz",), _huge_member),
    Row("a .zip archive of something else", RUN, ("test.npz",), _plain_zip),
    Row(
        "a single array named .npz",
        RUN,
        ("test.npz",),
        lambda folder: (np.save(folder / "a.npy", IMAGES), (folder / "a.npy").rename(folder / "test.npz")),
    ),
    Row(
        "a folder named .npz",
        RUN.replace("test.npz", "folder.npz"),
        ("folder.npz",),
        lambda folder: (folder / "folder.npz").mkdir(),
    ),
    Row("no images in it", RUN, ("images",), _npz(images=None)),
    Row("no labels in it", RUN, ("labels",), _npz(labels=None)),
    Row("pickled labels", RUN, ("labels",), _npz(labels=np.array(["a", 1, None], dtype=object))),
    Row("images that are flat", RUN, ("images",), _npz(images=IMAGES.reshape(12, -1))),
    Row("images with the channels first", RUN, ("images",), _npz(images=IMAGES.transpose(0, 3, 1, 2))),
    Row("images with two channels", RUN, ("images",), _npz(images=IMAGES[..., :2])),
    Row("gray images without a channel axis", RUN, ("ccuracy",), _npz(images=IMAGES[..., 0]), OK),
    Row("images of floats beyond 1", RUN, ("images",), _npz(images=IMAGES.astype(np.float32))),
    Row("images that are not finite", RUN, ("images",), _npz(images=np.full(IMAGES.shape, np.nan, np.float32))),
    Row("images of complex numbers", RUN, ("images",), _npz(images=IMAGES.astype(np.complex64))),
    Row("images of truth values", RUN, ("images",), _npz(images=IMAGES > 80)),
    Row("no image at all", RUN, ("images",), _npz(images=IMAGES[:0], labels=LABELS[:0])),
    Row("images without any pixel", RUN, ("images",), _npz(images=IMAGES[:, :0])),
    Row("fewer labels than images", RUN, ("12", "9"), _npz(labels=LABELS[:9])),
    Row("labels of floats with fractions", RUN, ("labels",), _npz(labels=LABELS + 0.5)),
    Row("labels that are not finite", RUN, ("labels",), _npz(labels=np.full(12, np.nan))),
    Row("a negative label", RUN, ("-1",), _npz(labels=LABELS - 1)),
    Row("a label beyond the class names", RUN, ("3",), _npz(labels=LABELS + 1)),
    Row("a label of 2⁶³", RUN, ("9223372036854775808",), _npz(labels=np.full(12, 2**63, np.uint64))),
    Row("labels of one class and its number as text", RUN, ("labels",), _npz(labels=np.array(["x"] * 12))),
    Row("one-hot labels", RUN, ("ccuracy",), _npz(labels=np.eye(3, dtype=np.int64)[LABELS]), OK),
    Row("several labels per image", RUN, ("labels",), _npz(labels=np.ones((12, 3), np.int64))),
    Row("labels of truth values for three classes", RUN, ("bool",), _npz(labels=LABELS > 0)),
    Row("fewer class names than labels", RUN, ("2", "3"), _npz(class_names=np.array(NAMES[:2]))),
    Row("a class name twice", RUN, ("otter",), _npz(class_names=np.array(["otter", "otter", "seal"]))),
    Row("a blank class name", RUN, ("class_names",), _npz(class_names=np.array(["otter", " ", "seal"]))),
    Row("class names as numbers", RUN, ("class_names",), _npz(class_names=np.arange(3))),
    Row("class names as a table", RUN, ("class_names",), _npz(class_names=np.array([NAMES]))),
    Row("an example name twice", RUN, ("same",), _npz(ids=np.array(["same"] * 12))),
    Row("fewer example names than images", RUN, ("ids",), _npz(ids=np.array(["a", "b"]))),
    Row("a test set of one class", RUN, ("otter",), _npz(labels=LABELS * 0), OK),
)
