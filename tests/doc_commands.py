"""The code in the documentation: collected from fenced blocks, and run as a reader would, page by page."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reportgen.cli import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    *sorted(ROOT.glob("*.md")),
    ROOT / "templates" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
)
NOT_RUN = {"git", "mkdocs", "mypy", "pre-commit", "pytest", "ruff"}
"""Programs of a contributor, which tests do not start."""

_FENCE = re.compile(r"^( *)```(\w+)(?: title=\"(.+?)\")?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page. A block with a title is a file that the reader saves."""

    language: str
    title: str
    code: str


def read_blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    matches = _FENCE.finditer(page.read_text(encoding="utf-8"))
    return [Block(match[2], match[3] or "", match[4]) for match in matches]


def read_commands(page: Path) -> list[list[str]]:
    """The words of each command in the `sh` blocks of a page."""
    return [words for block in read_blocks(page) if block.language == "sh" for words in split_commands(block.code)]


def split_commands(code: str) -> Iterator[list[str]]:
    """The words of each command. A backslash continues a line, `&&` separates commands, `#` starts a comment."""
    for line in code.replace("\\\n", " ").splitlines():
        command: list[str] = []
        for word in [*shlex.split(line, comments=True), "&&"]:
            if word != "&&":
                command.append(word)
            elif command:
                yield command
                command = []


def parse_command(words: list[str]) -> None:
    """Check a command without running it: options of reportgen, extras of pip, names of other programs."""
    program, *arguments = words
    if program == "reportgen":
        _parse_reportgen(arguments)
    elif program == "pip":
        _check_pip(arguments)
    elif program == "python":
        assert arguments[0].endswith(".py") or arguments[:2][-1].startswith("benchmarks."), words
    else:
        assert program in NOT_RUN, f"{program} is not a program that the documentation may use"


def _parse_reportgen(arguments: list[str]) -> None:
    name, *options = arguments
    if name.startswith("-"):
        cli.make_context("reportgen", arguments, resilient_parsing=True)
        return
    command = cli.commands[name]
    if "--help" not in options:
        command.make_context(name, list(options), parent=click.Context(cli))


def _check_pip(arguments: list[str]) -> None:
    assert arguments[0] == "install", arguments
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for argument in arguments[1:]:
        requirement = re.fullmatch(r"(\.|reportgen)(?:\[([\w,-]+)\])?", argument)
        assert requirement or argument == "-e", f"pip install {argument}"
        extras = (requirement[2] or "").split(",") if requirement and requirement[2] else []
        assert set(extras) <= set(project["optional-dependencies"]), argument


def run_page(page: Path) -> None:
    """Save the files of a page in the working folder, and run its Python and shell blocks in their order."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in read_blocks(page):
        if block.title:
            Path(block.title).write_text(block.code, encoding="utf-8")
        elif block.language == "python":
            exec(compile(block.code, str(page), "exec"), namespace)
        elif block.language == "sh":
            for words in split_commands(block.code):
                run_command(words)


def run_command(words: list[str]) -> None:
    """Run a command. Those that install or download something, or belong to contributors, are only parsed."""
    program, *arguments = words
    parse_command(words)
    if program == "reportgen" and "pretrained" not in arguments:
        code = cli(arguments, standalone_mode=False, prog_name="reportgen")
        assert not code, f"exit code {code}: {shlex.join(words)}"
    elif program == "python" and Path(arguments[0]).is_file():
        subprocess.run([sys.executable, *arguments], check=True)


def is_run(page: Path) -> bool:
    """Whether a page has something to run."""
    languages: Mapping[str, int] = {"python": 1, "sh": 1}
    return any(block.language in languages and not block.title for block in read_blocks(page))
