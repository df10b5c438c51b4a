"""The one pass: logits and both class activation maps of every example, from one forward each."""

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reportgen.cache import CacheKey, CamPair, EvaluationCache
from reportgen.errors import DataError
from reportgen.explain.cam import METHODS
from reportgen.explain.devices import memory_hint, resolve_device
from reportgen.explain.explained_batch import ExplainedBatch, explain_batch
from reportgen.explain.head_tap import HeadTap
from reportgen.explain.model_state import borrowed
from reportgen.explain.pass_results import HostBatch, PassResults
from reportgen.explain.provenance import describe_pass
from reportgen.explain.self_checks import (
    choose_positions,
    compute_sum_errors,
    find_pooling_bias,
    name_arithmetic,
    run_self_checks,
)
from reportgen.explain.target_layers import find_target_layer
from reportgen.inputs.batches import iterate_views
from reportgen.inputs.classifier import Classifier
from reportgen.inputs.evaluation_set import EvaluationSet
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.settings import AnalyzeSettings

log = logging.getLogger(__name__)

_NUM_PROBED = 4  # images; the survey looks at 5 versions of each, which must not need more memory than a batch

Views = NDArray[np.uint8]


def run_one_pass(
    classifier: Classifier,
    evaluation_set: EvaluationSet,
    settings: AnalyzeSettings,
    key: CacheKey,
    *,
    progress: Callable[[int], None] | None = None,
) -> EvaluationCache:
    """Everything that a report is made from, at about the price of evaluating the network.

    Each batch goes through the network once. Probing for the target layer and the self-checks add a few forwards of one
    to twenty images. The network is left as it was found, also after an exception.

    Args:
        classifier: the network and its preprocessing.
        evaluation_set: the N examples.
        settings: layer, method, device, precision, batch size and workers; `limit` is already applied to the set.
        key: goes into the cache as it is.
        progress: called after each batch with the number of examples that it held.

    Raises:
        DataError: the set is empty, or an image cannot be read.
        LayerError: no layer gives maps, or the one asked for does not.
        ModelError: the network fails on these images, returns no logits, not one for each class, or no finite ones.
        SettingsError: there is no such device, or its memory does not suffice for the batch size.
    """
    started = time.perf_counter()
    device = resolve_device(settings.device)
    network, preprocessing = classifier.module, classifier.preprocessing
    with memory_hint(settings.batch_size), borrowed(network, device):
        first, views = _peek(iterate_views(evaluation_set, preprocessing, settings.batch_size, settings.workers))
        num_probed = max(1, min(_NUM_PROBED, settings.batch_size // 5))
        images = _to_inputs(first[:num_probed], preprocessing, device)
        target = find_target_layer(
            network,
            images,
            settings.layers[0] if settings.layers else None,
            num_classes=len(evaluation_set.class_names),
        )
        log.info("target layer %s, grid %s×%s", target.name, *target.grid)
        bias = find_pooling_bias(network, images, target)
        results = PassResults(
            evaluation_set,
            grid=target.grid,
            first_view=first[0],
            thumbnail_size=settings.thumbnail_size,
            sampled=choose_positions(len(evaluation_set.labels)),
        )
        autocast = torch.bfloat16 if settings.precision == "bf16" else None
        with HeadTap(target.module, target.call, autocast=autocast, float32_head=not target.is_bypassed) as tap:
            explain = partial(explain_batch, tap, network, target=target, method=METHODS[settings.methods[0]])
            inputs = ((batch, _to_inputs(batch, preprocessing, device)) for batch in views)
            for batch in _one_behind(_explain_all(inputs, evaluation_set.labels, explain, bias), device):
                results.place(batch)
                if progress is not None:
                    progress(len(batch.views))
        checks, check_warnings = run_self_checks(
            network,
            target,
            METHODS[settings.methods[0]],
            preprocessing,
            results.sample,
            worst_sum_error=results.worst_sum_error,
            num_examples=len(evaluation_set.labels),
            arithmetic=name_arithmetic(settings.precision, device),
        )
    provenance = describe_pass(
        classifier,
        evaluation_set,
        settings,
        target,
        device=device,
        input_size=(first.shape[1], first.shape[2]),
        seconds=time.perf_counter() - started,
        warnings=(*target.warnings, *results.warnings(), *check_warnings),
    )
    return EvaluationCache(
        example_index=evaluation_set.example_index,
        example_id=np.array(evaluation_set.example_ids, dtype=np.str_),
        labels=evaluation_set.labels,
        logits=results.logits,
        cams={settings.methods[0]: CamPair(true=results.true_maps, predicted=results.predicted_maps)},
        thumbnails=results.thumbnails,
        class_names=evaluation_set.class_names,
        superclasses=evaluation_set.superclasses,
        key=key,
        provenance=provenance,
        checks=checks,
    )


def _peek(views: Iterator[Views]) -> tuple[Views, Iterable[Views]]:
    """The first batch, and all of them."""
    first = next(views, None)
    if first is None:
        raise DataError("The test set holds no example.", hint="Name another one with --data.")
    return first, itertools.chain([first], views)


def _to_inputs(views: Views, preprocessing: Preprocessing, device: torch.device) -> Tensor:
    """The network's input on its device; on its way to a GPU it is copied while the GPU computes."""
    batch = torch.from_numpy(views if views.flags.writeable else views.copy())
    if device.type == "cuda":
        return preprocessing.normalise(batch.pin_memory().to(device, non_blocking=True))
    return preprocessing.normalise(batch.to(device))


def _explain_all(
    batches: Iterable[tuple[Views, Tensor]],
    labels: NDArray[np.int64],
    explain: Callable[[Tensor, Tensor], ExplainedBatch],
    bias: Tensor | None,
) -> Iterator[HostBatch]:
    """Each batch explained, on its way to the host: where a GPU runs, its values may not have arrived yet."""
    start = 0
    for views, inputs in batches:
        true = torch.tensor(labels[start : start + len(views)], device=inputs.device)
        explained = explain(inputs, true)
        yield HostBatch(
            start=start,
            views=views,
            logits=_fetch(explained.logits),
            predicted=_fetch(explained.predicted),
            true_maps=_fetch(explained.true_maps),
            predicted_maps=_fetch(explained.predicted_maps),
            sum_error=None if bias is None else _fetch(_worst_sum_error(explained, true, bias)),
        )
        start += len(views)


def _fetch(values: Tensor) -> Tensor:
    """The values in the host's memory: from CUDA at some time before an event that is recorded now."""
    return values.to("cpu", non_blocking=values.is_cuda)  # only CUDA's copies can be waited for


def _worst_sum_error(explained: ExplainedBatch, labels: Tensor, bias: Tensor) -> Tensor:
    pairs = ((explained.true_maps, labels), (explained.predicted_maps, explained.predicted))
    errors = [compute_sum_errors(maps, bias, explained.logits, classes) for maps, classes in pairs]
    return torch.stack(errors).max()


def _one_behind(batches: Iterator[HostBatch], device: torch.device) -> Iterator[HostBatch]:
    """The batches with their values in place. A GPU gets the next batch before the host waits for the last one."""
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
