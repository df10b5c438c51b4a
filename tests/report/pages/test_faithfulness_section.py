"""The tests of the maps as readers meet them: the section, its diagrams, the definitions and the file for programs."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from reportgen.analysis.faithfulness import Comparison, Measure, MethodFaithfulness, judge
from reportgen.analysis.findings import compute_findings
from reportgen.analysis.intervals import Estimate
from reportgen.cache import Faithfulness, RemovalCurves
from reportgen.report.pages.context import make_run_context
from reportgen.report.pages.faithfulness_section import make_faithfulness_section
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.report.words.faithfulness_wording import answer_text, verdict_text
from reportgen.settings import RenderSettings

FRACTIONS = np.linspace(0, 1, 11, dtype=np.float32)


def _curves(gain: float) -> RemovalCurves:
    rng = np.random.default_rng(0)
    fall, bump = 1 - FRACTIONS, gain * np.sin(np.pi * FRACTIONS)
    noise = rng.normal(0, 0.01, (4, 12, 11))
    road = np.stack([fall - bump + noise[0], fall + bump + noise[1]], axis=2)
    return RemovalCurves(
        deletion=(fall - bump + noise[2]).astype(np.float32),
        insertion=(FRACTIONS + bump + noise[3]).astype(np.float32),
        road=road.astype(np.float32),
    )


@pytest.fixture(scope="module")
def tested(small_cache):
    """A cache whose maps beat both baselines."""
    measured = Faithfulness(
        positions=np.arange(0, 36, 3),
        fractions=FRACTIONS,
        curves={"gradcam": _curves(0.2), "random": _curves(0), "centre": _curves(0.05)},
        randomized={"gradcam": np.full(12, 0.25, np.float32)},
    )
    return replace(small_cache, faithfulness=measured)


@pytest.fixture(scope="module")
def files(tested):
    findings = compute_findings(tested)
    return dict(render_site(tested, findings, load_presentation(RenderSettings())))


def _section(cache):
    return make_faithfulness_section(make_run_context(cache, compute_findings(cache)))


def test_the_section_says_what_was_tested_and_what_came_of_it(tested):
    section = _section(tested)
    assert "12 images" in section.note
    ((answer, reasons),) = section.verdicts
    assert answer == "Grad-CAM: yes, by these tests."
    assert (
        "Its maps outperform a random map in every measure. They outperform a centered blob in every measure."
        in reasons
    )
    assert "rank correlation 0.25 (0.25 to 0.25)" in reasons
    assert [row.name for row in section.areas] == ["Grad-CAM", "a random map", "a centered blob"]
    assert [row.correlation for row in section.areas] == ["0.25 (0.25 to 0.25)", "–", "–"]
    assert {gain.standing for row in section.gains for gain in row.gains} == {"better"}
    # 0.2 sin has the area 0.4/π; by trapezoids of a tenth 0.1263: ROAD counts it from both sides
    assert section.areas[0].areas[2].startswith("0.25")


def test_each_measure_has_a_diagram_with_a_line_for_every_method_and_baseline(tested):
    section = _section(tested)
    assert [diagram.title for diagram in section.diagrams] == ["Deletion", "Insertion", "ROAD"]
    for diagram in section.diagrams:
        assert re.findall(r'<path class="(curve[ a-z]*)"', diagram.picture) == ["curve", "curve base", "curve base"]
        assert re.search(r'aria-label="[^"]*Grad-CAM \d\.\d{3}, a random map', diagram.picture)
    assert [name for _, name in section.samples] == [row.name for row in section.areas]


def test_without_a_shuffled_head_the_report_says_so(tested):
    section = _section(replace(tested, faithfulness=replace(tested.faithfulness, randomized={})))
    assert not section.has_correlations
    assert "does not end in a linear layer" in section.shuffle_note


def test_the_first_page_has_the_section_and_the_definitions_their_terms(files):
    index, how = (files[name].decode() for name in ("index.html", "how-to-read.html"))
    assert "Can the maps be trusted?" in index
    assert "assets/variants.css" in index
    assert 'class="curve base"' in index
    for anchor in ("deletion", "road", "baselines", "randomized-head"):
        assert how.count(f'id="{anchor}"') == 1
    assert "style=" not in re.sub(r"<svg.*?</svg>", "", index, flags=re.DOTALL)


def test_the_definitions_name_the_parameters_that_are_used(files):
    removal = pytest.importorskip("reportgen.evidence.trust.removal")
    faithfulness = pytest.importorskip("reportgen.evidence.trust.faithfulness")
    how = files["how-to-read.html"].decode()
    assert f"1/{round(1 / removal.BLUR_SIDES)} of its shorter side" in how
    assert f"standard deviation of {removal.NOISE} in the network’s input" in how
    assert faithfulness.NUM_STEPS == 10
    assert "In steps of a tenth" in how


def test_without_tests_no_page_speaks_of_them(small_cache, small_findings):
    site = dict(render_site(small_cache, small_findings, load_presentation(RenderSettings())))
    assert b"be trusted" not in site["index.html"]
    assert b"ROAD" not in site["how-to-read.html"]
    assert json.loads(site["data/metrics.json"])["faithfulness"] is None


def test_programs_get_every_number(files):
    found = json.loads(files["data/metrics.json"])["faithfulness"]
    (method,) = found["methods"]
    assert method["verdict"] == "better than both baselines"
    assert set(method["scores"]["areas"]) == {"deletion", "insertion", "road"}
    assert len(method["scores"]["road_least"]) == 11
    assert {(own["baseline"], own["measure"]) for own in method["comparisons"]} >= {("centre", "road")}
    assert method["correlation"]["value"] == pytest.approx(0.25)
    assert found["num_examples"] == 12


def _method(signs: dict[tuple[str, Measure], int], tested, correlation=None) -> MethodFaithfulness:
    intervals = {1: (0.1, 0.3), 0: (-0.1, 0.1), -1: (-0.3, -0.1)}
    comparisons = tuple(
        Comparison(
            baseline=baseline,
            measure=measure,
            gain=Estimate(value=0.0, low=intervals[sign][0], high=intervals[sign][1], n=12),
        )
        for (baseline, measure), sign in signs.items()
    )
    scores = compute_findings(tested).faithfulness.methods[0].scores
    return MethodFaithfulness(
        scores=scores, comparisons=comparisons, verdict=judge(comparisons), correlation=correlation
    )


def _signs(random: tuple[int, int, int], centre: tuple[int, int, int]) -> dict[tuple[str, Measure], int]:
    rows = (("random", random), ("centre", centre))
    return {(name, measure): sign for name, row in rows for measure, sign in zip(Measure, row, strict=True)}


@pytest.mark.parametrize(
    ("random", "centre", "answer", "text"),
    [
        (
            (1, 1, 1),
            (0, 1, 1),
            "Grad-CAM: partly.",
            "Its maps outperform a random map in every measure. They outperform a centered blob in insertion and ROAD"
            " and do not differ significantly from it in deletion.",
        ),
        (
            (0, 0, 0),
            (0, 0, 0),
            "Grad-CAM: not shown.",
            "Its maps do not differ significantly from a random map in any measure. They do not differ significantly"
            " from"
            " a centered blob in any measure.",
        ),
        (
            (1, 0, -1),
            (-1, -1, -1),
            "Grad-CAM: no.",
            "Its maps outperform a random map in deletion, are worse than it in ROAD and do not differ significantly"
            " from"
            " it in insertion. They are worse than a centered blob in every measure.",
        ),
    ],
)
def test_verdicts_name_what_they_rest_on(tested, random, centre, answer, text):
    method = _method(_signs(random, centre), tested)
    assert answer_text(method) == answer
    assert verdict_text(method) == text


def test_maps_that_ignore_the_head_are_called_that(tested):
    method = _method(_signs((1, 1, 1), (1, 1, 1)), tested, Estimate(value=0.8, low=0.75, high=0.85, n=12))
    assert "(rank correlation 0.80 (0.75 to 0.85)): they show what the network responds to" in verdict_text(method)
