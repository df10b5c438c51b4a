"""Single images without labels: predictions, and maps of the requested classes."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reportgen.errors import ModelError, SettingsError, setting
from reportgen.evidence.devices import on_device
from reportgen.evidence.methods.explained_batch import Explainer
from reportgen.evidence.methods.explainers import build_explainer
from reportgen.evidence.methods.map_sources import MapSource
from reportgen.evidence.methods.selective_maps import Explain, prepare_selective
from reportgen.evidence.outputs.probing import fill_with_noise
from reportgen.evidence.outputs.reader import reading_logits
from reportgen.evidence.provenance import describe_pass
from reportgen.explanation import ClassMap, Explanations, ImageExplanation
from reportgen.inputs.annotations.formats import read_annotations
from reportgen.inputs.annotations.marked_images import AnnotationFile
from reportgen.inputs.annotations.matching import match_annotations
from reportgen.inputs.data.class_names import number_names
from reportgen.inputs.data.evaluation_set import EvaluationSet
from reportgen.inputs.data.image_files import FileImages
from reportgen.inputs.networks.models import load_classifier
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.inputs.registry import resolve_model
from reportgen.inputs.single_images import find_class_names, read_views
from reportgen.inputs.suggestions import nearest_text
from reportgen.methods import is_class_agnostic
from reportgen.settings import ExplainSettings

_NUM_PROBED = 4

View = tuple[Path, NDArray[np.uint8]]


def explain_images(
    paths: Sequence[Path], settings: ExplainSettings, *, progress: Callable[[int], None] | None = None
) -> Explanations:
    """Predictions for single images, and maps of the requested classes.

    Images that differ in size after preprocessing are explained size by size. The network is left as it was found.

    Args:
        paths: the images' files.
        settings: the network and the classes.
        progress: called with a number of images that are done.

    Raises:
        DataError: no image can be read, or the annotations cannot.
        LayerError: no layer gives maps, or the one asked for does not.
        ModelError: the network cannot be built, or fails on these images.
        SettingsError: a requested class is unknown, or there is no such device.
    """
    started = time.perf_counter()
    model = resolve_model(settings)
    class_names = find_class_names(model)
    classifier = load_classifier(model, len(class_names), None)
    views, failures = read_views(paths, classifier.preprocessing, window=settings.preprocessing.window, failed=progress)
    found: dict[int, ImageExplanation] = {}
    sources: list[MapSource] = []
    num_classes = len(class_names) or None
    with ExitStack() as hooks, on_device(classifier.module, settings) as device:
        for positions in _group_by_size(views):
            batches = list(_batches([views[at] for at in positions], min(settings.batch_size, len(positions))))
            probed = _to_inputs(batches[0][:_NUM_PROBED], classifier.preprocessing, device)
            if classifier.outputs is None:
                outputs = hooks.enter_context(
                    reading_logits(
                        classifier.module,
                        fill_with_noise(probed),
                        settings,
                        num_classes=num_classes,
                        is_opaque=classifier.is_opaque,
                    )
                )
                classifier = replace(classifier, outputs=outputs)
            explainer = build_explainer(
                classifier.module, probed, settings, num_classes=num_classes, is_opaque=classifier.is_opaque
            )
            sources += explainer.sources
            selective = {} if classifier.is_opaque else prepare_selective(classifier.module, probed, settings)
            explaining = _Explaining(
                explainer=explainer, selective=selective, class_names=class_names, settings=settings
            )
            for start, batch in zip(range(0, len(positions), len(batches[0])), batches, strict=True):
                images = explaining.explain(batch, _to_inputs(batch, classifier.preprocessing, device))
                found |= dict(zip(positions[start:], images, strict=False))
                if progress is not None:
                    progress(len(batch))
    images = [found[position] for position in range(len(views))]
    class_names = class_names or number_names(len(images[0].logits))
    if settings.annotations is not None:
        images = _with_annotations(
            images,
            class_names,
            classifier.preprocessing,
            read_annotations(settings.annotations, settings.mask_values),
        )
    return Explanations(
        images=tuple(images),
        failures=failures,
        class_names=class_names,
        provenance=describe_pass(
            classifier,
            "single images",
            settings,
            layers=list(dict.fromkeys(layer for source in sources for layer in source.layers)),
            no_maps_reason=explainer.no_maps_reason,
            device=device,
            input_size=(views[0][1].shape[0], views[0][1].shape[1]),
            seconds=time.perf_counter() - started,
            warnings=[
                *classifier.notes,
                *dict.fromkeys(warning for source in sources for warning in source.warnings),
            ],
        ),
    )


def _group_by_size(views: Sequence[View]) -> list[list[int]]:
    """Positions of the views of each size, sizes in the order of their first views."""
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for position, (_, view) in enumerate(views):
        groups[view.shape].append(position)
    return list(groups.values())


def _batches(views: Sequence[View], size: int) -> Iterator[Sequence[View]]:
    for start in range(0, len(views), size):
        yield views[start : start + size]


def _to_inputs(views: Sequence[View], preprocessing: Preprocessing, device: torch.device) -> Tensor:
    return preprocessing.normalise(torch.from_numpy(np.stack([view for _, view in views])).to(device))


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class _Explaining:
    """Explains images of one size.

    Attributes:
        explainer: the methods that share one forward.
        selective: those that need forwards of their own.
        class_names: the K names; empty where they are not known.
        settings: the methods in their order, and the classes.
    """

    explainer: Explainer
    selective: Mapping[str, Explain]
    class_names: Sequence[str]
    settings: ExplainSettings

    def explain(self, views: Sequence[View], inputs: Tensor) -> list[ImageExplanation]:
        """The images of one batch, with the maps of the requested classes, or else of the predicted class."""
        with self.explainer:
            recorded = self.explainer.run(inputs)
            logits = recorded.detach()
            predicted = logits.argmax(dim=1)
            classes = self._choose_classes(logits) or [predicted]
            shared = self.explainer.explain(recorded, classes)
        maps = {
            method: [values.float().cpu().numpy() for values in (of[:1] if is_class_agnostic(method) else of)]
            for method, of in shared.items()
        }
        maps |= self._make_selective_maps(inputs, classes)
        explained = torch.stack(classes, dim=1).tolist()
        return [
            ImageExplanation(
                path=path,
                view=view,
                logits=said,
                maps=tuple(
                    ClassMap(
                        method=method,
                        class_index=answer if is_class_agnostic(method) else explained[row][place],
                        values=maps[method][place][row],
                    )
                    for place in range(len(classes))
                    for method in self.settings.methods
                    if place < len(maps.get(method, ()))
                ),
            )
            for row, ((path, view), said, answer) in enumerate(
                zip(views, logits.cpu().numpy(), predicted.tolist(), strict=True)
            )
        ]

    def _choose_classes(self, logits: Tensor) -> list[Tensor]:
        """int64 (B,) for each requested class."""
        if not bool(logits.amax(dim=1).isfinite().all()):  # minus infinity is a probability of 0
            raise ModelError(
                "The network's logits are not finite.",
                hint=f"Check the weights, {setting('mean')} and {setting('std')}.",
            )
        wanted = [_find_class(text, self.class_names, logits.shape[1]) for text in self.settings.classes]
        return [torch.full((len(logits),), index, device=logits.device) for index in wanted]

    def _make_selective_maps(self, inputs: Tensor, classes: Sequence[Tensor]) -> dict[str, list[NDArray[np.float32]]]:
        """By method, float32 (B, h, w) for each of the classes, one image after the other."""
        return {
            method: [
                np.stack([explain(image[None], index).numpy() for image, index in zip(inputs, of, strict=True)])
                for of in (chosen.tolist() for chosen in classes)
            ]
            for method, explain in self.selective.items()
        }


def _find_class(text: str, class_names: Sequence[str], num_classes: int) -> int:
    """The index of a class given by its name or index; the case of a name is ignored if that is unambiguous.

    Raises:
        SettingsError: there is none.
    """
    if text in class_names:
        return class_names.index(text)
    alike = [index for index, name in enumerate(class_names) if name.casefold() == text.casefold()]
    if len(alike) == 1:
        return alike[0]
    if text.isascii() and text.isdigit() and int(text) < num_classes:
        return int(text)
    if class_names:
        raise SettingsError(
            f"{setting('classes', text)} is not a class of the model.", hint=nearest_text(text, class_names)
        )
    raise SettingsError(
        f"{setting('classes', text)} is not an index from 0 to {num_classes - 1}.",
        hint=f"Give an index, or the names of the classes with {setting('class_names_path', 'FILE')}.",
    )


def _with_annotations(
    images: Sequence[ImageExplanation],
    class_names: tuple[str, ...],
    preprocessing: Preprocessing,
    read: AnnotationFile,
) -> list[ImageExplanation]:
    """The images with their annotations. Of labeled shapes, those of the predicted class count.

    All masks have the size of the first view; maps that are compared with them are scaled to it.
    """
    names = tuple(image.path.as_posix() for image in images)
    annotations = match_annotations(
        read,
        EvaluationSet(
            name="single images",
            images=FileImages(Path(), names),
            labels=np.array([image.predicted for image in images]),
            example_ids=names,
            example_index=np.arange(len(images)),
            class_names=class_names,
            superclasses=None,
            normalisation=None,
        ),
        preprocessing,
        thumbnail_size=(images[0].view.shape[0], images[0].view.shape[1]),
    )
    masks = dict(zip(annotations.positions.tolist(), annotations.masks, strict=True))
    return [replace(image, annotation=masks.get(position)) for position, image in enumerate(images)]
