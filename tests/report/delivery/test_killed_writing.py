"""A site is the old or the new one, whole, at whatever file operation its writing is killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")

TESTS = Path(__file__).resolve().parents[2]

# Arguments: folder, manner, number of pages. Prints the operations that were killed.
KILLER = """
import os, shutil, sys
from pathlib import Path
from killed_at import kill_everywhere
from reportgen.report.delivery import swap
from reportgen.report.delivery.site import write_site
from reportgen.report.delivery.verify import verify_site

base, manner, pages = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
site = base / "site"
OLD = [("index.html", b"old"), ("data/same.json", b"{}"), *((f"classes/{i}.html", b"old") for i in range(pages))]
NEW = [("index.html", b"new"), ("data/same.json", b"{}"), *((f"pairs/{i}.html", b"new") for i in range(pages))]
if manner == "same":
    NEW = OLD
FOREIGN = {"README.md": b"mine", ".git/config": b"mine", "classes/mine.txt": b"mine"}
if manner == "renames":
    swap._exchange = lambda one, other: False
if manner == "inside":
    swap.work_folder = lambda folder: folder / swap.STAGING_NAME
    import reportgen.report.delivery.site as module
    module.work_folder = swap.work_folder

def prepare():
    for path in base.iterdir():
        shutil.rmtree(path)
    write_site(site, OLD)
    for path, content in FOREIGN.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_bytes(content)

def contents():
    return {p.relative_to(site).as_posix(): p.read_bytes() for p in site.rglob("*") if p.is_file()}

states = set()
for operation in kill_everywhere(prepare, lambda: write_site(site, NEW)):
    check = verify_site(site)
    assert check.is_complete and not check.changed and not check.lost, (operation, check)
    assert set(check.added) <= {"classes/mine.txt"}, (operation, check)
    found = contents()
    found.pop("manifest.json")
    state = "old" if found == dict(OLD) | FOREIGN else "new" if found == dict(NEW) | FOREIGN else found
    assert state in ("old", "new"), (operation, state)
    assert [path.name for path in base.iterdir()] == ["site"], operation
    states.add(state)
    print(operation)
assert states == ({"old"} if manner == "same" else {"old", "new"}), states
"""


def kill_everywhere(folder: Path, manner: str, num_pages: int) -> list[str]:
    """The operations that were killed; every one left a whole site."""
    done = subprocess.run(
        [sys.executable, "-c", KILLER, folder, manner, str(num_pages)],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("manner", ["exchange", "renames", "inside", "same"])
def test_a_killed_run_leaves_the_old_or_the_new_site(tmp_path: Path, manner: str):
    killed = kill_everywhere(tmp_path, manner, 2)
    assert any(line.startswith("os.rename") for line in killed)


@pytest.mark.slow  # `-m "not slow"` deselects it as well
@pytest.mark.stress
@pytest.mark.parametrize("manner", ["exchange", "renames", "inside", "same"])
def test_hundreds_of_killed_runs_leave_the_old_or_the_new_site(tmp_path: Path, manner: str):
    assert len(kill_everywhere(tmp_path, manner, 40)) >= 180
