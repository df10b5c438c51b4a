"""Images and folders of images."""

import os
import socket
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bad_input.row import OK, SCALE, USAGE, Row, data, text

FOLDER = f"run --model model.py:make_model --weights model.pth --data photos {SCALE}"
EXPLAIN = f"explain --model model.py:make_model --weights model.pth {SCALE}"


def _png(size: tuple[int, int] = (16, 16), mode: str = "RGB") -> bytes:
    stream = BytesIO()
    Image.new(mode, size).save(stream, "PNG")
    return stream.getvalue()


def _huge_header() -> bytes:
    """A PNG of 60,000 by 60,000 pixels, as its header says; nothing follows."""
    import struct
    import zlib

    body = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def _fifo(folder: Path) -> None:
    os.mkfifo(folder / "photos/otter/pipe.png")


def _link_to_fifo(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "photos/otter/pipe.png").symlink_to(folder / "pipe")


def _socket(folder: Path) -> None:
    server = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(folder)  # the name of a socket is short
    server.bind("photos/otter/socket.png")
    os.chdir(here)
    server.close()


def _link(name: str, target: str):
    return lambda folder: (folder / name).symlink_to(target)


def _remove_images(folder: Path) -> None:
    for path in (folder / "photos").rglob("*.png"):
        path.unlink()


def _rename(old: str, new: str):
    return lambda folder: (folder / old).rename(folder / new)


def _splits(folder: Path) -> None:
    for split in ("train", "test"):
        for name in ("otter", "seal", "walrus"):
            path = folder / "root" / split / name / "0.png"
            path.parent.mkdir(parents=True)
            path.write_bytes(_png())


def _animated(folder: Path) -> None:
    frames = [Image.new("RGB", (16, 16), (30 * n, 0, 0)) for n in range(3)]
    frames[0].save(folder / "photos/otter/moving.gif", save_all=True, append_images=frames[1:])


def _sixteen_bits(folder: Path) -> None:
    Image.fromarray(np.full((16, 16), 4000, np.uint16)).save(folder / "photos/otter/deep.png")


def _half_jpeg(folder: Path) -> None:
    stream = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(stream, "JPEG")
    (folder / "photos/otter/half.jpg").write_bytes(stream.getvalue()[: len(stream.getvalue()) // 2])


BAD = "photos/otter/bad.png"
ROWS = (
    Row("an empty image file", FOLDER, ("bad.png",), data(BAD, b"")),
    Row("a text file named .png", FOLDER, ("bad.png",), text(BAD, "not an image\n")),
    Row("a truncated PNG", FOLDER, ("bad.png",), data(BAD, _png((64, 64))[:60])),
    Row("a PNG of 60,000 × 60,000 pixels", FOLDER, ("huge.png",), data("photos/otter/huge.png", _huge_header())),
    Row("a JPEG with half of its bytes", FOLDER, ("half.jpg",), _half_jpeg),
    Row("an image of another size", FOLDER, ("16", "9"), data("photos/otter/z.png", _png((9, 7)))),
    Row("an HTML page named .jpg", FOLDER, ("page.jpg",), text("photos/otter/page.jpg", "<!doctype html><p>Not found")),
    Row(
        "a pointer of Git LFS named .jpg",
        FOLDER,
        ("lfs.jpg",),
        text("photos/otter/lfs.jpg", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
    ),
    Row("a HEIC photograph", FOLDER, ("a.heic",), data("photos/otter/a.heic", b"\0\0\0 ftypheic" + bytes(40))),
    Row("a DICOM image", FOLDER, ("a.dcm",), data("photos/otter/a.dcm", bytes(128) + b"DICM" + bytes(40))),
    Row("a NIfTI volume", FOLDER, ("a.nii.gz",), data("photos/otter/a.nii.gz", b"\x1f\x8b" + bytes(40))),
    Row("a named pipe named .png", FOLDER, ("pipe.png",), _fifo),
    Row("a link to a named pipe", FOLDER, ("pipe.png",), _link_to_fifo),
    Row("a socket named .png", FOLDER, ("socket.png",), _socket),
    Row("a link to a device that never ends", FOLDER, ("zero.png",), _link("photos/otter/zero.png", "/dev/zero")),
    Row("a dead link", FOLDER, ("gone.png",), _link("photos/otter/gone.png", "nowhere.png"), OK),
    Row("a link to a folder above it", FOLDER, ("loop",), _link("photos/otter/loop", ".."), OK),
    Row("a link to itself", FOLDER, ("self.png",), _link("photos/otter/self.png", "self.png"), OK),
    Row("an animated GIF", FOLDER, ("moving.gif",), _animated, OK),
    Row("one image with 16 bits among others with 8", FOLDER, ("more than 8 bits",), _sixteen_bits, OK),
    Row("a folder of images that does not exist", FOLDER.replace("photos", "nowhere"), ("nowhere",)),
    Row("a folder without any image", FOLDER, ("photos",), _remove_images),
    Row("an empty folder", FOLDER.replace("photos", "empty"), ("empty",), lambda folder: (folder / "empty").mkdir()),
    Row("a folder of splits", FOLDER.replace("photos", "root"), ("root/test",), _splits),
    Row("images beside the class folders", FOLDER, ("stray.png",), data("photos/stray.png", _png()), OK),
    Row("a single image as a test set", FOLDER.replace("photos", "photos/otter/00.png"), ("00.png",)),
    Row("one folder of one class", FOLDER.replace("photos", "photos/otter"), ("otter",)),
    Row("a fourth class that the model does not have", FOLDER, ("4", "3"), data("photos/zebra/0.png", _png())),
    Row(
        "a class folder with another name than the model's",
        f"{FOLDER} --class-names names.txt",
        ("orca",),
        _rename("photos/otter", "photos/orca"),
    ),
    Row(
        "an archive of images",
        FOLDER.replace("photos", "photos.zip"),
        ("photos.zip",),
        data("photos.zip", b"PK\x05\x06" + bytes(18)),
    ),
    Row("a file name with a line break", FOLDER, ("otter",), data("photos/otter/a\nerror: forged.png", _png()), OK),
    Row(
        "a file name that is not UTF-8",
        FOLDER,
        ("UTF-8",),
        lambda folder: (folder / "photos/otter" / os.fsdecode(b"\xff\xfe.png")).write_bytes(_png()),
    ),
    Row("explain: a picture that does not exist", f"{EXPLAIN} nowhere.png", ("nowhere.png",)),
    Row("explain: a text file", f"{EXPLAIN} names.txt", ("names.txt",)),
    Row("explain: an empty picture", f"{EXPLAIN} empty.png", ("empty.png",), data("empty.png", b"")),
    Row("explain: a folder without pictures", f"{EXPLAIN} void", ("void",), lambda folder: (folder / "void").mkdir()),
    Row("explain: a named pipe", f"{EXPLAIN} pipe.png", ("pipe.png",), lambda folder: os.mkfifo(folder / "pipe.png")),
    Row("explain: a class that there is not", f"{EXPLAIN} --class zebra photos/otter/00.png", ("zebra",)),
    Row("explain: a class index beyond the last", f"{EXPLAIN} --class 3 photos/otter/00.png", ("3",)),
    Row("explain: no picture", EXPLAIN, ("IMAGE",), code=USAGE),
)
