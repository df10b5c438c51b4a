"""What the user adds to a report is read once, before any work is done."""

import shutil
from pathlib import Path

import pytest

from reportgen.analysis.findings import Findings
from reportgen.cache import EvaluationCache
from reportgen.errors import SettingsError, SiteError
from reportgen.report.presentation import load_presentation, prepare_report
from reportgen.report.render import render_site
from reportgen.settings import RenderSettings

LOGO = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


def test_files_may_go_once_they_are_read(small_cache: EvaluationCache, small_findings: Findings, tmp_path: Path):
    templates = tmp_path / "own"
    templates.mkdir()
    (templates / "base.html.j2").write_text('{% extends "builtin/base.html.j2" %}{% block footer %}Ours.{% endblock %}')
    settings = RenderSettings(
        title="Mine",
        notes=tmp_path / "notes.md",
        logo=tmp_path / "mark.svg",
        extra_css=tmp_path / "own.css",
        templates=templates,
    )
    (tmp_path / "notes.md").write_text("Reviewed.")
    (tmp_path / "mark.svg").write_bytes(LOGO)
    (tmp_path / "own.css").write_text("p {}")
    presentation = load_presentation(settings)
    shutil.rmtree(tmp_path)
    site = dict(render_site(small_cache, small_findings, presentation))
    page = site["index.html"].decode()
    assert "<h1>Mine</h1>" in page
    assert "Reviewed." in page
    assert "Ours." in page
    assert site["assets/logo.svg"] == LOGO
    assert site["assets/extra.css"] == b"p {}"


def test_the_title_names_model_and_test_set_by_default(small_cache: EvaluationCache, small_findings: Findings):
    site = dict(render_site(small_cache, small_findings, load_presentation(RenderSettings())))
    assert "<title>net &lt;v2&gt; on small &amp; odd</title>" in site["index.html"].decode()


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("notes", "![](https://elsewhere/picture.png)", SettingsError),
        ("logo", "no picture", SettingsError),
        ("extra_css", "@import 'other.css';", SettingsError),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, name: str, content: str, error: type[Exception]):
    (tmp_path / "file").write_text(content)
    with pytest.raises(error):
        prepare_report(RenderSettings(out=tmp_path / "site", **{name: tmp_path / "file"}))


def test_outputs_that_cannot_be_written_are_refused(tmp_path: Path):
    (tmp_path / "site.zip").write_text("not ours")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("not ours")
    for settings in (
        RenderSettings(out=tmp_path / "full"),
        RenderSettings(out=tmp_path / "site", with_archive=True),
        RenderSettings(out=tmp_path / "site", single_file=tmp_path / "site" / "report.html"),
    ):
        with pytest.raises((SiteError, SettingsError)):
            prepare_report(settings)
    prepare_report(RenderSettings(out=tmp_path / "site"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "site.zip"]
