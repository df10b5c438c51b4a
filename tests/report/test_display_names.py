"""Names that pages show instead of the data's own: files, tables and ids keep those."""

import dataclasses

import pytest

from reportgen.analysis.findings import Findings
from reportgen.cache import EvaluationCache
from reportgen.errors import SettingsError
from reportgen.report.display_names import choose_shown_names, load_display_names
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.settings import RenderSettings


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('class, Name\nn01440764,tench\nn02,"x\ny"\n', {"n01440764": "tench", "n02": "x y"}),
        ('{"n01440764": "tench"}', {"n01440764": "tench"}),
        (
            '{"0": ["n01440764", "tench"], "1": ["n01443537", "tiger_shark"]}',
            {"n01440764": "tench", "n01443537": "tiger shark"},
        ),
    ],
)
def test_names_come_from_csv_json_and_the_index_of_imagenet(tmp_path, text, names):
    (tmp_path / "names").write_text(text)
    assert load_display_names(tmp_path / "names") == names


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a,b\n1,2\n", "lacks the columns class and name; it has a, b"),
        ('{"0": 1}', "no name for 0"),
        ('{"0": ', "not valid JSON"),
        ("class,name\n", "contains no names"),
    ],
)
def test_other_files_are_refused(tmp_path, text, problem):
    (tmp_path / "names").write_text(text)
    with pytest.raises(SettingsError, match=problem):
        load_display_names(tmp_path / "names")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_display_names(tmp_path / "nowhere")


def test_names_stay_distinct_and_classes_that_are_not_listed_keep_theirs():
    shown = choose_shown_names(("n1", "n2", "n3"), {"n1": "crane", "n2": "crane"})
    assert shown == ("crane (n1)", "crane (n2)", "n3")
    with pytest.raises(SettingsError, match="lists none of the classes, such as n1"):
        choose_shown_names(("n1",), {"n4": "crane"})


def test_pages_show_them_and_files_and_tables_keep_the_data_s_own(
    small_cache: EvaluationCache, small_findings: Findings
):
    own = small_cache.class_names
    shown = tuple(f"Shown {index}" for index in range(len(own)))
    presentation = load_presentation(RenderSettings())
    plain = dict(render_site(small_cache, small_findings, presentation))
    named = dict(render_site(dataclasses.replace(small_cache, display_names=shown), small_findings, presentation))
    assert list(named) == list(plain)
    tables = [path for path in plain if path.startswith("data/") and path.endswith(".csv")]
    assert tables
    assert all(named[path] == plain[path] for path in tables)
    for path in (name for name in named if name.startswith("classes/")):
        index = int(path.removeprefix("classes/")[:3])
        page = named[path].decode()
        assert f"<h1>{shown[index]}" in page or f">{shown[index]}</h1>" in page
        assert f">{own[index]}<" not in page
