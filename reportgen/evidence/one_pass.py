"""The one pass: logits and both class activation maps of every example by every method, from one forward each."""

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reportgen.cache import CacheKey, EvaluationCache
from reportgen.errors import DataError, ModelError, setting
from reportgen.evidence.devices import on_device
from reportgen.evidence.methods.explained_batch import ExplainedBatch, Explainer
from reportgen.evidence.methods.explainers import build_explainer, choose_num_probed
from reportgen.evidence.pass_results import HostBatch, PassResults
from reportgen.evidence.provenance import describe_pass
from reportgen.evidence.trust.recomputation import choose_positions, compute_sum_errors
from reportgen.evidence.trust.self_checks import (
    get_closed_form,
    get_summed_methods,
    name_arithmetic,
    run_self_checks,
)
from reportgen.inputs.data.batches import iterate_views
from reportgen.inputs.data.evaluation_set import EvaluationSet
from reportgen.inputs.networks.classifier import Classifier
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.methods import is_class_agnostic
from reportgen.settings import AnalyzeSettings

log = logging.getLogger(__name__)

Views = NDArray[np.uint8]


def run_one_pass(
    classifier: Classifier,
    evaluation_set: EvaluationSet,
    settings: AnalyzeSettings,
    key: CacheKey,
    *,
    progress: Callable[[int], None] | None = None,
) -> EvaluationCache:
    """Everything that a report is made from, at about the cost of evaluating the network.

    Each batch goes through the network once. Probing for the target layer and the self-checks add a few forwards of one
    to twenty images. The network is left as it was found, also after an exception.

    Args:
        classifier: the network and its preprocessing.
        evaluation_set: the N examples.
        settings: layers, methods, device, precision, batch size and workers; `limit` is already applied to the set.
        key: goes into the cache as it is.
        progress: called after each batch with the number of examples that it held.

    Raises:
        DataError: the set is empty, or an image cannot be read.
        LayerError: no layer gives maps, or the one asked for does not.
        ModelError: the network fails on these images, returns no logits, not one for each class, or no finite ones.
        SettingsError: there is no such device, or its memory does not suffice for the batch size.
    """
    started = time.perf_counter()
    network, preprocessing = classifier.module, classifier.preprocessing
    with on_device(network, settings) as device:
        first, views = _peek(iterate_views(evaluation_set, preprocessing, settings.batch_size, settings.workers))
        images = _to_inputs(first[: choose_num_probed(settings.batch_size)], preprocessing, device)
        explainer = build_explainer(
            network,
            images,
            settings,
            num_classes=len(evaluation_set.class_names),
            is_opaque=classifier.is_opaque,
        )
        results = PassResults(
            evaluation_set,
            grids={method: grid for source in explainer.sources for method, grid in source.grids.items()},
            first_view=first[0],
            thumbnail_size=settings.thumbnail_size,
            sampled=choose_positions(len(evaluation_set.labels)),
        )
        with explainer:
            inputs = ((batch, _to_inputs(batch, preprocessing, device)) for batch in views)
            for batch in _wait_for_values(_explain_all(inputs, evaluation_set, explainer), device):
                results.place(batch)
                if progress is not None:
                    progress(len(batch.views))
        checks, check_warnings = run_self_checks(
            explainer,
            preprocessing,
            results.sample,
            worst_sum_error=results.worst_sum_error,
            num_examples=len(evaluation_set.labels),
            arithmetic=name_arithmetic(settings.precision, device),
        )
    source_warnings = [warning for source in explainer.sources for warning in source.warnings]
    provenance = describe_pass(
        classifier,
        evaluation_set.name,
        settings,
        layers=[layer for source in explainer.sources for layer in source.layers],
        no_maps_reason=explainer.no_maps_reason,
        device=device,
        input_size=(first.shape[1], first.shape[2]),
        seconds=time.perf_counter() - started,
        warnings=(*classifier.notes, *evaluation_set.notes, *source_warnings, *results.warnings(), *check_warnings),
    )
    return EvaluationCache(
        example_index=evaluation_set.example_index,
        example_id=np.array(evaluation_set.example_ids, dtype=np.str_),
        labels=evaluation_set.labels,
        logits=results.logits,
        cams={method: results.cams[method] for method in settings.methods if method in results.cams},
        thumbnails=results.thumbnails,
        class_names=evaluation_set.class_names,
        superclasses=evaluation_set.superclasses,
        columns=evaluation_set.columns,
        key=key,
        provenance=provenance,
        checks=checks,
        skipped=evaluation_set.skipped,
    )


