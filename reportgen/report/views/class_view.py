"""The page of one class."""

from dataclasses import dataclass

from markupsafe import Markup

from reportgen.report.views.annotation_view import AnnotationPanel
from reportgen.report.views.shared import (
    CardGroup,
    Fact,
    ItemLayers,
    Link,
    MapControls,
    MeanMapFigure,
    MethodParts,
    SiteFrame,
    Sprite,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryItem:
    """One image in the gallery of its class.

    Attributes:
        number: the example's position in the test set; `e` + number is its fragment.
        is_correct: whether the prediction is right.
        name: its name in the data, where there is no picture to show.
        label: what the model said of it.
        caption: the predicted class of a mistake, else nothing.
        anchor: on the first image that is predicted as a class, the fragment of the links that filter by it, so that
            they lead here without scripts too; else nothing.
        confidence: the prediction's probability.
        confidence_value: the same as a number, to filter by.
        predicted_value: the predicted class's index, to filter by.
        column_values: places of its values among those of the page's filters, in the filters' order.
        pictures: its pictures.
    """

    number: str
    is_correct: bool
    name: str
    label: str
    caption: str
    anchor: str
    confidence: str
    confidence_value: str
    predicted_value: str
    column_values: str
    pictures: ItemLayers


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDetail:
    """What the detail view of an image tells besides its pictures.

    Attributes:
        number: the example's position in the test set.
        example_id: its name in the data.
        top: class index and probability of the likeliest classes.
        true_peak: largest evidence for the true class; empty without maps.
        predicted_peak: likewise for the predicted class.
        reasons: why the image deserves a look, besides its rank, which the gallery's order tells.
        columns: names and values of what else the data says of it.
    """

    number: str
    example_id: str
    top: tuple[tuple[int, str], ...]
    true_peak: str
    predicted_peak: str
    reasons: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFilter:
    """A column of the data to filter by.

    Attributes:
        field: its name in the page's address.
        name: the column's name.
        values: place and text of its values, over the whole test set.
    """

    field: str
    name: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """The images of a class.

    Attributes:
        note: how many of how many, and in which order.
        num_right: number of the class's right answers.
        num_wrong: number of its mistakes.
        items: the images.
        details: what each one's detail view tells.
        predicted_names: index and name of the classes that they are predicted as.
        filters: the columns to filter by.
        has_pictures: whether any image has a photo or a map to show.
    """

    note: str
    num_right: str
    num_wrong: str
    items: tuple[GalleryItem, ...]
    details: tuple[ImageDetail, ...]
    predicted_names: tuple[tuple[str, str], ...]
    filters: tuple[ColumnFilter, ...]
    has_pictures: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRow:
    """A class that another is mistaken for, with a bar.

    Attributes:
        link: the other class.
        count: number of examples.
        images: the count in words, leading to the gallery that shows them; `None` where it shows none of them.
        share: the count as a share, with its interval.
    """

    link: Link
    count: str
    images: Link | None
    share: str
    bar: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class CountTable:
    """The classes that another is mistaken for.

    Attributes:
        rows: the most frequent ones.
        rest: the others.
        rest_note: what the others have in common.
    """

    rows: tuple[CountRow, ...]
    rest: tuple[Link, ...]
    rest_note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPage:
    """One class: its numbers, what it is mistaken for, and its examples.

    `maps` is `None` and `means` empty without maps, `figure` is `None` where there is no picture to take away, and
    `missing` says what the report lacks.
    """

    frame: SiteFrame
    sprites: tuple[Sprite, ...]
    name: str
    position: str
    superclass: str
    previous: Link
    following: Link
    facts: tuple[Fact, ...]
    mistaken_for: CountTable
    mistaken_by: CountTable
    mistaken_for_note: str
    mistaken_by_note: str
    confidence: Markup
    means: tuple[MeanMapFigure, ...]
    groups: tuple[CardGroup, ...]
    gallery: Gallery
    annotations: AnnotationPanel | None
    missing: str
    maps: MapControls | None
    methods: tuple[MethodParts, ...]
    figure: Link | None
