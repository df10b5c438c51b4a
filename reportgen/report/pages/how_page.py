"""The parts of the definitions page that depend on the report; the rest of its text is in the template."""

from reportgen.analysis.calibration import NUM_BINS
from reportgen.analysis.selection import HIGH_CONFIDENCE
from reportgen.methods import LOGIT_UNITS
from reportgen.report.pages.context import ReportContext, RunContext
from reportgen.report.pages.map_set import MapSet
from reportgen.report.pages.page_kind import NavigationItem, PageEntry, PageKind
from reportgen.report.urls import HOW_PATH
from reportgen.report.views.how_view import ExplainedMethod, HowPage, MapsText
from reportgen.report.views.shared import SiteFrame
from reportgen.report.words.run_facts import check_sentences, coverage_text
from reportgen.report.words.text import list_text, number_text, percent_text


def make_how_page(context: RunContext, frame: SiteFrame) -> HowPage:
    """The page for this report's layers, methods and grids."""
    cache = context.cache
    return HowPage(
        frame=frame,
        sprites=(),
        missing=context.missing_note,
        maps=_maps_text(context),
        num_bins=str(NUM_BINS),
        sure=percent_text(HIGH_CONFIDENCE, digits=0),
        has_superclasses=cache.superclasses is not None,
        has_slices=bool(context.findings.slices),
        has_faithfulness=context.findings.faithfulness is not None,
        iou_threshold=""
        if context.findings.annotations is None
        else number_text(context.findings.annotations.iou_threshold, digits=2),
        checks=check_sentences(cache),
        warnings=cache.provenance.warnings,
    )


def _maps_text(context: RunContext) -> MapsText | None:
    """The description of this report's maps; `None` without maps."""
    if context.maps is None:
        return None
    in_logits = [maps.words.title for maps in context.methods if maps.words.unit == LOGIT_UNITS]
    others = [maps.words.title for maps in context.methods if maps.words.unit != LOGIT_UNITS]
    signed = [maps.words.title for maps in context.methods if maps.words.is_signed]
    return MapsText(
        layer=context.cache.provenance.target_layer,
        methods=tuple(_explain(context, maps) for maps in context.methods),
        units=_units_text(in_logits, others),
        is_signed=bool(signed),
        has_classes=any(not maps.is_class_agnostic for maps in context.methods),
        has_agnostic=any(maps.is_class_agnostic for maps in context.methods),
        legend=context.maps.legend("Low evidence is transparent"),
    )


def _explain(context: RunContext, maps: MapSet) -> ExplainedMethod:
    words, (height, width) = maps.words, maps.grid
    input_height, input_width = context.cache.provenance.input_size
    cell = (
        f"one covers {input_width / width:.3g}×{input_height / height:.3g} pixels of the"
        f" {input_width}×{input_height} input"
        if input_height and input_width
        else ""
    )
    return ExplainedMethod(
        name=words.title,
        formula=f"{words.formula} ({words.paper})" if words.paper else words.formula,
        grid=f"{width}×{height}",
        cell_size=cell,
        covered=coverage_text(context.cache, maps.cam),
    )


def _units_text(in_logits: list[str], others: list[str]) -> str:
    """`in units of the logit`, and which methods have units of their own."""
    if not others:
        return f"in {LOGIT_UNITS}"
    own = "in arbitrary units, comparable within a method only"
    return f"in {LOGIT_UNITS} by {list_text(in_logits)}, {own} by {list_text(others)}" if in_logits else own


HOW_PAGES: PageKind[ReportContext] = PageKind(
    name="how to read",
    template="how-to-read.html.j2",
    record=HowPage,
    list_pages=lambda _: (
        PageEntry(path=HOW_PATH, description="Definitions of all numbers, and what maps show and do not show"),
    ),
    build=lambda context, frame, _: (make_how_page(context.run, frame), ()),
    navigation=(NavigationItem(place=8, text="Guide", url=HOW_PATH),),
)
