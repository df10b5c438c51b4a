from pathlib import Path

import pytest
from readme_tables import ReadmeTables, bound_text

README = """# A
<!-- table colours -->
| name | code |
|---|---|
| red | #f00 |
| blue | #00f |
<!-- end of table colours -->

<!-- table other -->
| name |
|---|
<!-- end of table other -->
The end.
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "README.md"
    path.write_text(README, encoding="utf-8")
    return path


def test_a_row_that_stands_there_passes(path):
    ReadmeTables(path).check_row("colours", "red", ["#f00"])
    assert path.read_text(encoding="utf-8") == README


@pytest.mark.parametrize(("key", "code"), [("red", "#e00"), ("green", "#0f0")])
def test_a_row_that_is_missing_or_other_fails_and_can_be_written(path, key, code):
    with pytest.raises(AssertionError, match="--write-readme"):
        ReadmeTables(path).check_row("colours", key, [code])
    ReadmeTables(path, is_writing=True).check_row("colours", key, [code])
    ReadmeTables(path).check_row("colours", key, [code])
    ReadmeTables(path).check_row("colours", "blue", ["#00f"])
    assert path.read_text(encoding="utf-8").endswith(README[README.index("<!-- end of table colours") :])


def test_a_row_without_a_test_fails_and_can_be_dropped(path):
    with pytest.raises(AssertionError, match="other rows than tests"):
        ReadmeTables(path).check_keys("colours", ["red"])
    ReadmeTables(path, is_writing=True).check_keys("colours", ["red"])
    ReadmeTables(path).check_keys("colours", ["red"])
    assert path.read_text(encoding="utf-8") == README.replace("| blue | #00f |\n", "")


def test_rows_are_put_in_the_order_of_their_tests(path):
    with pytest.raises(AssertionError, match="other rows than tests"):
        ReadmeTables(path).check_keys("colours", ["blue", "red"])
    ReadmeTables(path, is_writing=True).check_keys("colours", ["blue", "red"])
    assert "#00f |\n| red" in path.read_text(encoding="utf-8")


def test_cells_may_hold_a_bar(path):
    ReadmeTables(path, is_writing=True).check_row("colours", "a|b", ["x | y"])
    assert "| a\\|b | x \\| y |\n" in path.read_text(encoding="utf-8")
    ReadmeTables(path).check_row("colours", "a|b", ["x | y"])
    ReadmeTables(path).check_keys("colours", ["red", "blue", "a|b"])


def test_a_row_of_another_width_or_an_unknown_table_fails(path):
    with pytest.raises(AssertionError, match="has the columns"):
        ReadmeTables(path, is_writing=True).check_row("colours", "red", ["#f00", "more"])
    with pytest.raises(AssertionError, match="no table shapes"):
        ReadmeTables(path).check_row("shapes", "round", [])


@pytest.mark.parametrize(
    ("error", "text"),
    [(0.0, "< 1e-5"), (3e-7, "< 1e-5"), (1.1e-5, "< 1e-4"), (2e-4, "< 1e-3"), (1e-3, "< 1e-2"), (0.5, "< 1e0")],
)
def test_bounds_are_powers_of_ten_above_the_error(error, text):
    assert bound_text(error) == text
