"""The page of `reportgen explain`, with the images and the metadata of each."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.annotations import Agreement, compare_maps
from reportgen.analysis.scaling import scale_maps
from reportgen.explanation import ClassMap, Explanations, ImageExplanation
from reportgen.methods import find_method
from reportgen.report.pages.map_sheet import Files
from reportgen.report.pages.page_kind import PageEntry, PageKind
from reportgen.report.pictures.diagrams.meter import draw_meter
from reportgen.report.pictures.images import colored_map, encode_png, evidence, overlay, peaks
from reportgen.report.urls import INDEX_PATH, make_slug
from reportgen.report.views.explanations_view import (
    ExplainedMap,
    ExplanationsPage,
    Failure,
    ImageSection,
    LikelyClass,
    Picture,
)
from reportgen.report.views.shared import Link, SiteFrame
from reportgen.report.words.text import count_text, peak_text, percent_text, plural_text

_NUM_TOP = 5
_SHORTEST_SIDE = 224  # pixels of a picture's longer side; smaller views are enlarged by a whole number


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class _DrawnMap:
    """A map with what was made of it.

    Attributes:
        map: the map.
        stem: its files' common name.
        peak: its largest value, 0 where the map is blank.
        overlay: uint8 (H, W, 3), over the photo.
        heatmap: uint8 (H, W, 3), alone.
        agreement: with the annotation, where there is one.
    """

    map: ClassMap
    stem: str
    peak: float
    overlay: NDArray[np.uint8]
    heatmap: NDArray[np.uint8]
    agreement: Agreement | None

    @property
    def overlay_url(self) -> str:
        return f"{self.stem}-overlay.png"

    @property
    def heatmap_url(self) -> str:
        return f"{self.stem}-heatmap.png"


def make_explanations_page(explanations: Explanations, frame: SiteFrame) -> tuple[ExplanationsPage, Files]:
    """The page, and for each image its pictures and its metadata.

    The files of `otter.jpg` are `otter-view.png`, `otter.json` and, for each map, `otter-heatmap.png` and
    `otter-overlay.png`; class and method stand in the name where there are several of them.
    """
    sections: list[ImageSection] = []
    files: list[tuple[str, bytes]] = []
    for stem, image in zip(_stems(explanations.images), explanations.images, strict=True):
        section, pictures = _explain(explanations, image, stem)
        sections.append(section)
        files += pictures
    provenance = explanations.provenance
    return (
        ExplanationsPage(
            frame=frame,
            sprites=(),
            title=f"{plural_text(len(sections), 'image')} explained",
            lead=_lead(explanations),
            images=tuple(sections),
            failures=tuple(
                Failure(name=failure.path.name, message=failure.message, hint=failure.hint)
                for failure in explanations.failures
            ),
            facts=tuple(_facts(explanations)),
            warnings=tuple(filter(None, (*provenance.warnings, provenance.no_maps_reason))),
        ),
        tuple(files),
    )


def _stems(images: Sequence[ImageExplanation]) -> list[str]:
    """A name for each image's files: its own as a slug, numbered where several share one."""
    taken: set[str] = {"index"}
    stems = []
    for image in images:
        slug = make_slug(image.path.stem) or "image"
        stem, number = slug, 1
        while stem in taken:
            number += 1
            stem = f"{slug}-{number}"
        taken.add(stem)
        stems.append(stem)
    return stems


