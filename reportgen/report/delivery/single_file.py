"""A part of the report as one HTML file to mail: the first page, some classes, figures and "How to read"."""

from difflib import get_close_matches
from itertools import chain
from pathlib import Path

from reportgen.analysis.findings import Findings
from reportgen.cache import EvaluationCache
from reportgen.errors import SettingsError, setting
from reportgen.report.delivery.artifacts import Artifact, check_artifact, write_artifact
from reportgen.report.delivery.joined_site import GENERATOR, Chapter, join_site
from reportgen.report.delivery.manifest import read_manifest
from reportgen.report.templating import find_templates
from reportgen.report.urls import HOW_PATH, class_path
from reportgen.report.words.text import count_text, plural_text
from reportgen.settings import RenderSettings

MAX_BYTES = 50_000_000
NUM_CLASSES = 10
NUM_WEAKEST = 5

_MARK_BYTES = 4_096  # within which `GENERATOR` stands


def check_single_file(settings: RenderSettings) -> None:
    """Check before any work is done that the file can be written.

    Raises:
        SettingsError: its path is inside the site.
        SiteError: a foreign file has its path, or it cannot be written.
    """
    path = settings.single_file
    if path is None:
        return
    if path.resolve().is_relative_to(settings.out.resolve()):
        raise SettingsError(
            f"{setting('single_file', path)} is inside the site {settings.out}.",
            hint="Give a file outside of that folder.",
        )
    check_artifact(path, is_ours=_is_ours, hint=f"Move it away, or give another file with {setting('single_file')}.")


def write_single_file(cache: EvaluationCache, chosen: tuple[int, ...], settings: RenderSettings) -> Artifact:
    """Write the single file, made from the site in `settings.out`.

    Args:
        cache: gives the names of all classes.
        chosen: the classes in the file.
        settings: its path, and whether it may be larger than can be mailed.

    Raises:
        SettingsError: the file would be too large to mail.
        SiteError: a foreign file has its path, it cannot be written, or a page lacks the built-in structure.
    """
    assert settings.single_file is not None, "only called where the file is wanted"
    check_single_file(settings)
    manifest = read_manifest(settings.out)
    assert manifest is not None, "only called on a written site"
    chapters = [
        Chapter(path=class_path(index, cache.class_names[index]), title=cache.shown_names[index]) for index in chosen
    ]
    of_classes = f"{count_text(len(chosen))} of {plural_text(cache.num_classes, 'class', 'classes')}"
    content = join_site(
        lambda path: (settings.out / path).read_bytes(),
        manifest.digests.keys(),
        [*chapters, Chapter(path=HOW_PATH, title="How to read this")],
        note=f"A part of the report, with {of_classes}:",
        style=_own_style(settings.templates),
    )
    if len(content) > MAX_BYTES and not settings.force:
        raise SettingsError(
            f"The single file would have {len(content) / 1e6:,.1f} MB, more than the limit of {MAX_BYTES / 1e6:.0f} MB"
            " for email; the site is written.",
            hint=f"Give fewer classes with {setting('classes')} or fewer images with {setting('num_gallery')}, or "
            f"add {setting('force', True)}.",
        )
    write_artifact(settings.single_file, lambda file: file.write(content))
    return Artifact(path=settings.single_file, num_bytes=len(content), contents=of_classes)


def choose_classes(cache: EvaluationCache, findings: Findings, wanted: tuple[str, ...]) -> tuple[int, ...]:
    """The classes in the single file, in the order in which they are shown.

    Without wanted names these are the `NUM_WEAKEST` classes of lowest recall, then those of the most confused pairs,
    then more of low recall, `NUM_CLASSES` in all.

    Raises:
        SettingsError: no class has one of the names.
    """
    if wanted:
        return tuple(dict.fromkeys(_class_index(cache, name) for name in wanted))
    # A class without images has no recall, and rank 0.
    weakest = [item.class_index for item in sorted(findings.classes, key=lambda item: -item.recall_rank)]
    in_pairs = chain.from_iterable((pair.true_index, pair.predicted_index) for pair in findings.pairs)
    return tuple(dict.fromkeys(chain(weakest[:NUM_WEAKEST], in_pairs, weakest)))[:NUM_CLASSES]


def _class_index(cache: EvaluationCache, wanted: str) -> int:
    names = cache.shown_names if wanted in cache.shown_names else cache.class_names
    if wanted not in names:
        close = get_close_matches(wanted, names, n=1, cutoff=0.5)
        raise SettingsError(
            f"{setting('classes')} contains {wanted!r}, which is not a class.",
            hint=f"Did you mean {close[0]!r}?" if close else f"The first class is {names[0]!r}.",
        )
    return names.index(wanted)


def _own_style(templates: Path | None) -> str:
    folders = [folder for folder in (templates, find_templates()) if folder is not None]
    return next(path for folder in folders if (path := folder / "single-file.css").is_file()).read_text("utf-8")


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return GENERATOR.encode() in file.read(_MARK_BYTES)
    except OSError:
        return False
