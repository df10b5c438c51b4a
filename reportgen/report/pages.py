"""What a template sees: text and relative URLs, nothing to compute.

Every record is built by the module of its page; the templates' contract is written down in `templates/README.md`.
"""

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
        kind: `photo`, `overlay` (a map over the photo), `map` (the map alone) or `blank` (no cell supports the class).
        title: what it shows.
        detail: a number about it.
        alt: the picture in words.
        photo: the photo; absent from a map alone.
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
        panels: photo, overlays and map alone.
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
class GalleryItem:
    """One image in the gallery of its class.

    Attributes:
        number: the example's position in the test set; `e` + number is its fragment.
        is_correct: whether the prediction is right.
        label: what it is and what a click does.
        caption: the predicted class of a mistake, else nothing.
        confidence: the prediction's probability.
        confidence_value: the same as a number, to filter by.
        predicted_value: the predicted class's index, to filter by.
        photo: the photo.
        true_map: the map of the true class; `None` where it is blank.
        predicted_map: the map of a mistake's predicted class; a right answer's is the map of the true class.
        difference: predicted - true, of a mistake.
    """

    number: str
    is_correct: bool
    label: str
    caption: str
    confidence: str
    confidence_value: str
    predicted_value: str
    photo: Crop
    true_map: Crop | None
    predicted_map: Crop | None
    difference: Crop | None


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
class StripDot:
    """One class in the strip of all classes; coordinates in the strip's units."""

    url: str
    title: str
    x: str
    y: str
    low_y: str
    high_y: str
    is_below: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisTick:
    """A mark on an axis: its place in the diagram's units and its text."""

    position: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassStrip:
    """The recall of all classes, best to worst.

    Attributes:
        title: what the diagram shows.
        alt: the diagram in words.
        width: width in the diagram's units.
        height: height.
        left: left edge of the plot.
        right: right edge of the plot.
        band_y: upper edge of the band that chance alone would give.
        band_height: its height.
        band_text: what the band means.
        ticks: marks of the recall axis.
        dots: one a class.
        best: label of the best class.
        worst: label of the worst class.
    """

    title: str
    alt: str
    width: str
    height: str
    left: str
    right: str
    band_y: str
    band_height: str
    band_text: str
    ticks: tuple[AxisTick, ...]
    dots: tuple[StripDot, ...]
    best: str
    worst: str


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
class ReliabilityDot:
    """One bin of the reliability diagram; coordinates in the diagram's units."""

    title: str
    x: str
    y: str
    low_y: str
    high_y: str
    bar_x: str
    bar_y: str
    bar_width: str
    bar_height: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityDiagram:
    """Accuracy over confidence, with the number of examples below. All coordinates in the diagram's units."""

    alt: str
    width: str
    height: str
    left: str
    right: str
    top: str
    bottom: str
    x_ticks: tuple[AxisTick, ...]
    y_ticks: tuple[AxisTick, ...]
    dots: tuple[ReliabilityDot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixName:
    """A name beside the rows of a matrix picture: its text, and its height in per cent of the picture."""

    text: str
    y: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixPicture:
    """A confusion matrix as one grey picture with a pixel per cell, and the frame around it.

    The paths are in units of a row; the bars' lengths in per cent.

    Attributes:
        url: the grey picture, to be coloured by the page.
        alt: the matrix in words.
        size: number of rows and columns.
        is_large: whether it has more rows than pixels on most screens, so that it is scaled smoothly.
        names: names of superclasses, or of single classes where there are few.
        names_width: room for the names in pixels.
        brackets: path `d` of a line along each superclass's rows, in a box of width 1.
        outlines: path `d` of the superclasses' squares.
        bars: path `d` of the recall of each row, to be stroked, in a box of width 100.
        ticks: marks of the colour scale: position in per cent, and count.
    """

    url: str
    alt: str
    size: str
    is_large: bool
    names: tuple[MatrixName, ...]
    names_width: str
    brackets: str
    outlines: str
    bars: str
    ticks: tuple[AxisTick, ...]


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
        levels: classes or superclasses; empty where these are not known.
        orders: how rows and columns may be ordered.
    """

    note: str
    picture: MatrixPicture
    picture_note: str
    levels: tuple[MatrixChoice, ...]
    orders: tuple[MatrixChoice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingItem:
    """A rule's finding as a paragraph, with its evidence and where to look."""

    anchor: str
    headline: str
    advice: str
    evidence: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """A confused pair in the table.

    Attributes:
        true: the true class.
        predicted: the class it was taken for.
        true_photo: the surest mistake of the pair.
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
    true_photo: Crop
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
class Cell:
    """A number in a sortable table: as text, and as the number that it sorts by where that is not in the text."""

    text: str
    sort_value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionRow:
    """One statistic of the predicted class's maps, with intervals; what a uniform map would give stands last."""

    name: str
    right: str
    wrong: str
    difference: str
    uniform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionSection:
    """Where the model looks."""

    rows: tuple[AttentionRow, ...]
    overlap: str
    blank: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRow:
    """How much may be answered to be as right as asked; a dash where no threshold does it."""

    target: str
    threshold: str
    coverage: str
    coverage_interval: str
    coverage_bar: str
    accuracy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """A class in the table of all classes."""

    link: Link
    superclass: str
    support: str
    recall: Cell
    recall_interval: str
    recall_bar: str
    precision: Cell
    f1: Cell
    confidence: Cell
    most_mistaken_for: Link | None
    most_mistaken_count: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperclassRow:
    """A superclass in its table."""

    name: str
    num_classes: str
    support: str
    recall: Cell
    interval: str
    recall_bar: str
    inside: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperclassSummary:
    """The mistakes seen through the superclasses."""

    sentence: str
    rows: tuple[SuperclassRow, ...]
    matrix: MatrixPicture


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
    """

    title: str
    root: str
    description: str
    logo: str
    extra_css: str
    filters: tuple["FilterSpec", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSpec:
    """An SVG filter that turns grey into colour.

    Attributes:
        name: the filter's id.
        red: `tableValues` of the red channel.
        green: of the green channel.
        blue: of the blue channel.
        opacity: of the alpha channel.
    """

    name: str
    red: str
    green: str
    blue: str
    opacity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPage:
    """The page that answers: how good, how sure, what is wrong, where to look next.

    `notes` is a reviewer's text as HTML, safe as it stands; `None` where there is none.
    """

    frame: SiteFrame
    sprites: tuple[Sprite, ...]
    headline: str
    summary: str
    notes: Markup | None
    facts: tuple[Fact, ...]
    strip: ClassStrip
    findings: tuple[FindingItem, ...]
    unfired: tuple[FindingItem, ...]
    findings_note: str
    matrix: ClassMatrix
    pairs: tuple[PairRow, ...]
    pairs_note: str
    superclasses: SuperclassSummary | None
    calibration: ReliabilityDiagram
    calibration_facts: tuple[Fact, ...]
    calibration_sentence: str
    coverage: tuple[CoverageRow, ...]
    coverage_note: str
    attention: AttentionSection
    confident_errors: CardGroup
    suspects: Link | None
    rows: tuple[ClassRow, ...]
    equal_support: str
    metrics: tuple[Fact, ...]
    run_facts: tuple[tuple[str, str], ...]
    checks: tuple[str, ...]
    warnings: tuple[str, ...]
    downloads: tuple[Link, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class HowPage:
    """How to read the report: its maps, its numbers, its checks."""

    frame: SiteFrame
    sprites: tuple[Sprite, ...]
    method: str
    layer: str
    formula: str
    grid: str
    cell_size: str
    num_bins: str
    sure: str
    has_superclasses: bool
    checks: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectCard:
    """A label that deserves a second look; probabilities are those after temperature scaling."""

    card: ExampleCard
    given: Link
    suggested: Link
    given_probability: str
    suggested_probability: str
    margin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectsPage:
    """The labels that deserve a second look, and how much to expect of the list."""

    frame: SiteFrame
    sprites: tuple[Sprite, ...]
    headline: str
    temperature: str
    expectation: str
    note: str
    cards: tuple[SuspectCard, ...]
    table: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPage:
    """Two classes that are taken for each other.

    Attributes:
        frame: what the page shares with all others.
        sprites: its pictures.
        true: the true class of the more frequent direction.
        predicted: what it is taken for.
        position: the pair's place among all that have a page.
        previous: the pair before it.
        following: the pair after it.
        verdict: what most of the mistakes have in common.
        evidence: what that rests on.
        advice: what it suggests.
        facts: both directions, and how far the maps overlap beside two baselines.
        means: mean maps of both directions.
        groups: the examples of both directions.
        grid_note: the grid and how it is scaled.
    """

    frame: SiteFrame
    sprites: tuple[Sprite, ...]
    true: Link
    predicted: Link
    position: str
    previous: Link
    following: Link
    verdict: str
    evidence: str
    advice: str
    facts: tuple[Fact, ...]
    means: tuple[MeanMapFigure, ...]
    groups: tuple[CardGroup, ...]
    grid_note: str
