"""The words of the project: the tables of docs/style.md hold wherever a person reads.

Read are string literals of the package that are no docstrings, the text of templates and scripts, and Markdown files;
docs/style.md itself lists what it bans.
"""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STYLE = ROOT / "docs/style.md"

BRITISH = {
    "analyse": "analyze",
    "analysed": "analyzed",
    "artefact": "artifact",
    "behaviour": "behavior",
    "centre": "center",
    "centred": "centered",
    "colour": "color",
    "coloured": "colored",
    "colours": "colors",
    "favour": "favor",
    "favours": "favors",
    "grey": "gray",
    "labelled": "labeled",
    "modelling": "modeling",
    "neighbour": "neighbor",
    "neighbours": "neighbors",
    "normalisation": "normalization",
    "normalise": "normalize",
    "normalised": "normalized",
    "optimiser": "optimizer",
    "organise": "organize",
    "per cent": "percent",
    "randomised": "randomized",
    "recognise": "recognize",
    "recognised": "recognized",
    "summarise": "summarize",
    "visualise": "visualize",
}
MACHINE_NAMES = re.compile(
    r"`[^`]*`|https?://\S+|--[\w-]+|[\w.-]+\.(?:py|js|css|html|j2|json|png|npz|md|csv|txt)\b|\b\w+[_.=]\w[\w.=]*"
)
"""Code, addresses, options, files and identifiers inside a text: names that cannot change with the language."""


def table_rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of the style page."""
    section = STYLE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


BANNED = {phrase: row[1] for row in table_rows("Words we avoid") for phrase in row[0].split(", ")}
TERMS = [term.strip() for row in table_rows("Glossary") for term in row[0].split(",")]


class _TextOfTemplate(HTMLParser):
    """The text nodes of a template, and the attributes that are read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[tuple[int, str]] = []

    def handle_data(self, data: str) -> None:
        self.texts.append((self.getpos()[0], data))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        for name, value in attrs:
            if name in ("alt", "aria-label", "placeholder", "title") and value:
                self.texts.append((self.getpos()[0], value))


def texts_of_python(source: str) -> Iterator[tuple[int, str]]:
    """String literals with their lines; docstrings and strings without a space are for programmers."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # a docstring of a constant
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            # Fields become a name, so that a phrase is found across them and none is made of its neighbors.
            parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | bare:
            yield node.lineno, node.value


def texts_of_template(source: str) -> Iterator[tuple[int, str]]:
    """The text nodes of a template, and the strings inside its tags that are shown."""
    parser = _TextOfTemplate()
    parser.feed(re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", _keep_lines, source, flags=re.DOTALL))
    yield from parser.texts
    for tag in re.finditer(r"\{\{.*?\}\}", source, re.DOTALL):
        for text in re.findall(r'"([^"]*\s[^"]*)"', tag[0]):
            yield source.count("\n", 0, tag.start()) + 1, text


def _keep_lines(match: re.Match[str]) -> str:
    return "X" * match[0].startswith("{{") + "\n" * match[0].count("\n")


def texts_of_script(source: str) -> Iterator[tuple[int, str]]:
    """The string literals of a script that hold a space, or a capital: selectors and keys hold neither."""
    code = re.sub(r"^\s*(?://|/\*|\*).*$", "", source, flags=re.MULTILINE)
    for number, line in enumerate(code.splitlines(), start=1):
        for quoted in re.findall(r"\"([^\"]*)\"|'([^']*)'|`([^`]*)`", line):
            yield number, re.sub(r"\$\{.*?\}", "X", "".join(quoted))


def texts_of_markdown(source: str) -> Iterator[tuple[int, str]]:
    """The lines of a page outside blocks of code."""
    is_code = False
    for number, line in enumerate(source.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code:
            yield number, line


READERS = {
    ".py": texts_of_python,
    ".j2": texts_of_template,
    ".js": texts_of_script,
    ".md": texts_of_markdown,
}


def files() -> list[Path]:
    """Every file that a person reads, or whose strings a person reads."""
    folders = [(ROOT / "reportgen", "*.py"), (ROOT / "templates", "*.j2"), (ROOT / "templates/assets", "*.js")]
    found = [path for folder, pattern in folders for path in folder.rglob(pattern)]
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "templates").glob("*.md")]
    return sorted(set(found + pages) - {STYLE})


def problems_in(text: str) -> Iterator[str]:
    """What a text says that it should not."""
    plain = MACHINE_NAMES.sub(" ", text)
    for phrase, better in BANNED.items():
        if re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", plain, re.IGNORECASE):
            yield f"“{phrase}”: {better}"
    for word, better in BRITISH.items():
        if " " in text.strip() and re.search(rf"(?<![\w-]){word}(?![\w-])", plain, re.IGNORECASE):
            yield f"“{word}”: {better}"


def test_every_text_keeps_to_the_style_page():
    problems = [
        f"{path.relative_to(ROOT)}:{line}: {problem}"
        for path in files()
        for line, text in READERS[path.suffix](path.read_text(encoding="utf-8"))
        for problem in problems_in(text)
    ]
    assert problems == []


def test_the_style_page_fixes_enough_terms():
    assert len(TERMS) >= 40
    assert len(TERMS) == len(set(TERMS))
    assert len(BANNED) >= 40
    assert not {phrase for phrase in BANNED if phrase in TERMS}


@pytest.mark.parametrize(
    ("suffix", "source"),
    [
        (".py", 'TEXT = f"{name} is Taken for {other}"'),
        (".py", 'def f():\n    """Plain."""\n    return "a label suspect"'),
        (".py", 'raise ValueError(f"{name} deserves a second" " look")'),
        (".j2", "<p>{{ page.name }} is taken for it</p>"),
        (".j2", '<p>{{ "images of any colour" if page.x }}</p>'),
        (".j2", '<img alt="in the family">'),
        (".js", "say(`${name} taken for ${other}`);"),
        (".md", "A map knows no class."),
        (".md", "The colour of a map."),
    ],
)
def test_a_planted_phrase_is_found(suffix: str, source: str):
    assert [problem for _, text in READERS[suffix](source) for problem in problems_in(text)]


@pytest.mark.parametrize(
    ("suffix", "source"),
    [
        (".py", 'def f():\n    """What is taken for granted."""'),
        (".py", 'FIELD = "colour"'),
        (".j2", "{# taken for #}<p>Correct</p>"),
        (".j2", '<form class="colour">{{ page.colour }}</form>'),
        (".js", "// taken for it\nconst kind = `.colours`;"),
        (".md", "`--normalise` and `colour`"),
        (".md", "```\ntaken for\n```"),
    ],
)
def test_names_and_comments_are_left_alone(suffix: str, source: str):
    assert not [problem for _, text in READERS[suffix](source) for problem in problems_in(text)]
