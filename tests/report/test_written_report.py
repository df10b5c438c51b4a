from pathlib import Path

import pytest

from reportgen.cache_file import save_cache
from reportgen.pipeline import render
from reportgen.report.words.text import percent_text
from reportgen.settings import RenderSettings


@pytest.fixture
def report(tiny_cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    save_cache(tiny_cache, tmp_path / "cache.npz")
    return render(tmp_path / "cache.npz", RenderSettings(out=Path("my site")))


def test_a_report_shows_itself_in_a_notebook(report):
    html = report._repr_html_()
    top1 = report.findings.overall.top1
    assert f"{percent_text(top1.value)} (95% CI " in html
    assert '<a href="my%20site/index.html"' in html
    assert '<iframe src="my%20site/index.html"' in html


def test_a_report_outside_the_notebooks_folder_has_a_whole_address(report, tmp_path, monkeypatch):
    page = report.index_path.absolute()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    object.__setattr__(report, "index_path", page)
    assert f'src="{page.as_uri()}"' in report._repr_html_()


def test_its_tables_are_those_of_its_findings(report):
    assert len(report.tables.per_class) == report.cache.num_classes
    assert len(report.tables.predictions) == report.cache.num_examples
