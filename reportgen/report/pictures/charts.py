"""Interactive charts: pages of their own that load the site's copy of Plotly. The only pages that need JavaScript.

The figures are written as Plotly's JSON: importing `plotly.graph_objects` to make the same text takes a second.
"""

import base64
import functools
import html
import json
import math
import re
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.confusion import without_diagonal
from reportgen.analysis.findings import Findings
from reportgen.analysis.intervals import Proportion
from reportgen.analysis.metrics import ClassMetrics
from reportgen.cache import EvaluationCache
from reportgen.report.pictures.colormaps import css_stops
from reportgen.report.pictures.palette import CONTROL, INK, PANEL, PAPER, RIGHT, RULE, WRONG
from reportgen.report.urls import class_path, relative_url
from reportgen.report.words.text import count_text, list_text, percent_interval_text, percent_text, plural_text

PLOTLY_PATH: Final = "assets/plotly.min.js"

_MAX_PLAIN_CLASSES: Final = 150
"""With more classes than this, names would overlap: the axes show only some until one zooms in."""


def plotly_script() -> bytes:
    """Plotly's JavaScript, taken from the installed package."""
    return (files("plotly") / "package_data" / "plotly.min.js").read_bytes()


@functools.cache
def _style_guards() -> tuple[str, ...]:
    """Ids that keep Plotly from adding inline styles for maps, which the policy forbids: it adds none that exist."""
    return tuple(re.findall(r'document\.getElementById\("([0-9a-f]{64})"\)', plotly_script().decode()))


def per_class_accuracy_chart(cache: EvaluationCache, findings: Findings) -> str:
    """The recall of every class with its interval, best to worst, as a page."""
    accuracy = findings.overall.top1
    measured = sorted(
        (metrics for metrics in findings.classes if metrics.recall.total),
        key=lambda metrics: (-metrics.recall.value, metrics.class_index),
    )
    weak = findings.weak_classes
    is_weak = [metrics.class_index in weak for metrics in measured]
    groups = (
        ("Recall significantly below the accuracy", "wrong", is_weak),
        ("Other classes", "right", [not found for found in is_weak]),
    )
    layout = {
        "height": 140 + max(8, len(measured)) * 19,
        "margin": {"l": 10, "r": 30, "t": 70, "b": 40},
        "xaxis": {"title": {"text": "Recall"}, "tickformat": ".0%", "side": "top", "zeroline": False},
        "yaxis": {**_class_axis(cache, [metrics.class_index for metrics in measured]), "showgrid": False},
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yref": "container", "yanchor": "top"},
        "shapes": [
            {
                "type": "line",
                "xref": "x",
                "yref": "paper",
                "x0": accuracy.value,
                "x1": accuracy.value,
                "y0": 0,
                "y1": 1,
                "line": {"width": 1, "dash": "dot", "color": CONTROL.light},
            }
        ],
    }
    return _page(
        cache,
        title=f"Recall of {plural_text(len(measured), 'class', 'classes')}",
        note=f"Each class with its 95% CI, best to worst. The dotted line is the accuracy over all images,"
        f" {percent_text(accuracy.value)} ({percent_interval_text(accuracy)}). Select a class to open its page.",
        data_path="data/per_class_accuracy.csv",
        traces=[
            _recall_trace(
                cache, measured, rows=[row for row, chosen in enumerate(mask) if chosen], name=name, role=role
            )
            for name, role, mask in groups
            if any(mask)
        ],
        layout=layout,
        links=[_class_url(cache, metrics.class_index) for metrics in measured],
        min_width=560,
    )


