"""Single images that were explained -> (path, bytes): their pictures, their metadata and one page over them."""

from collections.abc import Iterator

from reportgen.explanation import Explanations
from reportgen.report.pages.explanations_page import make_explanations_page
from reportgen.report.templating import find_templates, make_environment, render_page
from reportgen.report.urls import INDEX_PATH
from reportgen.report.views.shared import SiteFrame


def render_explanations(explanations: Explanations) -> Iterator[tuple[str, bytes]]:
    """Every file of the folder as relative POSIX path and content.

    Raises:
        SiteError: a template is missing.
    """
    templates = find_templates()
    frame = SiteFrame(
        title=f"{explanations.provenance.model_name}: images explained",
        root="",
        description="What the network says of each image, and where it finds evidence",
        logo="",
        extra_css="",
        filters=(),
    )
    page, files = make_explanations_page(explanations, frame)
    yield "assets/report.css", (templates / "assets" / "report.css").read_bytes()
    yield "assets/explanations.css", (templates / "explanations.css").read_bytes()
    yield from files
    yield INDEX_PATH, render_page(make_environment(None), "explanations.html.j2", page)
