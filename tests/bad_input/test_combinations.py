"""Random combinations of rows: whatever else is wrong as well, the answer is one message and an exit code of ours."""

import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from command_line import Run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bad_input import annotations, images, models, options, tables, texts
from bad_input.row import OK, Row

ROWS = [
    row
    for rows in (images.ROWS, models.ROWS, options.ROWS, tables.ROWS, texts.ROWS, annotations.ROWS)
    for row in rows
    if isinstance(row.command, str) and row.command.startswith("run ")
]
EXIT_CODES = (0, 1, 2)


@pytest.fixture(autouse=True)
def _back_to_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example has a current folder of its own; afterwards it is the old one again."""
    monkeypatch.chdir(Path.cwd())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.lists(st.sampled_from(ROWS), min_size=2, max_size=4, unique=True))
def test_combined_rows_end_with_one_message(
    good_folder: Path, tmp_path_factory: pytest.TempPathFactory, run: Run, chosen: list[Row]
):
    folder = tmp_path_factory.mktemp("combined")
    shutil.copytree(good_folder, folder, dirs_exist_ok=True)
    os.chdir(folder)
    for row in chosen:
        try:
            row.write(folder)
        except (OSError, KeyError):  # one row has taken away or replaced what another one changes
            continue
    done = run(*_merge([shlex.split(str(row.command)) for row in chosen]))
    assert done.code in EXIT_CODES, done.err
    assert "Traceback" not in done.err
    assert "\x1b" not in done.out + done.err
    assert len(re.findall(r"^[Ee]rror: ", done.err, re.MULTILINE)) == (done.code != OK)
    assert (folder / "site").exists() == (done.code == OK)


def _merge(commands: list[list[str]]) -> list[str]:
    """One command with all options; of an option that several have, the first wins that differs from the good one."""
    merged: dict[str, list[str]] = {}
    for command in commands:
        name = ""
        for word in command[1:]:
            if word.startswith("--"):
                name = word
                merged.setdefault(name, [])
            elif len(merged[name]) == 0:
                merged[name].append(word)
    return [commands[0][0], *(word for name, values in merged.items() for word in (name, *values))]