def _recall_trace(
    cache: EvaluationCache, measured: Sequence[ClassMetrics], *, rows: Sequence[int], name: str, role: str
) -> dict[str, Any]:
    recalls = [measured[row].recall for row in rows]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "meta": role,
        "x": [recall.value for recall in recalls],
        "y": list(rows),
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [recall.high - recall.value for recall in recalls],
            "arrayminus": [recall.value - recall.low for recall in recalls],
            "thickness": 1,
            "width": 0,
        },
        "marker": {"size": 8},
        "text": [_recall_text(cache, measured[row]) for row in rows],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _recall_text(cache: EvaluationCache, metrics: ClassMetrics) -> str:
    lines = [f"<b>{_label(cache, metrics.class_index)}</b>", f"Recall {_share_text(metrics.recall)}"]
    for verb, counts in (("Predicted as", metrics.mistaken_for), ("Mistaken for this class:", metrics.mistaken_by)):
        if counts:
            first = [f"{_label(cache, found.class_index)} ({count_text(found.count)})" for found in counts[:3]]
            lines.append(f"{verb} {list_text(first)}")
    return "<br>".join(lines)


def confusion_matrix_chart(cache: EvaluationCache, findings: Findings) -> str:
    """The errors between all classes as a page: zoom in to read names, point at a cell to read both directions."""
    order = findings.class_order
    errors = without_diagonal(findings.confusion)[np.ix_(order, order)]
    support = findings.confusion.sum(axis=1)[order]
    most = int(errors.max())
    ticks = sorted({1, *(round(most * share) for share in (0.1, 0.3, 0.6)), most} - {0})
    axis = {**_class_axis(cache, order.tolist()), "showgrid": False, "constrain": "domain"}
    size = len(order)
    heatmap = {
        "type": "heatmap",
        "meta": "counts",
        "z": _typed_array(np.where(errors > 0, np.sqrt(errors), np.nan).astype(np.float32)),
        "zmin": 0,
        "zmax": math.sqrt(max(1, most)),
        "text": _cell_texts(cache, order.tolist(), errors, support),
        "hovertemplate": "%{text}<extra></extra>",
        "hoverongaps": False,
        "xgap": 1 if size <= _MAX_PLAIN_CLASSES else 0,
        "ygap": 1 if size <= _MAX_PLAIN_CLASSES else 0,
        "colorbar": {
            "title": {"text": "Images"},
            "tickvals": [math.sqrt(tick) for tick in ticks],
            "ticktext": [count_text(tick) for tick in ticks],
            "thickness": 14,
            "outlinewidth": 0,
            "len": 0.4,
            "y": 1,
            "yanchor": "top",
        },
    }
    layout = {
        "height": min(1400, max(560, 220 + 11 * size)),
        "margin": {"l": 10, "r": 10, "t": 40, "b": 20},
        "xaxis": {
            **axis,
            "range": [-0.5, size - 0.5],
            "side": "top",
            "tickangle": -90,
            "title": {"text": "Predicted class"},
            "constraintoward": "left",
        },
        "yaxis": {**axis, "scaleanchor": "x", "title": {"text": "True class"}, "constraintoward": "top"},
    }
    return _page(
        cache,
        title=f"Errors between {count_text(len(order))} classes",
        note="Rows are true classes, columns predicted classes. Correct predictions are left out; color is proportional"
        " to the square root of the count. Drag to zoom in, double-click to zoom out. Select a cell to open the page of"
        " its true class.",
        data_path="data/predictions.csv",
        traces=[heatmap],
        layout=layout,
        links=[_class_url(cache, class_index) for class_index in order.tolist()],
        min_width=min(1200, 260 + 9 * size),
    )


def _cell_texts(
    cache: EvaluationCache, order: Sequence[int], errors: NDArray[np.int64], support: NDArray[np.int64]
) -> list[list[str]]:
    """The tooltip of each cell with an error, for both directions; empty for the others."""
    names = [_label(cache, class_index) for class_index in order]
    texts = [[""] * len(order) for _ in order]
    for true, predicted in np.argwhere(errors > 0).tolist():
        there, back = (
            f"{names[a]} predicted as {names[b]}: {count_text(int(errors[a, b]))} of {count_text(int(support[a]))}"
            for a, b in ((true, predicted), (predicted, true))
        )
        texts[true][predicted] = f"<b>{there}</b><br>{back}"
    return texts