def _peek(views: Iterator[Views]) -> tuple[Views, Iterable[Views]]:
    """The first batch, and all of them."""
    first = next(views, None)
    if first is None:
        raise DataError("The test set contains no examples.", hint=f"Give another one with {setting('data')}.")
    return first, itertools.chain([first], views)


def _to_inputs(views: Views, preprocessing: Preprocessing, device: torch.device) -> Tensor:
    """The network's input on its device; on its way to a GPU it is copied while the GPU computes."""
    batch = torch.from_numpy(views if views.flags.writeable else views.copy())
    if device.type == "cuda":
        return preprocessing.normalise(batch.pin_memory().to(device, non_blocking=True))
    return preprocessing.normalise(batch.to(device))


def _explain_all(
    batches: Iterable[tuple[Views, Tensor]], evaluation_set: EvaluationSet, explainer: Explainer
) -> Iterator[HostBatch]:
    """Each batch explained and copied to the host; a GPU's values may not have arrived yet."""
    start = 0
    for views, inputs in batches:
        true = torch.tensor(evaluation_set.labels[start : start + len(views)], device=inputs.device)
        try:
            explained = explainer.explain_batch(inputs, true)
        except ModelError as error:
            first, last = (evaluation_set.example_ids[position] for position in (start, start + len(views) - 1))
            raise error.at(f"On the images from {first} to {last}") from error
        sum_error = _worst_sum_error(explained, true, explainer)
        yield HostBatch(
            start=start,
            views=views,
            logits=_fetch(explained.logits),
            predicted=_fetch(explained.predicted),
            maps={method: _fetch_maps(method, pair) for method, pair in explained.maps.items()},
            sum_error=None if sum_error is None else _fetch(sum_error),
        )
        start += len(views)


def _fetch(values: Tensor) -> Tensor:
    """The values in the host's memory; those of CUDA arrive before an event that is recorded now."""
    return values.to("cpu", non_blocking=values.is_cuda)  # only CUDA's copies can be waited for


def _fetch_maps(method: str, maps: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    true, predicted = maps
    fetched = _fetch(true)
    return fetched, fetched if is_class_agnostic(method) else _fetch(predicted)


def _worst_sum_error(explained: ExplainedBatch, labels: Tensor, explainer: Explainer) -> Tensor | None:
    """The largest of `compute_sum_errors` over all maps that the check applies to; `None` where there are none."""
    closed_form = get_closed_form(explainer.sources)
    if closed_form is None:
        return None
    errors = [
        compute_sum_errors(maps, closed_form.bias, explained.logits, classes)
        for method in get_summed_methods(explainer.sources)
        for maps, classes in zip(explained.maps[method], (labels, explained.predicted), strict=True)
    ]
    return torch.stack(errors).max() if errors else None


def _wait_for_values(batches: Iterator[HostBatch], device: torch.device) -> Iterator[HostBatch]:
    """The batches once their values have arrived. A GPU gets the next batch before the host waits for the last one."""
    if device.type != "cuda":
        yield from batches
        return
    waiting: tuple[HostBatch, torch.cuda.Event] | None = None
    for batch in batches:
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(device))
        if waiting is not None:
            waiting[1].synchronize()
            yield waiting[0]
        waiting = batch, event
    if waiting is not None:
        waiting[1].synchronize()
        yield waiting[0]
