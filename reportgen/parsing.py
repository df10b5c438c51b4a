"""JSON and CSV in files of users: parsed, or one `ValueError` that says what is wrong, however broken they are."""

import csv
import json
from io import StringIO
from typing import Any


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON, or is nested too deeply for Python's parser.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_table(text: str) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The columns of a CSV with a header, and its rows: the number of the line, and each column's text.

    A value that is missing at the end of a row is empty, and values beyond the last column are dropped.

    Raises:
        ValueError: it is not CSV, or a field is longer than the parser takes (131,072 characters).
    """
    reader = csv.reader(StringIO(text, newline=""), skipinitialspace=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
        rows = [
            (reader.line_num, dict(zip(columns, [*row, *[""] * len(columns)], strict=False))) for row in reader if row
        ]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
    return columns, rows
