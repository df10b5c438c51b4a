"""The style sheets and scripts of a site: the built-in ones and the user's."""

from pathlib import Path

import pytest

from reportgen.errors import SiteError
from reportgen.report.templating import find_templates, load_assets, make_environment, render_page

SCRIPTS = sorted(path.name for path in (find_templates() / "assets").glob("*.js"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_built_in_script_loses_its_comment_lines_and_nothing_else(name: str):
    source = (find_templates() / "assets" / name).read_text("utf-8").splitlines()
    served = load_assets(None)[name].decode().splitlines()
    rest = iter(served)
    expected = next(rest)
    dropped = []
    for line in source:
        if line == expected:
            expected = next(rest, None)
        else:
            dropped.append(line.strip())
    assert expected is None
    assert dropped
    assert all(line.startswith(("//", "/**", "* ", "*/")) for line in dropped)
    assert not any(line.strip().startswith(("//", "* ", "*/")) for line in served)


def test_a_script_of_the_user_is_served_as_it_is(tmp_path: Path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "report.js").write_text("// mine\nstart();\n")
    (tmp_path / "assets" / "more.css").write_text("p {}\n")
    assets = load_assets(tmp_path)
    assert assets["report.js"] == b"// mine\nstart();\n"
    assert assets["more.css"] == b"p {}\n"
    assert list(assets) == sorted(assets)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("{{ cycler.__init__.__globals__.os.popen('id') }}", "unsafe"),
        ("{{ page.append(3) }}", "unsafe"),
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            "more than 5,000,000",
        ),
        ("{% for a in range(9999999) %}{% endfor %}", "range"),
        ("{{ 'x' * 10 ** 12 }}", "more than 10,000,000"),
        ("{{ 2 ** 99999999 }}", "power of"),
        ("{% include 'index.html.j2' %}", "without end"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "without end"),
        ("{{ page[9] }}", "cannot be rendered"),
        ("{{ 1 / 0 }}", "cannot be rendered"),
    ],
)
def test_a_template_that_does_more_than_format_is_refused(tmp_path: Path, source: str, problem: str):
    (tmp_path / "index.html.j2").write_text(source)
    with pytest.raises(SiteError, match=problem):
        render_page(make_environment(tmp_path), "index.html.j2", [1, 2])


def test_a_trusted_template_runs_without_the_sandbox(tmp_path: Path):
    (tmp_path / "index.html.j2").write_text("{{ page.append(3) or page }}")
    assert render_page(make_environment(tmp_path, is_trusted=True), "index.html.j2", [1, 2]) == b"[1, 2, 3]"


def test_the_rounds_of_each_page_are_counted_by_themselves(tmp_path: Path):
    (tmp_path / "index.html.j2").write_text("{% for a in range(90000) %}{% for b in page %}{% endfor %}{% endfor %}")
    environment = make_environment(tmp_path)
    for _ in range(3):
        assert render_page(environment, "index.html.j2", range(25)) == b""
