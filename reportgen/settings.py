"""What the user asked for, as frozen values that are validated once. Nothing here opens a file."""

from dataclasses import dataclass, field
from pathlib import Path

from reportgen.errors import SettingsError

METHODS = ("gradcam",)
PRECISIONS = ("fp32", "bf16")

DEFAULT_CACHE_PATH = Path("cache.npz")
DEFAULT_SITE_PATH = Path("site")


def _require(condition: bool, message: str, hint: str) -> None:
    if not condition:
        raise SettingsError(message, hint=hint)


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
class AnalyzeSettings:
    """Everything that decides what the one pass computes, and how it runs.

    Attributes:
        model: `FILE.py:factory`, `package.module:factory`, `torchvision:NAME`, `timm:NAME` or `demo`.
        weights: a checkpoint file; `pretrained` takes the weights of the library that provides the model;
            `None` keeps what the factory returns.
        data: an image folder, a `.npz`, `cifar10`, `cifar100` or `demo`.
        data_root: the folder that holds torchvision's copy of the data.
        download: whether torchvision may fetch the data.
        class_names_path: a file with the model's class names in index order.
        superclasses_path: a CSV with the columns `class` and `superclass`.
        preprocessing: what the user said about it.
        layer: the target layer's dotted name; `None` finds one by probing.
        method: the CAM method.
        limit: only the first examples, spread evenly over the test set; `None` takes all.
        thumbnail_size: longest side in pixels of the stored thumbnails; larger views are scaled down.
        batch_size: images per forward.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        precision: `fp32`, or `bf16` for autocast.
        workers: processes that load images; `None` chooses.
    """

    model: str
    data: str
    weights: str | None = None
    data_root: Path | None = None
    download: bool = False
    class_names_path: Path | None = None
    superclasses_path: Path | None = None
    preprocessing: PreprocessingSettings = field(default_factory=PreprocessingSettings)
    layer: str | None = None
    method: str = "gradcam"
    limit: int | None = None
    thumbnail_size: int = 128
    batch_size: int = 256
    device: str = "auto"
    precision: str = "fp32"
    workers: int | None = None

    def __post_init__(self) -> None:
        """Check each value.

        Raises:
            SettingsError: a value cannot be used.
        """
        _require(
            self.method in METHODS, f"--method {self.method} is not known", f"Choose one of: {', '.join(METHODS)}."
        )
        _require(
            self.precision in PRECISIONS,
            f"--precision {self.precision} is not known",
            f"Choose one of: {', '.join(PRECISIONS)}.",
        )
        for name, number in (
            ("--limit", self.limit),
            ("--batch-size", self.batch_size),
            ("--thumbnail-size", self.thumbnail_size),
        ):
            _require(number is None or number >= 1, f"{name} {number} is not positive", "Give a number >= 1.")
        _require(self.workers is None or self.workers >= 0, f"--workers {self.workers} is negative", "Give 0 or more.")


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
        keep_label_suspects: whether label suspects stay among the worst, the mistaken and the surest mistakes.
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
    keep_label_suspects: bool = False
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
