"""The story: settings -> cache -> findings -> site."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.cache import EvaluationCache
from reportgen.cache_file import check_cache_path, is_valid_cache, load_cache, save_cache
from reportgen.explanation import Explanations
from reportgen.locks import writing_alone
from reportgen.observers import Observer, choose_observer
from reportgen.settings import DEFAULT_CACHE_PATH, AnalyzeSettings, ExplainSettings, RenderSettings

if TYPE_CHECKING:
    from reportgen.report.presentation import Presentation
    from reportgen.report.written_report import Report


def run(
    analyze_settings: AnalyzeSettings,
    render_settings: RenderSettings,
    *,
    cache_path: Path = DEFAULT_CACHE_PATH,
    refresh: bool = False,
    observer: Observer | None = None,
) -> "Report":
    """Evaluate a classifier, unless a valid cache exists, and write the report.

    Args:
        analyze_settings: what the pass computes.
        render_settings: what the site shows.
        cache_path: the file between the two.
        refresh: ignore a valid cache.
        observer: follows the stages; `None` shows progress bars in a notebook, and nothing elsewhere.

    Raises:
        ReportError: a problem that the user can solve.
    """
    from reportgen.report.presentation import prepare_report

    observer = observer or choose_observer()
    presentation = prepare_report(render_settings)
    with writing_alone(render_settings.out, say=observer.say):
        cache = analyze(analyze_settings, cache_path=cache_path, refresh=refresh, observer=observer)
        return _write_report(cache, render_settings, presentation, observer)


def analyze(
    settings: AnalyzeSettings,
    *,
    cache_path: Path = DEFAULT_CACHE_PATH,
    refresh: bool = False,
    observer: Observer | None = None,
) -> EvaluationCache:
    """The cache for these settings: read if the file is valid, otherwise computed in one pass and saved.

    Raises:
        ReportError: a problem that the user can solve.
    """
    observer = observer or choose_observer()
    with writing_alone(cache_path, say=observer.say):
        return _analyze(settings, cache_path, observer, refresh=refresh)


def _analyze(settings: AnalyzeSettings, cache_path: Path, observer: Observer, *, refresh: bool) -> EvaluationCache:
    """The cache for these settings, read or computed and saved."""
    from reportgen.analysis.selection import find_shown_positions
    from reportgen.inputs.data.sources.arrays import ArraysFile
    from reportgen.inputs.digests import compute_cache_key
    from reportgen.inputs.registry import resolve

    with observer.stage("Check the inputs"):
        check_cache_path(cache_path)
        sources = resolve(settings)
        key = compute_cache_key(sources)
        is_valid = is_valid_cache(cache_path, key, refresh=refresh, say=observer.say)
    if is_valid:
        with observer.stage("Read the cache"):
            return load_cache(cache_path).with_model_name(settings.model_name)
    from reportgen.evaluation import evaluate, read_arrays

    if isinstance(sources, ArraysFile):
        cache = read_arrays(sources, settings, key, observer)
    else:
        cache = evaluate(sources, settings, key, choose_shown=find_shown_positions, observer=observer)
    for warning in cache.provenance.warnings:
        observer.say(warning)
    with observer.stage("Save the cache"):
        return replace(cache, digest=save_cache(cache, cache_path))


def explain(settings: ExplainSettings, *, out: Path | None = None, observer: Observer | None = None) -> Explanations:
    """Predictions for single images without labels, and the maps of the requested classes.

    Args:
        settings: the network, the images and the classes.
        out: the folder for pictures, metadata and a page; `None` writes nothing.
        observer: follows the stages; `None` shows progress bars in a notebook, and nothing elsewhere.

    Raises:
        ReportError: a problem that the user can solve. An unreadable image raises nothing, unless all are: it is
            reported in `Explanations.failures`.
    """
    from reportgen.evidence.single_images import explain_images
    from reportgen.inputs.single_images import find_images
    from reportgen.report.delivery.site import check_destination, write_site
    from reportgen.report.display_names import choose_shown_names, load_display_names

    observer = observer or choose_observer()
    if out is not None:
        check_destination(out)
    with ExitStack() as locks:
        if out is not None:
            locks.enter_context(writing_alone(out, say=observer.say))
        display_names = {} if settings.display_names is None else load_display_names(settings.display_names)
        paths = find_images(settings.images)
        with observer.stage("Explain the images", total=len(paths)) as advance:
            explanations = explain_images(paths, settings, progress=advance)
        if display_names:
            shown = choose_shown_names(explanations.class_names, display_names)
            explanations = replace(explanations, display_names=shown)
        if out is not None:
            from reportgen.report.render import render_explanations

            with observer.stage("Write the pictures"):
                write_site(out, render_explanations(explanations))
        for warning in explanations.provenance.warnings:
            observer.say(warning)
        return explanations


def render(
    cache_path: Path, settings: RenderSettings, *, model_name: str = "", observer: Observer | None = None
) -> "Report":
    """Write the report from a cache alone: it needs neither the model nor the data, and no torch.

    Args:
        cache_path: the cache.
        settings: what the site shows.
        model_name: the network's name in the report; empty keeps the name that the cache recorded.
        observer: follows the stages; `None` shows progress bars in a notebook, and nothing elsewhere.

    Raises:
        ReportError: a problem that the user can solve.
    """
    from reportgen.report.presentation import prepare_report

    observer = observer or choose_observer()
    presentation = prepare_report(settings)
    with writing_alone(settings.out, say=observer.say):
        with observer.stage("Read the cache"):
            cache = load_cache(cache_path).with_model_name(model_name)
        return _write_report(cache, settings, presentation, observer)


def _write_report(
    cache: EvaluationCache, settings: RenderSettings, presentation: "Presentation", observer: Observer
) -> "Report":
    """Findings, then the site, then the artifacts made from it."""
    from reportgen.analysis.findings import compute_findings
    from reportgen.report.delivery.archive import write_archive
    from reportgen.report.delivery.single_file import choose_classes, write_single_file
    from reportgen.report.delivery.site import write_site
    from reportgen.report.display_names import choose_shown_names
    from reportgen.report.render import render_site
    from reportgen.report.written_report import Report

    if presentation.display_names:
        cache = replace(cache, display_names=choose_shown_names(cache.class_names, presentation.display_names))
    with observer.stage("Analyze"):
        findings = compute_findings(cache, settings)
        chosen = choose_classes(cache, findings, settings.classes)
    with observer.stage("Write the site"):
        site = write_site(settings.out, render_site(cache, findings, presentation))
    artifacts = []
    if settings.with_archive:
        with observer.stage("Pack the archive"):
            artifacts.append(write_archive(settings.out))
    if settings.single_file is not None:
        with observer.stage("Join the single file"):
            artifacts.append(write_single_file(cache, chosen, settings))
    return Report(
        cache=cache,
        findings=findings,
        index_path=settings.out / "index.html",
        num_files=site.num_files,
        num_bytes=site.num_bytes,
        artifacts=tuple(artifacts),
    )
