"""The cache's key, from the settings and file digests alone: no model is built, no image decoded, no torch imported."""

from pathlib import Path

from reportgen.cache import CacheKey
from reportgen.errors import DataError
from reportgen.inputs.data.sources.arrays import ArraysFile
from reportgen.inputs.files import file_digest, joint_digest, require_file
from reportgen.inputs.registry import Sources
from reportgen.methods import METHODS
from reportgen.settings import AnalyzeSettings, PreprocessingSettings


def compute_cache_key(sources: Sources | ArraysFile) -> CacheKey:
    """What decides whether a cache is valid for these sources and their settings.

    Specs are recorded without their folders. torchvision is imported only to download a missing test set.

    Raises:
        ReportError: a file is missing or a spec is wrong: the same errors as when the model and data are loaded.
    """
    if isinstance(sources, ArraysFile):
        return _compute_arrays_key(sources)
    model, data = sources.model, sources.data
    settings = data.settings
    weights_digest = model.weights_digest()
    return CacheKey(
        model=" ".join([model.describe(), *_output_options(settings)]),
        model_digest=model.digest(),
        weights_digest=weights_digest,
        data=" ".join([data.describe(), *_data_options(settings)]),
        data_digest=data.digest(),
        class_names_digest=_optional_digest(settings.class_names_path, "The file of class names"),
        superclasses_digest=_optional_digest(settings.superclasses_path, "The file of superclasses"),
        preprocessing=_preprocessing_text(settings.preprocessing),
        methods=_methods_text(settings),
        layers=",".join(settings.layers) or "auto",
        annotations_digest=_annotations_digest(settings),
        faithfulness=settings.faithfulness,
        limit=settings.limit or 0,
        thumbnail_size=settings.thumbnail_size,
        precision=settings.precision,
    )


def _compute_arrays_key(arrays: ArraysFile) -> CacheKey:
    """The key of outputs of a model that ran elsewhere; fields of the pass stay empty."""
    settings = arrays.settings
    return CacheKey(
        model="arrays",
        model_digest="",
        weights_digest="",
        data=arrays.describe(),
        data_digest=arrays.digest(),
        class_names_digest=_optional_digest(settings.class_names_path, "The file of class names"),
        superclasses_digest=_optional_digest(settings.superclasses_path, "The file of superclasses"),
        preprocessing="",
        methods="",
        layers="",
        annotations_digest=_annotations_digest(settings),
        faithfulness=0,
        limit=settings.limit or 0,
        thumbnail_size=settings.thumbnail_size,
        precision="",
    )


def _optional_digest(path: Path | None, what: str) -> str:
    if path is None:
        return ""
    return file_digest(require_file(path, what, error=DataError, hint="Check the path."))


def _annotations_digest(settings: AnalyzeSettings) -> str:
    """SHA-256 over the names and contents of a file or of all files of a folder; empty without annotations.

    The values of masks that count follow, where they are given.

    Raises:
        DataError: there is nothing at the path.
    """
    path = settings.annotations
    if path is not None and path.is_dir():
        names = sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())
        digest = joint_digest({name: path / name for name in names})
    else:
        digest = _optional_digest(path, "The annotations")
    values = ",".join(map(str, settings.mask_values))
    return f"{digest} mask_values={values}" if values else digest


def _methods_text(settings: AnalyzeSettings) -> str:
    """The methods, and the options that affect their maps."""
    options = []
    if len(settings.layers) > 1:
        options.append(f"aggregate={settings.aggregate}")
    for method in settings.methods:
        options += [f"{name}={_value_text(getattr(settings, name))}" for name in METHODS[method].options]
    return " ".join([",".join(settings.methods), *options])


def _output_options(settings: AnalyzeSettings) -> list[str]:
    """The options that affect how the model's outputs are read, where they are given."""
    return [
        *([f"output={settings.output}"] if settings.output else []),
        *([f"outputs={settings.outputs}"] if settings.outputs != "auto" else []),
    ]


def _data_options(settings: AnalyzeSettings) -> list[str]:
    """The options that affect which images and labels are read, where they are given."""
    names = ("path_column", "label_column", "id_column", "image_suffix")
    options = [f"{name}={getattr(settings, name)}" for name in names if getattr(settings, name)]
    return [*options, *([f"on_bad_image={settings.on_bad_image}"] if settings.on_bad_image != "error" else [])]


def _value_text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _preprocessing_text(settings: PreprocessingSettings) -> str:
    """The options as text; `auto` where the model or the data decides."""
    parts = {
        "mean": ",".join(map(repr, settings.mean)) if settings.mean else "auto",
        "std": ",".join(map(repr, settings.std)) if settings.std else "auto",
        "resize": settings.resize or "auto",
        "crop": settings.crop or "auto",
    }
    if settings.window != "full":
        parts["window"] = settings.window if isinstance(settings.window, str) else ",".join(map(repr, settings.window))
    return " ".join(f"{name}={value}" for name, value in parts.items())
