"""Maps at another size: bilinear with half-pixel centres, the project's one way to scale a map."""

import numpy as np
from numpy.typing import NDArray


def scale_maps(maps: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.float64]:
    """Maps at another size.

    Equals `torch.nn.functional.interpolate(mode="bilinear", align_corners=False, antialias=False)`.

    Args:
        maps: (..., h, w).
        size: new height and width in pixels.

    Returns:
        float64 (..., height, width).
    """
    rows = _bilinear_weights(maps.shape[-2], size[0])  # (height, h)
    columns = _bilinear_weights(maps.shape[-1], size[1])  # (width, w)
    scaled: NDArray[np.float64] = rows @ maps.astype(np.float64) @ columns.T
    return scaled


def _bilinear_weights(old: int, new: int) -> NDArray[np.float64]:
    """(new, old): how much each old cell counts in each new one. Each row sums to 1."""
    centres = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
    distance: NDArray[np.float64] = np.abs(centres[:, None] - np.arange(old))
    return np.maximum(1.0 - distance, 0.0)
