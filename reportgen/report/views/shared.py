"""Pieces that several pages share."""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A text that leads somewhere."""

    text: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A headline number: its name, its value, and how sure it is."""

    name: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprite:
    """Many small pictures in one file, defined once on a page.

    Attributes:
        name: the id under which crops refer to it.
        url: the file.
        width: its width in pixels.
        height: its height.
    """

    name: str
    url: str
    width: str
    height: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """One cell of a sprite.

    Attributes:
        sprite: the sprite's name.
        view_box: the cell's place in it, as SVG wants it.
        strength: what a map's grey is multiplied by on the pair's common scale, in [0, 1]; 1 for a photo.
        is_stretched: whether the cell has other proportions than the photo that it has to cover.
    """

    sprite: str
    view_box: str
    strength: str
    is_stretched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture of an example.

    Attributes:
        kind: `photo`, `overlay` (a map over the photo), `map` (the map alone) or `blank` (no cell supports the class,
            or there is no map).
        title: what it shows.
        detail: a number about it.
        alt: the picture in words.
        photo: the photo; absent from a map alone, and where images are not known.
        evidence: the map; absent from a photo and where it is blank.
        difference: predicted - true, beside the map alone of a mistake.
    """

    kind: str
    title: str
    detail: str
    alt: str
    photo: Crop | None
    evidence: Crop | None
    difference: Crop | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleCard:
    """One example with its pictures.

    Attributes:
        is_correct: whether the prediction is right.
        predicted: the predicted class.
        true: the true class.
        confidence: the prediction's probability.
        verdict: the rest of the sentence that begins with the predicted class.
        example_id: the example's name in the data, leading to its detail view.
        panels: photo, overlays and map alone, as far as there are any.
    """

    is_correct: bool
    predicted: Link
    true: Link
    confidence: str
    verdict: str
    example_id: Link
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardGroup:
    """Examples that belong together.

    Attributes:
        anchor: the group's fragment on its page.
        title: what they have in common.
        note: how they were chosen, and how many there are.
        cards: the examples; empty where there is none.
        empty_text: what is said then.
    """

    anchor: str
    title: str
    note: str
    cards: tuple[ExampleCard, ...]
    empty_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanMapFigure:
    """A mean map over a group of examples; no picture where the group is empty."""

    title: str
    detail: str
    alt: str
    picture: Crop | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLegend:
    """What the shades of a page's maps mean: both ends in words, and a sentence on scale and unit."""

    low: str
    high: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLayerChoice:
    """One of the things that a gallery image may show: as the script knows it, and in words.

    It is disabled where the method that the page starts with does not have it.
    """

    value: str
    text: str
    is_disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodChoice:
    """One of the methods of the page's maps: as the script knows it, and in words."""

    value: str
    text: str
    is_class_agnostic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MapControls:
    """What a reader may choose about a page's maps, besides colours and scale.

    Attributes:
        layers: what a gallery image shows.
        methods: by which method, the one that the page starts with first; empty where there is one only.
        legend: what the shades mean at first.
        has_differences: whether differences of maps can be shown.
        has_photos: whether the maps lie over photos.
    """

    layers: tuple[MapLayerChoice, ...]
    methods: tuple[MethodChoice, ...]
    legend: MapLegend
    has_differences: bool
    has_photos: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLayers:
    """The pictures of one image of the gallery.

    Attributes:
        layers: the pictures from the lowest, each with what it is in the style sheet's words: `photo`; `evidence t` for
            the map of the true class, `evidence p` for that of the predicted one, `evidence t p` where both are the
            same; `evidence` where it stands for every class; `evidence difference` for predicted - true.
        true_peak: largest evidence for the true class; empty where there is no map.
        predicted_peak: likewise for the predicted class.
    """

    layers: tuple[tuple[str, Crop], ...]
    true_peak: str
    predicted_peak: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodParts:
    """What a page shows by a method other than the one it starts with, in the order in which it stands on the page.

    Attributes:
        value: the method, as its choice calls it.
        sprites: its pictures.
        legend: what the shades mean.
        means: the mean maps.
        means_note: why there are none; else empty.
        panels: of each card, without its photo.
        items: of each image of the gallery, without its photo.
    """

    value: str
    sprites: tuple[Sprite, ...]
    legend: MapLegend
    means: tuple[MeanMapFigure, ...]
    means_note: str
    panels: tuple[tuple[Panel, ...], ...]
    items: tuple[ItemLayers, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A number in a sortable table: as text, and as the number that it sorts by where that is not in the text."""

    text: str
    sort_value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFrame:
    """What every page of a site shares.

    Attributes:
        title: the report's name, in the bar of every page.
        root: what leads from the page to the site's root: empty, or `../`.
        description: the page in one sentence.
        logo: the user's picture for the bar, from the site's root; empty where there is none.
        extra_css: the user's style sheet, likewise.
        filters: what colours the page's grey pictures.
        styles: style sheets that only some reports need, likewise.
        navigation: the links in the bar, likewise.
    """

    title: str
    root: str
    description: str
    logo: str
    extra_css: str
    filters: Markup
    styles: tuple[str, ...] = ()
    navigation: tuple[Link, ...] = ()
