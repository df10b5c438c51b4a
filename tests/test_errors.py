"""One message, two audiences: arguments in Python, options on the command line."""

import ast
import re
from pathlib import Path

import pytest

from reportgen.errors import ReportError, setting

PACKAGE = Path(__file__).resolve().parents[1] / "reportgen"
OTHER_WORDS = {"cli.py", "options.py", "demo/train.py", "report/pictures/palette.py"}  # options, and names in CSS


@pytest.mark.parametrize(
    ("value", "in_python", "on_command_line"),
    [
        (None, "batch_size", "--batch-size"),
        (8, "batch_size=8", "--batch-size 8"),
        (0, "batch_size=0", "--batch-size 0"),
        ("bf16", "batch_size='bf16'", "--batch-size bf16"),
        (Path("a/b.c"), "batch_size='a/b.c'", "--batch-size a/b.c"),
        ("FILE.npz", "batch_size=FILE.npz", "--batch-size FILE.npz"),
        ((0.5, 0.25), "batch_size=(0.5, 0.25)", "--batch-size 0.5,0.25"),
        (True, "batch_size=True", "--batch-size"),
    ],
)
def test_a_setting_is_an_argument_or_an_option(value, in_python, on_command_line):
    error = ReportError(f"{setting('batch_size', value)} is wrong.", hint=f"Omit {setting('batch_size', value)}.")
    assert (str(error), error.message, error.hint) == (f"{in_python} is wrong.",) * 2 + (f"Omit {in_python}.",)
    named = error.with_names(lambda name: f"--{name.replace('_', '-')}")
    assert named == (f"{on_command_line} is wrong.", f"Omit {on_command_line}.")


def test_texts_of_users_stay_as_they_are():
    text = "{mean} %s \\1 <b> {0}"
    error = ReportError(text, hint=f"{text} {setting('mean', text)}")
    assert error.with_names(str.upper) == (text, f"{text} MEAN {text}")


def _find_messages(path: Path) -> list[str]:
    """The string constants of a module, but for docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [node.value for node in constants if id(node) not in docstrings]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_message_of_the_library_names_an_option(path: Path):
    if path.relative_to(PACKAGE).as_posix() in OTHER_WORDS:
        return
    messages = [text.replace("pip install --force-reinstall", "") for text in _find_messages(path)]
    assert [text for text in messages if re.search(r"(?<![\w-])--[a-z]", text) and "var(--" not in text] == []
