"""Each diagram, read back from its markup: coordinates against the numbers it was given, and its text alternative."""

from xml.etree import ElementTree

import numpy as np
import pytest

from reportgen.analysis.annotations import SWEEP_THRESHOLDS
from reportgen.analysis.findings import Findings
from reportgen.analysis.intervals import Estimate, Proportion, chance_band
from reportgen.report.pictures.diagrams.confidence_histogram import draw_confidence_histogram
from reportgen.report.pictures.diagrams.iou_sweep import Sweep, draw_iou_sweep
from reportgen.report.pictures.diagrams.meter import draw_meter
from reportgen.report.pictures.diagrams.recall_strip import StripClass, draw_recall_strip
from reportgen.report.pictures.diagrams.reliability import draw_reliability
from reportgen.report.pictures.diagrams.removal_curves import Curve, draw_curve_samples, draw_curves


def parse(markup: str) -> ElementTree.Element:
    assert "style=" not in markup
    return ElementTree.fromstring(markup)


def points_of(path: ElementTree.Element) -> list[tuple[float, float]]:
    return [tuple(map(float, point.split())) for point in path.get("d").removeprefix("M").split("L")]


@pytest.fixture(scope="module")
def strip_classes() -> list[StripClass]:
    return [
        StripClass(
            name=f"<{count}>",
            url=f"classes/{count}.html",
            recall=Proportion(count=count, total=50),
            is_weak=count == 20,
        )
        for count in (30, 45, 20)
    ]


def test_the_strip_ranks_classes_by_recall_and_marks_the_weak_ones(strip_classes):
    strip = draw_recall_strip(strip_classes, accuracy=0.6)
    links = parse(strip.picture).findall("a")
    assert [link.get("href") for link in links] == ["classes/45.html", "classes/30.html", "classes/20.html"]
    assert [link.get("class") for link in links] == [None, None, "below"]
    assert links[0].find("title").text.startswith("<45>: recall 90.0% (")
    low, high = chance_band(0.6, 50)
    assert f"{100 * low:.0f}% to {100 * high:.0f}%" in strip.note
    assert strip.note.endswith("Orange: the class with a recall significantly below the accuracy.")
    assert parse(strip.picture).get("aria-label").endswith("from <45> 90% to <20> 40%")


def test_dots_of_the_strip_stand_on_the_scale_of_its_grid(strip_classes):
    parsed = parse(draw_recall_strip(strip_classes, accuracy=0.6).picture)
    texts = [text for text in parsed.findall("text") if text.get("class") is None]
    ticks = {float(text.text.rstrip("%")): float(text.get("y")) for text in texts}
    bottom, top = ticks[25], ticks[100]
    for link, value in zip(parsed.findall("a"), (0.9, 0.6, 0.4), strict=True):
        middle = float(link.find("path").get("d").split("M")[2].split()[1].split("m")[0])
        assert middle == pytest.approx(bottom + (value - 0.25) / 0.75 * (top - bottom), abs=0.06)


def test_the_reliability_diagram_has_a_dot_for_each_filled_bin(small_findings: Findings):
    calibration = small_findings.calibration
    parsed = parse(draw_reliability(calibration))
    filled = [part for part in calibration.bins if part.accuracy.total]
    circles = parsed.findall("g/circle")
    assert len(circles) == len(filled) > 3
    for circle, whisker, part in zip(circles, parsed.findall("g/line"), filled, strict=True):
        assert (float(circle.get("cx")) - 40) / 388 == pytest.approx(part.mean_confidence, abs=2e-4)
        assert (320 - float(circle.get("cy"))) / 310 == pytest.approx(part.accuracy.value, abs=2e-4)
        assert (320 - float(whisker.get("y1"))) / 310 == pytest.approx(part.accuracy.low, abs=2e-4)
    assert f"{100 * calibration.error.value:.1f}%" in parsed.get("aria-label")


def test_bars_of_the_histogram_add_up_to_their_counts():
    confidence = np.array([0.12, 0.13, 0.14, 0.97, 1.0])
    parsed = parse(draw_confidence_histogram(confidence, np.array([True, False, True, False, True])))
    bars = [{rect.get("class"): rect for rect in bar.findall("rect")} for bar in parsed.findall("g")]
    assert [bar.find("title").text.split(": ")[1] for bar in parsed.findall("g")] == [
        "2 correct, 1 misclassified",
        "1 correct, 1 misclassified",
    ]
    heights = [[float(bar[kind].get("height")) for kind in ("right", "wrong")] for bar in bars]
    assert heights == [[88, 44], [44, 44]]  # three images reach from bottom to top, 132 units
    assert float(bars[0]["wrong"].get("y")) + 44 == float(bars[0]["right"].get("y"))
    assert parsed.get("aria-label").startswith("Histogram of confidence: 5 images, 2 misclassified")


@pytest.mark.parametrize(("fraction", "width"), [(0.0, "0.0%"), (0.6567, "65.7%"), (1.0, "100.0%"), (np.nan, "0.0%")])
def test_a_meter_is_as_long_as_its_fraction(fraction: float, width: str):
    parsed = parse(draw_meter(fraction))
    assert parsed.find("rect").get("width") == width
    assert parsed.get("aria-hidden") == "true"


def test_a_histogram_of_nothing_has_no_bar():
    parsed = parse(draw_confidence_histogram(np.zeros(0), np.zeros(0, bool)))
    assert parsed.findall("g") == []


def test_the_sweep_has_a_point_for_each_threshold():
    means = [Estimate(value=threshold / 2, low=0, high=1, n=9) for threshold in SWEEP_THRESHOLDS]
    parsed = parse(draw_iou_sweep([Sweep(kind="true", name="a map", means=means)], 0.4))
    mark, line = parsed.findall("path")
    assert mark.get("d").startswith(f"M{40 + 0.4 * 260:g} ")
    assert len(points_of(line)) == len(SWEEP_THRESHOLDS)
    for (x, y), threshold in zip(points_of(line), SWEEP_THRESHOLDS, strict=True):
        assert (x - 40) / 260 == pytest.approx(threshold, abs=4e-4)
        assert (190 - y) / 178 * 0.6 == pytest.approx(threshold / 2, abs=4e-4)
    assert "a map: 0.05 at 0.1, 0.25 at 0.5, 0.45 at 0.9" in parsed.get("aria-label")


def test_curves_run_from_edge_to_edge_with_dashes_that_tell_them_apart():
    fractions = [0, 0.5, 1]
    curves = [
        Curve(name=name, is_baseline=name.startswith("base"), values=[1, 0.5, end])
        for name, end in (("one", 0), ("two", 0.25), ("base a", 0.5), ("base b", -0.3))
    ]
    parsed = parse(draw_curves(fractions, curves, x_label="pixels removed", label="a label"))
    lines = parsed.findall("path")
    assert [line.find("title").text for line in lines] == ["one", "two", "base a", "base b"]
    assert [line.get("class") for line in lines] == ["curve", "curve", "curve base", "curve base"]
    assert len({line.get("stroke-dasharray") for line in lines}) == 4
    assert [(points_of(line)[0], points_of(line)[-1][0]) for line in lines] == [((40, 10), 332)] * 4
    # -0.3 needs an axis down to -0.5.
    assert points_of(lines[3])[-1][1] == pytest.approx(192 - 0.2 / 1.5 * 182, abs=0.06)
    samples = draw_curve_samples(curves)
    assert [name for _, name in samples] == ["one", "two", "base a", "base b"]
    assert [parse(sample)[0].get("stroke-dasharray") for sample, _ in samples] == [
        line.get("stroke-dasharray") for line in lines
    ]
