"""What is this report's own on the page that defines every number; the rest of its text is the template's."""

from reportgen.analysis.calibration import NUM_BINS
from reportgen.analysis.selection import HIGH_CONFIDENCE
from reportgen.report.pages.context import ReportContext
from reportgen.report.views.how_view import HowPage
from reportgen.report.views.shared import SiteFrame
from reportgen.report.words.run_facts import METHOD_NAMES, check_sentences
from reportgen.report.words.text import percent_text

METHOD_FORMULAS = {
    "gradcam": "each channel is weighted by the mean gradient of the class’s logit over the layer’s locations, and the"
    " weighted channels are summed (Selvaraju et al. 2017)",
}


def make_how_page(context: ReportContext, frame: SiteFrame) -> HowPage:
    """The page for this report's layer, method and grid."""
    cache, (height, width) = context.cache, context.maps.grid
    input_height, input_width = cache.provenance.input_size
    return HowPage(
        frame=frame,
        sprites=(),
        method=METHOD_NAMES[context.maps.method],
        layer=cache.provenance.target_layer,
        formula=METHOD_FORMULAS[context.maps.method],
        grid=f"{width}×{height}",
        cell_size=f"one covers {input_width / width:.3g}×{input_height / height:.3g} of the"
        f" {input_width}×{input_height} pixels that the model sees",
        num_bins=str(NUM_BINS),
        sure=percent_text(HIGH_CONFIDENCE, digits=0),
        has_superclasses=cache.superclasses is not None,
        checks=check_sentences(cache),
        warnings=cache.provenance.warnings,
    )
