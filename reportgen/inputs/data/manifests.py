"""Test sets listed in a table: image files, their labels and whatever else is known. Torch-free."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reportgen.cache import SkippedImage
from reportgen.errors import DataError, setting
from reportgen.inputs.data.columns import make_column
from reportgen.inputs.data.image_files import SUFFIXES as IMAGE_SUFFIXES
from reportgen.inputs.data.tables import LIST_SUFFIXES, PARQUET_SUFFIXES, Column, read_table
from reportgen.inputs.suggestions import few_text

SUFFIXES: Final = (".csv", ".tsv", *LIST_SUFFIXES, *PARQUET_SUFFIXES)

_LABEL_SEPARATORS = re.compile(r"[|;]")
_HINT: Final = (
    "Write a table with the columns path and label: path relative to the table's folder, or absolute; label a class "
    f"name, or an index together with {setting('class_names_path')}. A column id names the examples; other columns "
    f"become filters. Or name the columns of your table: {setting('path_column', 'NAME')}, "
    f"{setting('label_column', 'NAME')}."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestOptions:
    """How a manifest is read.

    Attributes:
        path_column: the column of image files; empty for `path`, or else `id`.
        label_column: the column of labels; empty for `label`.
        id_column: the column of the examples' names; empty for `id`, if there is one.
        image_root: the folder of the images; `None` for the manifest's own.
        suffix: what the names of images lack in the table, such as `.jpg`; empty to find it.
        skips_missing: whether rows without an image file are left out.
    """

    path_column: str = ""
    label_column: str = ""
    id_column: str = ""
    image_root: Path | None = None
    suffix: str = ""
    skips_missing: bool = False


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Manifest:
    """The N rows of a manifest, checked: each names an image file that is there, and no two the same.

    Attributes:
        root: the folder of the images.
        paths: the N image files, relative to `root` or absolute, with forward slashes.
        labels: str (N,), none empty: class names or indices.
        example_ids: the column of names, or else the paths.
        columns: by name, str (N,): all other columns, in the table's order.
        notes: what was assumed, as sentences.
        missing: rows that are left out.
    """

    root: Path
    paths: tuple[str, ...]
    labels: NDArray[np.str_]
    example_ids: tuple[str, ...]
    columns: Mapping[str, NDArray[np.str_]]
    notes: tuple[str, ...] = ()
    missing: tuple[SkippedImage, ...] = ()


def read_manifest(path: Path, options: ManifestOptions = ManifestOptions()) -> Manifest:
    """The rows of a manifest with one of `SUFFIXES`, in its order. Messages count rows from 1 behind the header.

    Raises:
        DataError: the file is missing or no table; it lacks a column or a value; an image is missing or named twice.
    """
    wanted = (options.path_column or "path", options.label_column or "label")
    table = read_table(path, {name.lower() for name in wanted}, _HINT)
    roles, others = _assign_roles(table.columns, options, path)
    if not len(roles["path"]):
        raise DataError(f"The manifest {path} has no rows.", hint=_HINT)
    for name in ("path", "label"):
        _require_values(roles[name], name, path)
    root = path.parent if options.image_root is None else options.image_root
    find_by_stem = cache(_find_by_stem)  # each folder is listed once
    found = [_find_image(text, root, options.suffix, find_by_stem) for text in roles["path"]]
    missing = [position for position, name in enumerate(found) if not name]
    if missing and not options.skips_missing:
        raise _missing_images(missing, roles["path"], root, path)
    kept = [position for position, name in enumerate(found) if name]
    names = [found[position] for position in kept]
    _require_distinct(names, "path", path)
    ids = [roles["id"][position] for position in kept] if "id" in roles else names
    _require_values(ids, "id", path)
    _require_distinct(ids, "id", path)
    labels = [roles["label"][position] for position in kept]
    _require_one_label(labels, path)
    return Manifest(
        root=root,
        paths=tuple(names),
        labels=np.array(labels, dtype=np.str_),
        example_ids=tuple(ids),
        columns={name: make_column([values[position] for position in kept]) for name, values in others},
        notes=table.notes,
        missing=tuple(SkippedImage(name=roles["path"][position], reason="does not exist") for position in missing),
    )


def _assign_roles(
    columns: Sequence[Column], options: ManifestOptions, path: Path
) -> tuple[dict[str, list[str]], list[Column]]:
    """The columns of paths, labels and, where there is one, names of examples; and the others, but for a saved index.

    A table without a column of paths may name its images in the column `id`, as Kaggle's do.
    """
    named = [(name.strip(), values) for name, values in columns if name.strip()]
    names = [name for name, _ in named]
    places: dict[str, int] = {}
    for role, given in (("path", options.path_column), ("label", options.label_column), ("id", options.id_column)):
        place = _find_column(names, given or role, path)
        if place is None and role == "path" and not given:
            place = _find_column(names, "id", path)
        if place is not None:
            places[role] = place
        elif given or role != "id":
            has = f"it has {few_text(names)}" if names else "it has none"
            raise DataError(f"The manifest {path} has no column {given or role}; {has}.", hint=_HINT)
    others = [column for place, column in enumerate(named) if place not in places.values()]
    twice = [name for name, _ in others if [other for other, _ in others].count(name) > 1]
    if twice:
        raise DataError(f"The manifest {path} has the column {twice[0]} twice.", hint="Rename one of the two.")
    return {role: named[place][1] for role, place in places.items()}, others


def _find_column(names: Sequence[str], wanted: str, path: Path) -> int | None:
    """The place of a column, whatever its case unless its exact name is there; `None` without one."""
    exact = [place for place, name in enumerate(names) if name == wanted]
    found = exact or [place for place, name in enumerate(names) if name.lower() == wanted.lower()]
    if len(found) > 1:
        raise DataError(f"The manifest {path} has the column {wanted} twice.", hint="Rename one of the two.")
    return found[0] if found else None


def _require_values(values: Sequence[str], column: str, path: Path) -> None:
    empty = [position for position, value in enumerate(values) if not value]
    if empty:
        more = f" ({len(empty)} rows in all)" if len(empty) > 1 else ""
        raise DataError(
            f"Row {empty[0] + 1} of the manifest {path} has no {column}{more}.",
            hint="Add it, or remove the row.",
        )


def _require_distinct(values: Sequence[str], what: str, path: Path) -> None:
    first_of: dict[str, int] = {}
    for position, value in enumerate(values):
        first = first_of.setdefault(value, position)
        if first != position:
            raise DataError(
                f"The manifest {path} has the {what} {value} twice, in rows {first + 1} and {position + 1}.",
                hint=f"Keep one of the two: each {what} identifies one example.",
            )


def _require_one_label(labels: Sequence[str], path: Path) -> None:
    """Check that no cell lists several labels, of which others are labels by themselves.

    Raises:
        DataError: one does.
    """
    known = set(labels)
    for label in sorted(known):
        parts = [part.strip() for part in _LABEL_SEPARATORS.split(label)]
        if len(parts) > 1 and any(part in known for part in parts):
            raise DataError(
                f"Row {labels.index(label) + 1} of the manifest {path} has several labels: {label}.",
                hint="Give each image one class: multi-label classification is not supported. If it is one name, "
                "rename it.",
            )


def _find_image(text: str, root: Path, suffix: str, find_by_stem: Callable[[Path], Mapping[str, str]]) -> str:
    """The file that a text names, relative to the root or absolute; empty without one."""
    for name in dict.fromkeys((text, text.replace("\\", "/"))):  # written on Windows, read elsewhere
        for candidate in (f"{name}{suffix}", name):
            if (root / candidate).is_file():
                return candidate
        folder, _, stem = name.rpartition("/")
        found = "" if suffix else find_by_stem(root / folder).get(stem, "")
        if found:
            return f"{folder}/{found}" if folder else found
    return ""


def _find_by_stem(folder: Path) -> dict[str, str]:
    """The image files of a folder by their names without suffix; those of one such name are left out."""
    by_stem: dict[str, list[str]] = {}
    for file in folder.iterdir() if folder.is_dir() else ():
        if file.suffix.lower() in IMAGE_SUFFIXES:
            by_stem.setdefault(file.stem, []).append(file.name)
    return {stem: names[0] for stem, names in by_stem.items() if len(names) == 1}


def _missing_images(missing: Sequence[int], texts: Sequence[str], root: Path, path: Path) -> DataError:
    more = f" ({len(missing):,} rows in all)" if len(missing) > 1 else ""
    return DataError(
        f"Row {missing[0] + 1} of the manifest {path} refers to the image {texts[missing[0]]}, which does not exist"
        f"{more}.",
        hint=f"Write paths relative to {root}, or absolute ones; or give {setting('image_root', 'DIR')}, and "
        f"{setting('image_suffix', '.jpg')} if the names lack it. To leave such rows out, give "
        f"{setting('on_bad_image', 'skip')}.",
    )
