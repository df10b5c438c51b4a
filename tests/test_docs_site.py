"""The documentation as a site: it builds without a warning, and its pages load nothing from another host."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from doc_commands import ROOT

_LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"(?:https?:)?//|<link\b[^>]*\bhref=\"(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_site_loads_nothing_from_another_host(site: Path):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    assert [page.name for page in pages if _LOADED.search(page.read_text(encoding="utf-8"))] == []


@pytest.mark.slow
def test_the_reference_lists_options_and_documents_the_api(site: Path):
    options = (site / "reference" / "command-line.html").read_text(encoding="utf-8")
    assert "<code>--data SPEC</code>" in options
    api = (site / "reference" / "python.html").read_text(encoding="utf-8")
    assert 'id="reportgen.pipeline.run"' in api


def test_the_check_finds_a_script_of_another_host():
    assert _LOADED.search('<script defer src="https://example.org/a.js">')
    assert _LOADED.search('<link rel="stylesheet" href="//example.org/a.css">')
    assert not _LOADED.search('<a href="https://example.org/"><img src="a.png"></a>')
