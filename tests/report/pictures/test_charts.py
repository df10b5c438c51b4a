import base64
import hashlib
import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from reportgen.analysis.findings import compute_findings
from reportgen.report.pictures import charts

CHARTS = (charts.per_class_accuracy_chart, charts.confusion_matrix_chart)


DATA = re.compile(r'<script type="application/json" id="figure">(.*?)</script>', re.DOTALL)


def read_part(page: str, name: str):
    """A part of the figure that the page's script draws."""
    return json.loads(DATA.search(page).group(1))[name]


@pytest.mark.parametrize("draw", CHARTS)
def test_plotly_itself_accepts_the_figure(small_cache, small_findings, draw):
    import plotly.graph_objects as go

    page = draw(small_cache, small_findings)
    figure = go.Figure(data=read_part(page, "traces"), layout=read_part(page, "layout"))
    assert len(figure.data) >= 1


@pytest.mark.parametrize("draw", CHARTS)
def test_a_chart_is_a_page_with_a_title_a_way_back_and_a_word_for_readers_without_scripts(
    small_cache, small_findings, draw
):
    page = draw(small_cache, small_findings)
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert re.search(r"<title>.+ · net &lt;v2&gt; on small &amp; odd</title>", page)
    assert '<a href="../index.html">' in page
    assert '<script src="../assets/plotly.min.js" defer></script>' in page
    assert re.search(r'<noscript>\n.*<a href="\.\./data/\w+\.csv">', page)
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert "$" not in re.sub(r"\$\{", "", page)  # every placeholder is filled


@pytest.mark.parametrize("draw", CHARTS)
def test_a_chart_allows_no_inline_script_and_no_request(small_cache, small_findings, draw):
    page = draw(small_cache, small_findings)
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', page).group(1)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    empty = f"'sha256-{base64.b64encode(hashlib.sha256(b'').digest()).decode()}'"
    assert rules == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": f"'self' 'unsafe-hashes' {empty}",
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert all("src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", page))
    assert "<style" not in page


def test_names_cannot_break_out_of_the_script(small_cache, small_findings):
    evil = "</script><img src=x onerror=alert(1)>\u2028&\"'"
    cache = replace(small_cache, class_names=(evil, *small_cache.class_names[1:]))
    for draw in CHARTS:
        page = draw(cache, small_findings)
        assert page.count("</script>") == 3
        assert "<img" not in page
        assert "\u2028" not in page
        assert "<" not in DATA.search(page).group(1)
        assert html.escape(evil, quote=False) in json.dumps(read_part(page, "traces"), ensure_ascii=False).replace(
            '\\"', '"'
        ) or html.escape(evil, quote=False) in str(read_part(page, "layout"))


def test_the_matrix_holds_the_root_of_each_count_and_gaps_for_none(small_cache, small_findings):
    trace = read_part(charts.confusion_matrix_chart(small_cache, small_findings), "traces")[0]
    values = np.frombuffer(base64.b64decode(trace["z"]["bdata"]), "<f4").reshape(6, 6)
    order = small_findings.class_order
    counts = small_findings.confusion[np.ix_(order, order)].astype(float)
    np.fill_diagonal(counts, 0)
    np.testing.assert_allclose(np.nan_to_num(values) ** 2, counts, atol=1e-4)
    assert np.isnan(values[counts == 0]).all()
    assert trace["colorbar"]["ticktext"][-1] == "7"


def test_a_cell_tells_both_directions(small_cache, small_findings):
    trace = read_part(charts.confusion_matrix_chart(small_cache, small_findings), "traces")[0]
    order = small_findings.class_order.tolist()
    cell = trace["text"][order.index(3)][order.index(4)]
    assert cell == "<b>=1+1 predicted as 猫: 7 of 12</b><br>猫 predicted as =1+1: 6 of 12"
    assert trace["text"][order.index(2)][order.index(0)] == ""


def test_every_class_with_images_has_its_recall_interval_and_page(small_cache, small_findings):
    page = charts.per_class_accuracy_chart(small_cache, small_findings)
    traces, links = read_part(page, "traces"), read_part(page, "links")
    points = sorted(
        (y, x, x - minus, x + plus)
        for trace in traces
        for y, x, minus, plus in zip(
            trace["y"], trace["x"], trace["error_x"]["arrayminus"], trace["error_x"]["array"], strict=True
        )
    )
    ranked = [small_findings.classes[index].recall for index in (2, 0, 1, 4, 3)]
    np.testing.assert_allclose(
        points, [(row, recall.value, recall.low, recall.high) for row, recall in enumerate(ranked)]
    )
    assert links[0] == "../classes/002-unicode-tag.html"
    assert len(links) == 5
    assert [trace["meta"] for trace in traces] == ["right"]  # no class is weak by more than chance


def test_rows_of_many_classes_are_not_named_one_by_one(small_cache):
    n = 200
    cache = replace(
        small_cache,
        class_names=tuple(f"name {index}" for index in range(n)),
        logits=np.random.default_rng(0).normal(size=(60, n)).astype(np.float32),
        superclasses=None,
    )
    layout = read_part(charts.confusion_matrix_chart(cache, compute_findings(cache)), "layout")
    assert layout["xaxis"]["showticklabels"] is False


@pytest.mark.parametrize("draw", CHARTS)
def test_the_same_findings_give_the_same_page(small_cache, small_findings, draw):
    assert draw(small_cache, small_findings) == draw(small_cache, small_findings)


def test_the_script_is_that_of_the_installed_package():
    from plotly.offline import get_plotlyjs

    assert charts.plotly_script().decode() == get_plotlyjs()
