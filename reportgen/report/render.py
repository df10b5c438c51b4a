"""Pages and a Jinja environment -> (path, bytes): every file of a site, in a fixed order."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import Environment

from reportgen.analysis.findings import Findings
from reportgen.cache import EvaluationCache
from reportgen.report import exports
from reportgen.report.pages.class_page import make_class_page
from reportgen.report.pages.context import ReportContext, make_context
from reportgen.report.pages.how_page import make_how_page
from reportgen.report.pages.index_page import make_index_page
from reportgen.report.pages.label_issues_page import LABEL_ISSUES_CSV_PATH, make_label_issues_page
from reportgen.report.pages.matrices import CLASS_MATRIX_PATH, SUPERCLASS_MATRIX_PATH, superclass_order
from reportgen.report.pages.matrix_data import MATRIX_DATA_PATH, matrix_script
from reportgen.report.pages.pair_page import make_pair_page, pair_link, unordered_pairs
from reportgen.report.pictures import charts, figures, static_charts
from reportgen.report.pictures.colormaps import (
    COUNT_COLORMAPS,
    DEFAULT_COLORMAP,
    DIFFERENCE_COLORMAP,
    EVIDENCE_COLORMAPS,
    filter_tables,
    opacity_table,
)
from reportgen.report.pictures.example_pictures import has_pictures
from reportgen.report.pictures.images import confusion_picture
from reportgen.report.templating import find_templates, make_environment, render_page
from reportgen.report.urls import (
    ANNOTATIONS_CSS_PATH,
    HOW_PATH,
    INDEX_PATH,
    LABEL_ISSUES_PATH,
    VARIANTS_CSS_PATH,
    class_figure_path,
    class_path,
    pair_figure_path,
)
from reportgen.report.views.shared import FilterSpec, Link, SiteFrame
from reportgen.report.words import summaries
from reportgen.settings import RenderSettings

NUM_PAIR_FIGURES = 5
ANNOTATION_REPORT_PATH = "data/annotation_report.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Download:
    """A file to take away: where it lies, and what it is."""

    path: str
    text: str


def render_site(cache: EvaluationCache, findings: Findings, settings: RenderSettings) -> Iterator[tuple[str, bytes]]:
    """Every file of the site as relative POSIX path and content.

    Args:
        cache: the arrays.
        findings: what was found in them.
        settings: what is shown.

    Raises:
        SettingsError: the notes, the logo or the style sheet cannot be used.
        SiteError: a template is missing or wrong.
    """
    context = make_context(cache, findings, settings)
    environment = make_environment(settings.templates)
    yield ".nojekyll", b""
    yield from _assets(context)
    yield from _class_files(context, environment)
    yield from _pair_files(context, environment)
    yield from _take_away_files(context)
    yield from _index_files(context, environment)
    issues_frame = _frame(context, root="", description="Labels that deserve a second look")
    label_issues_page, pictures = make_label_issues_page(context, issues_frame)
    yield from pictures
    yield LABEL_ISSUES_PATH, render_page(environment, "label-issues.html.j2", label_issues_page)
    how = _frame(context, root="", description="Every number defined, and what a map shows and does not")
    yield HOW_PATH, render_page(environment, "how-to-read.html.j2", make_how_page(context, how))


def _frame(
    context: ReportContext, *, root: str, description: str, colormaps: tuple[str, ...] = (DEFAULT_COLORMAP,)
) -> SiteFrame:
    provenance = context.cache.provenance
    return SiteFrame(
        title=context.settings.title or f"{provenance.model_name} on {provenance.data_name}",
        root=root,
        description=description,
        logo=context.branding.logo_path,
        extra_css=context.branding.extra_css_path,
        filters=_filters(colormaps),
        styles=tuple(_styles(context)),
    )


def _styles(context: ReportContext) -> Iterator[str]:
    """The style sheets of what only some reports have."""
    if not _is_usual(context):
        yield VARIANTS_CSS_PATH
    if context.findings.annotations is not None:
        yield ANNOTATIONS_CSS_PATH


def _is_usual(context: ReportContext) -> bool:
    """Whether examples have an image and a map for each class, by one method: what most style sheets are made for.

    Tests of the maps are shown beyond that.
    """
    maps = context.maps
    has_all = context.cache.thumbnails is not None and maps is not None and not context.grouping
    has_all = has_all and context.findings.faithfulness is None
    return has_all and len(context.methods) == 1 and maps is not None and not maps.is_class_agnostic


def _filters(colormaps: tuple[str, ...]) -> tuple[FilterSpec, ...]:
    """Each colormap of maps twice, alone and over a photo; those of counts once, with nothing where there is none."""
    specs = []
    for name in colormaps:
        if name in COUNT_COLORMAPS:
            specs.append((name, name, opacity_table(name)))
        else:
            specs += [(name, name, "1 1"), (f"{name}-overlay", name, opacity_table(name))]
    return tuple(_filter(*spec) for spec in specs)


def _filter(name: str, colormap: str, opacity: str) -> FilterSpec:
    tables = filter_tables(colormap)
    return FilterSpec(name=name, red=tables.red, green=tables.green, blue=tables.blue, opacity=opacity)


def _assets(context: ReportContext) -> Iterator[tuple[str, bytes]]:
    folders = [folder / "assets" for folder in (find_templates(), context.settings.templates) if folder is not None]
    assets = {path.name: path for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_file()}
    own = dict(context.branding.files())
    for name, path in sorted(assets.items()):
        if f"assets/{name}" not in own:
            yield f"assets/{name}", path.read_bytes()
    yield from own.items()
    pages = [[name, class_path(index, name)] for index, name in enumerate(context.cache.class_names)]
    listing = json.dumps(pages, ensure_ascii=False, separators=(",", ":"))
    yield "assets/classes.js", f"window.reportgenClasses = {listing};\n".encode()
    yield "assets/plotly.min.js", charts.plotly_script()


def _class_files(context: ReportContext, environment: Environment) -> Iterator[tuple[str, bytes]]:
    drawn = figures.class_figures(context.cache, context.findings)
    for class_index, name in enumerate(context.cache.class_names):
        frame = _frame(
            context,
            root="../",
            description=f"What the model makes of {name}",
            colormaps=(*EVIDENCE_COLORMAPS, DIFFERENCE_COLORMAP),
        )
        page, pictures = make_class_page(context, frame, class_index)
        yield from pictures
        yield class_path(class_index, name), render_page(environment, "class.html.j2", page)
        figure = next(drawn, None)
        if figure is not None:
            yield class_figure_path(class_index, name), figure


def _pair_files(context: ReportContext, environment: Environment) -> Iterator[tuple[str, bytes]]:
    for place, (pair, _) in enumerate(unordered_pairs(context)):
        names = f"{context.class_name(pair.true_index)} and {context.class_name(pair.predicted_index)}"
        frame = _frame(
            context,
            root="../",
            description=f"How the model tells {names} apart, and where it looked",
            colormaps=(*EVIDENCE_COLORMAPS, DIFFERENCE_COLORMAP),
        )
        page, pictures = make_pair_page(context, frame, place)
        yield from pictures
        link = pair_link(context, pair.true_index, pair.predicted_index, page=INDEX_PATH)
        yield link.url, render_page(environment, "pair.html.j2", page)


def _index_files(context: ReportContext, environment: Environment) -> Iterator[tuple[str, bytes]]:
    confusion, superclasses = context.findings.confusion, context.findings.superclasses
    yield CLASS_MATRIX_PATH, confusion_picture(confusion, context.findings.class_order)
    yield MATRIX_DATA_PATH, matrix_script(context)
    if superclasses is not None:
        yield SUPERCLASS_MATRIX_PATH, confusion_picture(superclasses.confusion, superclass_order(context))
    downloads = tuple(Link(text=download.text, url=download.path) for download in _downloads(context))
    frame = _frame(
        context,
        root="",
        description="What the model gets wrong, where it was looking, and how sure it is",
        colormaps=(DEFAULT_COLORMAP, *COUNT_COLORMAPS),
    )
    page, pictures = make_index_page(context, frame, downloads)
    yield from pictures
    yield INDEX_PATH, render_page(environment, "index.html.j2", page)


def _downloads(context: ReportContext) -> Iterator[_Download]:
    yield _Download(path="data/per_class_accuracy.csv", text="Numbers of all classes (CSV)")
    yield _Download(path="data/most_confused_pairs.csv", text="Most confused pairs (CSV)")
    yield _Download(path="data/predictions.csv", text="Prediction of every image (CSV)")
    yield _Download(path=LABEL_ISSUES_CSV_PATH, text="Labels that deserve a second look (CSV)")
    yield _Download(path="data/metrics.json", text="All metrics with their intervals (JSON)")
    if context.findings.annotations is not None:
        yield _Download(path=ANNOTATION_REPORT_PATH, text="Maps against annotations, image by image (JSON)")
    yield _Download(path="text/analysis_summary.txt", text="Summary (text)")
    yield _Download(path="text/recommendations.txt", text="Recommendations (text)")
    yield _Download(path="figures/confusion_matrix_full.png", text="Confusion matrix with all names (PNG)")
    yield _Download(path="figures/top_confused_pairs.png", text="Most confused pairs (PNG)")
    yield _Download(path="charts/confusion_matrix.html", text="Confusion matrix, interactive")
    yield _Download(path="charts/per_class_accuracy.html", text="Accuracy of all classes, interactive")
    for path, true_name, predicted_name in _pair_figures(context):
        yield _Download(path=path, text=f"{true_name} taken for {predicted_name} (PNG)")


def _pair_figures(context: ReportContext) -> Iterator[tuple[str, str, str]]:
    pairs = context.findings.pairs[:NUM_PAIR_FIGURES] if has_pictures(context.cache) else ()
    for rank, pair in enumerate(pairs, start=1):
        true_name, predicted_name = context.class_name(pair.true_index), context.class_name(pair.predicted_index)
        yield pair_figure_path(rank, true_name, predicted_name), true_name, predicted_name


def _take_away_files(context: ReportContext) -> Iterator[tuple[str, bytes]]:
    cache, findings = context.cache, context.findings
    yield "data/per_class_accuracy.csv", exports.per_class_accuracy_csv(cache, findings).encode()
    yield "data/most_confused_pairs.csv", exports.most_confused_pairs_csv(cache, findings).encode()
    yield "data/predictions.csv", exports.predictions_csv(cache, findings).encode()
    yield LABEL_ISSUES_CSV_PATH, exports.label_issues_csv(cache, findings).encode()
    yield "data/metrics.json", exports.metrics_json(cache, findings).encode()
    if findings.annotations is not None:
        yield ANNOTATION_REPORT_PATH, exports.annotation_report_json(cache, findings.annotations).encode()
    yield "text/analysis_summary.txt", summaries.analysis_summary(cache, findings).encode()
    yield "text/recommendations.txt", summaries.recommendations_text(cache, findings).encode()
    yield "figures/confusion_matrix_full.png", static_charts.confusion_matrix_figure(cache, findings)
    yield "figures/top_confused_pairs.png", static_charts.top_confused_pairs_figure(cache, findings)
    for (path, _, _), pair in zip(_pair_figures(context), findings.pairs, strict=False):
        yield path, figures.confused_pair_figure(cache, findings, pair)
    yield "charts/per_class_accuracy.html", charts.per_class_accuracy_chart(cache, findings).encode()
    yield "charts/confusion_matrix.html", charts.confusion_matrix_chart(cache, findings).encode()
