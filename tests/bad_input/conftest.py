"""The folder that all rows start from."""

from pathlib import Path

import pytest

from bad_input.good_input import write_good_input
from reportgen.cache import EvaluationCache


@pytest.fixture
def good_folder(tmp_path_factory: pytest.TempPathFactory, tiny_cache: EvaluationCache) -> Path:
    """A folder in which every input is good, written once."""
    folder = tmp_path_factory.getbasetemp() / "good_input"
    if not folder.exists():
        folder.mkdir()
        write_good_input(folder, tiny_cache)
    return folder
