"""From sources to a cache: load, run, explain and test, stage by stage."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reportgen.cache import Annotations, CacheKey, EvaluationCache
from reportgen.inputs.annotations.matching import describe_annotations, load_annotations
from reportgen.methods import list_methods
from reportgen.observers import Observer
from reportgen.settings import AnalyzeSettings

if TYPE_CHECKING:
    from reportgen.inputs.data.sources.arrays import ArraysFile
    from reportgen.inputs.registry import Sources


def read_arrays(source: "ArraysFile", settings: AnalyzeSettings, key: CacheKey, observer: Observer) -> EvaluationCache:
    """The outputs of a model that ran elsewhere, with the annotations of their images."""
    from reportgen.inputs.data.array_results import UNCHANGED

    with observer.stage("Read the arrays"):
        results = source.load(key)
        if results.evaluation_set is None:
            return results.cache
        annotations = load_annotations(settings, results.evaluation_set, UNCHANGED)
    return _with_annotations(results.cache, annotations)


def evaluate(
    sources: "Sources",
    settings: AnalyzeSettings,
    key: CacheKey,
    *,
    choose_shown: Callable[[EvaluationCache], NDArray[np.int64]],
    observer: Observer,
) -> EvaluationCache:
    """The one pass, then selective maps of the shown examples and faithfulness tests, if the settings ask for them.

    Args:
        sources: the model and the test set.
        settings: what the pass computes.
        key: goes into the cache as it is.
        choose_shown: positions of the examples that the report shows, int64 (M,), ascending.
        observer: follows the stages.
    """
    from reportgen.evidence.methods.selective_maps import check_selective, compute_selective_maps
    from reportgen.evidence.one_pass import run_one_pass
    from reportgen.evidence.outputs.probing import with_logits
    from reportgen.evidence.trust.faithfulness import measure_faithfulness

    with ExitStack() as hooks:
        with observer.stage("Load the test set and the model"):
            evaluation_set = sources.load_evaluation_set()
            classifier = sources.load_classifier(evaluation_set)
            annotations = load_annotations(settings, evaluation_set, classifier.preprocessing)
            classifier = hooks.enter_context(with_logits(classifier, evaluation_set, settings))
            has_selective = not classifier.is_opaque and not set(list_methods("selective")).isdisjoint(settings.methods)
            if has_selective:
                check_selective(classifier, evaluation_set, settings)
        with observer.stage("Run the model", total=len(evaluation_set.labels)) as advance:
            cache = run_one_pass(classifier, evaluation_set, settings, key, progress=advance)
        cache = _with_annotations(cache, annotations)
        if has_selective:
            positions = choose_shown(cache)
            with observer.stage("Explain the shown examples", total=len(positions)) as advance:
                maps = compute_selective_maps(classifier, evaluation_set, settings, cache, positions, progress=advance)
            cache = replace(cache, cams={**cache.cams, **maps})
        if settings.faithfulness and cache.cams:
            with observer.stage("Test the maps", total=min(settings.faithfulness, cache.num_examples)) as advance:
                faithfulness = measure_faithfulness(classifier, evaluation_set, settings, cache, progress=advance)
            cache = replace(cache, faithfulness=faithfulness)
    return cache


def _with_annotations(cache: EvaluationCache, annotations: Annotations | None) -> EvaluationCache:
    """The cache with annotations, and a note about those that are left out."""
    warnings = (*cache.provenance.warnings, *describe_annotations(annotations))
    return replace(cache, annotations=annotations, provenance=replace(cache.provenance, warnings=warnings))
