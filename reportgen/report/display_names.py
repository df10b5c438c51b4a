"""The names that pages show instead of the data's own, such as `tench` for `n01440764`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from reportgen.errors import SettingsError, setting
from reportgen.parsing import parse_json, parse_table
from reportgen.plain_text import to_one_line

_HINT: Final = (
    "Give a CSV file with the columns class and name, a JSON object of names by class, or imagenet_class_index.json."
)


def load_display_names(path: Path) -> dict[str, str]:
    """The shown name of each class, by its name in the data.

    Raises:
        SettingsError: the file cannot be read, or is in another form.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{setting('display_names', path)} cannot be read: {error}."
        raise SettingsError(problem, hint="Give a UTF-8 file.") from error
    names = _read_json(text, path) if text.lstrip().startswith("{") else _read_csv(text, path)
    names = {to_one_line(name): to_one_line(shown) for name, shown in names.items() if shown.strip()}
    if not names:
        raise SettingsError(f"{setting('display_names', path)} contains no names.", hint=_HINT)
    return names


def choose_shown_names(class_names: Sequence[str], display_names: Mapping[str, str]) -> tuple[str, ...]:
    """The names to show, in index order: the data's own for classes that are not listed.

    Where two classes would have the same name, their own follow in parentheses.

    Raises:
        SettingsError: no class is listed.
    """
    if not any(name in display_names for name in class_names):
        raise SettingsError(
            f"{setting('display_names')} lists none of the classes, such as {class_names[0]}.",
            hint=f"Name each class as the data does. {_HINT}",
        )
    shown = [display_names.get(name, name) for name in class_names]
    counts = Counter(shown)
    return tuple(name if counts[name] == 1 else f"{name} ({own})" for name, own in zip(shown, class_names, strict=True))


def _read_json(text: str, path: Path) -> dict[str, str]:
    try:
        content: Any = parse_json(text)
    except ValueError as error:
        raise SettingsError(f"{setting('display_names', path)} is not valid JSON: {error}.", hint=_HINT) from error
    names: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, str):
            names[key] = value
        elif isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value):
            names[value[0]] = value[1].replace("_", " ")  # as in imagenet_class_index.json
        else:
            raise SettingsError(f"{setting('display_names', path)} has no name for {key}.", hint=_HINT)
    return names


def _read_csv(text: str, path: Path) -> dict[str, str]:
    header, newline, body = text.partition("\n")
    try:
        columns, rows = parse_table(header.lower() + newline + body)
    except ValueError as error:
        raise SettingsError(f"{setting('display_names', path)} is not a table: {error}.", hint=_HINT) from error
    if not {"class", "name"} <= set(columns):
        problem = f"{setting('display_names', path)} lacks the columns class and name"
        raise SettingsError(f"{problem}; it has {', '.join(columns) or 'none'}.", hint=_HINT)
    return {row["class"]: row["name"] for _line, row in rows}
