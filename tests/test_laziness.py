"""What is not imported: `--help` and `render` work where torch is slow to load, or missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from reportgen.cache import EvaluationCache
from reportgen.cache_file import save_cache

RUN_AND_LIST = """
import sys
from reportgen.cli import main
try:
    main()
except SystemExit as stop:
    assert stop.code == 0, stop.code
print("imported:", *sorted({name.split(".")[0] for name in sys.modules}))
"""


def imported_by(*arguments: str, cwd: Path) -> set[str]:
    command = [sys.executable, "-c", RUN_AND_LIST, *arguments]
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)
    return set(done.stdout.rsplit("imported:", 1)[1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_imports_no_heavy_library(arguments: list[str], tmp_path: Path):
    heavy = {"torch", "torchvision", "numpy", "pandas", "matplotlib", "plotly", "jinja2", "PIL", "sklearn", "scipy"}
    assert not imported_by(*arguments, cwd=tmp_path) & heavy


def test_rendering_imports_no_torch(tiny_cache: EvaluationCache, tmp_path: Path):
    save_cache(tiny_cache, tmp_path / "cache.npz")
    imported = imported_by("render", "cache.npz", cwd=tmp_path)
    assert not imported & {"torch", "torchvision", "timm", "pytorch_grad_cam", "cv2"}
    assert "jinja2" in imported
    assert (tmp_path / "site" / "index.html").is_file()


def test_importing_the_package_imports_none_of_its_modules(tmp_path: Path):
    code = "import sys, reportgen; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    modules = set(done.stdout.split())
    assert {name for name in modules if name.split(".")[0] == "reportgen"} == {"reportgen"}
    assert not modules & {"numpy", "torch", "click"}


def test_public_names_are_all_there():
    import reportgen

    assert {name: getattr(reportgen, name) for name in reportgen.__all__}.keys() == set(dir(reportgen))
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = reportgen.nothing_like_it
