"""The page over single images that were explained."""

from dataclasses import dataclass

from markupsafe import Markup

from reportgen.report.views.shared import Link, SiteFrame, Sprite


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture in a file of its own.

    Attributes:
        url: the file.
        width: in pixels.
        height: in pixels.
        alt: the picture in words.
    """

    url: str
    width: str
    height: str
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelyClass:
    """One of an image's likeliest classes.

    Attributes:
        name: the class.
        probability: as text.
    """

    name: str
    probability: str
    bar: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedMap:
    """One map of an image: over the photo, and alone.

    Attributes:
        title: the class that it explains, and the method.
        detail: its peak.
        agreement: how it agrees with what people marked; empty where nothing is known.
        overlay: the map over the photo; the photo alone where the map is blank.
        heatmap: the map alone.
    """

    title: str
    detail: str
    agreement: str
    overlay: Picture
    heatmap: Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSection:
    """One image.

    Attributes:
        anchor: the id of its section.
        name: its file's name.
        verdict: what the network says of it.
        photo: what the network saw.
        size: of what the network saw, in words.
        classes: the likeliest, falling.
        maps: of the classes asked for, by each method.
        metadata: the file that holds all of it as JSON.
    """

    anchor: str
    name: str
    verdict: str
    photo: Picture
    size: str
    classes: tuple[LikelyClass, ...]
    maps: tuple[ExplainedMap, ...]
    metadata: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An image that could not be explained, and what to do about it."""

    name: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationsPage:
    """Single images explained.

    Attributes:
        frame: what every page has.
        sprites: none; the base template asks for them.
        title: the page's headline.
        lead: what a reader has to know about the maps.
        images: one section each.
        failures: what could not be read.
        facts: names and values of what identifies the run.
        warnings: what a reader has to know, as sentences.
    """

    frame: SiteFrame
    sprites: tuple[Sprite, ...]
    title: str
    lead: str
    images: tuple[ImageSection, ...]
    failures: tuple[Failure, ...]
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
