"""A quantity has one value and one number of digits, wherever a report prints it."""

import html
import json
import re
from collections.abc import Callable

import numpy as np
import pytest

from reportgen.analysis.findings import Findings, compute_findings
from reportgen.cache import EvaluationCache
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.report.words.summaries import console_summary
from reportgen.report.words.text import percent_interval_text, percent_text
from reportgen.settings import RenderSettings

PERCENT = r"[\d.]+%"
INTERVAL = r"(?:95% CI )?([\d.]+–[\d.]+%)"
ACCURACY = r"(?<!Top-5 )(?<!Balanced )(?<!Superclass )(?<!measured )\bAccuracy"


@pytest.fixture(scope="module")
def texts(make_cache: Callable[..., EvaluationCache]) -> dict[str, str]:
    """Each place of a report as one line of plain text."""
    return _texts_of(make_cache())


@pytest.fixture(scope="module")
def make_cache(small_cache: EvaluationCache) -> Callable[..., EvaluationCache]:
    """A confident model on enough images to fit a temperature: every rule on calibration has something to say."""
    import dataclasses

    def make() -> EvaluationCache:
        rng = np.random.default_rng(3)
        names = small_cache.class_names[:5]
        labels = np.arange(600) % len(names)
        predicted = np.where(rng.random(600) < 0.6, labels, (labels + 1 + (rng.random(600) < 0.2)) % len(names))
        logits = rng.normal(0, 1, (600, len(names)))
        logits[np.arange(600), predicted] += 4.5
        superclasses = small_cache.superclasses
        return dataclasses.replace(
            small_cache,
            example_index=np.arange(600),
            example_id=np.array([f"{index}.png" for index in range(600)]),
            labels=labels.astype(np.int64),
            logits=logits.astype(np.float32),
            cams={},
            thumbnails=None,
            class_names=names,
            superclasses=dataclasses.replace(superclasses, superclass_of=superclasses.superclass_of[:5]),
        )

    return make


def _texts_of(cache: EvaluationCache) -> dict[str, str]:
    findings: Findings = compute_findings(cache)
    site = dict(render_site(cache, findings, load_presentation(RenderSettings())))
    index = html.unescape(re.sub(r"<[^>]+>", " ", site["index.html"].decode())).replace("\u2060", "")
    places = {
        "first page": index,
        "summary": site["text/analysis_summary.txt"].decode(),
        "recommendations": site["text/recommendations.txt"].decode(),
        "console": console_summary(cache, findings),
        "json": _percentages(json.loads(site["data/metrics.json"])),
    }
    return {place: " ".join(text.split()) for place, text in places.items()}


def _percentages(document: dict) -> str:
    """The numbers of the JSON file, printed as the report prints them."""
    overall, calibration = document["overall"], document["calibration"]
    gap, superclasses = calibration["gap"], document["superclasses"]
    scaling = calibration["temperature"]
    return (
        f"{document['headline']} Accuracy {percent_text(overall['top1']['value'])}"
        f" Mean confidence {percent_text(overall['mean_confidence']['value'])}"
        f" Expected calibration error {percent_text(calibration['error']['value'])}"
        f" Mean confidence − accuracy {100 * gap['value']:.1f} points"
        f" Errors within the superclass {percent_text(superclasses['inside']['value'])}"
        f" High-confidence errors (≥ 90%) {document['high_confidence_errors']['count']}"
        f" T = {scaling['temperature']:.2f}"
    )


@pytest.mark.parametrize(
    ("quantity", "pattern", "places"),
    [
        (
            "accuracy",
            rf"classifies ({PERCENT}) of|, accuracy ({PERCENT});|the accuracy of ({PERCENT})|{ACCURACY} ({PERCENT})"
            rf"|accuracy ({PERCENT}) \(95% CI [^)]*, n =",
            {"first page", "summary", "recommendations", "console", "json"},
        ),
        (
            "accuracy's interval",
            rf"correctly \({INTERVAL}\)|{ACCURACY} {PERCENT} \(?{INTERVAL}|accuracy {PERCENT} \({INTERVAL}, n =",
            {"first page", "summary", "recommendations", "console", "json"},
        ),
        (
            "mean confidence",
            rf"mean confidence is ({PERCENT})|Mean confidence ({PERCENT})",
            {"first page", "summary", "recommendations", "json"},
        ),
        (
            "expected calibration error",
            rf"Expected calibration error:? ({PERCENT})",
            {"first page", "summary", "recommendations", "json"},
        ),
        (
            "mean confidence − accuracy",
            r"Mean confidence − accuracy:? ([\d.]+) (?:percentage )?points",
            {"first page", "summary", "recommendations", "json"},
        ),
        (
            "errors within the superclass",
            rf"Errors within the superclass ({PERCENT})|({PERCENT}) of (?:the )?errors (?:\(95% CI \S+\) )?stay within"
            rf"|({PERCENT}) stay within the",
            {"first page", "summary", "recommendations", "json"},
        ),
        (
            "high-confidence errors",
            r"High-confidence errors \(≥ 90%\) (\d+)|(\d+) errors in \d+ predictions",
            {"first page", "summary", "recommendations", "json"},
        ),
        ("temperature", r"T = (\d\.\d+)", {"first page", "summary", "recommendations", "json"}),
    ],
)
def test_a_quantity_is_printed_alike_in_all_places(
    texts: dict[str, str], quantity: str, pattern: str, places: set[str]
):
    found = {
        place: {
            value for groups in re.findall(pattern, text) for value in ([groups] if isinstance(groups, str) else groups)
        }
        - {""}
        for place, text in texts.items()
    }
    assert {place for place, values in found.items() if values} >= places, (quantity, found)
    assert len(set().union(*found.values())) == 1, (quantity, found)


def test_the_recall_of_the_weakest_class_is_the_same_everywhere(make_cache: Callable[..., EvaluationCache]):
    cache = make_cache()
    findings = compute_findings(cache)
    weakest = min(findings.classes, key=lambda metrics: (metrics.recall.value, metrics.class_index))
    name, recall = cache.class_names[weakest.class_index], percent_text(weakest.recall.value)
    texts = _texts_of(cache)
    assert f"lowest recall {name} {recall}" in texts["console"]
    assert re.search(rf"{re.escape(name)} {recall} \({percent_interval_text(weakest.recall)}\)", texts["summary"])
    assert f"{name}" in texts["first page"]
    assert recall in texts["first page"]
