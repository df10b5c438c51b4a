"""The cache's key, from the settings and file digests alone: no model is built, no image decoded, no torch imported."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from reportgen.cache import CacheKey
from reportgen.errors import DataError
from reportgen.inputs.data import cifar
from reportgen.inputs.data.datasets import DataKind, find_data_kind, list_class_folders
from reportgen.inputs.data.hf_datasets import list_dataset_files, name_dataset
from reportgen.inputs.data.manifests import read_manifest
from reportgen.inputs.data.torchvision_sets import list_torchvision_files, name_torchvision_set
from reportgen.inputs.files import file_digest, require_file
from reportgen.inputs.networks.hf_folders import list_config_files, list_weight_files, locate_folder
from reportgen.inputs.networks.specs import ModelKind, ModelSpec, locate_model_file, locate_weights, parse_model_spec
from reportgen.methods import METHODS
from reportgen.settings import AnalyzeSettings, PreprocessingSettings


def compute_cache_key(settings: AnalyzeSettings) -> CacheKey:
    """What decides whether a cache is valid for these settings.

    Specs are recorded without their folders. Only where CIFAR is missing and may be fetched is torchvision imported.

    Raises:
        ReportError: a spec is wrong, or a file is missing: the same errors as when the model and data are loaded.
    """
    if settings.arrays is not None:
        return _compute_arrays_key(settings, settings.arrays)
    spec = parse_model_spec(settings.model)
    model_digest, weights_digest = _model_digests(settings, spec)
    return CacheKey(
        model=str(spec),
        model_digest=model_digest,
        weights_digest=weights_digest,
        data=_data_name(settings.data),
        data_digest=_data_digest(settings),
        class_names_digest=_optional_digest(settings.class_names_path, "The file of class names"),
        superclasses_digest=_optional_digest(settings.superclasses_path, "The file of superclasses"),
        preprocessing=_preprocessing_text(settings.preprocessing),
        methods=_methods_text(settings),
        layers=",".join(settings.layers) or "auto",
        annotations_digest=_annotations_digest(settings.annotations),
        faithfulness=settings.faithfulness,
        limit=settings.limit or 0,
        thumbnail_size=settings.thumbnail_size,
        precision=settings.precision,
    )


def _compute_arrays_key(settings: AnalyzeSettings, path: Path) -> CacheKey:
    """The key of outputs of a model that ran elsewhere: what decides about a pass has no part in it."""
    require_file(path, "The arrays file", error=DataError, hint="Name a .npz file.")
    return CacheKey(
        model="arrays",
        model_digest="",
        weights_digest="",
        data=path.name,
        data_digest=file_digest(path),
        class_names_digest=_optional_digest(settings.class_names_path, "The file of class names"),
        superclasses_digest=_optional_digest(settings.superclasses_path, "The file of superclasses"),
        preprocessing="",
        methods="",
        layers="",
        annotations_digest=_annotations_digest(settings.annotations),
        faithfulness=0,
        limit=settings.limit or 0,
        thumbnail_size=settings.thumbnail_size,
        precision="",
    )


def _model_digests(settings: AnalyzeSettings, spec: ModelSpec) -> tuple[str, str]:
    """SHA-256 of what defines the network, and of its weights; empty where that is a library, or the factory itself."""
    weights_path = locate_weights(settings, spec)
    weights_digest = file_digest(weights_path) if weights_path is not None else settings.weights or ""
    if spec.kind is ModelKind.HF:
        folder = locate_folder(spec, download=settings.download)
        model_digest = _named_digest(list_config_files(folder))
        return model_digest, weights_digest if weights_path is not None else _named_digest(list_weight_files(folder))
    model_path = locate_model_file(spec)
    return "" if model_path is None else file_digest(model_path), weights_digest


def _named_digest(paths: list[Path]) -> str:
    return _joint_digest([path.name for path in paths], paths)


def _data_name(spec: str) -> str:
    match find_data_kind(spec):
        case DataKind.FOLDER | DataKind.NPZ | DataKind.MANIFEST:
            return Path(spec).resolve().name
        case DataKind.HF:
            return name_dataset(spec)
        case DataKind.TORCHVISION:
            return name_torchvision_set(spec)
        case kind:
            return kind


def _data_digest(settings: AnalyzeSettings) -> str:
    match find_data_kind(settings.data):
        case DataKind.NPZ:
            return file_digest(Path(settings.data))
        case DataKind.DEMO:
            from reportgen.demo.dataset import dataset_digest

            return dataset_digest()
        case kind:
            files = _data_files(kind, settings)
            return _joint_digest(list(files), list(files.values()))


def _data_files(kind: DataKind, settings: AnalyzeSettings) -> dict[str, Path]:
    """The files that a test set is read from, by the names that belong to it wherever it lies."""
    root = Path(settings.data)
    match kind:
        case DataKind.FOLDER:
            images = list_class_folders(root)
            return {f"{group}/{name}": root / group / name for group, names in images.items() for name in names}
        case DataKind.MANIFEST:
            return {root.name: root, **{name: root.parent / name for name in read_manifest(root).paths}}
        case DataKind.HF:
            return {path.name: path for path in list_dataset_files(settings.data)}
        case DataKind.TORCHVISION:
            return list_torchvision_files(settings)
    paths = cifar.require_test_files(cifar.VARIANTS[kind], settings.data_root, download=settings.download)
    return {path.name: path for path in paths}


def _joint_digest(names: list[str], paths: list[Path]) -> str:
    """SHA-256 over names and contents: of lines `<SHA-256 of the content> <name>`."""
    with ThreadPoolExecutor() as pool:  # hashing and reading let other threads run
        digests = pool.map(file_digest, paths)
        lines = "".join(f"{digest} {name}\n" for digest, name in zip(digests, names, strict=True))
    return sha256(lines.encode()).hexdigest()


def _optional_digest(path: Path | None, what: str) -> str:
    if path is None:
        return ""
    return file_digest(require_file(path, what, error=DataError, hint="Name a file that exists."))


def _annotations_digest(path: Path | None) -> str:
    """SHA-256 over the names and contents of a file or of all files of a folder; empty for `None`.

    Raises:
        DataError: there is nothing at the path.
    """
    if path is None:
        return ""
    if path.is_dir():
        names = sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())
        return _joint_digest(names, [path / name for name in names])
    return _optional_digest(path, "The annotations")


def _methods_text(settings: AnalyzeSettings) -> str:
    """The methods, and of the options that shape maps those that have a part in them."""
    options = []
    if len(settings.layers) > 1:
        options.append(f"aggregate={settings.aggregate}")
    for method in settings.methods:
        options += [f"{name}={_value_text(getattr(settings, name))}" for name in METHODS[method].options]
    return " ".join([",".join(settings.methods), *options])


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
    return " ".join(f"{name}={value}" for name, value in parts.items())
