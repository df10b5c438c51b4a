"""What people marked in the pictures beside what the maps mark: on the first page, and on the page of each class."""

from dataclasses import dataclass

from reportgen.report.views.shared import AxisTick, Crop, Link


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRow:
    """One measure of agreement: its name, and its means with their intervals, one for each heading."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureTable:
    """The measures of agreement over groups of images.

    Attributes:
        headings: whose agreement each column tells.
        rows: the measures.
    """

    headings: tuple[str, ...]
    rows: tuple[MeasureRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepLine:
    """The mean IoU over all thresholds.

    Attributes:
        kind: whose it is, as the style sheet calls it: `true`, `predicted` or `blob`.
        path: path `d` of the line.
        text: whose it is, in words.
        x: place of the words in the diagram's units.
        y: likewise.
    """

    kind: str
    path: str
    text: str
    x: str
    y: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepChart:
    """Mean IoU over the threshold. All coordinates in the diagram's units.

    Attributes:
        alt: the diagram in words.
        width: width.
        height: height.
        left: left edge of the plot.
        right: right edge.
        top: upper edge.
        bottom: lower edge.
        threshold_x: place of the threshold that all other numbers are at.
        x_ticks: marks of the thresholds.
        y_ticks: marks of the IoU.
        lines: the lines.
    """

    alt: str
    width: str
    height: str
    left: str
    right: str
    top: str
    bottom: str
    threshold_x: str
    x_ticks: tuple[AxisTick, ...]
    y_ticks: tuple[AxisTick, ...]
    lines: tuple[SweepLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationSummary:
    """How far the maps agree with the annotations, over all annotated images.

    Attributes:
        note: what is annotated, and what is compared.
        table: the means.
        text: what they say.
        sweep: the IoU over its threshold.
    """

    note: str
    table: MeasureTable
    text: str
    sweep: SweepChart


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The edge of what is marked in an image.

    Attributes:
        name: id under which the page's pictures refer to it.
        view_box: the whole picture, as SVG wants it.
        path: path `d` along the marked pixels' edges.
    """

    name: str
    view_box: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedPanel:
    """One picture of an annotated image.

    Attributes:
        kind: `photo`, `overlay` (a map over the photo), `map` (the map alone) or `blank`.
        title: what it shows.
        detail: numbers about it.
        alt: the picture in words.
        photo: the photo; absent from a map alone.
        evidence: the map; absent from a photo, and where it is blank.
        is_outlined: whether the annotation is drawn over it.
    """

    kind: str
    title: str
    detail: str
    alt: str
    photo: Crop | None
    evidence: Crop | None
    is_outlined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedCard:
    """An annotated image with its maps.

    Attributes:
        is_correct: whether the prediction is right.
        title: why it is shown.
        link: the image's name in the data, leading to its detail view.
        outline: what is marked in it.
        panels: photo, annotation, map and overlays.
    """

    is_correct: bool
    title: str
    link: Link
    outline: Outline
    panels: tuple[AnnotatedPanel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationPanel:
    """The annotated images of one class.

    Attributes:
        note: how many there are, and what is compared.
        table: the means over them.
        cards: some of them; none where the page shows none.
        cards_note: which ones.
    """

    note: str
    table: MeasureTable
    cards: tuple[AnnotatedCard, ...]
    cards_note: str
