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
    """Everything that decides what the site shows.

    Attributes:
        out: the folder that the site is written to.
        num_worst: worst examples shown per class.
        num_best: best examples shown per class.
        num_mistaken: examples of other classes, mistaken for the class, shown per class.
        num_pairs: most confused pairs shown.
        templates: a folder whose templates override the built-in ones.
        title: the report's title; `None` names the model and the data.
    """

    out: Path = DEFAULT_SITE_PATH
    num_worst: int = 5
    num_best: int = 3
    num_mistaken: int = 3
    num_pairs: int = 15
    templates: Path | None = None
    title: str | None = None

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
        ):
            _require(number >= 0, f"{name} {number} is negative", "Give 0 or more.")
