import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reportgen.errors import SiteError
from reportgen.locks import writing_alone
from reportgen.report.delivery.site import write_site
from reportgen.report.delivery.swap import work_folder
from reportgen.report.delivery.verify import raise_unclean, verify_site

FILES = [
    (".nojekyll", b""),
    ("classes/000.html", b"<h1>x</h1>"),
    ("data/metrics.json", b"{}"),
    ("index.html", b'<a href="classes/000.html">x</a>'),
]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    write_site(tmp_path / "site", FILES)
    return tmp_path / "site"


def test_a_site_as_it_was_written_is_clean(site: Path):
    check = verify_site(site)
    assert check.is_clean
    assert check.num_files == len(FILES) + 1
    assert check.manifest_digest == hashlib.sha256((site / "manifest.json").read_bytes()).hexdigest()
    raise_unclean(site, check)


def test_it_says_what_was_changed_added_and_lost(site: Path):
    (site / "index.html").write_bytes(b'<a href="classes/000.html">y</a>')  # as long as before
    (site / "data/metrics.json").unlink()
    (site / "classes/more.html").touch()
    check = verify_site(site)
    assert (check.changed, check.added, check.lost) == (("index.html",), ("classes/more.html",), ("data/metrics.json",))
    with pytest.raises(SiteError, match=r"1 changed \(index.html\); 1 added \(.*\); 1 lost") as caught:
        raise_unclean(site, check)
    assert "Render the site again" in caught.value.hint


def test_a_lost_file_is_noticed_where_its_name_would_be_welcome(site: Path):
    (site / ".nojekyll").unlink()
    assert verify_site(site).lost == (".nojekyll",)


@pytest.mark.parametrize("name", ["README.md", ".gitignore", "CNAME", ".git/config", "LICENSE"])
def test_what_may_stand_beside_a_report_is_not_an_addition(site: Path, name: str):
    (site / name).parent.mkdir(exist_ok=True)
    (site / name).write_text("mine")
    assert verify_site(site).is_clean


@pytest.mark.parametrize("name", ["data/README.md", "notes.txt"])
def test_anything_else_is(site: Path, name: str):
    (site / name).parent.mkdir(exist_ok=True)
    (site / name).write_text("mine")
    assert verify_site(site).added == (name,)


def test_a_linked_folder_is_an_addition_and_not_followed(site: Path, tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/page.html").touch()
    (site / "elsewhere").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert verify_site(site).added == ("elsewhere",)


def test_a_folder_in_a_files_place_is_a_loss(site: Path):
    (site / "index.html").unlink()
    (site / "index.html").mkdir()
    assert verify_site(site).lost == ("index.html",)


def test_a_site_whose_writing_was_cut_off_is_not_clean(site: Path):
    manifest = json.loads((site / "manifest.json").read_text())
    (site / "manifest.json").write_text(json.dumps(manifest | {"complete": False}))
    check = verify_site(site)
    assert not check.is_clean
    with pytest.raises(SiteError, match="incomplete"):
        raise_unclean(site, check)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda site: (site / "manifest.json").unlink(),
        lambda site: (site / "manifest.json").write_text('{"name": "a web app"}'),
        lambda site: (site / "manifest.json").write_text("half of i"),
        lambda site: site.rename(site.with_name("moved")),
    ],
    ids=["no manifest", "another's manifest", "damaged manifest", "no folder"],
)
def test_what_is_no_report_is_refused(site: Path, spoil: Callable[[Path], object]):
    spoil(site)
    with pytest.raises(SiteError, match="contains no report"):
        verify_site(site)


def test_a_site_that_is_being_written_is_checked_without_a_touch(site: Path):
    staged = work_folder(site) / "site" / "index.html"
    staged.parent.mkdir(parents=True)
    staged.write_bytes(b"half")
    with writing_alone(site, say=print):
        assert verify_site(site).is_clean
        assert staged.read_bytes() == b"half"
    assert verify_site(site).is_clean
    assert not work_folder(site).exists()
