from pathlib import Path

import pytest
from doc_tables import DocTables, bound_text

PAGE = """# A
<!-- table colors -->
| name | code |
|---|---|
| red | #f00 |
| blue | #00f |
<!-- end of table colors -->
The end.
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    page = tmp_path / "colors.md"
    page.write_text(PAGE, encoding="utf-8")
    return page


def test_a_current_row_passes(page):
    DocTables(page.parent).check_row("colors", "red", ["#f00"])
    assert page.read_text(encoding="utf-8") == PAGE


@pytest.mark.parametrize(("key", "code"), [("red", "#e00"), ("green", "#0f0")])
def test_a_missing_or_outdated_row_fails_and_can_be_written(page, key, code):
    with pytest.raises(AssertionError, match="--write-docs"):
        DocTables(page.parent).check_row("colors", key, [code])
    DocTables(page.parent, is_writing=True).check_row("colors", key, [code])
    DocTables(page.parent).check_row("colors", key, [code])
    DocTables(page.parent).check_row("colors", "blue", ["#00f"])
    assert page.read_text(encoding="utf-8").endswith(PAGE[PAGE.index("<!-- end of table colors") :])


def test_a_row_without_a_test_fails_and_can_be_removed(page):
    with pytest.raises(AssertionError, match="not those of its tests"):
        DocTables(page.parent).check_keys("colors", ["red"])
    DocTables(page.parent, is_writing=True).check_keys("colors", ["red"])
    DocTables(page.parent).check_keys("colors", ["red"])
    assert page.read_text(encoding="utf-8") == PAGE.replace("| blue | #00f |\n", "")


def test_rows_take_the_order_of_their_tests(page):
    with pytest.raises(AssertionError, match="not those of its tests"):
        DocTables(page.parent).check_keys("colors", ["blue", "red"])
    DocTables(page.parent, is_writing=True).check_keys("colors", ["blue", "red"])
    assert "#00f |\n| red" in page.read_text(encoding="utf-8")


def test_a_cell_may_contain_a_bar(page):
    DocTables(page.parent, is_writing=True).check_row("colors", "a|b", ["x | y"])
    assert "| a\\|b | x \\| y |\n" in page.read_text(encoding="utf-8")
    DocTables(page.parent).check_row("colors", "a|b", ["x | y"])
    DocTables(page.parent).check_keys("colors", ["red", "blue", "a|b"])


def test_a_row_with_another_number_of_cells_and_an_unknown_table_fail(page):
    with pytest.raises(AssertionError, match="has the columns"):
        DocTables(page.parent, is_writing=True).check_row("colors", "red", ["#f00", "more"])
    with pytest.raises(AssertionError, match="0 pages have the table shapes"):
        DocTables(page.parent).check_row("shapes", "round", [])


@pytest.mark.parametrize(
    ("error", "text"),
    [(0.0, "< 1e-5"), (3e-7, "< 1e-5"), (1.1e-5, "< 1e-4"), (2e-4, "< 1e-3"), (1e-3, "< 1e-2"), (0.5, "< 1e0")],
)
def test_bounds_are_powers_of_ten_above_the_error(error, text):
    assert bound_text(error) == text
