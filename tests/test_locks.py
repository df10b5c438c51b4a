"""One writer at a time: the second command says who holds the lock, and stops before it does anything."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Run
from PIL import Image

from reportgen import locks
from reportgen.cache import EvaluationCache
from reportgen.cache_file import save_cache
from reportgen.errors import BusyError
from reportgen.locks import writing_alone

HOLDER = """
import sys, time
from pathlib import Path
from reportgen.locks import writing_alone
with writing_alone(*map(Path, sys.argv[1:]), say=print):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def hold(request: pytest.FixtureRequest):
    """Starts a process that holds a lock until it is killed."""

    def start(*paths: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDER, *map(str, paths)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        request.addfinalizer(process.stdout.close)
        request.addfinalizer(process.wait)
        request.addfinalizer(process.kill)
        assert process.stdout.readline() == "held\n"
        return process

    return start


@pytest.fixture
def folder(tmp_path: Path, tiny_cache: EvaluationCache, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a cache and a picture."""
    monkeypatch.chdir(tmp_path)
    save_cache(tiny_cache, tmp_path / "cache.npz")
    Image.new("RGB", (40, 40)).save(tmp_path / "picture.png")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["render", "cache.npz"],
        ["run", "--model", "demo", "--data", "demo"],
        ["run", "--model", "demo", "--data", "demo", "--out", "elsewhere", "--cache", "held.npz"],
        ["analyze", "--model", "demo", "--data", "demo", "--cache", "held.npz"],
        ["explain", "--model", "demo", "picture.png", "--out", "site"],
    ],
    ids=" ".join,
)
def test_the_second_command_names_the_first_and_leaves_everything_alone(
    folder: Path, run: Run, hold: Callable[..., subprocess.Popen[str]], arguments: list[str]
):
    process = hold(folder / "site", folder / "held.npz")
    before = sorted(folder.rglob("*"))
    done = run(*arguments)
    assert done.code == 1
    assert re.match(
        rf"error: {re.escape(str(folder))}/(site|held\.npz) is being written by another process: .*, process "
        rf"{process.pid} on .*, since \d{{4}}-",
        done.err,
    )
    assert sorted(folder.rglob("*")) == before


def test_the_lock_ends_with_its_process(tmp_path: Path, hold):
    process = hold(tmp_path / "site")
    with pytest.raises(BusyError), writing_alone(tmp_path / "site", say=print):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with writing_alone(tmp_path / "site", say=print):
        pass
    assert list(tmp_path.iterdir()) == []


def test_two_spellings_of_a_folder_are_one(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with writing_alone(tmp_path / "real" / "site", say=print):
        with pytest.raises(BusyError), writing_alone(tmp_path / "link" / ".." / "link" / "site", say=print):
            pass
        with writing_alone(tmp_path / "real" / "other", say=print):
            pass


def test_the_lock_is_released_after_an_error(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), writing_alone(tmp_path / "site", say=print):
        raise ZeroDivisionError
    with writing_alone(tmp_path / "site", say=print):
        pass


def test_a_file_system_without_locks_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(_file: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "_take", refuse)
    said: list[str] = []
    with writing_alone(tmp_path / "site", say=said.append):
        pass
    assert said == [f"The file system of {tmp_path} has no locks. Do not let two commands write there at once."]


@pytest.mark.slow
def test_many_processes_write_one_after_another(tmp_path: Path):
    """Twelve processes that wait for each other: no two are inside at once, whoever removes the file."""
    script = """
import sys, time
from pathlib import Path
from reportgen.errors import BusyError
from reportgen.locks import writing_alone
folder, done = Path(sys.argv[1]), 0
while done < 20:
    try:
        with writing_alone(folder / "site", say=print):
            (folder / "inside").open("x").close()
            time.sleep(0.001)
            (folder / "inside").unlink()
            done += 1
    except BusyError:
        time.sleep(0.001)
"""
    processes = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(6)]
    deadline = time.monotonic() + 120
    assert [process.wait(timeout=max(1, deadline - time.monotonic())) for process in processes] == [0] * 6
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["n" * 255, "猫" * 85])
def test_a_place_with_the_longest_name_has_a_lock(tmp_path: Path, hold: Callable[..., object], name: str):
    hold(tmp_path / name)
    with writing_alone(tmp_path / name[1:], say=pytest.fail):
        pass
    with pytest.raises(BusyError), writing_alone(tmp_path / name, say=pytest.fail):
        pass
