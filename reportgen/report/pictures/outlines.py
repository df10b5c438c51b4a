"""The edge of a mask in SVG: defined once, drawn over several pictures."""

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from reportgen.report.pictures.svg import element

_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # rightwards, downwards, leftwards, upwards, as (row, column)


def define_outline(name: str, mask: NDArray[np.bool_]) -> Markup:
    """The edge of what a mask (H, W) marks, under an id of the page; nothing is seen of it here."""
    path = element("path", id=name, vector_effect="non-scaling-stroke", d=outline_path(mask))
    return element("svg", path, class_="definitions", width=0, height=0, aria_hidden="true")


def draw_outline(name: str, mask: NDArray[np.bool_]) -> Markup:
    """The outline of that name, to be stretched over a picture of what the mask (H, W) belongs to."""
    height, width = mask.shape
    use = element("use", href=f"#{name}")
    return element("svg", use, class_="outline", viewBox=f"0 0 {width} {height}", preserveAspectRatio="none")


def outline_path(mask: NDArray[np.bool_]) -> str:
    """Path `d` along the edges of the marked pixels, in pixels: closed loops, clockwise around what is marked.

    Args:
        mask: bool (H, W).
    """
    edges = _directed_edges(mask)
    loops = []
    while edges:
        start = min(edges)
        loops.append(_trace(start, edges))
    return "".join(loops)


def _directed_edges(mask: NDArray[np.bool_]) -> dict[tuple[int, int], list[int]]:
    """The edges with what is marked on their right: by the corner (row, column) where they start, their directions.

    Directions are places in `_STEPS`.
    """
    padded = np.pad(mask, 1)
    inside = padded[1:-1, 1:-1]
    edges: dict[tuple[int, int], list[int]] = {}
    # The neighbour that is not marked, and the corner of the pixel at which the edge to it starts.
    sides = ((padded[:-2, 1:-1], 0, 0), (padded[1:-1, 2:], 0, 1), (padded[2:, 1:-1], 1, 1), (padded[1:-1, :-2], 1, 0))
    for direction, (neighbour, down, right) in enumerate(sides):
        for row, column in np.argwhere(inside & ~neighbour).tolist():
            edges.setdefault((row + down, column + right), []).append(direction)
    return edges


def _trace(start: tuple[int, int], edges: dict[tuple[int, int], list[int]]) -> str:
    """One loop from a corner, taken out of the edges; the last straight is left to `z`."""
    place, heading = start, -1
    runs: list[list[int]] = []
    while True:
        # Where two loops touch at a corner, turning right stays on the same one.
        ways = edges[place]
        way = next((turn for turn in ((heading + 1) % 4, heading, (heading - 1) % 4) if turn in ways), ways[0])
        ways.remove(way)
        if not ways:
            del edges[place]
        if way == heading:
            runs[-1][1] += 1
        else:
            runs.append([way, 1])
        place, heading = (place[0] + _STEPS[way][0], place[1] + _STEPS[way][1]), way
        if place == start:
            break
    words = "".join(f"{'hv'[way % 2]}{length if way < 2 else -length}" for way, length in runs[:-1])
    return f"M{start[1]} {start[0]}{words}z"
