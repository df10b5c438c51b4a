import json
from pathlib import Path

import pytest

from reportgen.errors import SiteError
from reportgen.report.delivery.site import check_destination, write_site

FILES = [("index.html", b'<a href="classes/000.html#top">x</a>'), ("classes/000.html", b'<h1 id="top">x</h1>')]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_site_holds_the_files_and_a_manifest_of_their_digests(tmp_path: Path):
    written = write_site(tmp_path / "site", FILES)
    found = contents(tmp_path / "site")
    assert {path: found[path] for path, _ in FILES} == dict(FILES)
    manifest = json.loads(found["manifest.json"])
    assert manifest["complete"] is True
    assert sorted(manifest["files"]) == sorted(path for path, _ in FILES)
    assert written.num_files == len(found) == 3
    assert written.num_bytes == sum(map(len, found.values()))


def test_files_of_an_earlier_report_are_removed_and_others_left_alone(tmp_path: Path):
    write_site(tmp_path, [*FILES, ("old/page.html", b"")])
    (tmp_path / "notes.txt").write_text("mine")
    write_site(tmp_path, FILES)
    assert contents(tmp_path).keys() == {"index.html", "classes/000.html", "manifest.json", "notes.txt"}
    assert not (tmp_path / "old").exists()


def test_a_folder_that_is_not_a_report_is_left_as_it_was(tmp_path: Path):
    (tmp_path / "thesis.docx").write_text("mine")
    with pytest.raises(SiteError, match=r"thesis\.docx"):
        write_site(tmp_path, FILES)
    assert contents(tmp_path) == {"thesis.docx": b"mine"}


@pytest.mark.parametrize("name", ["README.md", ".gitignore", "CNAME", ".git/config"])
def test_notes_and_settings_of_the_publishing_service_are_welcome(tmp_path: Path, name: str):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    write_site(tmp_path, FILES)
    assert (tmp_path / name).read_text() == "mine"


def test_a_file_that_is_not_ours_is_never_overwritten(tmp_path: Path):
    write_site(tmp_path, FILES)
    (tmp_path / "new.html").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(SiteError, match=r"new\.html exists"):
        write_site(tmp_path, [*FILES, ("new.html", b"ours")])
    assert contents(tmp_path) == before


def test_a_foreign_manifest_is_no_licence_to_write(tmp_path: Path):
    (tmp_path / "manifest.json").write_text('{"name": "a web app"}')
    with pytest.raises(SiteError, match=r"manifest\.json"):
        write_site(tmp_path, FILES)


def test_a_doctored_manifest_cannot_remove_files_elsewhere(tmp_path: Path):
    (tmp_path / "precious").write_text("mine")
    folder = tmp_path / "site"
    write_site(folder, FILES)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] |= {"../precious": "", "classes/../../precious": "", str(tmp_path / "precious"): ""}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    write_site(folder, FILES)
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_run_that_fails_while_rendering_leaves_the_earlier_site(tmp_path: Path):
    write_site(tmp_path, FILES)
    before = contents(tmp_path)

    def failing():
        yield "index.html", b"new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_site(tmp_path, failing())
    assert contents(tmp_path) == before


@pytest.mark.parametrize("content", [b"new", b"old"])
def test_a_folder_inside_that_is_a_link_is_not_written_through(tmp_path: Path, content: bytes):
    folder, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    write_site(folder, FILES)
    (folder / "classes").rename(elsewhere)
    (folder / "classes").symlink_to(elsewhere, target_is_directory=True)
    before = contents(tmp_path)
    with pytest.raises(SiteError, match="classes is a symbolic link"):
        write_site(folder, [("index.html", content)])
    assert contents(tmp_path) == before


def test_a_link_to_the_folder_stays_a_link(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write_site(tmp_path / "link", FILES)
    assert (tmp_path / "link").is_symlink()
    assert contents(tmp_path / "real").keys() == {"index.html", "classes/000.html", "manifest.json"}


def test_a_broken_link_is_refused_and_the_earlier_site_stays(tmp_path: Path):
    write_site(tmp_path, FILES)
    before = contents(tmp_path)
    with pytest.raises(SiteError, match=r"index\.html links to gone\.html"):
        write_site(tmp_path, [("index.html", b'<a href="gone.html">x</a>')])
    assert contents(tmp_path) == before


def test_destination_is_checked_before_any_work(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(SiteError, match="is a file"):
        check_destination(tmp_path / "file")
    with pytest.raises(SiteError, match="cannot be created"):
        check_destination(tmp_path / "file" / "site")
    check_destination(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