def _explain(explanations: Explanations, image: ImageExplanation, stem: str) -> tuple[ImageSection, Files]:
    photo = _enlarge(image.view)
    maps = list(_draw_maps(explanations, image, photo, stem))
    metadata = json.dumps(_metadata(explanations, image, maps), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    files = [(f"{stem}-view.png", encode_png(photo)), (f"{stem}.json", metadata.encode())]
    for drawn in maps:
        files += [(drawn.overlay_url, encode_png(drawn.overlay)), (drawn.heatmap_url, encode_png(drawn.heatmap))]
    height, width = image.view.shape[:2]
    section = ImageSection(
        anchor=f"image-{stem}",
        name=image.path.name,
        verdict=_verdict(explanations, image),
        photo=_picture(f"{stem}-view.png", photo, f"{image.path.name}, the network input"),
        size=f"network input, {width}×{height} pixels",
        classes=tuple(_likely_classes(explanations, image)),
        maps=tuple(_explained_map(explanations, image, drawn) for drawn in maps),
        metadata=Link(text="metadata (JSON)", url=f"{stem}.json"),
    )
    return section, tuple(files)


def _draw_maps(
    explanations: Explanations, image: ImageExplanation, photo: NDArray[np.uint8], stem: str
) -> Iterator[_DrawnMap]:
    """Each map, on the scale that it shares with the same method's maps of the image's other classes."""
    kinds = {(class_map.class_index, class_map.method) for class_map in image.maps}
    for class_map in image.maps:
        values = class_map.values[None]
        scale = max(float(peaks(other.values[None])[0]) for other in image.maps if other.method == class_map.method)
        levels = scale_maps(evidence(values, np.array([scale])), photo.shape[:2])[0].clip(0, 1)
        peak = float(peaks(values)[0])
        yield _DrawnMap(
            map=class_map,
            stem=stem if len(kinds) == 1 else f"{stem}-{_kind_slug(explanations, class_map)}",
            peak=peak,
            overlay=overlay(photo, levels) if peak > 0 else photo,
            heatmap=colored_map(levels),
            agreement=None if image.annotation is None else compare_maps(values, image.annotation[None])[0],
        )


def _kind_slug(explanations: Explanations, class_map: ClassMap) -> str:
    """What tells a map's files from the image's others: `otter-gradcam`, or `eigencam` where it is class-agnostic."""
    method = make_slug(class_map.method.replace("+", "p"))
    if find_method(class_map.method).is_class_agnostic:
        return method
    name = make_slug(explanations.class_names[class_map.class_index])
    return f"{name or f'class-{class_map.class_index}'}-{method}"


def _enlarge(view: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = max(1, -(-_SHORTEST_SIDE // max(view.shape[:2])))
    return view.repeat(factor, axis=0).repeat(factor, axis=1)


def _picture(url: str, pixels: NDArray[np.uint8], alt: str) -> Picture:
    height, width = pixels.shape[:2]
    return Picture(url=url, width=str(width), height=str(height), alt=alt)


def _verdict(explanations: Explanations, image: ImageExplanation) -> str:
    name = explanations.shown_names[image.predicted]
    return f"Predicted: {name} ({percent_text(float(image.probabilities[image.predicted]))})."


def _likely_classes(explanations: Explanations, image: ImageExplanation) -> Iterator[LikelyClass]:
    for index in image.top(_NUM_TOP):
        probability = float(image.probabilities[index])
        yield LikelyClass(
            name=explanations.shown_names[index],
            probability=percent_text(probability),
            bar=draw_meter(probability),
        )


def _explained_map(explanations: Explanations, image: ImageExplanation, drawn: _DrawnMap) -> ExplainedMap:
    method = find_method(drawn.map.method)
    name = explanations.shown_names[drawn.map.class_index]
    what = "class-agnostic" if method.is_class_agnostic else f"for {name}"
    title = f"{method.title}, {what}"
    is_blank = drawn.peak == 0
    return ExplainedMap(
        title=title,
        detail="blank map" if is_blank else f"peak {peak_text(drawn.peak)} {method.unit}",
        agreement=_agreement_text(drawn.agreement),
        overlay=_picture(
            drawn.overlay_url,
            drawn.overlay,
            f"{image.path.name}: {title}, over the photo" if not is_blank else f"{image.path.name}; the map is blank",
        ),
        heatmap=_picture(drawn.heatmap_url, drawn.heatmap, f"{title}, the map alone"),
    )


def _agreement_text(agreement: Agreement | None) -> str:
    if agreement is None:
        return ""
    hit = "inside" if agreement.is_hit else "outside"
    return (
        f"IoU {agreement.iou:.2f} with the annotation, peak {hit} the annotation,"
        f" {percent_text(agreement.energy_inside, digits=0)} of the evidence inside it"
    )


def _lead(explanations: Explanations) -> str:
    provenance = explanations.provenance
    if provenance.no_maps_reason:
        return f"The predictions of {provenance.model_name}."
    return (
        f"The predictions of {provenance.model_name}, with the evidence for each class. The maps of an image by the"
        " same method share one scale, from zero to their largest peak; evidence against a class is not drawn."
    )


def _facts(explanations: Explanations) -> Iterator[tuple[str, str]]:
    provenance = explanations.provenance
    yield "Model", f"{provenance.model_name}, {count_text(provenance.num_parameters)} parameters"
    if provenance.weights_name:
        yield "Weights", provenance.weights_name
    yield "Preprocessing", provenance.preprocessing
    if provenance.target_layer:
        yield "Maps from", provenance.target_layer
    yield "Run", f"{provenance.created}, {provenance.seconds:.1f} s"
    yield "Device", f"{provenance.device}, {provenance.precision}"
    yield "Versions", ", ".join(f"{name} {version}" for name, version in provenance.versions)


def _plain_agreement(agreement: Agreement) -> dict[str, Any]:
    """The agreement as JSON can hold it: `None` where it is undefined."""
    found = asdict(agreement)
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in found.items()}


def _metadata(explanations: Explanations, image: ImageExplanation, maps: Sequence[_DrawnMap]) -> dict[str, Any]:
    """The metadata of an image for JSON. Fractions lie in [0, 1]."""
    provenance, probabilities = explanations.provenance, image.probabilities

    def describe(index: int) -> dict[str, Any]:
        return {
            "class": explanations.class_names[index],
            "index": index,
            "probability": float(probabilities[index]),
            "logit": float(image.logits[index]),
        }

    return {
        "image": image.path.name,
        "input_size": {"height": image.view.shape[0], "width": image.view.shape[1]},
        "predicted": describe(image.predicted),
        "top": [describe(index) for index in image.top(_NUM_TOP)],
        "maps": [
            {
                "explains": None
                if find_method(drawn.map.method).is_class_agnostic
                else describe(drawn.map.class_index),
                "method": drawn.map.method,
                "layer": provenance.target_layer,
                "grid": {"rows": drawn.map.values.shape[0], "columns": drawn.map.values.shape[1]},
                "unit": find_method(drawn.map.method).unit,
                "largest": float(drawn.map.values.max()),
                "smallest": float(drawn.map.values.min()),
                "sum": float(drawn.map.values.sum(dtype=np.float64)),
                "peak_place": _peak_place(drawn.map.values),
                "annotation": None if drawn.agreement is None else _plain_agreement(drawn.agreement),
                "heatmap": drawn.heatmap_url,
                "overlay": drawn.overlay_url,
            }
            for drawn in maps
        ],
        "run": asdict(provenance) | {"versions": dict(provenance.versions)},
    }


def _peak_place(values: NDArray[np.float32]) -> dict[str, float]:
    """The center of the cell with the largest value, as fractions of width and height from the upper left."""
    row, column = np.unravel_index(values.argmax(), values.shape)
    return {"x": (float(column) + 0.5) / values.shape[1], "y": (float(row) + 0.5) / values.shape[0]}


EXPLANATION_PAGES: PageKind[Explanations] = PageKind(
    name="single images, from `reportgen explain`",
    template="explanations.html.j2",
    record=ExplanationsPage,
    list_pages=lambda _: (
        PageEntry(path=INDEX_PATH, description="Predictions and class activation maps of each image"),
    ),
    build=lambda explanations, frame, _: make_explanations_page(explanations, frame),
    colormaps=(),
)
