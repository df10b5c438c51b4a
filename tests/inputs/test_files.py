import hashlib

import pytest

from reportgen.errors import DataError
from reportgen.inputs.files import file_digest, read_text, require_file


def test_digest_is_that_of_the_content(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 100_000)
    assert file_digest(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_missing_folder_and_empty_files_are_told_apart(tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    for path, problem in ((tmp_path / "no", "does not exist"), (tmp_path, "is a folder"), (empty, "is empty")):
        with pytest.raises(DataError, match=f"The thing .*{path.name} {problem}") as caught:
            require_file(path, "The thing", error=DataError, hint="Do.")
        assert caught.value.hint


def test_text_loses_its_byte_order_mark_and_must_be_utf8(tmp_path):
    path = tmp_path / "names"
    path.write_bytes("\ufeffkäse".encode())
    assert read_text(path, "The file", error=DataError, hint="Do.") == "käse"
    path.write_bytes("käse".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_text(path, "The file", error=DataError, hint="Do.")


def test_a_file_that_must_not_be_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / "locked"
    path.write_text("x")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(DataError, match=r"The thing .*locked cannot be read: Permission denied"):
        require_file(path, "The thing", error=DataError, hint="Do.")
