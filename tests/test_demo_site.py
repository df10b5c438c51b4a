"""The embedded default as a whole: its budgets of bytes, files and elements, and that it is what was written."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

KILOBYTE, MEGABYTE = 1_000, 1_000_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report that `reportgen demo` writes."""
    folder = tmp_path_factory.mktemp("demo")
    subprocess.run([sys.executable, "-m", "reportgen", "demo"], cwd=folder, check=True, capture_output=True)
    return folder / "site"


class ElementCounter(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.count += 1


def count_elements(page: Path) -> int:
    counter = ElementCounter()
    counter.feed(page.read_text())
    return counter.count


def total_bytes(*paths: Path) -> int:
    return sum(path.stat().st_size for path in paths)


@pytest.mark.slow
def test_the_whole_site_stays_small(site: Path):
    files = [path for path in site.rglob("*") if path.is_file()]
    assert len(files) <= 1_500
    assert total_bytes(*files) <= 50 * MEGABYTE
    assert total_bytes(*(path for path in files if "figures" in path.parts)) <= 12 * MEGABYTE


@pytest.mark.slow
def test_the_first_page_with_its_styles_and_scripts_stays_small(site: Path):
    index = site / "index.html"
    own = re.findall(r'(?:src|href)="(assets/[^"]+\.(?:css|js))"', index.read_text())
    assert {"assets/report.css", "assets/report.js"} <= set(own)
    assert total_bytes(index, *(site / path for path in own)) <= 200 * KILOBYTE


@pytest.mark.slow
def test_class_pages_stay_small_without_their_sprites(site: Path):
    pages = sorted(site.glob("classes/*.html"))
    assert len(pages) == 100
    assert max(map(total_bytes, pages)) <= 150 * KILOBYTE


@pytest.mark.slow
def test_no_page_has_too_many_elements(site: Path):
    counts = {path.relative_to(site): count_elements(path) for path in site.rglob("*.html")}
    assert {path: count for path, count in counts.items() if count > 3_000} == {}


@pytest.mark.slow
def test_every_image_of_the_test_set_is_in_the_site(site: Path):
    numbers = [int(n) for page in site.glob("classes/*.html") for n in re.findall(r'<li id="e(\d+)"', page.read_text())]
    assert sorted(numbers) == list(range(10_000))


@pytest.mark.slow
def test_the_site_is_what_was_written(site: Path):
    done = subprocess.run(
        [sys.executable, "-m", "reportgen", "verify", str(site)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
