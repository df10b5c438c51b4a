"""The maps of one example by one method, with captions and text alternatives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.report.pages.context import RunContext
from reportgen.report.pages.map_sheet import MapSheet
from reportgen.report.pages.sheets import Sheet
from reportgen.report.views.shared import Crop, Panel
from reportgen.report.words.run_facts import coverage_text
from reportgen.report.words.text import peak_text

_VERTICAL = ("upper", "middle", "lower")
_HORIZONTAL = ("left", "center", "right")


def make_map_panels(context: RunContext, sheet: Sheet, maps: MapSheet, position: int) -> tuple[Panel, ...]:
    """The maps of one example: for both classes where they differ, and alone.

    A misclassified one shows the overlay for the true class, the overlay for the predicted class and the predicted map
    alone, on one scale; a correct one the overlay and the map alone; so does a map that stands for every class. Without
    a photo to lie over, each map is shown alone, once.
    """
    photo = sheet.photo(position)
    if not maps.maps.has(position):
        return (_missing_panel(context, maps, photo),)
    if maps.maps.is_class_agnostic:
        return _agnostic_panels(maps, position, photo)
    is_correct = bool(context.findings.predictions.is_correct[position])
    true = context.class_name(int(context.cache.labels[position]))
    predicted = context.class_name(int(context.findings.predictions.predicted[position]))
    row = maps.maps.rows[position]
    panels = []
    if not is_correct:
        of_true = _ClassMap(
            target=true,
            cam=maps.maps.cam.true[row],
            peak=maps.maps.true_peak(position),
            crop=maps.true_map(position),
            difference=None,
        )
        panels.append(_class_panel(of_true, photo))
    of_predicted = _ClassMap(
        target=predicted,
        cam=maps.maps.cam.predicted[row],
        peak=maps.maps.predicted_peak(position),
        crop=maps.predicted_map(position),
        difference=maps.difference(position),
    )
    panels.append(_class_panel(of_predicted, photo))
    if photo is not None:
        panels.append(_lone_panel(of_predicted, photo))
    return tuple(panels)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class _ClassMap:
    """One map of an example with what it is for."""

    target: str
    cam: NDArray[np.float16]
    peak: float
    crop: Crop | None
    difference: Crop | None

    @property
    def where(self) -> str:
        return f"strongest at the {describe_peak(self.cam)}, peak {peak_text(self.peak)}"


def _class_panel(item: _ClassMap, photo: Crop | None) -> Panel:
    """The map for a class: over the photo where there is one."""
    if item.peak == 0:
        return _blank_panel(item.target, photo)
    return Panel(
        kind="map" if photo is None else "overlay",
        title=f"for {item.target}",
        detail=f"peak {peak_text(item.peak)}",
        alt=f"{'Map of' if photo is None else 'Photo with'} the evidence for {item.target}, {item.where}",
        photo=photo,
        evidence=item.crop,
        difference=item.difference if photo is None else None,
    )


def _lone_panel(item: _ClassMap, photo: Crop) -> Panel:
    """The map for a class alone, beside its overlay."""
    if item.peak == 0:
        return _blank_panel(item.target, photo)
    return Panel(
        kind="map",
        title="map alone",
        detail=f"for {item.target}",
        alt=f"Map of the evidence for {item.target}, {item.where}",
        photo=None,
        evidence=item.crop,
        difference=item.difference,
    )


def _blank_panel(target: str, photo: Crop | None) -> Panel:
    return Panel(
        kind="blank",
        title=f"for {target}",
        detail="blank map",
        alt=f"Blank map: no evidence for {target}",
        photo=photo,
        evidence=None,
    )


def _agnostic_panels(maps: MapSheet, position: int, photo: Crop | None) -> tuple[Panel, ...]:
    peak, crop = maps.maps.true_peak(position), maps.true_map(position)
    if peak == 0:
        blank = Panel(
            kind="blank",
            title="for all classes",
            detail="blank map",
            alt="Blank map",
            photo=photo,
            evidence=None,
        )
        return (blank,)
    where = f"strongest at the {describe_peak(maps.maps.cam.true[maps.maps.rows[position]])}, peak {peak_text(peak)}"
    alone = Panel(
        kind="map",
        title="map alone" if photo is not None else "for all classes",
        detail="for all classes" if photo is not None else f"peak {peak_text(peak)}",
        alt=f"Class-agnostic map, {where}",
        photo=None,
        evidence=crop,
    )
    if photo is None:
        return (alone,)
    overlay = Panel(
        kind="overlay",
        title="for all classes",
        detail=f"peak {peak_text(peak)}",
        alt=f"Photo with the class-agnostic map, {where}",
        photo=photo,
        evidence=crop,
    )
    return overlay, alone


def _missing_panel(context: RunContext, maps: MapSheet, photo: Crop | None) -> Panel:
    covered = coverage_text(context.cache, maps.maps.cam)
    name = maps.maps.words.title
    return Panel(
        kind="blank",
        title="no map",
        detail=f"{name} covers {covered}",
        alt=f"{name} has no map of this image",
        photo=photo,
        evidence=None,
    )


def describe_peak(cam: NDArray[np.floating]) -> str:
    """Where a map (h, w) is largest, in thirds of the picture: `upper left`, `center`, `middle right`."""
    height, width = cam.shape
    row, column = divmod(int(cam.argmax()), width)
    vertical, horizontal = _VERTICAL[row * 3 // height], _HORIZONTAL[column * 3 // width]
    return "center" if (vertical, horizontal) == ("middle", "center") else f"{vertical} {horizontal}"
