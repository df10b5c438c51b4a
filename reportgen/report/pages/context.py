"""What every page is built from: the runs that it is about, with what several pages derive from each."""

from dataclasses import dataclass

from markupsafe import Markup

from reportgen.analysis.findings import Findings
from reportgen.cache import EvaluationCache
from reportgen.report.pages.column_filters import GroupingColumn, make_grouping_columns
from reportgen.report.pages.map_set import MapSet, make_map_set
from reportgen.report.urls import class_path, relative_url
from reportgen.report.views.shared import Link
from reportgen.report.words.run_facts import no_maps_text


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class RunContext:
    """One run: a model on a test set.

    Attributes:
        name: what tells the run from others, such as `ResNet-20 on CIFAR-100`.
        methods: the maps by method, the one that pages start with first; empty without maps.
        grouping: the metadata columns of few values.
    """

    name: str
    cache: EvaluationCache
    findings: Findings
    methods: tuple[MapSet, ...]
    grouping: tuple[GroupingColumn, ...]

    @property
    def maps(self) -> MapSet | None:
        """The maps that pages start with; `None` where there are none."""
        return self.methods[0] if self.methods else None

    @property
    def missing_note(self) -> str:
        """What the cache lacks, maps or images, as sentences; empty where it holds both."""
        images = "The cache contains no images; examples are listed by name." if self.cache.thumbnails is None else ""
        return " ".join(filter(None, ("" if self.methods else no_maps_text(self.cache), images)))

    def class_name(self, class_index: int) -> str:
        """The name of a class, as pages show it."""
        return self.cache.shown_names[class_index]

    def file_name(self, class_index: int) -> str:
        """The name of a class, as files are named after it."""
        return self.cache.class_names[class_index]

    def superclass_name(self, class_index: int) -> str:
        """The name of a class's superclass; empty where superclasses are not known."""
        group = self.cache.superclasses
        return "" if group is None else group.names[int(group.superclass_of[class_index])]

    def class_link(self, class_index: int, *, page: str) -> Link:
        """The link from a page to a class page."""
        url = relative_url(class_path(class_index, self.file_name(class_index)), page=page)
        return Link(text=self.class_name(class_index), url=url)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ReportContext:
    """A report on one or several runs.

    Attributes:
        runs: at least one.
        title: the report's title as the user gave it; `None` where it is made from the run.
        notes: a reviewer's text for the first page, as HTML.
    """

    runs: tuple[RunContext, ...]
    title: str | None
    notes: Markup | None

    @property
    def run(self) -> RunContext:
        """The run that a report on a single run is about; the first of several."""
        return self.runs[0]


def make_run_context(cache: EvaluationCache, findings: Findings) -> RunContext:
    """A run as pages need it; they start with the cache's first method."""
    provenance = cache.provenance
    return RunContext(
        name=f"{provenance.model_name} on {provenance.data_name}",
        cache=cache,
        findings=findings,
        methods=tuple(make_map_set(method, cam, cache.num_examples) for method, cam in cache.cams.items()),
        grouping=make_grouping_columns(cache.columns),
    )
