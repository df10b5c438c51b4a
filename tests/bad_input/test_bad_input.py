"""Every row of the tables: exit code, message, and what is left on disk. The same rows make a page of the docs."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from command_line import Done, Run
from doc_tables import DocTables

from bad_input import annotations, arrays, caches, images, models, npz_files, options, tables, texts
from bad_input.row import OK, Row

TABLES: dict[str, tuple[Row, ...]] = {
    "images": images.ROWS,
    "npz": npz_files.ROWS,
    "arrays": arrays.ROWS,
    "tables": tables.ROWS,
    "annotations": annotations.ROWS,
    "models": models.ROWS,
    "options": options.ROWS,
    "texts": texts.ROWS,
    "caches": caches.ROWS,
}
CASES = [pytest.param(name, row, id=f"{name}: {row.input}") for name, rows in TABLES.items() for row in rows]
LEAST_NUMBER_OF_ROWS = 250


@pytest.fixture
def folder(good_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that a row may spoil, as the current folder."""
    copy = tmp_path / "work"
    shutil.copytree(good_folder, copy)
    monkeypatch.chdir(copy)
    return copy


def test_there_are_enough_rows_and_each_has_its_name_once():
    keys = [(name, row.input) for name, rows in TABLES.items() for row in rows]
    assert len(keys) == len(set(keys)) >= LEAST_NUMBER_OF_ROWS


@pytest.mark.parametrize(("table", "row"), CASES)
def test_bad_input_gets_one_clear_answer_and_nothing_is_lost(
    folder: Path, run: Run, doc_tables: DocTables, table: str, row: Row
):
    row.write(folder)
    before = _contents(folder)
    done = run(*(shlex.split(row.command) if isinstance(row.command, str) else row.command))
    assert done.code == row.code, done.err or done.out
    said = done.out + done.err + (_said_in_report(folder) if row.code == OK else "")
    for word in row.words:
        assert word in said
    assert "\x1b" not in said
    assert "Traceback" not in said
    after = _contents(folder)
    assert {path: content for path, content in after.items() if path in before} == before
    left = {path.parts[0] for path in after.keys() - before.keys()} - {"__pycache__"}
    assert "MARKER" not in left
    if row.code == OK:
        assert "site" in left
    else:
        assert not left
        assert _num_messages(done) == 1
    doc_tables.check_row(f"bad-{table}", row.input, [f"{row.code}", _answer(done, folder)])


@pytest.mark.parametrize("table", TABLES)
def test_the_page_lists_exactly_these_rows(doc_tables: DocTables, table: str):
    doc_tables.check_keys(f"bad-{table}", [row.input for row in TABLES[table]])


def _contents(folder: Path) -> dict[Path, bytes | str]:
    """What each file holds, by its path in the folder; a link holds its target."""
    contents: dict[Path, bytes | str] = {}
    for path in folder.rglob("*"):
        if path.is_symlink():
            contents[path.relative_to(folder)] = str(path.readlink())
        elif path.is_file():
            contents[path.relative_to(folder)] = path.read_bytes()
    return contents


def _said_in_report(folder: Path) -> str:
    pages = [folder / "site/index.html", folder / "site/data/metrics.json"]
    return " ".join(str(page.relative_to(folder)) + page.read_text(encoding="utf-8") for page in pages)


def _num_messages(done: Done) -> int:
    return len(re.findall(r"^[Ee]rror: ", done.err, re.MULTILINE))


def _answer(done: Done, folder: Path) -> str:
    """The message, in one line; of a run that worked, nothing."""
    if done.code == OK:
        return "a report"
    found = re.search(r"^[Ee]rror: (.*)", done.err, re.MULTILINE)
    assert found is not None
    message = found[1].replace(str(folder), "FOLDER")
    return f"{message[:160]} …" if len(message) > 161 else message
