"""Pages and a Jinja environment -> (path, bytes): every file of a site."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, zip_longest

from jinja2 import Environment
from markupsafe import Markup

from reportgen.analysis.findings import Findings
from reportgen.cache import EvaluationCache
from reportgen.explanation import Explanations
from reportgen.report.downloads import render_class_figures, render_downloads
from reportgen.report.pages.context import ReportContext, RunContext, make_run_context
from reportgen.report.pages.page_kind import Context, PageKind, make_navigation
from reportgen.report.pages.registry import EXPLANATION_KINDS, REPORT_KINDS
from reportgen.report.pictures.charts import plotly_script
from reportgen.report.pictures.filters import define_filters
from reportgen.report.presentation import Presentation
from reportgen.report.templating import find_templates, make_environment, render_page
from reportgen.report.urls import ANNOTATIONS_CSS_PATH, VARIANTS_CSS_PATH, class_path, root_url
from reportgen.report.views.shared import SiteFrame

SiteFile = tuple[str, bytes]
"""Relative POSIX path and content."""


def render_site(cache: EvaluationCache, findings: Findings, presentation: Presentation) -> Iterator[SiteFile]:
    """Every file of the report on one run.

    Raises:
        SiteError: a template names a field that its page lacks.
    """
    run = make_run_context(cache, findings)
    context = ReportContext(runs=(run,), title=presentation.title, notes=presentation.notes)
    frame = SiteFrame(
        title=context.title or run.name,
        root="",
        description="",
        logo=presentation.branding.logo_path,
        extra_css=presentation.branding.extra_css_path,
        filters=Markup(),
        styles=tuple(_list_styles(context)),
    )
    yield ".nojekyll", b""
    yield from _render_assets(presentation, run.cache)
    pages = _render_pages(context, REPORT_KINDS, frame, presentation.environment)
    # Figures are drawn in separate threads while pages are rendered.
    yield from _alternate(render_class_figures(cache, findings), pages)
    yield from render_downloads(cache, findings)


def render_explanations(explanations: Explanations) -> Iterator[SiteFile]:
    """Every file of the folder for single images.

    Raises:
        SiteError: a template is missing.
    """
    templates = find_templates()
    frame = SiteFrame(
        title=f"{explanations.provenance.model_name}: images explained",
        root="",
        description="",
        logo="",
        extra_css="",
        filters=Markup(),
    )
    yield "assets/report.css", (templates / "assets" / "report.css").read_bytes()
    yield "assets/explanations.css", (templates / "explanations.css").read_bytes()
    yield from _render_pages(explanations, EXPLANATION_KINDS, frame, make_environment(None))


def _render_pages(
    context: Context, kinds: Iterable[PageKind[Context]], frame: SiteFrame, environment: Environment
) -> Iterator[SiteFile]:
    """The pages of a site with the files that they show, in the order of the kinds."""
    kinds = [kind for kind in kinds if kind.is_in(context)]
    frame = replace(frame, navigation=make_navigation(kinds))
    for kind in kinds:
        filters = define_filters(kind.colormaps)
        for place, entry in enumerate(kind.list_pages(context)):
            page_frame = replace(frame, root=root_url(entry.path), description=entry.description, filters=filters)
            page, files = kind.build(context, page_frame, place)
            yield from files
            yield entry.path, render_page(environment, kind.template, page)


def _alternate(first: Iterable[SiteFile], second: Iterable[SiteFile]) -> Iterator[SiteFile]:
    """Alternate between two sequences, then continue with the longer one."""
    return (file for file in chain.from_iterable(zip_longest(first, second)) if file is not None)


def _list_styles(context: ReportContext) -> Iterator[str]:
    """The style sheets that only some reports need."""
    if not all(map(_is_usual, context.runs)):
        yield VARIANTS_CSS_PATH
    if any(run.findings.annotations is not None for run in context.runs):
        yield ANNOTATIONS_CSS_PATH


def _is_usual(run: RunContext) -> bool:
    """Whether a run has images and maps of each class by one method, so that it needs no additional style sheet."""
    has_all = run.cache.thumbnails is not None and run.maps is not None and not run.grouping
    has_all = has_all and run.findings.faithfulness is None
    return has_all and len(run.methods) == 1 and run.maps is not None and not run.maps.is_class_agnostic


def _render_assets(presentation: Presentation, cache: EvaluationCache) -> Iterator[SiteFile]:
    """The style sheets and scripts, and the addresses of class pages for scripts."""
    own = dict(presentation.branding.files())
    yield from ({f"assets/{name}": content for name, content in presentation.assets.items()} | own).items()
    names = enumerate(zip(cache.shown_names, cache.class_names, strict=True))
    pages = [[shown, class_path(index, name)] for index, (shown, name) in names]
    listing = json.dumps(pages, ensure_ascii=False, separators=(",", ":"))
    yield "assets/classes.js", f"window.reportgenClasses = {listing};\n".encode()
    yield "assets/plotly.min.js", plotly_script()
