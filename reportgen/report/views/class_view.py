"""The page of one class."""

from dataclasses import dataclass

from reportgen.report.views.shared import AxisTick, CardGroup, Crop, Fact, Link, MeanMapFigure, SiteFrame, Sprite


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryItem:
    """One image in the gallery of its class.

    Attributes:
        number: the example's position in the test set; `e` + number is its fragment.
        is_correct: whether the prediction is right.
        label: what the model said of it.
        caption: the predicted class of a mistake, else nothing.
        confidence: the prediction's probability.
        confidence_value: the same as a number, to filter by.
        predicted_value: the predicted class's index, to filter by.
        layers: its pictures from the lowest, each with what it is in the style sheet's words: `photo`; `evidence t` for
            the map of the true class, `evidence p` for that of the predicted one, `evidence t p` where both are the
            same; `evidence difference` for predicted - true.
    """

    number: str
    is_correct: bool
    label: str
    caption: str
    confidence: str
    confidence_value: str
    predicted_value: str
    layers: tuple[tuple[str, Crop], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDetail:
    """What the detail view of an image tells besides its pictures.

    Attributes:
        number: the example's position in the test set.
        example_id: its name in the data.
        top: class index and probability of the likeliest classes.
        true_peak: largest evidence for the true class, in units of the logit.
        predicted_peak: likewise for the predicted class.
        reasons: why the image is listed where it is.
    """

    number: str
    example_id: str
    top: tuple[tuple[int, str], ...]
    true_peak: str
    predicted_peak: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """The images of a class.

    Attributes:
        note: how many of how many, and in which order.
        items: the images.
        details: what each one's detail view tells.
        predicted_names: index and name of the classes that they are predicted as.
    """

    note: str
    items: tuple[GalleryItem, ...]
    details: tuple[ImageDetail, ...]
    predicted_names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRow:
    """A class that another is mistaken for, with a bar.

    Attributes:
        link: the other class.
        count: number of examples.
        share: the count as a share, with its interval.
        bar_width: length of the bar in hundredths of the longest.
    """

    link: Link
    count: str
    share: str
    bar_width: str


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
class ConfidenceBar:
    """The images of a class in one interval of confidence; coordinates in the histogram's units."""

    title: str
    x: str
    width: str
    right_y: str
    right_height: str
    wrong_y: str
    wrong_height: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceHistogram:
    """How sure the model is of a class's images, right answers below, mistakes on top of them."""

    alt: str
    width: str
    height: str
    bottom: str
    ticks: tuple[AxisTick, ...]
    most: AxisTick
    bars: tuple[ConfidenceBar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPage:
    """One class: its numbers, what it is mistaken for, and its examples."""

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
    confidence: ConfidenceHistogram
    means: tuple[MeanMapFigure, ...]
    groups: tuple[CardGroup, ...]
    gallery: Gallery
    grid_note: str
    figure: Link
