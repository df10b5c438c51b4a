"""`reportgen explain`, as a user types it: mixed pictures, a wrong file, a folder that is not ours."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from reportgen.cli import main
from reportgen.demo.dataset import make_test_set


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    def run_main(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["reportgen", "explain", *arguments, "--device", "cpu"])
        with pytest.raises(SystemExit) as stop:
            main()
        return Done(stop.value.code, *capsys.readouterr())

    return run_main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    demo = make_test_set()
    for label in (12, 43):
        Image.fromarray(demo.images[label * 100]).save(tmp_path / f"{label}.png")
    (tmp_path / "notes.png").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_pictures_metadata_and_page_are_written(run: Callable[..., Done], folder: Path):
    done = run("12.png", "43.png", "--model", "demo")
    assert done.code == 0
    assert done.err == ""
    assert [line.split() for line in done.out.splitlines()[:2]] == [
        [f"{label}.png", found["predicted"]["class"], f"{found['predicted']['probability']:.3f}"]
        for label in (12, 43)
        for found in [json.loads((folder / f"explanations/{label}.json").read_text())]
    ]
    written = {path.name for path in (folder / "explanations").iterdir()}
    pictures = {f"{label}-{kind}.png" for label in (12, 43) for kind in ("view", "heatmap", "overlay")}
    assert written == {*pictures, "12.json", "43.json", "index.html", "assets", "manifest.json"}


def test_one_bad_file_is_named_and_the_others_are_explained(run: Callable[..., Done], folder: Path):
    done = run("12.png", "notes.png", "missing.png", "--model", "demo", "--out", "found")
    assert done.code == 1
    assert (folder / "found/12.json").is_file()
    errors = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 2
    assert "notes.png" in errors[0]
    assert "missing.png" in errors[1]
    assert done.err.count("hint:") == 2


def test_a_command_without_a_model_is_a_usage_error(run: Callable[..., Done], folder: Path):
    done = run("12.png")
    assert done.code == 2
    assert "Missing option '--model'" in done.err


def test_classes_and_methods_are_chosen_by_name(run: Callable[..., Done], folder: Path):
    done = run("12.png", "--model", "demo", "--class", "12", "--class", "82", "--method", "gradcam,layercam")
    assert done.code == 0
    maps = json.loads((folder / "explanations/12.json").read_text())["maps"]
    assert [(found["explains"]["class"], found["method"]) for found in maps] == [
        *(("12", "gradcam"), ("12", "layercam")),
        *(("82", "gradcam"), ("82", "layercam")),
    ]
    assert all((folder / "explanations" / found["overlay"]).is_file() for found in maps)


def test_the_function_is_public_beside_the_modules_that_it_calls(folder: Path):
    import reportgen

    settings = reportgen.ExplainSettings(model="demo", images=(folder / "12.png",), device="cpu")
    for _ in range(2):  # importing a module of the package puts its name there
        found = reportgen.explain(settings)
    assert [image.path.name for image in found.images] == ["12.png"]
    assert not (folder / "explanations").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("notes.png", "--model", "demo"), "notes.png"),
        (("12.png", "--model", "demo", "--class", "otter"), "otter"),
        (("12.png", "--model", "demo", "--method", "gradcan"), "gradcan"),
        (("12.png", "--model", "demo", "--method", "rollout"), "no attention layer"),
        (("12.png", "--model", "demo", "--out", "."), "not a report"),
        (("12.png", "--model", "torchvision:resnet18", "--weights", "notes.png"), "number of outputs"),
    ],
)
def test_what_cannot_be_done_is_one_error_and_writes_nothing(
    run: Callable[..., Done], folder: Path, arguments: tuple[str, ...], message: str
):
    before = sorted(folder.iterdir())
    done = run(*arguments)
    assert done.code == 1
    assert done.err.count("error:") == done.err.count("hint:") == 1
    assert message in done.err
    assert sorted(folder.iterdir()) == before
