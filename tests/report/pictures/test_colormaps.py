import math

import numpy as np
import pytest

from reportgen.report.pictures import colormaps
from reportgen.report.pictures.colormaps import (
    COUNT_COLORMAPS,
    EVIDENCE_COLORMAPS,
    color_levels,
    css_stops,
    filter_tables,
    opacity_levels,
    opacity_table,
)


def svg_table(table: str, level: int) -> float:
    """The function `table` of the SVG filter specification, in its own words: k/n <= C < (k+1)/n."""
    values = [float(value) for value in table.split()]
    n = len(values) - 1
    c = level / 255
    if c == 1:
        return values[n]
    k = math.floor(c * n + 1e-12)
    return values[k] + (c - k / n) * n * (values[k + 1] - values[k])


@pytest.mark.parametrize("name", EVIDENCE_COLORMAPS + COUNT_COLORMAPS)
def test_python_colors_each_level_as_the_browser_does(name):
    tables = filter_tables(name)
    expected = [
        [math.floor(255 * svg_table(table, level)) for table in (tables.red, tables.green, tables.blue)]
        for level in range(256)
    ]
    difference = np.abs(color_levels(name).astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.03  # the tables' four digits show only where a level is nearly crossed


@pytest.mark.parametrize("name", EVIDENCE_COLORMAPS + COUNT_COLORMAPS)
def test_stops_fall_on_whole_levels_so_that_both_agree_there_exactly(name):
    tables = filter_tables(name)
    num_steps = len(tables.red.split()) - 1
    assert 255 % num_steps == 0
    for channel, table in enumerate((tables.red, tables.green, tables.blue)):
        stops = [math.floor(255 * float(value)) for value in table.split()]
        assert color_levels(name)[:: 255 // num_steps, channel].tolist() == stops


@pytest.mark.parametrize(("name", "tolerance"), [("inferno", 2), ("viridis", 2), ("jet", 7)])
def test_map_colors_are_those_of_matplotlib(name, tolerance):
    from matplotlib import colormaps as matplotlib_colormaps

    reference = matplotlib_colormaps[name](np.arange(256), bytes=True)[:, :3]
    assert np.abs(color_levels(name).astype(int) - reference.astype(int)).max() <= tolerance


@pytest.mark.parametrize(
    ("name", "direction"), [("inferno", 1), ("viridis", 1), ("counts-light", -1), ("counts-dark", 1)]
)
def test_lightness_runs_one_way_so_that_order_survives_without_color(name, direction):
    linear = (color_levels(name)[::15] / 255) ** 2.2
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert (direction * np.diff(luminance) > 0).all()


def test_no_evidence_leaves_the_photo_alone_and_more_evidence_covers_more():
    opacity = opacity_levels()
    assert opacity[0] == 0
    assert (np.diff(opacity) > 0).all()
    assert opacity[-1] < 1
    reference = [svg_table(opacity_table(), level) for level in range(256)]
    np.testing.assert_allclose(opacity, reference, atol=1e-9)


@pytest.mark.parametrize("name", COUNT_COLORMAPS)
def test_counts_hide_nothing_but_zero(name):
    opacity = [svg_table(opacity_table(name), level) for level in range(256)]
    assert opacity[0] == 0
    np.testing.assert_allclose(opacity[1:], 1)


def test_a_legend_runs_from_the_first_color_to_the_last():
    stops = css_stops("inferno", num_stops=3)
    assert stops[0] == "#000004"
    assert stops[-1] == "#fcffa4"
    assert len(stops) == 3


def test_colors_are_known_without_matplotlib():
    import subprocess
    import sys

    code = f"import sys, {colormaps.__name__}; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
