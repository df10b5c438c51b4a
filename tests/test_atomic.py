"""A file is written whole or not at all, whatever interrupts it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reportgen.atomic import replacing

# Writes half of the new content, says so, and waits.
WRITER = """
import sys, time
from pathlib import Path
from reportgen.atomic import replacing
with replacing(Path(sys.argv[1])) as file:
    file.write(b"new")
    file.flush()
    print("half", flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["file", "猫" * 80])
def test_a_file_is_made_and_replaced(tmp_path: Path, name: str):
    path = tmp_path / name
    for content in (b"old", b"new"):
        with replacing(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    assert names(tmp_path) == [name]


def test_the_earlier_file_stays_until_the_new_one_is_complete(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), ValueError()])
@pytest.mark.parametrize("is_there", [True, False])
def test_an_error_or_an_interruption_leaves_everything_as_it_was(tmp_path: Path, error: BaseException, is_there: bool):
    path = tmp_path / "file"
    if is_there:
        path.write_bytes(b"old")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"ne")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert names(tmp_path) == (["file"] if is_there else [])
    assert not is_there or path.read_bytes() == b"old"


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_killed_process_leaves_the_earlier_file_and_the_next_write_works(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "half\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    assert path.read_bytes() == b"old"
    assert [name for name in names(tmp_path) if not name.startswith(".")] == ["file"]
    with replacing(path) as file:
        file.write(b"newer")
    assert path.read_bytes() == b"newer"
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX locks")
def test_the_unfinished_file_of_a_living_process_and_files_of_others_are_left_alone(tmp_path: Path):
    path = tmp_path / "file"
    (tmp_path / ".file.mine.tmp").touch()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "half\n"
    with replacing(path):
        pass
    assert len(names(tmp_path)) == 3
    writer.kill()
    writer.wait()
    writer.stdout.close()
    with replacing(path):
        pass
    assert names(tmp_path) == [".file.mine.tmp", "file"]


def test_the_unfinished_file_may_be_kept_elsewhere(tmp_path: Path):
    (tmp_path / "staging").mkdir()
    (tmp_path / "site").mkdir()
    with replacing(tmp_path / "site" / "file", temporary_folder=tmp_path / "staging") as file:
        file.write(b"new")
        assert names(tmp_path / "site") == []
    assert names(tmp_path / "site") == ["file"]
    assert names(tmp_path / "staging") == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_others_may_read_what_the_umask_lets_them_read(tmp_path: Path):
    earlier = os.umask(0o027)
    try:
        with replacing(tmp_path / "file"):
            pass
    finally:
        os.umask(earlier)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
