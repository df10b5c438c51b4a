"""The story: settings -> cache -> findings -> site."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from reportgen.analysis.findings import Findings
from reportgen.cache import CacheKey, EvaluationCache
from reportgen.cache_file import check_cache_path, load_cache, load_key, save_cache
from reportgen.errors import CacheError, ForeignFileError, OutdatedCacheError
from reportgen.explanation import Explanations
from reportgen.methods import list_methods
from reportgen.settings import (
    DEFAULT_CACHE_PATH,
    AnalyzeSettings,
    ExplainSettings,
    RenderSettings,
)

if TYPE_CHECKING:
    from reportgen.inputs.data.evaluation_set import EvaluationSet
    from reportgen.inputs.data.sources.arrays import ArraysFile
    from reportgen.inputs.networks.classifier import Classifier
    from reportgen.inputs.registry import Sources
    from reportgen.report.delivery.artifacts import Artifact
    from reportgen.report.presentation import Presentation


class Observer(Protocol):
    """Whoever follows a run: a console, a notebook, nobody."""

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:
        """A stage of the run. Inside the context, calls with a number of examples or files report progress.

        Args:
            name: what is done, as a verb phrase.
            total: how many examples or files there are, where that is known.
        """
        ...

    def say(self, message: str) -> None:
        """One sentence that the user should know."""
        ...


class _Silent:
    """An observer that nobody hears."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Callable[[int], None]]:  # noqa: ARG002
        yield lambda _: None

    def say(self, message: str) -> None:
        pass


SILENT: Observer = _Silent()


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Report:
    """A written report.

    Attributes:
        cache: the arrays it was made from.
        findings: what was found in them.
        index_path: the page to open first.
        num_files: number of files in the site.
        num_bytes: their total size.
        artifacts: the archive and the single file, where they were asked for.
    """

    cache: EvaluationCache
    findings: Findings
    index_path: Path
    num_files: int
    num_bytes: int
    artifacts: tuple["Artifact", ...]


def run(
    analyze_settings: AnalyzeSettings,
    render_settings: RenderSettings,
    *,
    cache_path: Path = DEFAULT_CACHE_PATH,
    refresh: bool = False,
    observer: Observer = SILENT,
) -> Report:
    """The report on a classifier: the one pass, unless a valid cache spares it, then the site.

    Args:
        analyze_settings: what the pass computes.
        render_settings: what the site shows.
        cache_path: the file between the two.
        refresh: ignore a valid cache.
        observer: whoever follows.

    Raises:
        ReportError: a problem that the user can solve.
    """
    from reportgen.report.presentation import prepare_report

    presentation = prepare_report(render_settings)
    cache = analyze(analyze_settings, cache_path=cache_path, refresh=refresh, observer=observer)
    return _render(cache, render_settings, presentation, observer)


def analyze(
    settings: AnalyzeSettings,
    *,
    cache_path: Path = DEFAULT_CACHE_PATH,
    refresh: bool = False,
    observer: Observer = SILENT,
) -> EvaluationCache:
    """The cache for these settings: read where the file is valid, else computed in one pass and saved.

    Raises:
        ReportError: a problem that the user can solve.
    """
    from reportgen.inputs.data.sources.arrays import ArraysFile
    from reportgen.inputs.digests import compute_cache_key
    from reportgen.inputs.registry import resolve

    with observer.stage("Check the inputs"):
        check_cache_path(cache_path)
        sources = resolve(settings)
        key = compute_cache_key(sources)
        is_valid = _is_valid(cache_path, key, refresh, observer)
    if is_valid:
        with observer.stage("Read the cache"):
            return _rename_model(load_cache(cache_path), settings.model_name)
    if isinstance(sources, ArraysFile):
        cache = _read_arrays(sources, settings, key, observer)
    else:
        cache = _evaluate(sources, settings, key, observer)
    for warning in cache.provenance.warnings:
        observer.say(warning)
    with observer.stage("Save the cache"):
        save_cache(cache, cache_path)
    return cache


def explain(settings: ExplainSettings, *, out: Path | None = None, observer: Observer = SILENT) -> Explanations:
    """What the network says of single images without labels, and its maps of the classes asked for.

    Args:
        settings: the network, the images and the classes.
        out: the folder that pictures, metadata and a page are written to; `None` writes nothing.
        observer: whoever follows.

    Raises:
        ReportError: a problem that the user can solve. An image that cannot be read is not one: it is told of in
            `Explanations.failures`, as long as there is another.
    """
    from reportgen.evidence.single_images import explain_images
    from reportgen.inputs.single_images import find_images
    from reportgen.report.delivery.site import check_destination, write_site

    if out is not None:
        check_destination(out)
    paths = find_images(settings.images)
    with observer.stage("Explain the images", total=len(paths)) as advance:
        explanations = explain_images(paths, settings, progress=advance)
    if out is not None:
        from reportgen.report.render import render_explanations

        with observer.stage("Write the pictures"):
            write_site(out, render_explanations(explanations))
    return explanations


def render(cache_path: Path, settings: RenderSettings, *, model_name: str = "", observer: Observer = SILENT) -> Report:
    """The report from a cache alone: needs neither the model nor the data, and no torch.

    Args:
        cache_path: the cache.
        settings: what the site shows.
        model_name: what the report calls the network; empty keeps the name that the cache recorded.
        observer: whoever follows.

    Raises:
        ReportError: a problem that the user can solve.
    """
    from reportgen.report.presentation import prepare_report

    presentation = prepare_report(settings)
    with observer.stage("Read the cache"):
        cache = _rename_model(load_cache(cache_path), model_name)
    return _render(cache, settings, presentation, observer)


