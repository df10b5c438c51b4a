"""The first page, with its diagrams and tables."""

from dataclasses import dataclass

from markupsafe import Markup

from reportgen.report.pictures.svg import CaptionedPicture
from reportgen.report.views.annotation_view import AnnotationSummary
from reportgen.report.views.faithfulness_view import FaithfulnessSection
from reportgen.report.views.shared import CardGroup, Cell, Crop, Fact, Link, MapLegend, SiteFrame, Sprite
from reportgen.report.words.notices import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixChoice:
    """One value of a choice that the reader has: as the script knows it, and in words."""

    value: str
    text: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMatrix:
    """The confusion matrix of all classes.

    Attributes:
        note: what a matrix shows.
        picture: what is seen without scripts, and on paper.
        picture_note: how the picture's rows and columns are ordered.
        scale: the marks below the picture's color scale.
        has_errors: whether any cell off the diagonal has a count.
        levels: classes or superclasses; empty where these are not known.
        orders: how rows and columns may be ordered.
    """

    note: str
    picture: Markup
    picture_note: str
    scale: Markup
    has_errors: bool
    levels: tuple[MatrixChoice, ...]
    orders: tuple[MatrixChoice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingItem:
    """A rule's finding as a paragraph, with its evidence and where to look."""

    anchor: str
    headline: str
    advice: str
    evidence: str
    details: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """A confused pair in the table.

    Attributes:
        true: the true class.
        predicted: the class it was taken for.
        true_photo: the surest mistake of the pair; `None` where images are not known.
        predicted_photo: the surest right example of the class it was taken for; `None` where there is none.
        true_alt: the first picture in words.
        predicted_alt: the second picture in words.
        count: number of examples.
        share: the count as a share of the true class.
        interval: its interval.
        reverse: the other way: count and share.
        page: the pair's own page.
        relation: `same superclass`, `other superclass`, or nothing where superclasses are not known.
    """

    true: Link
    predicted: Link
    true_photo: Crop | None
    predicted_photo: Crop | None
    true_alt: str
    predicted_alt: str
    count: str
    share: str
    interval: str
    reverse: str
    relation: str
    page: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusRow:
    """One statistic of the predicted class's maps, with intervals; what a uniform map would give stands last."""

    name: str
    right: str
    wrong: str
    difference: str
    uniform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusSection:
    """Where the model looks: what the means are over, the means, and what else is known of the maps."""

    note: str
    rows: tuple[FocusRow, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRow:
    """The examples that share a value of a column; `standing` says where they differ by more than chance explains."""

    value: str
    count: str
    accuracy: Cell
    interval: str
    bar: Markup
    standing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceTable:
    """Accuracy by one column of the data."""

    anchor: str
    name: str
    rows: tuple[SliceRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRow:
    """How much may be answered to be as right as asked; a dash where no threshold does it."""

    target: str
    threshold: str
    coverage: str
    coverage_interval: str
    coverage_bar: Markup
    accuracy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """A class in the table of all classes."""

    link: Link
    superclass: str
    support: str
    recall: Cell
    recall_interval: str
    recall_bar: Markup
    precision: Cell
    f1: Cell
    confidence: Cell
    most_mistaken_for: Link | None
    most_mistaken_count: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperclassRow:
    """A superclass in its table."""

    name: str
    support: str
    recall: Cell
    interval: str
    recall_bar: Markup
    inside: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperclassSummary:
    """The mistakes seen through the superclasses."""

    sentence: str
    rows: tuple[SuperclassRow, ...]
    matrix: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPage:
    """The page that answers: how good, how sure, what is wrong, where to look next.

    `notes` is a reviewer's text as HTML, safe as it stands; `None` where there is none. So are `focus` and `legend`
    without maps, and `faithfulness` where those were not tested; `missing` says what the report lacks, and
    `single_file_note` what a single file leaves out of it.
    """

    frame: SiteFrame
    sprites: tuple[Sprite, ...]
    headline: str
    summary: str
    notes: Markup | None
    facts: tuple[Fact, ...]
    strip: CaptionedPicture
    findings: tuple[FindingItem, ...]
    unfired: tuple[FindingItem, ...]
    findings_note: str
    matrix: ClassMatrix
    pairs: tuple[PairRow, ...]
    pairs_note: str
    superclasses: SuperclassSummary | None
    calibration: Markup
    calibration_facts: tuple[Fact, ...]
    calibration_sentence: str
    coverage: tuple[CoverageRow, ...]
    coverage_note: str
    slices: tuple[SliceTable, ...]
    focus: FocusSection | None
    faithfulness: FaithfulnessSection | None
    missing: str
    single_file_note: str
    legend: MapLegend | None
    annotations: AnnotationSummary | None
    confident_errors: CardGroup
    issues: Link | None
    rows: tuple[ClassRow, ...]
    equal_support: str
    metrics: tuple[Fact, ...]
    run_facts: tuple[tuple[str, str], ...]
    checks: tuple[str, ...]
    notices: tuple[Notice, ...]
    downloads: tuple[Link, ...]
