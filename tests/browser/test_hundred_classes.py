"""Reports of the size of CIFAR-100: a synthetic one, and the real one where its images and a checkpoint are at hand."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hundred_classes import make_hundred_classes, write_first_page
from playwright.sync_api import Page
from stand_ins import CIFAR_FOLDER

OpenPage = Callable[..., Page]
FindViolations = Callable[[Page], list[str]]


@pytest.fixture(scope="session")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hundred")
    write_first_page(make_hundred_classes(), folder)
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_first_page(
    open_page: OpenPage, find_violations: FindViolations, hundred: Path, scheme: str
):
    assert find_violations(open_page("index.html", folder=hundred, scheme=scheme, bypass_csp=True)) == []


@pytest.mark.parametrize("width", [360, 1280])
def test_first_page_does_not_scroll_sideways(open_page: OpenPage, hundred: Path, width: int):
    page = open_page("index.html", folder=hundred, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture(scope="session")
def cifar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on all 10,000 real images."""
    if not CIFAR_FOLDER.is_dir():
        pytest.skip(f"the images and the checkpoint are not at {CIFAR_FOLDER}")
    folder = tmp_path_factory.mktemp("cifar")
    model = ["--model", f"{CIFAR_FOLDER / 'resnet.py'}:resnet20", "--weights", str(CIFAR_FOLDER / "resnet20.pth")]
    preprocessing = ["--mean", "0.5071,0.4865,0.4409", "--std", "0.2673,0.2564,0.2762"]
    data = ["--data", str(CIFAR_FOLDER / "test.npz"), "--superclasses", str(CIFAR_FOLDER / "superclasses.csv")]
    command = [sys.executable, "-m", "reportgen", "run", *model, *preprocessing, *data]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "site"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "scheme"),
    [
        ("index.html", "light"),
        ("index.html", "dark"),
        ("label-issues.html", "light"),
        ("pairs/*.html", "dark"),
        ("classes/*.html", "light"),
        ("charts/confusion_matrix.html", "dark"),
    ],
)
def test_axe_finds_nothing_on_cifar_100(
    open_page: OpenPage, find_violations: FindViolations, cifar: Path, pattern: str, scheme: str
):
    path = min(cifar.glob(pattern)).relative_to(cifar).as_posix()
    assert find_violations(open_page(path, folder=cifar, scheme=scheme, bypass_csp=True)) == []


@pytest.mark.slow
def test_first_page_on_cifar_100_weighs_at_most_200_kilobytes(cifar: Path):
    index = cifar / "index.html"
    linked = re.findall(r'(?:src|href)="(assets/[^"]+\.(?:css|js))"', index.read_text("utf-8"))
    assert sum(path.stat().st_size for path in (index, *(cifar / name for name in linked))) <= 200_000
