"""The documented promises name tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_every_promise_names_a_test_and_a_figure():
    text = (ROOT / "docs/reference/promises.md").read_text()
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")][2:]
    assert rows
    for promise, test, figure in rows:
        paths = re.findall(r"`(tests/[^`:]+\.py)[^`]*`", test)
        assert paths, promise
        assert all((ROOT / path).exists() for path in paths), promise
        assert figure.strip(), promise
