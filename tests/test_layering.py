"""The laws of the layout: one direction at every level, and heavy libraries only where they belong."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "reportgen"

_REPORT = ("urls", "style_sheets", "words", "exports", "pictures", "downloads", "views", "pages")
_LEFT = (
    "version",
    "plain_text",
    "parsing",
    "errors",
    "atomic",
    "locks",
    "methods",
    "output_reading",
    "npy_archive",
    "settings",
    "cache",
    "explanation",
    "demo",
    "inputs",
    "evidence",
)
_RIGHT = (
    "version",
    "plain_text",
    "parsing",
    "errors",
    "atomic",
    "locks",
    "methods",
    "output_reading",
    "settings",
    "cache",
    "explanation",
    "analysis",
    "report",
)
_TOP = (
    "signals",
    "cache_file",
    "observers",
    "evaluation",
    "pipeline",
    "doctor",
    "console",
    "command",
    "options",
    "cli",
    "__main__",
)

MAY_IMPORT = {
    **{part: set(order[: i + 1]) for order in (_LEFT, _RIGHT) for i, part in enumerate(order)},
    **{part: {*_LEFT, *_RIGHT, *_TOP[: i + 1]} for i, part in enumerate(_TOP)},
    "__init__": {*_LEFT, *_RIGHT, *_TOP},
}
MAY_IMPORT_IN_REPORT = {
    **{part: set(_REPORT[: i + 1]) for i, part in enumerate(_REPORT)},
    "sandbox": {"sandbox"},
    "templating": {"sandbox", "templating"},
    "delivery": {"urls", "style_sheets", "words", "templating", "delivery"},
    "display_names": {"display_names"},
    "presentation": {*_REPORT, "display_names", "templating", "delivery", "presentation"},
    "written_report": {"words", "delivery", "written_report"},
    "render": {*_REPORT, "templating", "presentation", "render"},
}
FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)
ONLY_IN = {
    "torch": {"inputs", "evidence", "demo"},
    "torchvision": {"inputs", "evidence"},
    "click": {"cli", "command", "console", "options"},
    "rich": {"console"},
    "tqdm": {"observers"},
    "jinja2": {"report"},
    "markdown_it": {"report"},
    "markupsafe": {"report"},
    "plotly": {"report"},
    "matplotlib": {"report"},
}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _is_against_the_reports_direction(path: Path, imported: list[str]) -> bool:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if parts[1] == "__init__" or imported[0] != "report" or len(imported) < 2:
        return False
    return imported[1] not in MAY_IMPORT_IN_REPORT[parts[1]]


def find_violations(path: Path) -> list[str]:
    part, found = _part(path), []
    for name in _imports(path):
        top, *rest = name.split(".")
        if name == "reportgen":
            found.append("the package's top")
        elif top == "reportgen" and rest and (PACKAGE / rest[0]).exists() | (PACKAGE / f"{rest[0]}.py").exists():
            found += [name] if rest[0] not in MAY_IMPORT[part] else []
            found += [name] if part == "report" and _is_against_the_reports_direction(path, rest) else []
        elif part not in ONLY_IN.get(top, {part}):
            found.append(name)
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_what_lies_below_it(path: Path):
    assert find_violations(path) == []


def find_circle(folder: Path) -> set[str]:
    """The files and folders in a folder that import one another in a circle, or lie on the way from one to another."""
    imported: dict[str, set[str]] = {}
    for path in folder.rglob("*.py"):
        own = _child(folder, path.relative_to(PACKAGE.parent).with_suffix("").parts)
        others = {_child(folder, tuple(name.split("."))) for name in _imports(path)}
        imported.setdefault(own, set()).update(others - {own, ""})
    while lowest := {name for name, others in imported.items() if not others & imported.keys()}:
        imported = {name: others for name, others in imported.items() if name not in lowest}
    return set(imported)


def _child(folder: Path, module: tuple[str, ...]) -> str:
    """The file or folder in a folder that a module belongs to; empty where it lies elsewhere."""
    parts = folder.relative_to(PACKAGE.parent).parts
    return module[len(parts)] if module[: len(parts)] == parts and len(module) > len(parts) else ""


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(PACKAGE.parent)))
def test_nothing_in_a_folder_imports_in_a_circle(folder: Path):
    assert find_circle(folder) == set()


def test_the_check_finds_a_circle_through_subfolders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    package = tmp_path / "reportgen"
    monkeypatch.setitem(globals(), "PACKAGE", package)
    for name, text in (
        ("data/sets.py", "from reportgen.inputs.names import name_of\n"),
        ("names.py", "import reportgen.inputs.data.files\n"),
        ("data/files.py", ""),
        ("digests.py", "from reportgen.inputs import names\n"),
        ("files.py", ""),
    ):
        path = package / "inputs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert find_circle(package / "inputs") == {"data", "names", "digests"}
    assert find_circle(package / "inputs" / "data") == set()


def test_the_check_finds_an_import_of_the_top(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    module = tmp_path / "settings.py"
    module.write_text("import reportgen\nfrom reportgen import __version__\n")
    assert find_violations(module) == ["the package's top"] * 2


def test_the_check_finds_an_import_against_the_direction(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    for part in ("analysis", "report"):
        (tmp_path / part).mkdir()
    module = tmp_path / "analysis" / "metrics.py"
    module.write_text("import torch\nfrom reportgen.report import site\n")
    assert find_violations(module) == ["torch", "reportgen.report", "reportgen.report.site"]


def test_the_check_finds_an_import_against_the_direction_inside_the_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    module = tmp_path / "report" / "words" / "text.py"
    module.parent.mkdir(parents=True)
    module.write_text("from reportgen.report.pages.cards import make_card\n")
    assert find_violations(module) == ["reportgen.report.pages.cards", "reportgen.report.pages.cards.make_card"]
