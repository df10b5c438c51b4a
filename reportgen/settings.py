"""All settings, as frozen values that are checked once. Nothing here opens a file."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from reportgen.errors import SettingsError, setting
from reportgen.methods import METHODS, find_method
from reportgen.output_reading import OUTPUT_KINDS

AGGREGATES = ("mean", "max", "weighted")
HEAD_FUSIONS = ("mean", "max", "min")
PRECISIONS = ("fp32", "bf16")
BAD_IMAGE_ACTIONS = ("error", "skip")
WINDOWS = ("auto", "full")
OUTPUTS = ("auto", *OUTPUT_KINDS)

DEFAULT_CACHE_PATH = Path("cache.npz")
MAX_SIDE = 16_384
"""Pixels to which an image can be resized: beyond that, a single one takes gigabytes."""
MAX_WORKERS = 1_024
DEFAULT_SITE_PATH = Path("site")
DEFAULT_EXPLANATIONS_PATH = Path("explanations")
DEFAULT_DATA_ROOT = Path("data")


def _require(condition: bool, message: str, hint: str) -> None:
    if not condition:
        raise SettingsError(message, hint=hint)


def _require_at_least(least: int, name: str, number: int | None) -> None:
    _require(
        number is None or number >= least,
        f"{setting(name, number)} is less than {least}.",
        f"Give an integer of at least {least}.",
    )


def _require_known(name: str, word: str, known: Collection[str]) -> None:
    _require(word in known, f"{setting(name, word)} is not known.", f"Choose one of: {', '.join(known)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessingSettings:
    """Preprocessing as the user gives it; `None` leaves a field to the model or the data set.

    Attributes:
        mean: per channel, of images scaled to [0, 1]; three values.
        std: standard deviation per channel; three positive values.
        resize: length of the shorter side in pixels.
        crop: side in pixels of the centered square that is cut out after the resize.
        window: of pictures with more than 8 bits, the values that become 0 and 255; `auto` for the range found in them,
            `full` for 0 and 65535.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: int | None = None
    crop: int | None = None
    window: tuple[float, ...] | str = "full"

    def __post_init__(self) -> None:
        """Check each value, and that mean and standard deviation are given together.

        Raises:
            SettingsError: a value cannot be used.
        """
        for name, values in (("mean", self.mean), ("std", self.std)):
            _require(
                values is None or len(values) == 3,
                f"{setting(name)} has {len(values or ())} values instead of 3.",
                f"Give one value each for red, green and blue: {setting(name, (0.485, 0.456, 0.406))}.",
            )
        _require(
            (self.mean is None) == (self.std is None),
            f"Only one of {setting('mean')} and {setting('std')} is given.",
            "Give both: together they describe one normalization.",
        )
        _require(
            self.std is None or all(0 < value < math.inf for value in self.std),
            f"{setting('std', self.std)} is not positive and finite.",
            "Give standard deviations above 0.",
        )
        _require(
            self.mean is None or max(self.mean) <= 1,
            f"{setting('mean', self.mean)} is outside [0, 1].",
            "Give statistics of images scaled to [0, 1]: divide values for the range 0 to 255 by 255.",
        )
        for name, pixels in (("resize", self.resize), ("crop", self.crop)):
            _require(
                pixels is None or 0 < pixels <= MAX_SIDE,
                f"{setting(name, pixels)} is not a size.",
                f"Give a number of pixels, from 1 to {MAX_SIDE:,}.",
            )
        _require(
            self.resize is None or self.crop is None or self.crop <= self.resize,
            f"{setting('crop', self.crop)} is larger than {setting('resize', self.resize)}.",
            "Give a crop no larger than the resized image.",
        )
        if isinstance(self.window, str):
            _require_known("window", self.window, WINDOWS)
        else:
            _require(
                len(self.window) == 2 and self.window[0] < self.window[-1],
                f"{setting('window', self.window)} is not a smaller and a larger value.",
                f"Give the values that become black and white: {setting('window', (0, 4095))}.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which network is explained by which maps, and how it runs.

    Attributes:
        model: `FILE.py:factory`, `torchvision:NAME` or another source of `reportgen.inputs.registry`; empty with
            `arrays`.
        weights: a checkpoint; `pretrained` for the weights of the model's library; `None` for those that come with the
            model.
        model_name: name of the network in the report; empty for the name in its code.
        weights_key: the entry of a checkpoint with several sets of weights; `None` for the average, if there is one.
        class_names_path: a file with the model's class names in index order.
        output: name or index of the output to read, of a network that returns several; empty chooses.
        outputs: what the outputs are, one of `OUTPUTS`; `auto` recognizes it by their values.
        layers: dotted names of the target layers; empty finds one by probing.
        aggregate: how the maps of several layers are combined, one of `AGGREGATES`.
        methods: the methods of the maps; the report shows the first by default.
        head_fusion: how rollout combines the heads of a layer, one of `HEAD_FUSIONS`.
        discard_ratio: fraction of the smallest attention weights that rollout sets to zero, per image and layer, in
            [0, 1).
        annotations: a file of LabelMe, COCO, Label Studio, VIA or CVAT, or a folder of these or of masks.
        mask_values: the values of masks that mark something; empty for all but 0.
        download: whether models and data may be downloaded.
        batch_size: images per forward pass.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        precision: `fp32`, or `bf16` for autocast.
    """

    model: str = ""
    weights: str | None = None
    weights_key: str | None = None
    model_name: str = ""
    class_names_path: Path | None = None
    preprocessing: PreprocessingSettings = field(default_factory=PreprocessingSettings)
    output: str = ""
    outputs: str = "auto"
    layers: tuple[str, ...] = ()
    aggregate: str = "mean"
    methods: tuple[str, ...] = ("gradcam",)
    head_fusion: str = "mean"
    discard_ratio: float = 0.0
    annotations: Path | None = None
    mask_values: tuple[int, ...] = ()
    download: bool = False
    batch_size: int = 256
    device: str = "auto"
    precision: str = "fp32"

    def __post_init__(self) -> None:
        """Check each value.

        Raises:
            SettingsError: a value cannot be used.
        """
        _require(bool(self.methods), f"{setting('methods')} is empty.", f"Choose from: {', '.join(METHODS)}.")
        for method in self.methods:
            _require(method in METHODS, f"The method {method} is not known.", f"Choose from: {', '.join(METHODS)}.")
            _require(
                self.methods.count(method) == 1,
                f"{setting('methods', self.methods)} contains {method} twice.",
                "Give each method once.",
            )
        _require_known("aggregate", self.aggregate, AGGREGATES)
        _require_known("head_fusion", self.head_fusion, HEAD_FUSIONS)
        _require_known("outputs", self.outputs, OUTPUTS)
        _require_known("precision", self.precision, PRECISIONS)
        _require(
            0 <= self.discard_ratio < 1,
            f"{setting('discard_ratio', self.discard_ratio)} is outside [0, 1).",
            "Give a fraction, such as 0.9.",
        )
        _require_at_least(1, "batch_size", self.batch_size)
        _require(
            not self.mask_values or self.annotations is not None,
            f"{setting('mask_values')} requires {setting('annotations')}.",
            f"Give a folder of masks: {setting('annotations', 'DIR')}.",
        )
        _require(
            all(0 <= value < 2**16 for value in self.mask_values),
            f"{setting('mask_values', self.mask_values)} has a value outside 0 to 65535.",
            "Give the values of the pixels that mark something.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeSettings(ModelSettings):
    """What the pass computes, and how it runs.

    Attributes:
        data: an image folder, a `.npz`, a manifest or another source of `reportgen.inputs.registry`; empty with
            `arrays`.
        arrays: a `.npz` with labels and outputs of a model that ran elsewhere, instead of a model and data.
        data_root: the folder in which torchvision stores data sets.
        superclasses_path: a CSV with the columns `class` and `superclass`.
        faithfulness: number of examples of the faithfulness tests; 0 for no tests.
        limit: number of examples, spread evenly over the test set; `None` for all.
        thumbnail_size: longest side in pixels of the stored thumbnails; larger images are scaled down.
        workers: number of processes that load images; `None` chooses.
        path_column: the column of image files in a manifest; empty for `path`, or else `id`.
        label_column: the column of labels in a manifest; empty for `label`.
        id_column: the column that names the examples in a manifest; empty for `id`, if there is one.
        image_root: the folder of a manifest's images; `None` for its own.
        image_suffix: what the image names in a manifest lack, such as `.jpg`; empty to find it.
        on_bad_image: what to do about images that cannot be read, one of `BAD_IMAGE_ACTIONS`.
    """

    data: str = ""
    arrays: Path | None = None
    data_root: Path | None = None
    superclasses_path: Path | None = None
    faithfulness: int = 0
    limit: int | None = None
    thumbnail_size: int = 128
    workers: int | None = None
    path_column: str = ""
    label_column: str = ""
    id_column: str = ""
    image_root: Path | None = None
    image_suffix: str = ""
    on_bad_image: str = "error"

    def __post_init__(self) -> None:
        """Check each value.

        Raises:
            SettingsError: a value cannot be used.
        """
        ModelSettings.__post_init__(self)
        self._check_sources()
        first = self.methods[0]
        _require(
            find_method(first).family != "selective",
            f"{setting('methods', self.methods)} starts with {first}, which is computed for the examples shown only.",
            f"Start with a method for all examples: {setting('methods', ('gradcam', first))}.",
        )
        _require_at_least(0, "faithfulness", self.faithfulness)
        _require_at_least(1, "limit", self.limit)
        _require_at_least(1, "thumbnail_size", self.thumbnail_size)
        _require_at_least(0, "workers", self.workers)
        _require(
            (self.workers or 0) <= MAX_WORKERS,
            f"{setting('workers', self.workers)} is more than {MAX_WORKERS:,}.",
            "Give a number of processes, about one per processor.",
        )
        _require_known("on_bad_image", self.on_bad_image, BAD_IMAGE_ACTIONS)

    def _check_sources(self) -> None:
        if self.arrays is None:
            for name, spec in (("model", self.model), ("data", self.data)):
                _require(
                    bool(spec),
                    f"{setting(name)} is missing.",
                    f"Give {setting(name, 'SPEC')}, or {setting('arrays', 'FILE.npz')} for outputs of a model that ran "
                    "elsewhere.",
                )
            return
        for name, given in (
            ("model", self.model),
            ("data", self.data),
            ("weights", self.weights),
            ("weights_key", self.weights_key),
            ("layers", self.layers),
            ("methods", self.methods != ModelSettings().methods),
            ("faithfulness", self.faithfulness),
        ):
            _require(
                not given,
                f"{setting(name)} cannot be combined with {setting('arrays')}.",
                f"Omit one of them: {setting('arrays')} contains the outputs of a model, so none is run.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainSettings(ModelSettings):
    """How single images without labels are explained.

    Attributes:
        images: image files, and folders of them.
        classes: names or indices of the classes to explain for each image; empty for the predicted class.
        display_names: a CSV or JSON file with the names of classes that the page shows.
    """

    images: tuple[Path, ...] = ()
    classes: tuple[str, ...] = ()
    display_names: Path | None = None

    def __post_init__(self) -> None:
        """Check each value.

        Raises:
            SettingsError: a value cannot be used.
        """
        ModelSettings.__post_init__(self)
        _require(bool(self.images), "There are no images.", "Give image files, or a folder that contains some.")
        _require(bool(self.model), f"{setting('model')} is missing.", f"Give {setting('model', 'SPEC')}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """What the site shows, and which artifacts are written.

    Attributes:
        out: the folder of the site.
        title: title of the report; `None` for the main result.
        display_names: a CSV or JSON file with the names of classes that pages show.
        notes: a Markdown file with a reviewer's text for the first page.
        logo: an image for the bar of every page.
        extra_css: a style sheet that every page applies last.
        templates: a folder whose templates override the built-in ones.
        trust_templates: whether these templates run without a sandbox.
        num_worst: worst examples per class.
        num_best: best examples per class.
        num_mistaken: examples of other classes mistaken for the class, per class.
        num_pairs: most confused pairs.
        num_gallery: examples in the gallery of a class.
        set_aside_label_issues: whether possible label errors are left out of the worst examples and high-confidence
            errors.
        iou_threshold: fraction of its peak above which a map covers a pixel, in (0, 1).
        with_archive: whether to pack the site into an archive beside it.
        single_file: an HTML file that contains the report's main pages, to mail.
        classes: names of the classes in the single file; empty chooses some.
        force: whether the single file may be too large to mail.
    """

    out: Path = DEFAULT_SITE_PATH
    title: str | None = None
    display_names: Path | None = None
    notes: Path | None = None
    logo: Path | None = None
    extra_css: Path | None = None
    templates: Path | None = None
    trust_templates: bool = False
    num_worst: int = 5
    num_best: int = 3
    num_mistaken: int = 3
    num_pairs: int = 15
    num_gallery: int = 200
    set_aside_label_issues: bool = False
    iou_threshold: float = 0.5
    with_archive: bool = False
    single_file: Path | None = None
    classes: tuple[str, ...] = ()
    force: bool = False

    def __post_init__(self) -> None:
        """Check each value.

        Raises:
            SettingsError: a value cannot be used.
        """
        for name in ("num_worst", "num_best", "num_mistaken", "num_pairs", "num_gallery"):
            _require_at_least(0, name, getattr(self, name))
        _require(
            0 < self.iou_threshold < 1,
            f"{setting('iou_threshold', self.iou_threshold)} is outside (0, 1).",
            "Give a fraction of the map's peak, such as 0.5.",
        )
        _require(
            self.templates is not None or not self.trust_templates,
            f"{setting('trust_templates')} requires {setting('templates')}.",
            f"Name the folder: {setting('templates', 'DIR')}.",
        )
        for name, is_given in (("classes", bool(self.classes)), ("force", self.force)):
            _require(
                self.single_file is not None or not is_given,
                f"{setting(name)} requires {setting('single_file')}.",
                f"Name the file: {setting('single_file', Path('report.html'))}.",
            )
        _require(
            self.single_file is None or self.single_file.suffix.lower() in {".html", ".htm"},
            f"{setting('single_file', self.single_file)} is not the name of an HTML file.",
            "Give a name that ends in .html.",
        )
