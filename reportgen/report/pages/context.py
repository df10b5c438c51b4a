"""What every page is built from: the cache, the findings, the settings, and what several pages derive from them."""

from dataclasses import dataclass

from reportgen.analysis.findings import Findings
from reportgen.cache import EvaluationCache
from reportgen.report.pages.branding import Branding, load_branding
from reportgen.report.pages.column_filters import GroupingColumn, make_grouping_columns
from reportgen.report.pages.map_set import MapSet, make_map_set
from reportgen.report.urls import class_path, relative_url
from reportgen.report.views.shared import Link
from reportgen.report.words.run_facts import no_maps_text
from reportgen.settings import RenderSettings


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ReportContext:
    """One report in the making.

    Attributes:
        cache: the arrays.
        findings: what was found in them.
        settings: what is shown.
        branding: the user's logo and style sheet.
        methods: the maps by method, the one that pages start with first; empty where there are no maps.
        grouping: what else the test set says of its examples, in few values.
    """

    cache: EvaluationCache
    findings: Findings
    settings: RenderSettings
    branding: Branding
    methods: tuple[MapSet, ...]
    grouping: tuple[GroupingColumn, ...]

    @property
    def maps(self) -> MapSet | None:
        """The maps that pages start with; `None` where there are none."""
        return self.methods[0] if self.methods else None

    @property
    def missing_note(self) -> str:
        """What the cache lacks, maps or images, as sentences; empty where it holds both."""
        images = "No images were given: examples are listed by their names." if self.cache.thumbnails is None else ""
        return " ".join(filter(None, ("" if self.methods else no_maps_text(self.cache), images)))

    def class_name(self, class_index: int) -> str:
        """The name of a class."""
        return self.cache.class_names[class_index]

    def superclass_name(self, class_index: int) -> str:
        """The name of a class's superclass; empty where superclasses are not known."""
        group = self.cache.superclasses
        return "" if group is None else group.names[int(group.superclass_of[class_index])]

    def class_link(self, class_index: int, *, page: str) -> Link:
        """The link from a page to a class page."""
        name = self.class_name(class_index)
        return Link(text=name, url=relative_url(class_path(class_index, name), page=page))


def make_context(cache: EvaluationCache, findings: Findings, settings: RenderSettings) -> ReportContext:
    """The context of a report; its pages start with the cache's first CAM method.

    Raises:
        SettingsError: the logo or the style sheet cannot be used.
    """
    return ReportContext(
        cache=cache,
        findings=findings,
        settings=settings,
        branding=load_branding(settings),
        methods=tuple(make_map_set(method, cam, cache.num_examples) for method, cam in cache.cams.items()),
        grouping=make_grouping_columns(cache.columns),
    )
