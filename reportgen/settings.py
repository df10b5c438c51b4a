"""What the user asked for, as frozen values that are validated once. Nothing here opens a file."""

from dataclasses import dataclass, field
from pathlib import Path

from reportgen.errors import SettingsError
from reportgen.methods import METHODS, find_method

AGGREGATES = ("mean", "max", "weighted")
HEAD_FUSIONS = ("mean", "max", "min")
PRECISIONS = ("fp32", "bf16")

DEFAULT_CACHE_PATH = Path("cache.npz")
DEFAULT_SITE_PATH = Path("site")
DEFAULT_EXPLANATIONS_PATH = Path("explanations")
DEFAULT_DATA_ROOT = Path("data")


def _require(condition: bool, message: str, hint: str) -> None:
    if not condition:
        raise SettingsError(message, hint=hint)


def _require_positive(name: str, number: int) -> None:
    _require(number >= 1, f"{name} {number} is not positive", "Give a number >= 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessingSettings:
    """What the user said about preprocessing; `None` leaves a field to the model or the data set.

    Attributes:
        mean: per-channel mean of images scaled to [0, 1], three values.
        std: per-channel standard deviation, three positive values.
        resize: length in pixels to which the shorter side is resized.
        crop: side in pixels of the centred square that is then cut out.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: int | None = None
    crop: int | None = None

    def __post_init__(self) -> None:
        """Check each value, and that mean and std come together.

        Raises:
            SettingsError: a value cannot be used.
        """
        for name, values in (("--mean", self.mean), ("--std", self.std)):
            _require(
                values is None or len(values) == 3,
                f"{name} has {len(values or ())} values",
                f"Give three, for red, green and blue: {name} 0.485,0.456,0.406.",
            )
        _require(
            (self.mean is None) == (self.std is None),
            "Only one of --mean and --std is given",
            "Give both: they describe one normalisation.",
        )
        _require(
            self.std is None or min(self.std) > 0, f"--std {self.std} is not positive", "Give standard deviations > 0."
        )
        _require(
            self.mean is None or max(self.mean) <= 1,
            f"--mean {self.mean} lies outside [0, 1]",
            "Give statistics of images scaled to [0, 1]: divide means and deviations on the 0-255 scale by 255.",
        )
        for name, pixels in (("--resize", self.resize), ("--crop", self.crop)):
            _require(pixels is None or pixels > 0, f"{name} {pixels} is not a size", "Give a number of pixels >= 1.")
        _require(
            self.resize is None or self.crop is None or self.crop <= self.resize,
            f"--crop {self.crop} is larger than --resize {self.resize}",
            "Give a crop no larger than the resized image.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Everything that decides which network explains itself by which maps, and how it runs.

    Attributes:
        model: `FILE.py:factory`, `package.module:factory`, `torchvision:NAME`, `timm:NAME`, `hf:FOLDER`,
            `keras:FILE.keras`, a TorchScript or exported program's file, or `demo`; empty with `arrays`.
        weights: a checkpoint file; `pretrained` takes the weights of the library that provides the model;
            `None` keeps what the factory returns.
        model_name: what the report calls the network; empty takes the name that its code gives it.
        class_names_path: a file with the model's class names in index order.
        preprocessing: what the user said about it.
        layers: the target layers' dotted names; empty finds one by probing.
        aggregate: how the maps of several layers become one, a word of `AGGREGATES`.
        methods: the methods of the maps; a report starts with the first.
        head_fusion: how rollout joins the heads of a layer, a word of `HEAD_FUSIONS`.
        discard_ratio: share of the smallest attentions that rollout sets to zero, per image and layer, in [0, 1).
        annotations: a LabelMe or COCO JSON file, or a folder of LabelMe files or mask pictures.
        download: whether data and models may be fetched.
        batch_size: images per forward.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        precision: `fp32`, or `bf16` for autocast.
    """

    model: str = ""
    weights: str | None = None
    model_name: str = ""
    class_names_path: Path | None = None
    preprocessing: PreprocessingSettings = field(default_factory=PreprocessingSettings)
    layers: tuple[str, ...] = ()
    aggregate: str = "mean"
    methods: tuple[str, ...] = ("gradcam",)
    head_fusion: str = "mean"
    discard_ratio: float = 0.0
    annotations: Path | None = None
    download: bool = False
    batch_size: int = 256
    device: str = "auto"
    precision: str = "fp32"

    def __post_init__(self) -> None:
        """Check each value.

        Raises:
            SettingsError: a value cannot be used.
        """
        self._check_methods()
        for name, word, known in (
            ("--aggregate", self.aggregate, AGGREGATES),
            ("--head-fusion", self.head_fusion, HEAD_FUSIONS),
            ("--precision", self.precision, PRECISIONS),
        ):
            _require(word in known, f"{name} {word} is not known", f"Choose one of: {', '.join(known)}.")
        _require(
            0 <= self.discard_ratio < 1,
            f"--discard-ratio {self.discard_ratio} lies outside [0, 1)",
            "Give a share, such as 0.9.",
        )
        _require_positive("--batch-size", self.batch_size)

    def _check_methods(self) -> None:
        _require(bool(self.methods), "--method names no method", f"Choose from: {', '.join(METHODS)}.")
        for method in self.methods:
            _require(method in METHODS, f"--method {method} is not known", f"Choose from: {', '.join(METHODS)}.")
            _require(self.methods.count(method) == 1, f"--method names {method} twice", "Name each method once.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeSettings(ModelSettings):
    """Everything that decides what the one pass computes, and how it runs.

    Attributes:
        data: an image folder, a `.npz`, a manifest (`.csv`, `.parquet`), `hf:FOLDER`, `torchvision:NAME`, `cifar10`,
            `cifar100` or `demo`; empty with `arrays`.
        arrays: a `.npz` with labels and outputs of a model that ran elsewhere, instead of a model and data.
        data_root: the folder that holds torchvision's copy of the data.
        superclasses_path: a CSV with the columns `class` and `superclass`.
        faithfulness: number of examples on which the maps are tested by removing pixels; 0 for none.
        limit: only the first examples, spread evenly over the test set; `None` takes all.
        thumbnail_size: longest side in pixels of the stored thumbnails; larger views are scaled down.
        workers: processes that load images; `None` chooses.
    """

    data: str = ""
    arrays: Path | None = None
    data_root: Path | None = None
    superclasses_path: Path | None = None
    faithfulness: int = 0
    limit: int | None = None
    thumbnail_size: int = 128
    workers: int | None = None

    def __post_init__(self) -> None:
        """Check each value.

        Raises:
            SettingsError: a value cannot be used.
        """
        ModelSettings.__post_init__(self)
        self._check_sources()
        _require(
            find_method(self.methods[0]).family != "selective",
            f"--method starts with {self.methods[0]}, which is computed for the shown examples only",
            f"Start with a method that every image gets: --method gradcam,{self.methods[0]}.",
        )
        _require(self.faithfulness >= 0, f"--faithfulness {self.faithfulness} is negative", "Give 0 or more.")
        if self.limit is not None:
            _require_positive("--limit", self.limit)
        _require_positive("--thumbnail-size", self.thumbnail_size)
        _require(self.workers is None or self.workers >= 0, f"--workers {self.workers} is negative", "Give 0 or more.")

    def _check_sources(self) -> None:
        if self.arrays is None:
            for name, spec in (("--model", self.model), ("--data", self.data)):
                _require(
                    bool(spec), f"{name} is missing", f"Give {name} SPEC, or --arrays FILE.npz for a finished run."
                )
            return
        for name, given in (
            ("--model", self.model),
            ("--data", self.data),
            ("--weights", self.weights),
            ("--layer", self.layers),
            ("--faithfulness", self.faithfulness),
        ):
            _require(
                not given,
                f"{name} is given besides --arrays",
                "Arrays hold what a model has already said: leave out one of the two.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainSettings(ModelSettings):
    """Everything that decides how single images without labels are explained.

    Attributes:
        images: image files, and folders of them.
        classes: names or indices of the classes explained for each image; empty explains the predicted one.
    """

    images: tuple[Path, ...] = ()
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check each value.

        Raises:
            SettingsError: a value cannot be used.
        """
        ModelSettings.__post_init__(self)
        _require(bool(self.images), "No image is given", "Name image files, or a folder of them.")
        _require(bool(self.model), "--model is missing", "Give --model SPEC.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """Everything that decides what the site shows, and what is made of it besides.

    Attributes:
        out: the folder that the site is written to.
        title: the report's title; `None` names the model and the data.
        notes: a Markdown file with a reviewer's text for the first page.
        logo: a picture for the bar of every page.
        extra_css: a style sheet that every page applies last.
        templates: a folder whose templates override the built-in ones.
        num_worst: worst examples shown per class.
        num_best: best examples shown per class.
        num_mistaken: examples of other classes, mistaken for the class, shown per class.
        num_pairs: most confused pairs shown.
        num_gallery: examples in each class's gallery.
        keep_label_issues: whether label issues stay among the worst, the mistaken and the surest mistakes.
        iou_threshold: share of its peak from which on a map covers a place, when it is compared with annotations.
        with_archive: whether the site is packed into an archive beside it.
        single_file: the one HTML file to mail.
        classes: names of the classes that it holds; empty chooses some.
        force: whether it may be larger than can be mailed.
    """

    out: Path = DEFAULT_SITE_PATH
    title: str | None = None
    notes: Path | None = None
    logo: Path | None = None
    extra_css: Path | None = None
    templates: Path | None = None
    num_worst: int = 5
    num_best: int = 3
    num_mistaken: int = 3
    num_pairs: int = 15
    num_gallery: int = 200
    keep_label_issues: bool = False
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
        for name, number in (
            ("--worst", self.num_worst),
            ("--best", self.num_best),
            ("--mistaken", self.num_mistaken),
            ("--pairs", self.num_pairs),
            ("--gallery", self.num_gallery),
        ):
            _require(number >= 0, f"{name} {number} is negative", "Give 0 or more.")
        _require(
            0 < self.iou_threshold < 1,
            f"--iou-threshold {self.iou_threshold} lies outside (0, 1)",
            "Give a share of the map's peak, such as 0.5.",
        )
        for name, is_given in (("--classes", bool(self.classes)), ("--force", self.force)):
            _require(
                self.single_file is not None or not is_given,
                f"{name} is given without --single-file",
                "It says something about that file: name it with --single-file report.html.",
            )
        _require(
            self.single_file is None or self.single_file.suffix.lower() in {".html", ".htm"},
            f"--single-file {self.single_file} is no name of an HTML file",
            "Give a name that ends in .html.",
        )
