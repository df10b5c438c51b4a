"""Files of the repository that no program of ours reads: they are well formed, agree and point to files that exist."""

import re

import pytest
import yaml
from doc_commands import PAGES, ROOT, parse_command, split_commands

from reportgen import __version__

YAML_FILES = sorted({*ROOT.glob("*.y*ml"), *ROOT.glob(".*.y*ml"), *(ROOT / ".github").rglob("*.yml")})
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
_LINK = re.compile(r"(?<!!)\]\(([^)\s]+)\)|(?:src=|!\[[^\]]*\]\()\"?([^\")\s]+)")

# A source distribution holds no `.github`: there is nothing to check in it.
pytestmark = pytest.mark.skipif(not WORKFLOWS, reason="not a checkout of the repository")


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_the_file_is_yaml(path):
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_workflow_is_complete(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", True, "permissions", "jobs"} <= set(workflow)  # YAML reads the word `on` as a truth value
    for job in workflow["jobs"].values():
        assert {"runs-on", "timeout-minutes", "steps"} <= set(job)
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            for words in split_commands(step.get("run", "")):
                if words[0] in {"reportgen", "mkdocs"}:
                    parse_command(words)


def test_the_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert citation["version"] == __version__
    assert __version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_lead_to_files(page):
    links = [link or image for link, image in _LINK.findall(page.read_text(encoding="utf-8"))]
    paths = [link.partition("#")[0] for link in links if ":" not in link and not link.startswith("#")]
    assert [path for path in paths if not (page.parent / path).exists()] == []
