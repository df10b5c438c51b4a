"""The README's tables of what is supported, of which every row is made by the test that shows it.

A test takes the fixture `readme_tables` and, as its last act, states the row that it has just computed:

    readme_tables.check_row("networks", "torchvision ResNet", [f"`{layer}`", "4×4", bound_text(error)])

It fails unless that row stands in the README, word for word; `pytest --write-readme` writes the row there instead. One
more test per table states which rows there are, so that none outlives its test: `check_keys("networks", list(CASES))`.
The header of a table and what stands around it are the README's own.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

README_PATH = Path(__file__).resolve().parents[1] / "README.md"


@dataclass(frozen=True, slots=True)
class ReadmeTables:
    """The tables of one README.

    A table stands between `<!-- table NAME -->` and `<!-- end of table NAME -->`: two lines of header, then its rows.

    Attributes:
        path: the README.
        is_writing: whether rows are written instead of compared.
    """

    path: Path
    is_writing: bool = False

    def check_row(self, table: str, key: str, cells: Sequence[str]) -> None:
        """State a row.

        Args:
            table: the name between the markers.
            key: the row's first cell.
            cells: the others, as Markdown; a vertical bar is escaped here.
        """
        header, rows = self._read(table)
        row = _row_text([key, *cells])
        assert row.count(" | ") == header[0].count(" | "), f"the table {table} has the columns {header[0]}"
        if self.is_writing:
            self._write(table, {**rows, _row_key(row): row})
        else:
            assert rows.get(_row_key(row)) == row, f"the README's table {table} is older than this: --write-readme"

    def check_keys(self, table: str, keys: Sequence[str]) -> None:
        """State which rows there are, in this order."""
        _header, rows = self._read(table)
        wanted = [_row_key(_row_text([key])) for key in keys]
        if self.is_writing:
            self._write(table, {key: rows[key] for key in wanted if key in rows})
        else:
            assert list(rows) == wanted, f"the README's table {table} has other rows than tests: --write-readme"

    def _read(self, table: str) -> tuple[list[str], dict[str, str]]:
        lines = self._find(table, self.path.read_text(encoding="utf-8"))[1].splitlines()
        rows = {_row_key(line): line for line in lines[2:]}
        assert len(rows) == len(lines) - 2, f"the README's table {table} has a row twice"
        return lines[:2], rows

    def _write(self, table: str, rows: dict[str, str]) -> None:
        before, old, after = self._find(table, self.path.read_text(encoding="utf-8"))
        new = "".join(f"{line}\n" for line in [*old.splitlines()[:2], *rows.values()])
        self.path.write_text(before + new + after, encoding="utf-8")

    @staticmethod
    def _find(table: str, text: str) -> tuple[str, str, str]:
        marked = re.fullmatch(rf"(.*<!-- table {table} -->\n)(.*)(<!-- end of table {table} -->.*)", text, re.DOTALL)
        assert marked is not None, f"the README has no table {table}"
        return marked[1], marked[2], marked[3]


def bound_text(error: float, *, least: float = 1e-5) -> str:
    """The smallest power of ten above an error, and none under `least`: the same on every machine.

    >>> bound_text(3e-7), bound_text(2e-4), bound_text(1e-3)
    ('< 1e-5', '< 1e-3', '< 1e-2')
    """
    exponent = max(math.floor(math.log10(error)) + 1 if error > 0 else -99, round(math.log10(least)))
    return f"< 1e{exponent}"


def _row_text(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _row_key(row: str) -> str:
    return row.split(" | ", maxsplit=1)[0].removeprefix("| ").removesuffix(" |")
