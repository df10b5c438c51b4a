"""A place that cannot be written is one clear error, and what was there before is whole."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Run

from reportgen.atomic import space_hint
from reportgen.cache import EvaluationCache
from reportgen.cache_file import load_cache, save_cache
from reportgen.errors import CacheError, SiteError
from reportgen.report.delivery.archive import write_archive
from reportgen.report.delivery.site import write_site
from reportgen.report.delivery.verify import verify_site

FILES = [("index.html", b"old")]
TOO_LARGE = bytes(range(256)) * 8192  # 2 MiB


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    if os.name == "nt" or os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("name", ["site", "."])
def test_a_full_disk_leaves_the_earlier_site(small_disk: Path, name: str):
    site = small_disk / name
    write_site(site, FILES)
    with pytest.raises(SiteError, match="No space left on device") as caught:
        write_site(site, [("index.html", b"new"), ("large.html", TOO_LARGE)])
    assert "Free some space" in caught.value.hint
    assert verify_site(site).is_clean
    assert (site / "index.html").read_bytes() == b"old"
    assert sorted(path.name for path in site.iterdir()) == ["index.html", "manifest.json"]
    assert len(list(small_disk.iterdir())) == (1 if name == "site" else 2)


def test_a_mount_point_is_written_to(small_disk: Path):
    for content in (b"old", b"new"):
        write_site(small_disk, [("index.html", content)])
        assert verify_site(small_disk).is_clean
    assert (small_disk / "index.html").read_bytes() == b"new"


def test_a_full_disk_leaves_the_earlier_cache_and_archive(small_disk: Path, tiny_cache: EvaluationCache):
    save_cache(tiny_cache, small_disk / "cache.npz")
    write_site(small_disk / "site", [("index.html", os.urandom(200_000))])
    write_archive(small_disk / "site")
    before = {path: path.read_bytes() for path in small_disk.rglob("*") if path.is_file()}
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    with pytest.raises(CacheError, match="No space left on device"):
        save_cache(tiny_cache, small_disk / "cache.npz")
    with pytest.raises(SiteError, match="No space left on device"):
        write_archive(small_disk / "site")
    filler.unlink()
    assert {path: path.read_bytes() for path in small_disk.rglob("*") if path.is_file()} == before
    load_cache(small_disk / "cache.npz")


def test_a_read_only_file_system_is_one_error(small_disk: Path, run: Run, tiny_cache: EvaluationCache, tmp_path: Path):
    save_cache(tiny_cache, tmp_path / "cache.npz")
    write_site(small_disk / "site", FILES)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = run("render", str(tmp_path / "cache.npz"), "--out", str(small_disk / "site"))
    assert done.code == 1
    assert "site cannot be written." in done.err
    assert verify_site(small_disk / "site").is_clean


LONG = "n" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ("render", "cache.npz", "--out", LONG),
        ("render", "cache.npz", "--out", f"{LONG}/site"),
        ("render", "cache.npz", "--out", "n" * 253, "--zip"),
        ("render", "cache.npz", "--single-file", f"{LONG}.html"),
        ("demo", "--cache", f"{LONG}.npz"),
    ],
    ids=["site", "parent", "archive", "single file", "cache"],
)
def test_a_name_that_is_too_long_is_one_error(
    run: Run, tiny_cache: EvaluationCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
):
    save_cache(tiny_cache, tmp_path / "cache.npz")
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.code == 1
    assert done.err.count("error: ") == 1
    assert "cannot be used: File name too long." in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["cache.npz"]


@pytest.mark.parametrize("name", ["n" * 255, "猫" * 85])
def test_the_longest_name_can_be_written_and_replaced(tmp_path: Path, name: str):
    for content in (b"old", b"new"):
        write_site(tmp_path / name, [("index.html", content)])
    assert (tmp_path / name / "index.html").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_only_a_full_disk_is_a_reason_to_free_space():
    assert space_hint(OSError(28, "No space left on device"), "Name another.") == (
        "Free some space there, or name another."
    )
    assert space_hint(PermissionError(13, "Permission denied"), "Name another.") == "Name another."
