"""A staged site -> the place of the earlier one, so that a kill at any moment leaves the old or the new site whole.

The site is staged in a work folder beside its own folder, and the two folders are exchanged in one step. A journal in
the work folder says that the staged site is complete. The next command reads it and finishes what is left: it moves
foreign files into the new site and removes the earlier one.

A folder that cannot be exchanged, such as a mount point or the current folder, has its work folder inside. There the
journal is a promise: files are moved one by one, and the next command moves those that are left.
"""

import ctypes
import hashlib
import json
import os
import posixpath
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from reportgen.atomic import replacing
from reportgen.report.delivery.manifest import MANIFEST_NAME, manifest_bytes, manifest_digest, read_manifest

STAGING_NAME = ".reportgen-staging"

_JOURNAL = "journal.json"
_STAGED = "site"
_EARLIER = "earlier"
_AT_CWD = -100
_EXCHANGE = 2
_MAX_NAME_LENGTH = 100  # in bytes; longer names are cut and told apart by a digest


def work_folder(folder: Path) -> Path:
    """The folder to stage a site in, which is on its file system: beside it where the two can be exchanged."""
    parent = folder.parent
    while not parent.exists():
        parent = parent.parent
    is_busy = folder.exists() and (os.path.ismount(folder) or Path.cwd().is_relative_to(folder))
    if is_busy or not os.access(parent, os.W_OK | os.X_OK):
        return folder / STAGING_NAME
    return _beside(folder)


def staged_folder(work: Path) -> Path:
    """Where in a work folder the files of the site are staged."""
    return work / _STAGED


def replace_site(folder: Path, work: Path) -> None:
    """Put the staged site, with its manifest, in the place of the folder.

    Args:
        folder: the folder of the site, without symbolic links; it may be missing.
        work: what `work_folder` returned.

    Raises:
        OSError: the folder can neither be exchanged nor written. The journal decides what the next command does.
    """
    if work.parent != folder:
        if folder.exists():
            shutil.copymode(folder, work / _STAGED)
        _write_journal(work, [])
        if _swap(folder, work):
            finish_writing(folder)
            return
        (work / _JOURNAL).unlink()
        inside = folder / STAGING_NAME
        inside.mkdir()
        shutil.move(work / _STAGED, inside / _STAGED)
        work = inside
    earlier, staged = read_manifest(folder), read_manifest(work / _STAGED)
    assert staged is not None, "staged with its manifest"
    digests = {} if earlier is None else earlier.digests
    _write_journal(work, sorted(digests.keys() - staged.digests.keys()))
    with replacing(folder / MANIFEST_NAME, temporary_folder=work) as file:
        file.write(manifest_bytes(digests | staged.digests, is_complete=False))
    finish_writing(folder)


def is_unfinished(folder: Path) -> bool:
    """Whether a command is writing the site of a folder, or was killed while it did."""
    return _beside(folder).exists() or (folder / STAGING_NAME).exists()


def finish_writing(folder: Path) -> None:
    """Finish or undo what a command that was cut off left of a site: one or the other site is whole afterwards.

    Raises:
        OSError: a file cannot be moved or removed.
    """
    _finish_swap(folder, _beside(folder))
    _finish_moves(folder, folder / STAGING_NAME)


def _beside(folder: Path) -> Path:
    name = folder.name
    if len(os.fsencode(name)) > _MAX_NAME_LENGTH:
        name = f"{name[: _MAX_NAME_LENGTH // 4]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return folder.parent / f".{name}{STAGING_NAME}"


def _write_journal(work: Path, stale: list[str]) -> None:
    journal = {"generator": "reportgen", "manifest": manifest_digest(work / _STAGED), "stale": stale}
    with replacing(work / _JOURNAL) as file:
        file.write(json.dumps(journal).encode())


