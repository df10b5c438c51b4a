"""The documentation: every command is valid, every page runs, and the reference is complete."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
from click.shell_completion import get_completion_class
from doc_commands import PAGES, ROOT, Block, is_run, parse_command, read_blocks, read_commands, run_page, split_commands
from stand_ins import NAMES, write_library_stand_ins, write_stand_ins

from reportgen.cache import Annotations, CamPair, EvaluationCache, Faithfulness, RemovalCurves
from reportgen.cache_file import load_cache, save_cache
from reportgen.cli import cli
from reportgen.pipeline import analyze
from reportgen.settings import AnalyzeSettings, PreprocessingSettings

COMMANDS = [
    pytest.param(words, id=f"{page.relative_to(ROOT).as_posix()}-{number}")
    for page in PAGES
    for number, words in enumerate(read_commands(page))
]
LIBRARY_PAGES = {"how-to/models.md", "how-to/data.md", "how-to/maps.md"}
"""Pages whose commands need the optional libraries."""


@pytest.mark.parametrize("words", COMMANDS)
def test_the_command_is_valid(words: list[str]):
    parse_command(words)


@pytest.mark.parametrize(
    "words",
    [
        ["reportgen", "run", "--modell", "demo"],
        ["reportgen", "render", "cache.npz", "--worst", "many"],
        ["pip", "install", ".[tim]"],
        ["curl", "example.org"],
    ],
)
def test_the_check_finds_a_mistake_in_a_command(words: list[str]):
    with pytest.raises((AssertionError, KeyError, click.UsageError)):
        parse_command(words)


def test_blocks_and_commands_are_read_as_written(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text('```sh\na b \\\n  "c d" && e # f\n```\n\n  ```python title="x.py"\n  1\n  ```\n', encoding="utf-8")
    assert read_blocks(page) == [Block("sh", "", 'a b \\\n  "c d" && e # f\n'), Block("python", "x.py", "  1\n")]
    assert list(split_commands(read_blocks(page)[0].code)) == [["a", "b", "c d"], ["e"]]


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stand_ins")
    write_stand_ins(folder)
    normalization = PreprocessingSettings(mean=(0.5,) * 3, std=(0.25,) * 3)
    settings = AnalyzeSettings(
        model=f"{folder}/model.py:make_model",
        weights=f"{folder}/model.pth",
        data=f"{folder}/test_images",
        preprocessing=normalization,
        device="cpu",
    )
    assert analyze(settings, cache_path=folder / "cache.npz").class_names == NAMES
    return folder


@pytest.fixture(scope="module")
def library_stand_ins(stand_ins: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library_stand_ins") / "files"
    shutil.copytree(stand_ins, folder)
    write_library_stand_ins(folder)
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras reads its variables this way
@pytest.mark.parametrize(
    "page", [page for page in PAGES if is_run(page)], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_the_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
    monkeypatch.setattr("webbrowser.open", lambda _url: True)
    for module in ("cifar", "mnist"):  # the files are small ones of the same form
        monkeypatch.setattr(f"torchvision.datasets.{module}.check_integrity", lambda path, *_: Path(path).is_file())
    needs_libraries = any(str(page).endswith(name) for name in LIBRARY_PAGES)
    files = request.getfixturevalue("library_stand_ins" if needs_libraries else "stand_ins")
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    _write_checkpoint(page)
    run_page(page)
    if page.name == "medical.md":
        _check_shortcut(load_cache(Path("cache.npz")))


def _check_shortcut(cache: EvaluationCache) -> None:
    """What the medical tutorial says about its data: errors follow the scanner, and maps point at its marker."""
    clear, nodule = 0, 1
    predicted, is_portable = cache.logits.argmax(axis=1), cache.columns["scanner"] == "portable"
    false_alarms, misses = (
        (cache.labels == clear) & (predicted == nodule),
        (cache.labels == nodule) & (predicted == clear),
    )
    assert 0.5 < np.mean(predicted == cache.labels) < 0.8
    assert false_alarms.sum() > 20
    assert misses.sum() > 20
    assert is_portable[false_alarms].mean() > 0.95
    assert is_portable[misses].mean() < 0.05
    maps = cache.cams["gradcam"].predicted[false_alarms]
    rows, columns = np.unravel_index(maps.reshape(len(maps), -1).argmax(axis=1), maps.shape[1:])
    assert np.mean((rows < 2) & (columns < 2)) > 0.9


def _write_checkpoint(page: Path) -> None:
    """`resnet20.pth` for the network of the tutorial, where the trained one is not at hand."""
    import torch

    tutorial = ROOT / "docs" / "tutorials" / "cifar100.md"
    (code,) = [block.code for block in read_blocks(tutorial) if block.title == "resnet.py"]
    Path("resnet.py").write_text(code, encoding="utf-8")
    if not Path("resnet20.pth").is_file():
        namespace: dict[str, object] = {"__name__": "resnet"}
        exec(code, namespace)
        torch.save(namespace["resnet20"]().state_dict(), "resnet20.pth")


def test_every_command_line_option_is_in_the_reference(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    from mkdocs_options import on_page_markdown

    page = on_page_markdown((ROOT / "docs/reference/command-line.md").read_text(encoding="utf-8"))
    sections = dict(zip(*[iter(re.split(r"^## `reportgen (\w+)`$", page, flags=re.MULTILINE)[1:])] * 2, strict=True))
    assert set(sections) == set(cli.commands)
    for name, command in cli.commands.items():
        assert command.help in sections[name]
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[0] in sections[name]


def test_the_shells_that_the_guide_names_can_complete():
    guide = (ROOT / "docs/how-to/installation.md").read_text(encoding="utf-8")
    found = re.findall(r"(_\w+_COMPLETE)=(\w+)_source reportgen", guide)
    assert [shell for _variable, shell in found] == ["bash", "zsh", "fish"]
    for variable, shell in found:
        completion = get_completion_class(shell)(cli, {}, "reportgen", variable)
        assert "demo" in [item.value for item in completion.get_completions([], "de")]
        assert variable == "_REPORTGEN_COMPLETE"


def _members(cache: EvaluationCache, path: Path) -> Iterator[str]:
    save_cache(cache, path)
    with np.load(path, allow_pickle=False) as archive:
        yield from archive.files


def test_every_member_of_the_cache_is_in_the_reference(tiny_cache: EvaluationCache, tmp_path: Path):
    positions, fractions = np.array([1, 4]), np.linspace(0, 1, 3, dtype=np.float32)
    maps = tiny_cache.cams["gradcam"]
    some = CamPair(true=maps.true[:2], predicted=maps.predicted[:2], positions=positions)
    curves = RemovalCurves(
        deletion=np.zeros((2, 3), np.float32),
        insertion=np.zeros((2, 3), np.float32),
        road=np.zeros((2, 3, 2), np.float32),
    )
    full = replace(
        tiny_cache,
        cams={**tiny_cache.cams, "scorecam": some},
        columns={"site": np.array(["a"] * tiny_cache.num_examples)},
        annotations=Annotations(positions=positions, masks=np.ones((2, 16, 16), bool), source="boxes"),
        faithfulness=Faithfulness(
            positions=positions,
            fractions=fractions,
            curves={"gradcam": curves, "random": curves, "centre": curves},
            randomized={"gradcam": np.zeros(2, np.float32)},
        ),
    )
    page = (ROOT / "docs/reference/cache.md").read_text(encoding="utf-8")
    patterns = re.findall(r"^\| `([^`]+)` \|", page, flags=re.MULTILINE)
    found = _members(full, tmp_path / "full.npz")
    members = {re.sub(r"gradcam|scorecam|random$|centre$", "<method>", name) for name in found}
    assert {re.sub(r"column\.site", "column.<name>", name) for name in members} == set(patterns)
