"""The downloads: tables, texts, figures and charts, each in one line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from reportgen.analysis.findings import Findings
from reportgen.cache import EvaluationCache
from reportgen.report import exports
from reportgen.report.pictures import charts, figures, static_charts
from reportgen.report.pictures.example_pictures import has_pictures
from reportgen.report.urls import (
    CLASS_ORDER_CSV_PATH,
    LABEL_ISSUES_CSV_PATH,
    SKIPPED_CSV_PATH,
    class_figure_path,
    pair_figure_path,
)
from reportgen.report.words import summaries
from reportgen.report.words.example_wording import confusion_text

NUM_PAIR_FIGURES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A download.

    Attributes:
        text: what it is.
        make: its content.
        is_offered: whether a report has it.
    """

    path: str
    text: str
    make: Callable[[EvaluationCache, Findings], str | bytes]
    is_offered: Callable[[EvaluationCache, Findings], bool] = lambda _cache, _findings: True


_DOWNLOADS = (
    Download(
        path="data/per_class_accuracy.csv", text="Metrics of all classes (CSV)", make=exports.per_class_accuracy_csv
    ),
    Download(
        path="data/most_confused_pairs.csv", text="Most confused pairs (CSV)", make=exports.most_confused_pairs_csv
    ),
    Download(path="data/predictions.csv", text="Predictions for all images (CSV)", make=exports.predictions_csv),
    Download(path=LABEL_ISSUES_CSV_PATH, text="Possible label errors (CSV)", make=exports.label_issues_csv),
    Download(
        path=CLASS_ORDER_CSV_PATH,
        text="Suggested order of the classes (CSV)",
        make=exports.class_order_csv,
        is_offered=lambda _, findings: findings.suggested_order is not None,
    ),
    Download(path="data/metrics.json", text="All metrics with intervals (JSON)", make=exports.metrics_json),
    Download(
        path="data/annotation_report.json",
        text="Agreement of maps and annotations (JSON)",
        make=exports.annotation_report_json,
        is_offered=lambda _, findings: findings.annotations is not None,
    ),
    Download(
        path=SKIPPED_CSV_PATH,
        text="Images that could not be read (CSV)",
        make=exports.skipped_csv,
        is_offered=lambda cache, _: bool(cache.skipped),
    ),
    Download(path="text/analysis_summary.txt", text="Summary (text)", make=summaries.analysis_summary),
    Download(path="text/recommendations.txt", text="Recommendations (text)", make=summaries.recommendations_text),
    Download(
        path="figures/confusion_matrix_full.png",
        text="Confusion matrix with class names (PNG)",
        make=static_charts.confusion_matrix_figure,
    ),
    Download(
        path="figures/top_confused_pairs.png",
        text="Most confused pairs (PNG)",
        make=static_charts.top_confused_pairs_figure,
    ),
    Download(
        path="charts/confusion_matrix.html",
        text="Confusion matrix (interactive)",
        make=charts.confusion_matrix_chart,
    ),
    Download(
        path="charts/per_class_accuracy.html",
        text="Recall of all classes (interactive)",
        make=charts.per_class_accuracy_chart,
    ),
)


def list_downloads(cache: EvaluationCache, findings: Findings) -> Iterator[Download]:
    """The downloads of a report, in the order of the first page."""
    yield from (download for download in _DOWNLOADS if download.is_offered(cache, findings))
    pairs = findings.pairs[:NUM_PAIR_FIGURES] if has_pictures(cache) else ()
    for rank, pair in enumerate(pairs, start=1):
        true, predicted = cache.class_names[pair.true_index], cache.class_names[pair.predicted_index]
        yield Download(
            path=pair_figure_path(rank, true, predicted),
            text=f"{confusion_text(cache.shown_names[pair.true_index], cache.shown_names[pair.predicted_index])} (PNG)",
            make=partial(figures.confused_pair_figure, pair=pair),
        )


def render_downloads(cache: EvaluationCache, findings: Findings) -> Iterator[tuple[str, bytes]]:
    """The downloads as relative POSIX path and content."""
    for download in list_downloads(cache, findings):
        content = download.make(cache, findings)
        yield download.path, content.encode() if isinstance(content, str) else content


def render_class_figures(cache: EvaluationCache, findings: Findings) -> Iterator[tuple[str, bytes]]:
    """The examples of each class as one image, linked from its page; none without images."""
    names = enumerate(cache.class_names)
    for (class_index, name), figure in zip(names, figures.class_figures(cache, findings), strict=False):
        yield class_figure_path(class_index, name), figure
