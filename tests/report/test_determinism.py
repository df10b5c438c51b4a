"""Same cache, same bytes: whatever the folder, the day, the time zone, the hash seed and the locale."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reportgen.cache import EvaluationCache
from reportgen.cache_file import save_cache

ARGUMENTS = ["render", "../cache.npz", "--zip", "--single-file", "report.html", "--notes", "../notes.md"]

SURROUNDINGS = (
    {"TZ": "UTC", "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
    {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "4711", "LC_ALL": "C", "COLUMNS": "40"},
)

# The second run believes that a year has passed.
RUN = """
import sys, time
now, days = time.time, float(sys.argv.pop(1))
time.time = lambda: now() + days * 86400
from reportgen.cli import main
main()
"""


@pytest.mark.slow
def test_two_renders_in_different_surroundings_give_the_same_bytes(small_cache: EvaluationCache, tmp_path: Path):
    save_cache(small_cache, tmp_path / "cache.npz")
    (tmp_path / "notes.md").write_text("# Reviewed\n\nSee [the pairs](#pairs).", encoding="utf-8")
    folders = [tmp_path / "a", tmp_path / "another folder, quite long"]
    processes = []
    for folder, surroundings, days in zip(folders, SURROUNDINGS, ("0", "400"), strict=True):
        folder.mkdir()
        command = [sys.executable, "-c", RUN, days, *ARGUMENTS]
        processes.append(subprocess.Popen(command, cwd=folder, env=os.environ | surroundings, stderr=subprocess.PIPE))
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
    first, second = (json.loads((folder / "site/manifest.json").read_text())["files"] for folder in folders)
    assert {path for path in first.keys() | second.keys() if first.get(path) != second.get(path)} == set()
    for name in ("site/manifest.json", "site.zip", "report.html"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name
