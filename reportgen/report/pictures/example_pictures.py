"""The pictures of an example for figures made in Python: photo, maps over the photo, predicted map alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reportgen.analysis.scaling import scale_maps
from reportgen.cache import EvaluationCache
from reportgen.report.pictures.images import colored_map, common_scale, evidence, overlay, peaks

_SHORTEST_SIDE = 120  # pixels of a picture's longer side; thumbnails of 32 pixels become 128
_LONGEST_SIDE = 240


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ExamplePictures:
    """One example, drawn on the common scale of its two maps. Where a map is blank, its picture is the photo.

    Attributes:
        photo: uint8 (H, W, 3), enlarged by a whole number; `None` where images are not known.
        true_overlay: likewise, with the map of the true class over it; the map alone without a photo, `None` without
            maps.
        predicted_overlay: likewise, with the map of the predicted class.
        predicted_map: the map of the predicted class alone; `None` without maps.
        true_peak: largest evidence for the true class; 0 where the map is blank.
        predicted_peak: likewise for the predicted class.
    """

    photo: NDArray[np.uint8] | None
    true_overlay: NDArray[np.uint8] | None
    predicted_overlay: NDArray[np.uint8] | None
    predicted_map: NDArray[np.uint8] | None
    true_peak: float
    predicted_peak: float


def has_pictures(cache: EvaluationCache) -> bool:
    """Whether an example of the cache has anything to show."""
    return cache.thumbnails is not None or bool(cache.cams)


def make_pictures(cache: EvaluationCache, positions: Sequence[int]) -> list[ExamplePictures]:
    """The pictures of the examples at these positions of the cache, by its first CAM method."""
    if not positions:
        return []
    shown = np.array(positions)
    width, height = picture_size(cache)
    step = _map_step(cache, height)
    photos = None if cache.thumbnails is None else _resize(cache.thumbnails[shown], width // step, height // step)
    cam = next(iter(cache.cams.values()), None)
    if cam is None:
        drawn = [(photo, None, None, None) for photo in _repeated(photos, step, len(shown))]
        return [_join(pictures, 0.0, 0.0) for pictures in drawn]
    true, predicted = cam.true[shown], cam.predicted[shown]
    scale, size = common_scale(true, predicted), (height // step, width // step)
    true_levels, predicted_levels = (scale_maps(evidence(maps, scale), size) for maps in (true, predicted))
    true_peaks, predicted_peaks = peaks(true), peaks(predicted)
    if photos is None:
        pictures: tuple[NDArray[np.uint8] | None, ...] = (
            None,
            colored_map(true_levels),
            colored_map(predicted_levels),
            colored_map(predicted_levels),
        )
    else:
        is_blank = (predicted_peaks == 0)[:, None, None, None]
        pictures = (
            photos,
            overlay(photos, true_levels),
            overlay(photos, predicted_levels),
            np.where(is_blank, photos, colored_map(predicted_levels)),
        )
    columns = [_repeated(picture, step, len(shown)) for picture in pictures]
    rows = zip(zip(*columns, strict=True), true_peaks.tolist(), predicted_peaks.tolist(), strict=True)
    return [_join(row, true_peak, predicted_peak) for row, true_peak, predicted_peak in rows]


def _map_step(cache: EvaluationCache, height: int) -> int:
    """How many pixels of a picture a drawn pixel becomes.

    Where the photo's pixels are blocks of an even size, maps are drawn at half the resolution: steps of two pixels are
    finer than those of the photo below, and a figure takes a third less time and space.
    """
    if cache.thumbnails is None:
        return 1
    rows = cache.thumbnails.shape[1]
    return 2 if height // rows % 2 == 0 and height >= rows else 1


def _repeated(pictures: NDArray[np.uint8] | None, step: int, num: int) -> Iterable[NDArray[np.uint8] | None]:
    return [None] * num if pictures is None else _repeat(pictures, step)


def _join(pictures: tuple[NDArray[np.uint8] | None, ...], true_peak: float, predicted_peak: float) -> ExamplePictures:
    photo, true_overlay, predicted_overlay, predicted_map = pictures
    return ExamplePictures(
        photo=photo,
        true_overlay=true_overlay,
        predicted_overlay=predicted_overlay,
        predicted_map=predicted_map,
        true_peak=true_peak,
        predicted_peak=predicted_peak,
    )


def picture_size(cache: EvaluationCache) -> tuple[int, int]:
    """Width and height of an example's pictures: its thumbnail times a whole number, or shrunk where that is large.

    Without thumbnails the cells of a map take their place.
    """
    cam = next(iter(cache.cams.values()), None)
    if cache.thumbnails is not None:
        height, width = cache.thumbnails.shape[1:3]
    elif cam is not None:
        height, width = cam.true.shape[1:]
    else:
        return 0, 0
    longer = max(height, width)
    if longer > _LONGEST_SIDE:
        return max(1, round(width * _LONGEST_SIDE / longer)), max(1, round(height * _LONGEST_SIDE / longer))
    factor = -(-_SHORTEST_SIDE // longer)
    return width * factor, height * factor


def _resize(photos: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Photos (n, h, w, 3) at another size: each pixel repeated, or averaged with its neighbors where they shrink."""
    factor = height // photos.shape[1]
    if factor:
        return _repeat(photos, factor)
    box = Image.Resampling.BOX
    return np.stack([np.asarray(Image.fromarray(photo).resize((width, height), box)) for photo in photos])


def _repeat(pictures: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Pictures (n, h, w, 3) with each pixel as a block of `factor` x `factor`."""
    return pictures.repeat(factor, axis=1).repeat(factor, axis=2) if factor > 1 else pictures
