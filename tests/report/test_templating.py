"""The style sheets and scripts of a site: the built-in ones and the user's."""

from pathlib import Path

import pytest

from reportgen.report.templating import find_templates, load_assets

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
