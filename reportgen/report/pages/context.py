"""What every page is built from: the cache, the findings, the settings, and what several pages derive from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.findings import Findings
from reportgen.cache import EvaluationCache
from reportgen.report.pages.branding import Branding, load_branding
from reportgen.report.pictures.images import common_scale, peaks
from reportgen.report.urls import class_path, relative_url
from reportgen.report.views.shared import Link
from reportgen.settings import RenderSettings


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class MapSet:
    """The maps of one method, with what each pair is shown on.

    Attributes:
        method: the CAM method.
        true: (N, h, w), signed, in units of the logit.
        predicted: (N, h, w), likewise.
        true_peaks: float64 (N,), largest evidence for the true class; 0 where the map is blank.
        predicted_peaks: float64 (N,), likewise for the predicted class.
        scale: float64 (N,), what both maps of an example are divided by.
    """

    method: str
    true: NDArray[np.float16]
    predicted: NDArray[np.float16]
    true_peaks: NDArray[np.float64]
    predicted_peaks: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of a map."""
        return self.true.shape[1], self.true.shape[2]

    @property
    def grid_note(self) -> str:
        """The grid and how it is scaled, in words."""
        height, width = self.grid
        return f"{width}×{height} cells, scaled bilinearly"


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ReportContext:
    """One report in the making."""

    cache: EvaluationCache
    findings: Findings
    settings: RenderSettings
    branding: Branding
    maps: MapSet

    def class_name(self, class_index: int) -> str:
        """The name of a class."""
        return self.cache.class_names[class_index]

    def superclass_name(self, class_index: int) -> str:
        """The name of a class's superclass; empty where superclasses are not known."""
        group = self.cache.superclasses
        return "" if group is None else group.names[int(group.superclass_of[class_index])]

    def class_link(self, class_index: int, *, page: str) -> Link:
        """The link from a page to a class page."""
        name = self.class_name(class_index)
        return Link(text=name, url=relative_url(class_path(class_index, name), page=page))


def make_context(cache: EvaluationCache, findings: Findings, settings: RenderSettings) -> ReportContext:
    """The context of a report on the cache's first CAM method.

    Raises:
        SettingsError: the logo or the style sheet cannot be used.
    """
    method, pair = next(iter(cache.cams.items()))
    maps = MapSet(
        method=method,
        true=pair.true,
        predicted=pair.predicted,
        true_peaks=peaks(pair.true),
        predicted_peaks=peaks(pair.predicted),
        scale=common_scale(pair.true, pair.predicted),
    )
    return ReportContext(cache=cache, findings=findings, settings=settings, branding=load_branding(settings), maps=maps)
