"""The whole line on a small scale: options in, site out, and what happens when something is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import Done, Run

from reportgen.cache_file import load_cache

NET = """
from pathlib import Path
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.features(x).relu().mean((2, 3)))

def make():
    with Path(__file__).with_name("calls.txt").open("a") as log:
        log.write("made\\n")
    torch.manual_seed(0)
    return Net()
"""

RUN = ["run", "--model", "net.py:make", "--data", "data.npz", "--mean", "0.5,0.5,0.5", "--std", "0.2,0.2,0.2"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, the current one, with a model file and a test set of forty images in five classes."""
    rng = np.random.default_rng(0)
    (tmp_path / "net.py").write_text(NET)
    np.savez(
        tmp_path / "data.npz",
        images=rng.integers(0, 256, (40, 16, 16, 3)).astype(np.uint8),
        labels=np.arange(40) % 5,
        class_names=np.array(["ant", "bee", "cat", "dog", "eel"]),
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def reportgen(run: Run) -> Run:
    """Runs the command line in this process; fails unless it stops with the expected code."""

    def run_and_check(*arguments: str, code: int = 0) -> Done:
        done = run(*arguments)
        assert done.code == code, done.out + done.err
        return done

    return run_and_check


def run_in_a_new_process(*arguments: str, code: int = 0) -> None:
    command = [sys.executable, "-m", "reportgen", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr


def num_calls(folder: Path) -> int:
    log = folder / "calls.txt"
    return len(log.read_text().splitlines()) if log.exists() else 0


def site_files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_run_writes_a_cache_and_a_site_and_sums_up(folder: Path, reportgen: Run):
    done = reportgen(*RUN)
    cache = load_cache(folder / "cache.npz")
    assert cache.num_examples == 40
    right = int((cache.logits.argmax(1) == cache.labels).sum())
    metrics = json.loads((folder / "site/data/metrics.json").read_text())
    assert metrics["overall"]["top1"]["count"] == right
    assert {path.name for path in (folder / "site/classes").iterdir()} == {
        f"{i:03d}-{name}.html" for i, name in enumerate(["ant", "bee", "cat", "dog", "eel"])
    }
    assert "site/index.html" in done.out
    assert f"{right / 40:.1%}" in done.out


def test_a_valid_cache_spares_the_model(folder: Path, reportgen: Run):
    reportgen(*RUN)
    first = site_files(folder / "site")
    reportgen(*RUN)
    assert num_calls(folder) == 1
    assert site_files(folder / "site") == first


def test_a_valid_cache_spares_torch(folder: Path, reportgen: Run):
    reportgen(*RUN)
    (folder / "torch.py").write_text("raise SystemExit('torch was imported')")
    run_in_a_new_process(*RUN)


def test_a_stale_cache_is_made_anew_and_the_reason_named(folder: Path, reportgen: Run):
    reportgen(*RUN)
    done = reportgen(*RUN, "--limit", "20")
    assert "stale (limit differ" in done.err
    assert load_cache(folder / "cache.npz").num_examples == 20
    assert num_calls(folder) == 2


@pytest.mark.slow
def test_refresh_ignores_a_valid_cache(folder: Path, reportgen: Run):
    reportgen(*RUN)
    reportgen(*RUN, "--refresh")
    assert num_calls(folder) == 2


def test_render_writes_the_same_site_without_model_or_data(folder: Path, reportgen: Run):
    reportgen(*RUN)
    for name in ("net.py", "data.npz"):
        (folder / name).unlink()
    reportgen("render", "cache.npz", "--out", "other")
    assert site_files(folder / "other") == site_files(folder / "site")


def test_no_page_names_the_folder_it_was_made_in(folder: Path, reportgen: Run):
    arguments = [str(folder / "net.py:make") if part == "net.py:make" else part for part in RUN]
    reportgen(*arguments)
    for name, content in site_files(folder / "site").items():
        assert str(folder).encode() not in content, name


@pytest.mark.parametrize("extra", [[], ["--refresh"]])
def test_a_foreign_file_in_the_caches_place_is_left_alone(folder: Path, reportgen: Run, extra: list[str]):
    before = (folder / "data.npz").read_bytes()
    done = reportgen(*RUN, "--cache", "data.npz", *extra, code=1)
    assert "not a cache of reportgen" in done.err
    assert (folder / "data.npz").read_bytes() == before


def test_a_damaged_cache_is_named_and_refresh_replaces_it(folder: Path, reportgen: Run):
    (folder / "cache.npz").write_bytes(b"PK\3\4 half of it")
    done = reportgen(*RUN, code=1)
    assert "truncated or damaged" in done.err
    assert "--refresh" in done.err
    reportgen(*RUN, "--refresh")


def test_a_foreign_output_folder_is_refused_before_the_model_runs(folder: Path, reportgen: Run):
    (folder / "site").mkdir()
    (folder / "site" / "thesis.tex").touch()
    done = reportgen(*RUN, code=1)
    assert "thesis.tex" in done.err
    assert num_calls(folder) == 0


def test_a_cache_that_could_not_be_saved_is_refused_before_the_model_runs(folder: Path, reportgen: Run):
    done = reportgen(*RUN, "--cache", "net.py/cache.npz", code=1)
    assert "net.py/cache.npz" in done.err
    assert num_calls(folder) == 0


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--model", "gone.py:make", "gone.py"),
        ("--model", "net.py:nothing", "nothing"),
        ("--data", "gone.npz", "gone.npz"),
        ("--weights", "gone.pth", "gone.pth"),
        ("--layer", "head.nothing", "features"),
        ("--mean", "120,120,120", "--mean"),
        ("--templates", "gone", "gone"),
    ],
)
def test_wrong_input_is_one_message_with_a_hint(folder: Path, reportgen: Run, option: str, value: str, named: str):
    arguments = [*RUN, option, value]  # the later value of an option counts
    done = reportgen(*arguments, code=1)
    assert "error: " in done.err
    assert "hint: " in done.err
    assert named in done.err
    assert "Traceback" not in done.err
    assert not (folder / "site").exists()