def _class_axis(cache: EvaluationCache, order: Sequence[int]) -> dict[str, Any]:
    """An axis of positions with class names; numbers beneath, since Plotly would take a class `7` for one."""
    axis: dict[str, Any] = {
        "range": [len(order) - 0.5, -0.5],
        "automargin": True,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"size": 11},
    }
    if len(order) > _MAX_PLAIN_CLASSES:
        return {**axis, "showticklabels": False}
    return {
        **axis,
        "tickvals": list(range(len(order))),
        "ticktext": [_label(cache, class_index) for class_index in order],
    }


def _share_text(share: Proportion) -> str:
    return (
        f"{percent_text(share.value)} ({percent_interval_text(share)}), {count_text(share.count)} of"
        f" {count_text(share.total)}"
    )


def _label(cache: EvaluationCache, class_index: int) -> str:
    """A class's name for Plotly, which parses text as a subset of HTML."""
    return html.escape(cache.shown_names[class_index], quote=False)


def _class_url(cache: EvaluationCache, class_index: int) -> str:
    return relative_url(class_path(class_index, cache.class_names[class_index]), page="charts/chart.html")


def _typed_array(values: NDArray[np.float32]) -> dict[str, str]:
    """A matrix as Plotly's typed array: a quarter of the digits' size, and the only form that has NaN."""
    data = base64.b64encode(values.astype("<f4").tobytes()).decode()
    return {"dtype": "f4", "bdata": data, "shape": ", ".join(map(str, values.shape))}


def _page(
    cache: EvaluationCache,
    *,
    title: str,
    note: str,
    data_path: str,
    traces: Sequence[dict[str, Any]],
    layout: dict[str, Any],
    links: Sequence[str],
    min_width: int,
) -> str:
    provenance = cache.provenance
    source = f"{provenance.model_name} on {provenance.data_name}"
    return _PAGE.substitute(
        title=html.escape(f"{title} · {source}"),
        heading=html.escape(title),
        source=html.escape(source),
        note=html.escape(note),
        data_url=f"../{data_path}",
        plotly_url=f"../{PLOTLY_PATH}",
        policy=_POLICY,
        style_guards="".join(f'<template id="{guard}"></template>\n' for guard in _style_guards()),
        figure=_script_json(
            {"traces": traces, "layout": layout, "links": links, "themes": _themes(), "minWidth": min_width}
        ),
    )


def _script_json(value: Any) -> str:
    """JSON that is safe inside a script element, whatever the class names."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _count_scale(colormap: str) -> list[tuple[float, str]]:
    colors = css_stops(colormap, num_stops=6)
    return [(step / (len(colors) - 1), color) for step, color in enumerate(colors)]


def _themes() -> dict[str, dict[str, Any]]:
    """The colors of the pages around the charts, for both schemes."""
    colors = {"paper": PAPER, "panel": PANEL, "ink": INK, "rule": RULE, "right": RIGHT, "wrong": WRONG}
    return {
        "light": {name: color.light for name, color in colors.items()} | {"counts": _count_scale("counts-light")},
        "dark": {name: color.dark for name, color in colors.items()} | {"counts": _count_scale("counts-dark")},
    }


_POLICY: Final = (
    "default-src 'none'; script-src 'self';"
    " style-src 'self' 'unsafe-hashes' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; img-src data: blob:;"
    " base-uri 'none'; form-action 'none'"
)
"""The strictest policy that Plotly works under. Its inline styles are empty, hence the hash of no text: their rules are
set by script. It renders downloads from blobs."""

_PAGE: Final = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="../assets/report.css">
<link rel="stylesheet" href="../assets/chart.css">
$style_guards<script src="$plotly_url" defer></script>
<script src="../assets/chart.js" defer></script>
</head>
<body>
<nav aria-label="Report"><a href="../index.html">← Report on $source</a></nav>
<main>
<h1>$heading</h1>
<p class="note">$note</p>
<noscript>
<p class="note">The chart needs JavaScript. Its numbers are in <a href="$data_url">$data_url</a>.</p>
</noscript>
<div class="scroll" tabindex="0" role="region" aria-label="Chart">
<div id="chart" role="figure" aria-label="$heading. $note"></div>
</div>
</main>
<script type="application/json" id="figure">$figure</script>
</body>
</html>
""")
