"""Orange marks the classes that the finding about weak classes counts, in the strip and in the interactive chart."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from reportgen.analysis.findings import compute_findings
from reportgen.analysis.recommendations import Rule
from reportgen.cache import EvaluationCache
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.settings import RenderSettings

NUM_CLASSES, SUPPORT = 30, 40


@pytest.fixture(scope="module")
def cache(small_cache: EvaluationCache) -> EvaluationCache:
    """Recalls from 30% to 95%: some classes lie below the accuracy only as long as each is looked at alone."""
    labels = np.repeat(np.arange(NUM_CLASSES), SUPPORT)
    num_correct = np.linspace(0.3, 0.95, NUM_CLASSES) * SUPPORT
    is_correct = np.tile(np.arange(SUPPORT), NUM_CLASSES) < np.repeat(num_correct, SUPPORT)
    predicted = np.where(is_correct, labels, (labels + 1) % NUM_CLASSES)
    return replace(
        small_cache,
        example_index=np.arange(len(labels)),
        example_id=np.array([f"{i}.png" for i in range(len(labels))]),
        labels=labels,
        logits=np.float32(3) * np.eye(NUM_CLASSES, dtype=np.float32)[predicted],
        cams={},
        thumbnails=None,
        class_names=tuple(f"class {i}" for i in range(NUM_CLASSES)),
        superclasses=None,
        checks=(),
    )


def test_orange_dots_are_the_classes_that_the_finding_counts(cache: EvaluationCache):
    findings = compute_findings(cache)
    site = dict(render_site(cache, findings, load_presentation(RenderSettings())))
    index = site["index.html"].decode()

    rule = next(item for item in findings.recommendations if item.rule is Rule.WEAK_CLASSES)
    counted = {evidence.class_index for evidence in rule.measurements}
    orange = set(map(int, re.findall(r'<a href="classes/(\d+)-[^"]*" tabindex="-1" class="below">', index)))
    accuracy = findings.overall.top1.value
    alone = {metrics.class_index for metrics in findings.classes if metrics.recall.high < accuracy}
    assert orange == counted < alone

    headline = re.search(r'id="finding-weak-classes"><div><b>(\w+) classes', index)[1]
    assert int(headline) == len(orange)
    assert f"Orange: the {len(orange)} classes with a recall significantly below the accuracy" in index

    chart = site["charts/per_class_accuracy.html"].decode()
    traces = json.loads(re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', chart)[1])["traces"]
    assert {trace["meta"]: len(trace["y"]) for trace in traces} == {
        "wrong": len(orange),
        "right": NUM_CLASSES - len(orange),
    }


def test_without_a_weak_class_nothing_is_orange(cache: EvaluationCache):
    logits = np.float32(3) * np.eye(NUM_CLASSES, dtype=np.float32)[cache.labels]
    correct = replace(cache, logits=logits)
    findings = compute_findings(correct)
    assert findings.weak_classes == frozenset()
    index = dict(render_site(correct, findings, load_presentation(RenderSettings())))["index.html"].decode()
    assert 'class="below"' not in index
    assert "Orange" not in index
