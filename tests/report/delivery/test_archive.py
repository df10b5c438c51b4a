import os
import zipfile
from pathlib import Path

import pytest

from reportgen.errors import SiteError
from reportgen.report.delivery.archive import archive_path, check_archive, write_archive
from reportgen.report.delivery.artifacts import write_artifact
from reportgen.report.delivery.site import write_site
from reportgen.report.delivery.verify import verify_site

FILES = [
    ("index.html", b'<img src="images/a.png">' + b" " * 500),
    (".nojekyll", b""),
    ("images/a.png", b"\x89PNG" + b"\0" * 500),
]


def test_archive_holds_the_site_and_nothing_else(tmp_path: Path):
    write_site(tmp_path / "site", FILES)
    (tmp_path / "site/README.md").write_text("mine")
    artifact = write_archive(tmp_path / "site")
    assert artifact.path == tmp_path / "site.zip"
    assert artifact.num_bytes == artifact.path.stat().st_size
    with zipfile.ZipFile(artifact.path) as archive:
        assert archive.namelist() == [".nojekyll", "images/a.png", "index.html", "manifest.json"]
        archive.extractall(tmp_path / "unpacked")
    assert verify_site(tmp_path / "unpacked").is_clean


def test_pictures_are_stored_and_text_is_deflated(tmp_path: Path):
    write_site(tmp_path / "site", FILES)
    with zipfile.ZipFile(write_archive(tmp_path / "site").path) as archive:
        kinds = {entry.filename: entry.compress_type for entry in archive.infolist()}
    assert kinds["images/a.png"] == zipfile.ZIP_STORED
    assert kinds["index.html"] == zipfile.ZIP_DEFLATED


def test_the_same_site_gives_the_same_bytes(tmp_path: Path):
    folders = [tmp_path / "one/site", tmp_path / "two/other-name"]
    write_site(folders[0], FILES)
    write_site(folders[1], reversed(FILES))
    for path in folders[1].rglob("*"):
        path.chmod(0o700)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    first, second = (write_archive(folder).path.read_bytes() for folder in folders)
    assert first == second
    with zipfile.ZipFile(archive_path(folders[1])) as archive:
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.external_attr >> 16 == 0o100644


def test_an_earlier_archive_is_replaced(tmp_path: Path):
    write_site(tmp_path / "site", FILES)
    write_archive(tmp_path / "site")
    write_site(tmp_path / "site", [("index.html", b"new")])
    with zipfile.ZipFile(write_archive(tmp_path / "site").path) as archive:
        assert archive.read("index.html") == b"new"
        assert "images/a.png" not in archive.namelist()


def test_a_file_that_is_not_ours_is_never_replaced(tmp_path: Path):
    write_site(tmp_path / "site", FILES)
    with zipfile.ZipFile(tmp_path / "site.zip", "w") as archive:  # the same files, packed by hand
        archive.write(tmp_path / "site/manifest.json", "manifest.json")
    before = (tmp_path / "site.zip").read_bytes()
    for attempt in (check_archive, write_archive):
        with pytest.raises(SiteError, match=r"site\.zip exists"):
            attempt(tmp_path / "site")
    assert (tmp_path / "site.zip").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"PK\3\4 half", b"words"])
def test_what_is_no_archive_is_not_ours(tmp_path: Path, content: bytes):
    (tmp_path / "site.zip").write_bytes(content)
    with pytest.raises(SiteError, match="left alone"):
        check_archive(tmp_path / "site")


def test_a_folder_in_its_place_is_refused(tmp_path: Path):
    (tmp_path / "site.zip").mkdir()
    with pytest.raises(SiteError, match="left alone"):
        check_archive(tmp_path / "site")


def test_a_write_that_fails_leaves_the_earlier_file(tmp_path: Path):
    target = tmp_path / "report.html"
    target.write_text("earlier")

    def fail(file: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(SiteError, match="No space left"):
        write_artifact(target, fail)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"report.html": "earlier"}


def test_archive_lies_beside_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert archive_path(Path("site")) == Path("site.zip")
    assert archive_path(Path("out/v1.2")) == Path("out/v1.2.zip")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert archive_path(Path()) == tmp_path / "here.zip"
