"""The command line on a cache: options, help, exit codes, and what is said."""

import re
import sys
import webbrowser
import zipfile
from pathlib import Path

import pytest
from command_line import Run

from reportgen import atomic, pipeline
from reportgen.cache import EvaluationCache
from reportgen.cache_file import save_cache
from reportgen.cli import main
from reportgen.report.words.summaries import console_summary
from reportgen.report.written_report import Report
from reportgen.settings import RenderSettings


@pytest.fixture
def folder(tmp_path: Path, tiny_cache: EvaluationCache, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a cache."""
    save_cache(tiny_cache, tmp_path / "cache.npz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[RenderSettings]:
    """Stands in the place of rendering: collects the settings that it would get, and stops."""
    monkeypatch.setattr(atomic, "_written", [])
    found: list[RenderSettings] = []

    def render(cache_path: Path, settings: RenderSettings, **_: object) -> None:
        found.append(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "render", render)
    return found


@pytest.mark.parametrize("command", ["run", "analyze", "render", "explain", "demo", "verify", "doctor"])
def test_every_command_is_listed_and_explains_itself(run: Run, command: str):
    listed = run("--help")
    assert listed.code == 0
    assert re.search(rf"^  {command} +[A-Z]", listed.out, re.MULTILINE)
    help_text = run(command, "--help")
    assert help_text.code == 0
    assert help_text.out.startswith(f"Usage: reportgen {command}")


def test_help_lists_options_under_headings_in_the_order_in_which_one_needs_them(run: Run):
    text = run("run", "--help").out
    headings = re.findall(r"^(\w[\w ]*):$", text, re.MULTILINE)
    assert headings == [
        *("Model", "Test set", "Preprocessing", "Maps", "Pass", "Cache"),
        *("Report", "Appearance", "Delivery", "Other"),
    ]
    sections = dict(zip(headings, re.split(r"^\w[\w ]*:$", text, flags=re.MULTILINE)[1:], strict=True))
    for heading, options in {
        "Model": ["--model", "--weights", "--class-names", "--model-name"],
        "Maps": ["--method", "--layer", "--aggregate", "--annotations", "--faithfulness"],
        "Report": ["--out", "--title", "--notes", "--worst", "--gallery", "--set-aside-label-issues"],
        "Appearance": ["--logo", "--extra-css", "--templates"],
        "Delivery": ["--zip", "--single-file", "--classes", "--force", "--open"],
    }.items():
        assert [option for option in re.findall(r"--[\w-]+", sections[heading]) if option in options][
            : len(options)
        ] == options


def test_defaults_of_the_command_line_are_those_of_the_settings(run: Run, rendered: list[RenderSettings]):
    assert run("render", "cache.npz").code == 130
    assert rendered == [RenderSettings()]


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["--out", "elsewhere"], {"out": Path("elsewhere")}),
        (["--title", "Review"], {"title": "Review"}),
        (["--notes", "n.md"], {"notes": Path("n.md")}),
        (["--logo", "l.png"], {"logo": Path("l.png")}),
        (["--extra-css", "e.css"], {"extra_css": Path("e.css")}),
        (["--templates", "t"], {"templates": Path("t")}),
        (["--worst", "1", "--best", "2", "--mistaken", "4"], {"num_worst": 1, "num_best": 2, "num_mistaken": 4}),
        (["--pairs", "6", "--gallery", "7"], {"num_pairs": 6, "num_gallery": 7}),
        (["--set-aside-label-issues"], {"set_aside_label_issues": True}),
        (["--keep-label-issues"], {}),
        (["--zip"], {"with_archive": True}),
        (["--single-file", "r.html", "--force"], {"single_file": Path("r.html"), "force": True}),
        (
            ["--single-file", "r.html", "--classes", 'cat, dog,"no, images",'],
            {"single_file": Path("r.html"), "classes": ("cat", "dog", "no, images")},
        ),
    ],
)
def test_each_option_of_rendering_reaches_its_setting(
    run: Run, rendered: list[RenderSettings], arguments: list[str], changes: dict[str, object]
):
    run("render", "cache.npz", *arguments)
    assert rendered == [RenderSettings(**changes)]


def test_rendering_gives_the_model_another_name_and_leaves_the_cache_alone(run: Run, folder: Path):
    before = (folder / "cache.npz").read_bytes()
    done = run("render", "cache.npz", "--model-name", "ResNet-20")
    assert done.out.startswith("ResNet-20 ")
    assert "<title>ResNet-20 on " in (folder / "site/index.html").read_text()
    assert (folder / "cache.npz").read_bytes() == before


def test_rendering_sums_up_and_names_what_it_wrote(run: Run, folder: Path, tiny_cache: EvaluationCache):
    done = run("render", "cache.npz", "--zip", "--single-file", "mail.html", "--classes", "dog")
    assert done.code == 0, done.err
    report = pipeline.render(folder / "cache.npz", RenderSettings(out=folder / "again"))
    assert done.out.startswith(console_summary(tiny_cache, report.findings))
    assert f"\nsite/index.html  ({report.num_files} files, {report.num_bytes / 1e6:.1f} MB)\n" in done.out
    assert f"\nsite.zip  ({report.num_files} files, " in done.out
    size = (folder / "mail.html").stat().st_size
    assert f"\nmail.html  (1 of 3 classes, {size / 1e6:.1f} MB)\n" in done.out
    with zipfile.ZipFile(folder / "site.zip") as archive:
        assert "index.html" in archive.namelist()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for the browser: collects the addresses that it would open."""
    found: list[str] = []

    def open_page(url: str) -> bool:
        found.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", open_page)
    return found


def test_the_finished_page_is_opened_on_request(run: Run, folder: Path, opened: list[str]):
    assert run("render", "cache.npz").code == 0
    assert opened == []
    assert run("render", "cache.npz", "--out", "my site", "--open").code == 0
    assert opened == [(folder / "my site" / "index.html").as_uri()]


@pytest.mark.parametrize("arguments", [["demo"], ["run", "--model", "demo", "--data", "demo"]], ids=" ".join)
def test_every_command_that_writes_a_report_opens_it(
    run: Run, folder: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
):
    def run_pipeline(_: object, settings: RenderSettings, **__: object) -> Report:
        return pipeline.render(folder / "cache.npz", settings)

    monkeypatch.setattr(pipeline, "run", run_pipeline)
    assert run(*arguments, "--open").code == 0
    assert opened == [(folder / "site" / "index.html").as_uri()]


def test_a_missing_browser_is_a_note(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    done = run("render", "cache.npz", "--open")
    assert (done.code, done.err) == (0, "note: No browser was found. Open site/index.html yourself.\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("reportgen ", ["run", "analyze", "render", "explain", "demo", "verify", "doctor"]),
        ("reportgen run --method layer", ["layercam"]),
        ("reportgen run --method gradcam,hire", ["gradcam,hirescam"]),
        ("reportgen run --device c", ["cpu", "cuda"]),
        ("reportgen run --precision ", ["fp32", "bf16"]),
        ("reportgen run --data cifar", ["cifar10", "cifar100", "cifar"]),
        ("reportgen run --model to", ["torchvision:", "to"]),
    ],
)
def test_the_shell_completes_commands_and_choices(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, expected: list[str]
):
    monkeypatch.setenv("_REPORTGEN_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    with pytest.raises(SystemExit):
        main()
    completed = [line.partition(",")[2] for line in capsys.readouterr().out.splitlines()]
    assert completed == expected


def test_the_script_for_the_shell_is_clicks_own(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("_REPORTGEN_COMPLETE", "bash_source")
    monkeypatch.setattr(sys, "argv", ["reportgen"])
    with pytest.raises(SystemExit):
        main()
    assert "complete -o nosort -F _reportgen_completion reportgen" in capsys.readouterr().out


def test_galleries_are_as_long_as_asked_for(run: Run, folder: Path):
    run("render", "cache.npz", "--gallery", "2")
    assert (folder / "site/classes/000-cat.html").read_text().count("<li id=") == 2


def test_a_class_that_is_not_there_is_named_before_anything_is_written(run: Run, folder: Path):
    done = run("render", "cache.npz", "--single-file", "mail.html", "--classes", "cat,dig")
    assert done.code == 1
    assert "'dig'" in done.err
    assert "Did you mean 'dog'?" in done.err
    assert not (folder / "site").exists()


def test_verify_says_what_became_of_a_site(run: Run, folder: Path):
    run("render", "cache.npz")
    (folder / "site/README.md").write_text("mine")
    clean = run("verify", "site")
    assert clean.code == 0
    digests = r"SHA-256 of its manifest: [0-9a-f]{64}\nSHA-256 of its cache:    [0-9a-f]{64}\n"
    assert re.search(rf"^site: \d+ files, all as written\.\n{digests}$", clean.out)
    (folder / "site/more.html").touch()
    (folder / "site/index.html").write_text("changed")
    (folder / "site/data/metrics.json").unlink()
    done = run("verify", "site")
    assert done.code == 1
    assert done.out == "changed  index.html\nadded    more.html\nlost     data/metrics.json\n"
    assert done.err.startswith("error: site is not the site that was written: 1 changed")
    assert "\nhint:  " in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["render", "gone.npz"],
        ["verify", "gone"],
        ["render", "cache.npz", "--templates", "gone"],
        ["render", "cache.npz", "--notes", "gone.md"],
        ["render", "cache.npz", "--logo", "gone.svg"],
        ["render", "cache.npz", "--extra-css", "gone.css"],
        ["render", "cache.npz", "--worst", "-1"],
        ["render", "cache.npz", "--classes", "cat"],
        ["render", "cache.npz", "--single-file", "gone/report.txt"],
        ["render", "cache.npz", "--single-file", "site/report.html"],
    ],
    ids=" ".join,
)
def test_what_a_user_can_mend_is_one_message_with_a_hint(run: Run, folder: Path, arguments: list[str]):
    done = run(*arguments)
    assert done.code == 1
    assert re.fullmatch(r"error: .+\nhint:  .+\n", done.err)
    assert {path.name for path in folder.iterdir()} == {"cache.npz"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["render", "cache.npz", "--worst", "-1"], "error: --worst -1 is less than 0."),
        (["render", "cache.npz", "--force"], "hint:  Name the file: --single-file report.html."),
        (["render", "cache.npz", "--notes", "gone.md"], "hint:  Give a Markdown file with --notes."),
        (
            ["analyze", "--model", "demo", "--data", "demo", "--batch-size", "0"],
            "error: --batch-size 0 is less than 1.",
        ),
        (["analyze", "--model", "demo", "--arrays", "a.npz"], "error: --model cannot be combined with --arrays."),
        (["analyze", "--model", "demo", "--data", "demo", "--mean", "1,1,1"], "Only one of --mean and --std is given."),
        (["analyze", "--model", "w.pth", "--data", "demo"], "hint:  This looks like a checkpoint: give the network's "),
        (["explain", "a.png", "--model", "demo", "--method", "scorecam,x"], "error: The method x is not known."),
        (["render", "notes.txt"], "hint:  Give the file that `reportgen run` wrote, or another file with CACHE;"),
        (["verify", "cache.npz"], "hint:  "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_messages_name_settings_as_the_command_line_does(run: Run, folder: Path, arguments: list[str], named: str):
    (folder / "notes.txt").write_text("no cache")
    done = run(*arguments)
    assert done.code == 1
    assert named in done.err
    assert not set("\x02\x03\x1f") & set(done.err)


@pytest.mark.parametrize("arguments", [["render"], ["verify"], ["nothing"], ["render", "--nothing"]], ids=" ".join)
def test_usage_errors_have_their_own_exit_code(run: Run, arguments: list[str]):
    done = run(*arguments)
    assert done.code == 2
    assert "Usage: " in done.err


def test_an_interrupt_is_no_error_message(run: Run, rendered: list[RenderSettings]):
    done = run("render", "cache.npz")
    assert done.code == 130
    assert done.err.strip() == "Interrupted. Files of earlier runs are unchanged."


def test_an_interrupt_names_what_was_written_before(
    run: Run, rendered: list[RenderSettings], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(atomic, "_written", [Path("cache.npz"), Path("site")])
    assert "Written before: cache.npz, site." in run("render", "cache.npz").err


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch):
    def render(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, "render", render)
    monkeypatch.setattr(sys, "argv", ["reportgen", "render", "cache.npz"])
    with pytest.raises(ZeroDivisionError):
        main()