def _rename_model(cache: EvaluationCache, model_name: str) -> EvaluationCache:
    """The cache with another name for the network, which decides nothing; the file stays as it is."""
    return replace(cache, provenance=replace(cache.provenance, model_name=model_name)) if model_name else cache


def _evaluate(sources: "Sources", settings: AnalyzeSettings, key: CacheKey, observer: Observer) -> EvaluationCache:
    """The one pass, and what is asked for besides."""
    from reportgen.evidence.methods.selective_maps import check_selective
    from reportgen.evidence.one_pass import run_one_pass
    from reportgen.inputs.annotations.matching import load_annotations

    with observer.stage("Load the test set and the model"):
        evaluation_set = sources.load_evaluation_set()
        classifier = sources.load_classifier(evaluation_set)
        annotations = load_annotations(settings, evaluation_set, classifier.preprocessing)
        if _has_selective_maps(settings, classifier):
            check_selective(classifier, evaluation_set, settings)
    with observer.stage("Run the model", total=len(evaluation_set.labels)) as advance:
        cache = run_one_pass(classifier, evaluation_set, settings, key, progress=advance)
    cache = replace(cache, annotations=annotations)
    cache = _add_selective_maps(cache, classifier, evaluation_set, settings, observer)
    return _add_faithfulness(cache, classifier, evaluation_set, settings, observer)


def _read_arrays(source: "ArraysFile", settings: AnalyzeSettings, key: CacheKey, observer: Observer) -> EvaluationCache:
    """The outputs of a model that ran elsewhere."""
    from reportgen.inputs.annotations.matching import load_annotations
    from reportgen.inputs.data.array_results import UNCHANGED

    with observer.stage("Read the arrays"):
        results = source.load(key)
        if results.evaluation_set is None:
            return results.cache
        annotations = load_annotations(settings, results.evaluation_set, UNCHANGED)
    return replace(results.cache, annotations=annotations)


def _add_selective_maps(
    cache: EvaluationCache,
    classifier: "Classifier",
    evaluation_set: "EvaluationSet",
    settings: AnalyzeSettings,
    observer: Observer,
) -> EvaluationCache:
    """The cache with the maps that only the shown examples get, where some are asked for."""
    if not _has_selective_maps(settings, classifier):
        return cache
    from reportgen.analysis.selection import find_shown_positions
    from reportgen.evidence.methods.selective_maps import compute_selective_maps

    positions = find_shown_positions(cache)
    with observer.stage("Explain the shown examples", total=len(positions)) as advance:
        maps = compute_selective_maps(classifier, evaluation_set, settings, cache, positions, progress=advance)
    return replace(cache, cams={**cache.cams, **maps})


def _has_selective_maps(settings: AnalyzeSettings, classifier: "Classifier") -> bool:
    """Whether some methods of the settings are for the shown examples only, and the network can be explained."""
    return bool(set(list_methods("selective")) & set(settings.methods)) and not classifier.is_opaque


def _add_faithfulness(
    cache: EvaluationCache,
    classifier: "Classifier",
    evaluation_set: "EvaluationSet",
    settings: AnalyzeSettings,
    observer: Observer,
) -> EvaluationCache:
    """The cache with the tests of its maps, where those are asked for."""
    if not settings.faithfulness or not cache.cams:
        return cache
    from reportgen.evidence.trust.faithfulness import measure_faithfulness

    total = min(settings.faithfulness, cache.num_examples)
    with observer.stage("Test the maps", total=total) as advance:
        faithfulness = measure_faithfulness(classifier, evaluation_set, settings, cache, progress=advance)
    return replace(cache, faithfulness=faithfulness)


def _render(
    cache: EvaluationCache, settings: RenderSettings, presentation: "Presentation", observer: Observer
) -> Report:
    from reportgen.analysis.findings import compute_findings
    from reportgen.report.delivery.single_file import choose_classes
    from reportgen.report.delivery.site import write_site
    from reportgen.report.render import render_site

    with observer.stage("Analyse"):
        findings = compute_findings(cache, settings)
        chosen = choose_classes(cache, findings, settings.classes)
    with observer.stage("Write the site"):
        site = write_site(settings.out, render_site(cache, findings, presentation))
    return Report(
        cache=cache,
        findings=findings,
        index_path=settings.out / "index.html",
        num_files=site.num_files,
        num_bytes=site.num_bytes,
        artifacts=tuple(_write_artifacts(cache, chosen, settings, observer)),
    )


def _write_artifacts(
    cache: EvaluationCache, chosen: tuple[int, ...], settings: RenderSettings, observer: Observer
) -> Iterator["Artifact"]:
    """What is made of the written site besides, in the order in which it is announced."""
    from reportgen.report.delivery.archive import write_archive
    from reportgen.report.delivery.single_file import write_single_file

    if settings.with_archive:
        with observer.stage("Pack the archive"):
            yield write_archive(settings.out)
    if settings.single_file is not None:
        with observer.stage("Join the single file"):
            yield write_single_file(cache.class_names, chosen, settings)


def _is_valid(cache_path: Path, key: CacheKey, refresh: bool, observer: Observer) -> bool:
    if not cache_path.exists():
        return False
    try:
        differing = load_key(cache_path).differences(key)
    except ForeignFileError:
        raise  # never overwrite a file that is not ours
    except OutdatedCacheError as error:
        observer.say(f"{error.message} Running the model again.")
        return False
    except CacheError:
        if refresh:
            return False
        raise
    if refresh:
        return False
    if differing:
        names = ", ".join(name.replace("_", " ") for name in differing)
        observer.say(f"The cache {cache_path} is stale ({names} differ); running the model again.")
    return not differing
