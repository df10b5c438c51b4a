"""How large the first page of a report on a hundred classes is, with its style sheets and scripts."""

import re
from pathlib import Path

import pytest
from hundred_classes import make_hundred_classes, write_first_page

KILOBYTE = 1_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hundred")
    write_first_page(make_hundred_classes(), folder)
    return folder


@pytest.mark.slow
def test_first_page_weighs_at_most_200_kilobytes(folder: Path):
    index = folder / "index.html"
    linked = re.findall(r'(?:src|href)="(assets/[^"]+\.(?:css|js))"', index.read_text("utf-8"))
    assert {"assets/report.css", "assets/matrix.js", "assets/classes.js"} <= set(linked)
    sizes = {path: (folder / path).stat().st_size for path in ("index.html", *linked)}
    assert sum(sizes.values()) <= 200 * KILOBYTE, sizes


def test_first_page_links_no_style_sheet_of_other_pages(folder: Path):
    index = (folder / "index.html").read_text("utf-8")
    assert 'href="assets/cards.css"' in index
    assert 'href="assets/maps.css"' not in index
