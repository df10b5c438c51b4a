"""`reportgen explain`, as a user types it: mixed pictures, a wrong file, a folder that is not ours."""

import json
from pathlib import Path

import pytest
from command_line import Run
from PIL import Image

from reportgen.demo.dataset import DemoSet


@pytest.fixture
def explain(run: Run) -> Run:
    """Runs `reportgen explain` in this process."""
    return lambda *arguments: run("explain", *arguments, "--device", "cpu")


@pytest.fixture
def folder(demo_set: DemoSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for label in (12, 43):
        Image.fromarray(demo_set.images[label * 100]).save(tmp_path / f"{label}.png")
    (tmp_path / "notes.png").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_pictures_metadata_and_page_are_written(explain: Run, folder: Path):
    done = explain("12.png", "43.png", "--model", "demo")
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


def test_one_bad_file_is_named_and_the_others_are_explained(explain: Run, folder: Path):
    done = explain("12.png", "notes.png", "missing.png", "--model", "demo", "--out", "found")
    assert done.code == 1
    assert (folder / "found/12.json").is_file()
    errors = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 2
    assert "notes.png" in errors[0]
    assert "missing.png" in errors[1]
    assert done.err.count("hint:") == 2


def test_a_command_without_a_model_is_a_usage_error(explain: Run, folder: Path):
    done = explain("12.png")
    assert done.code == 2
    assert "Missing option '--model'" in done.err


def test_classes_and_methods_are_chosen_by_name(explain: Run, folder: Path):
    done = explain("12.png", "--model", "demo", "--class", "12", "--class", "82", "--method", "gradcam,layercam")
    assert done.code == 0
    maps = json.loads((folder / "explanations/12.json").read_text())["maps"]
    assert [(found["explains"]["class"], found["method"]) for found in maps] == [
        *(("12", "gradcam"), ("12", "layercam")),
        *(("82", "gradcam"), ("82", "layercam")),
    ]
    assert all((folder / "explanations" / found["overlay"]).is_file() for found in maps)


def test_the_page_shows_display_names_and_the_metadata_the_datas_own(explain: Run, folder: Path):
    (folder / "names.csv").write_text("class,name\n12,a dozen\n43,forty-three\n")
    done = explain("12.png", "--model", "demo", "--class", "12", "--class", "43", "--display-names", "names.csv")
    assert done.code == 0
    page = (folder / "explanations/index.html").read_text()
    assert "for a dozen" in page
    assert "for forty-three" in page
    found = json.loads((folder / "explanations/12.json").read_text())
    assert [drawn["explains"]["class"] for drawn in found["maps"]] == ["12", "43"]
    assert (folder / "explanations/12-43-gradcam-overlay.png").is_file()
    shown = {"12": "a dozen", "43": "forty-three"}.get(found["predicted"]["class"], found["predicted"]["class"])
    assert done.out.splitlines()[0].startswith(f"12.png  {shown}  ")


def test_display_names_of_no_class_are_refused_before_anything_is_written(explain: Run, folder: Path):
    (folder / "names.csv").write_text("class,name\ndog,Dog\n")
    done = explain("12.png", "--model", "demo", "--display-names", "names.csv")
    assert done.code == 1
    assert "--display-names lists none of the classes" in done.err
    assert not (folder / "explanations").exists()


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
        (("12.png", "--model", "demo", "--out", "."), "did not write"),
        (("12.png", "--model", "torchvision:resnet18", "--weights", "notes.png"), "number of outputs"),
    ],
)
def test_what_cannot_be_done_is_one_error_and_writes_nothing(
    explain: Run, folder: Path, arguments: tuple[str, ...], message: str
):
    before = sorted(folder.iterdir())
    done = explain(*arguments)
    assert done.code == 1
    assert done.err.count("error:") == done.err.count("hint:") == 1
    assert message in done.err
    assert sorted(folder.iterdir()) == before
