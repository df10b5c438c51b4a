"""CONTRIBUTING.md: the paths exist, and an example of each kind is in exactly the files that it lists."""

import re
from dataclasses import dataclass

import pytest
from doc_commands import ROOT

_SECTION = re.compile(r"^### (?P<kind>.+?): (?P<count>\d+) files\n(?P<body>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^\d+\. `([^`]+)`", re.MULTILINE)
_PATH = re.compile(r"`((?:reportgen|templates|tests|docs)/[^`]+)`")
EXAMPLES = {
    "A metric": "[Mm]atthews",
    "A method for maps": "xgradcam",
    "A source of models": "TimmModel",
    "A source of test sets": "NpzTestSet",
    "A rule": "DIFFUSE_FOCUS",
    "A diagram": "recall_strip",
    "A kind of page": r"LABEL_ISSUES_PAGES|LabelIssuesPage|label-issues\.html\.j2",
}
"""What marks one that exists already in the code, as a pattern."""


@dataclass(frozen=True, slots=True)
class HowTo:
    num_files: int
    steps: tuple[str, ...]


def read_sections() -> dict[str, HowTo]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return {m["kind"]: HowTo(int(m["count"]), tuple(_STEP.findall(m["body"]))) for m in _SECTION.finditer(text)}


def find_files(pattern: str) -> set[str]:
    """The files of the product whose content or path has a pattern."""
    files = [
        *ROOT.glob("reportgen/**/*.py"),
        *ROOT.glob("templates/*.j2"),
        *ROOT.glob("templates/assets/*.js"),
        *ROOT.glob("templates/assets/*.css"),
    ]
    found = [path for path in files if re.search(pattern, path.name + path.read_text(encoding="utf-8"))]
    return {path.relative_to(ROOT).as_posix() for path in found}


def test_every_path_exists():
    paths = _PATH.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_kind_has_an_example():
    assert set(read_sections()) == set(EXAMPLES)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_example_is_in_the_files_that_are_listed(kind: str):
    section = read_sections()[kind]
    assert len(section.steps) == section.num_files
    assert find_files(EXAMPLES[kind]) == set(section.steps)
