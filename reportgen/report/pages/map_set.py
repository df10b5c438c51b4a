"""The maps of one method, with what their pictures are drawn on and what is said of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.cache import CamPair
from reportgen.methods import LOGIT_UNITS, Method, find_method
from reportgen.report.pictures.images import common_scale, peaks
from reportgen.report.views.shared import MapLegend


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class MapSet:
    """The maps of M of the N examples by one method.

    Attributes:
        method: the method, as the cache calls it.
        words: the method, as the report speaks of it.
        cam: the maps.
        rows: int64 (N,), the row of each example's maps; -1 where it has none.
        true_peaks: float64 (M,), largest evidence for the true class; 0 where the map is blank.
        predicted_peaks: float64 (M,), likewise for the predicted class.
        scale: float64 (M,), what both maps of an example are divided by.
    """

    method: str
    words: Method
    cam: CamPair
    rows: NDArray[np.int64]
    true_peaks: NDArray[np.float64]
    predicted_peaks: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def is_class_agnostic(self) -> bool:
        """Whether one map stands for every class."""
        return self.cam.is_class_agnostic

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of a map."""
        return self.cam.true.shape[1], self.cam.true.shape[2]

    def has(self, position: int) -> bool:
        """Whether the example at a position of the cache has a map."""
        return bool(self.rows[position] >= 0)

    def true_peak(self, position: int) -> float:
        """Largest evidence for the true class; 0 where the map is blank, or there is none."""
        return float(self.true_peaks[self.rows[position]]) if self.has(position) else 0.0

    def predicted_peak(self, position: int) -> float:
        """Likewise for the predicted class."""
        return float(self.predicted_peaks[self.rows[position]]) if self.has(position) else 0.0

    def legend(self, note: str = "") -> MapLegend:
        """What the shades mean, with the scale and the unit of the peaks.

        Args:
            note: a further sentence without its full stop; the grid where there is none.
        """
        height, width = self.grid
        scale = (
            "Each map is scaled from zero to its own peak"
            if self.is_class_agnostic
            else "Both maps of an image share one scale from zero"
        )
        unit = (
            f"peaks are in {LOGIT_UNITS}"
            if self.words.unit == LOGIT_UNITS
            else f"peaks are in arbitrary units of {self.words.title}"
        )
        last = note or f"{width}×{height} cells, scaled bilinearly"
        return MapLegend(
            low="none" if self.is_class_agnostic else "no evidence",
            high="most" if self.is_class_agnostic else "most evidence",
            text=f"{scale}; {unit}. {last}.",
        )


def make_map_set(method: str, cam: CamPair, num_examples: int) -> MapSet:
    """The maps of a method, ready to be shown."""
    rows = np.full(num_examples, -1, np.int64)
    positions = np.arange(num_examples) if cam.positions is None else cam.positions
    rows[positions] = np.arange(len(positions))
    return MapSet(
        method=method,
        words=find_method(method),
        cam=cam,
        rows=rows,
        true_peaks=peaks(cam.true),
        predicted_peaks=peaks(cam.predicted),
        scale=common_scale(cam.true, cam.predicted),
    )