def _swap(folder: Path, work: Path) -> bool:
    """Put the staged folder in place; whether it worked. If it did not, nothing has changed."""
    if folder.exists() and _exchange(work / _STAGED, folder):
        return True
    try:
        if folder.exists():
            folder.rename(work / _EARLIER)
    except OSError:
        return False
    (work / _STAGED).rename(folder)
    return True


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; `False` where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True)["renameat2"]
    except (AttributeError, OSError, TypeError):
        return False
    return bool(rename(_AT_CWD, os.fsencode(one), _AT_CWD, os.fsencode(other), _EXCHANGE) == 0)


def _finish_swap(folder: Path, work: Path) -> None:
    digest = _journal_digest(work)
    if digest is not None:
        if not folder.exists():
            staged = work / (_STAGED if manifest_digest(work / _STAGED) == digest else _EARLIER)
            if staged.exists():
                staged.rename(folder)
        for earlier in (work / _EARLIER, work / _STAGED):
            if earlier.is_dir():  # without an exchange, all that is in the staged folder is the report's
                _carry_over(earlier, folder)
        if _has_files(work / _EARLIER):
            return
        (work / _JOURNAL).unlink()
    shutil.rmtree(work, ignore_errors=True)


def _carry_over(earlier: Path, folder: Path) -> None:
    """Move foreign files of an earlier site into the new one, and remove its own."""
    manifest = read_manifest(earlier)
    own = set() if manifest is None else {*manifest.digests, MANIFEST_NAME}
    _move_foreign(earlier, folder, "", own, {parent for path in own for parent in parents(path)})
    _remove(earlier, own - {MANIFEST_NAME})
    if manifest is not None:  # last, as it tells own files from foreign ones
        (earlier / MANIFEST_NAME).unlink(missing_ok=True)
    if not any(earlier.iterdir()):
        earlier.rmdir()
    elif earlier.name != _EARLIER:
        earlier.rename(earlier.with_name(_EARLIER))


def _move_foreign(earlier: Path, folder: Path, inside: str, own: set[str], own_folders: set[str]) -> None:
    for entry in sorted((earlier / inside).iterdir()):
        path = posixpath.join(inside, entry.name)
        target = folder / path
        if entry.is_dir() and not entry.is_symlink() and (path in own_folders or target.is_dir()):
            _move_foreign(earlier, folder, path, own, own_folders)
            if path not in own_folders and not any(entry.iterdir()):
                entry.rmdir()
        elif path not in own and not os.path.lexists(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            entry.rename(target)


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(not path.is_dir() for path in folder.rglob("*"))


def _finish_moves(folder: Path, work: Path) -> None:
    staged = work / _STAGED
    manifest = read_manifest(staged)
    if manifest is not None and _journal_digest(work) == manifest_digest(staged):
        stale = json.loads((work / _JOURNAL).read_bytes())["stale"]
        earlier = read_manifest(folder)
        known = set() if earlier is None else earlier.digests.keys()
        _remove(folder, [path for path in stale if path in known])
        for path in manifest.digests:
            if (staged / path).exists():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (staged / path).replace(folder / path)
        (staged / MANIFEST_NAME).replace(folder / MANIFEST_NAME)
    shutil.rmtree(work, ignore_errors=True)


def _journal_digest(work: Path) -> str | None:
    """The digest of the manifest that a journal vouches for; `None` without a journal of reportgen."""
    try:
        journal = json.loads((work / _JOURNAL).read_bytes())
    except (OSError, ValueError):
        return None
    return journal.get("manifest") if isinstance(journal, dict) and journal.get("generator") == "reportgen" else None


def _remove(folder: Path, paths: Iterable[str]) -> None:
    """Remove files, and folders that they leave empty."""
    for path in sorted(paths):
        (folder / path).unlink(missing_ok=True)
        for parent in parents(path):
            try:
                (folder / parent).rmdir()
            except OSError:  # not empty: it holds foreign files
                break


def parents(path: str) -> Iterator[str]:
    """The folders that a relative POSIX path lies in, the innermost first."""
    parent = posixpath.dirname(path)
    while parent:
        yield parent
        parent = posixpath.dirname(parent)
