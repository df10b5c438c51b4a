"""A signal ends a command as Ctrl-C does: nothing half-written, a sentence, and an exit code of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reportgen.cache import EvaluationCache
from reportgen.cache_file import save_cache

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]

# Runs the command in its arguments with a function that waits in place of another.
WAITING = """
import sys, time
import {module} as module
from reportgen.__main__ import main
def wait(*_, **__):
    print("waiting", flush=True)
    time.sleep(60)
module.{name} = wait
main()
"""
IMPORTING = """
import sys, time
class Finder:
    def find_spec(self, name, path, target=None):
        if name == "reportgen.cli":
            print("waiting", flush=True)
            time.sleep(60)
from reportgen.__main__ import main
sys.meta_path.insert(0, Finder())
main()
"""
RENDERING = WAITING.format(module="reportgen.report.delivery.site", name="replace_site")
PACKING = WAITING.format(module="reportgen.report.delivery.archive", name="write_archive")


@pytest.fixture
def folder(tmp_path: Path, tiny_cache: EvaluationCache) -> Path:
    save_cache(tiny_cache, tmp_path / "cache.npz")
    return tmp_path


def interrupt(folder: Path, code: str, *arguments: str, number: int = signal.SIGTERM) -> tuple[int, str]:
    """Exit code and stderr of a command that gets a signal once it waits."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored, as a background shell has it
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    if process.stdout.readline() != "waiting\n":
        pytest.fail(process.communicate()[1])
    time.sleep(0.1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors.strip()


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_while_a_site_is_written_leaves_nothing_half_written(folder: Path, number: int, code: int):
    done = interrupt(folder, RENDERING, "render", "cache.npz", number=number)
    assert done == (code, "Interrupted. Files of earlier runs are unchanged.")
    assert [path.name for path in folder.iterdir()] == ["cache.npz"]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_during_the_imports_is_no_traceback(folder: Path, number: int, code: int):
    assert interrupt(folder, IMPORTING, "render", "cache.npz", number=number) == (
        code,
        "Interrupted. Files of earlier runs are unchanged.",
    )


def test_a_finished_site_is_named(folder: Path):
    code, errors = interrupt(folder, PACKING, "render", "cache.npz", "--zip")
    assert code == 143
    assert "Written before: site. Other files" in errors
    assert (folder / "site/index.html").exists()


def test_an_ignored_signal_stays_ignored(folder: Path):
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + RENDERING.replace("60", "0.5")
    code, errors = interrupt(folder, ignoring, "render", "cache.npz", number=signal.SIGHUP)
    assert "Interrupted" not in errors
    assert code == 0
