"""What people marked in the pictures beside what the maps mark: on the first page, and on the page of each class."""

from dataclasses import dataclass

from markupsafe import Markup

from reportgen.report.views.shared import Crop, Link


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
    sweep: Markup


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
        outline: the edge of the annotation, to lie over the picture; empty where it is not drawn.
    """

    kind: str
    title: str
    detail: str
    alt: str
    photo: Crop | None
    evidence: Crop | None
    outline: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedCard:
    """An annotated image with its maps.

    Attributes:
        is_correct: whether the prediction is right.
        title: why it is shown.
        link: the image's name in the data, leading to its detail view.
        outline_definition: the edge of its annotation, which the panels refer to.
        panels: photo, annotation, map and overlays.
    """

    is_correct: bool
    title: str
    link: Link
    outline_definition: Markup
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