def test_unknown_options_are_usage_errors(folder: Path, reportgen: Run):
    run_in_a_new_process("run", "--nothing", code=2)
    reportgen("run", code=2)
    reportgen(*RUN, "--mean", "a,b,c", code=2)


@pytest.mark.slow
def test_an_interrupted_run_leaves_no_half_written_file(folder: Path):
    slow = NET.replace("return self.head", "import time; time.sleep(30); return self.head")
    (folder / "net.py").write_text(slow)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored, as a background shell has it
    process = subprocess.Popen([sys.executable, "-m", "reportgen", *RUN], cwd=folder, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    while num_calls(folder) == 0:
        assert process.poll() is None, process.stderr
        time.sleep(0.1)
    time.sleep(1.0)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in errors
    assert {path.name for path in folder.iterdir()} - {"__pycache__"} == {"net.py", "data.npz", "calls.txt"}


def test_a_users_template_may_extend_the_one_it_replaces(folder: Path, reportgen: Run):
    (folder / "mine").mkdir()
    (folder / "mine/index.html.j2").write_text(
        '{% extends "builtin/index.html.j2" %}{% block findings %}<p>Reviewed.</p>{{ super() }}{% endblock %}'
    )
    reportgen(*RUN, "--templates", "mine")
    index = (folder / "site/index.html").read_text()
    assert "<p>Reviewed.</p>" in index
    assert 'id="findings"' in index


@pytest.mark.parametrize(
    ("option", "name", "content"),
    [
        ("--templates", "mine/class.html.j2", "{% block %}"),
        ("--notes", "notes.md", "![picture](https://example.org/p.png)"),
        ("--logo", "logo.svg", "words"),
        ("--extra-css", "own.css", "@import 'more.css';"),
        ("--single-file", "report.html", "a page of somebody's"),
        ("--zip", "site.zip", "somebody's archive"),
    ],
)
def test_what_rendering_would_refuse_is_refused_before_the_model_runs(
    folder: Path, reportgen: Run, option: str, name: str, content: str
):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(content)
    value = {"--templates": ["mine"], "--zip": []}.get(option, [name])
    done = reportgen(*RUN, option, *value, code=1)
    assert Path(name).name in done.err
    assert "hint: " in done.err
    assert num_calls(folder) == 0
    assert (folder / name).read_text() == content


@pytest.mark.slow
@pytest.mark.parametrize("template", ["{{ page.nothing }}", '<a href="gone.html">x</a>'])
def test_a_wrong_template_is_one_message_and_no_site(folder: Path, reportgen: Run, template: str):
    (folder / "mine").mkdir()
    (folder / "mine/index.html.j2").write_text(template)
    done = reportgen(*RUN, "--templates", "mine", code=1)
    assert "index.html" in done.err
    assert not (folder / "site/index.html").exists()
    reportgen("render", "cache.npz")
