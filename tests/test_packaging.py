"""What is shipped: the file lists of wheel and sdist, and a wheel that renders from anywhere."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from reportgen.cache import EvaluationCache
from reportgen.cache_file import save_cache
from reportgen.version import __version__

ROOT = Path(__file__).resolve().parents[1]


def tracked_below(*folders: str) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel made from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    return next(distributions.glob("*.whl"))


@pytest.mark.slow
def test_wheel_holds_the_package_and_its_templates(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == tracked_below("reportgen") | {f"reportgen/{path}" for path in tracked_below("templates")}
    assert {"reportgen/py.typed", "reportgen/templates/base.html.j2", "reportgen/demo/weights.safetensors"} <= names


@pytest.mark.slow
def test_wheel_declares_the_licence_the_version_and_the_command(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        info = {name.split(".dist-info/")[1]: name for name in archive.namelist() if ".dist-info/" in name}
        assert "licenses/LICENSE" in info
        assert f"Version: {__version__}\n" in archive.read(info["METADATA"]).decode()
        assert "reportgen = reportgen.__main__:main" in archive.read(info["entry_points.txt"]).decode()


@pytest.mark.slow
def test_sdist_holds_what_its_tests_need(distributions: Path):
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    expected = tracked_below("reportgen", "templates", "tests", "benchmarks", "docs")
    assert names - {"PKG-INFO", ".gitignore"} == expected | {
        "LICENSE",
        "mkdocs.yml",
        "pyproject.toml",
        *(path.name for path in ROOT.glob("*.md")),
    }


@pytest.mark.slow
def test_installed_wheel_renders_from_another_folder(wheel: Path, tiny_cache: EvaluationCache, tmp_path: Path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    work = tmp_path / "elsewhere"
    work.mkdir()
    save_cache(tiny_cache, work / "cache.npz")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    code = "import reportgen, sys; from reportgen.cli import main; sys.argv[1:] = ['render', 'cache.npz']; main()"
    subprocess.run([sys.executable, "-P", "-c", code], cwd=work, env=environment, check=True, capture_output=True)
    assert (work / "site" / "index.html").is_file()
