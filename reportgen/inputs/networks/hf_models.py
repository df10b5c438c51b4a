"""Networks of Hugging Face transformers, from a folder, with the preprocessing that their image processor does."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from itertools import product
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError
from torch import nn

from reportgen.errors import ModelError
from reportgen.inputs.libraries import TRANSFORMERS
from reportgen.inputs.networks.classifier import Network
from reportgen.inputs.networks.hf_files import PROCESSOR_NAMES, list_weight_files
from reportgen.inputs.preprocessing import INTERPOLATIONS, Preprocessing
from reportgen.inputs.suggestions import few_text

_PROBE_SIZE: Final = (379, 503)  # height and width: primes, so that no other size is a round share of them
_MAX_DIFFERENCE: Final = 0.3
"""Measured on 12 image processors, in grey levels of 255 on average over an image: Pillow's resize differs from
torchvision's by 0.005 to 0.2, the next other interpolation by 0.4 to 2, another size or crop by 50."""

_KNOWN_STEPS: Final = (
    "do_resize",
    "do_center_crop",
    "do_rescale",
    "do_normalize",
    "do_convert_rgb",
    "do_flip_channel_order",
)
_GEOMETRY: Final = ("size", "crop_size", "crop_pct", "resample", "rescale_factor")

_BUILD_ERRORS = (
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    SafetensorError,
    TypeError,
    UnpicklingError,
    ValueError,
)

Pixels = NDArray[np.uint8]


def build_hf(folder: Path, spec: str, *, has_weights: bool) -> Network:
    """An image classifier of transformers. No code in the folder is run, and nothing is downloaded.

    Args:
        folder: with configuration and weights.
        spec: the model, for messages.
        has_weights: whether the folder's own weights are loaded; otherwise they are random.

    Raises:
        ModelError: transformers is missing, or the folder has no image classifier with all of its weights.
    """
    transformers = _import_transformers(spec)
    files = list_weight_files(folder) if has_weights else []
    with _quiet(transformers):
        try:
            module = _build_module(transformers, spec, folder, has_weights)
        except _BUILD_ERRORS as error:
            raise ModelError(
                f"transformers cannot build {spec}: {_first_sentence(error)}",
                hint="Check that the folder is complete and that transformers is recent enough. Code in the folder is "
                "not run; if the model needs it, write a function that builds the model and give FILE.py:factory.",
            ) from error
        preprocessing, unsupported, note = _read_preprocessing(transformers, spec, folder)
    return Network(
        name=spec.partition(":")[2],
        module=module,
        weights_name=files[0].name if files else "",
        preprocessing=preprocessing,
        unsupported=unsupported,
        notes=(note,) if note else (),
    )


def _import_transformers(spec: str) -> Any:
    try:
        transformers = import_module(TRANSFORMERS.module)
        transformers.AutoModelForImageClassification  # noqa: B018  resolves its lazy imports
    except ImportError as error:
        raise TRANSFORMERS.missing(f"The model {spec}", error, error=ModelError) from error
    return transformers


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Silence the progress bars, advice and warnings of transformers."""
    logging_ = transformers.utils.logging
    verbosity, has_bars = logging_.get_verbosity(), logging_.is_progress_bar_enabled()
    logging_.set_verbosity_error()
    logging_.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging_.set_verbosity(verbosity)
        if has_bars:
            logging_.enable_progress_bar()


def _build_module(transformers: Any, spec: str, folder: Path, has_weights: bool) -> nn.Module:
    auto = transformers.AutoModelForImageClassification
    options = {"local_files_only": True, "trust_remote_code": False}
    config = transformers.AutoConfig.from_pretrained(folder, **options)
    if type(config) not in transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING:
        architecture = ", ".join(getattr(config, "architectures", None) or [config.model_type])
        raise ModelError(
            f"The model {spec} is a {architecture}, not an image classifier.",
            hint="Give a folder whose model AutoModelForImageClassification loads.",
        )
    if getattr(config, "problem_type", None) == "multi_label_classification":
        raise ModelError(
            f"The model {spec} is a multi-label network: its classes do not exclude each other.",
            hint="Give a network that names one class for each image; reports on several labels are not supported.",
        )
    channels = getattr(config, "num_channels", 3)
    if channels != 3:
        raise ModelError(
            f"The model {spec} takes images of {channels} channels.",
            hint="Only RGB images are supported: wrap the model in a function that converts them, and give "
            "FILE.py:factory.",
        )
    module: nn.Module
    if not has_weights:
        module = auto.from_config(config, trust_remote_code=False)
        return module.float()
    module, info = auto.from_pretrained(folder, config=config, output_loading_info=True, **options)
    lacking = sorted({*info["missing_keys"], *(str(key[0]) for key in info["mismatched_keys"])})
    if lacking:
        raise ModelError(
            f"The weights of {spec} do not include {few_text(lacking)}, which would be random.",
            hint="Give the folder of a model that was trained to classify images, not of a backbone.",
        )
    return module.float()


def _first_sentence(error: Exception) -> str:
    """The first line of an error; advice follows it."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _read_preprocessing(transformers: Any, spec: str, folder: Path) -> tuple[Preprocessing | None, str, str]:
    """The preprocessing of the folder's image processor, else why there is none: as a problem, or as a note."""
    if not any((folder / name).is_file() for name in PROCESSOR_NAMES):
        return None, "", f"{spec} has no image processor, so its preprocessing is not known from there."
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        found = measure_processor(processor, source=f"the image processor of {spec}")
    except _BUILD_ERRORS as error:
        return None, f"The image processor of {spec} does not work: {_first_sentence(error).rstrip('.')}.", ""
    if found is not None:
        return found, "", ""
    return None, f"The image processor of {spec} {_name_step(processor.to_dict())}, which is not reproduced.", ""


def _name_step(options: Mapping[str, Any]) -> str:
    """The step of an image processor that is the reason why no `Preprocessing` does the same, as a predicate."""
    others = [name for name, value in options.items() if name.startswith("do_") and value and name not in _KNOWN_STEPS]
    if others:
        return f"has the step {others[0]}"
    names = [name for name in _GEOMETRY if options.get(name) is not None]
    size = options.get("size")
    if isinstance(size, Mapping) and size.get("height") != size.get("width"):
        names = ["size"]
    return f"resizes or crops in another way ({', '.join(f'{name}={_option_text(options[name])}' for name in names)})"


def _option_text(value: Any) -> str:
    return "×".join(str(side) for side in value.values()) if isinstance(value, Mapping) else str(value)


def measure_processor(processor: Any, *, source: str) -> Preprocessing | None:
    """The preprocessing of an image processor, measured on images; `None` if no `Preprocessing` does the same.

    A black and a white image give the normalisation. The geometry is the one, of all that its options may mean, that
    yields the same pixels for an image of noise: classes of processors interpret the same options differently. If the
    noise comes out with its channels reversed, so does the network's input.

    Args:
        processor: an image processor of transformers.
        source: for `Preprocessing.source`.
    """
    black, white = (_process(processor, np.full((*_PROBE_SIZE, 3), level, np.uint8)) for level in (0, 255))
    scale = (white - black)[:, white.shape[1] // 2, white.shape[2] // 2]  # at the centre, where no border can be
    offset = black[:, black.shape[1] // 2, black.shape[2] // 2]
    if not (scale > 0).all():
        return None
    noise = np.random.default_rng(0).integers(0, 256, (_PROBE_SIZE[0] // 5, _PROBE_SIZE[1] // 5, 3), dtype=np.uint8)
    probe = np.asarray(Image.fromarray(noise).resize(_PROBE_SIZE[::-1], Image.Resampling.BICUBIC))
    processed = _process(processor, probe)
    geometries = list(_possible_geometries(processor.to_dict(), processed.shape[1:]))
    for flips in (False, True):
        offsets, scales, values = (part[::-1] if flips else part for part in (offset, scale, processed))
        # Adding 0 turns -0 into 0, rounding takes off what float32 has added.
        mean, std = (tuple(round(float(v), 7) + 0.0 for v in vs) for vs in (-offsets / scales, 1 / scales))
        levels = 255 * (values - offsets[:, None, None]) / scales[:, None, None]  # (3, h, w)
        for resize, is_squashed, crop, interpolation in geometries:
            candidate = Preprocessing(
                mean=mean,
                std=std,
                resize=resize,
                crop=crop,
                interpolation=interpolation,
                source=source,
                squash=is_squashed,
                flips_channels=flips,
            )
            if _gives(candidate, probe, levels):
                return candidate
    return None


def _process(processor: Any, image: Pixels) -> NDArray[np.float64]:
    """The output of the processor, float64 (3, h, w), for an image, uint8 (H, W, 3)."""
    values = processor(images=Image.fromarray(image), return_tensors="pt")["pixel_values"]
    return torch.as_tensor(values)[0].double().numpy()


def _possible_geometries(
    options: dict[str, Any], output_size: tuple[int, ...]
) -> Iterator[tuple[int | None, bool, int | None, str]]:
    """Resize, whether it squashes, crop and interpolation, for all that a processor's options may mean."""
    size = options.get("size") or {}
    sides = [side for side in (size.values() if isinstance(size, dict) else [size]) if isinstance(side, int)]
    shorter = size.get("shortest_edge") if isinstance(size, dict) else None
    if shorter:  # some classes resize by more than the size that they name, to crop to it
        sides += [int(shorter / share) for share in (options.get("crop_pct"), 224 / 256) if share]
    crops = [output_size[0], None] if len(set(output_size)) == 1 else [None]
    try:
        named = [Image.Resampling(options.get("resample", Image.Resampling.BILINEAR)).name.lower()]
    except ValueError:
        named = []
    for interpolation, resize, is_squashed, crop in product(
        dict.fromkeys([*named, *INTERPOLATIONS]), dict.fromkeys([*sides, None]), (False, True), crops
    ):
        # Skip crops to the current size and squashing without a size: they change nothing.
        if not is_squashed or resize not in (None, crop):
            yield resize, is_squashed, crop, interpolation


def _gives(candidate: Preprocessing, probe: Pixels, levels: NDArray[np.float64]) -> bool:
    """Whether a preprocessing gives the same grey levels, float64 (3, h, w), for an image.

    Where a margin is odd, transformers rounds the corner of a centre crop down and torchvision, like `Preprocessing`,
    to the even number: an offset of one pixel, which is let pass.
    """
    resized = replace(candidate, crop=None).view(probe)
    margins = [length - (candidate.crop or 0) for length in resized.shape[:2]]
    if candidate.crop is None or min(margins) < 0:
        windows = [candidate.view(probe)]  # with a border where the crop is larger than the image
    else:
        corners = product(*({margin // 2, (margin + 1) // 2} for margin in margins))
        side = candidate.crop
        windows = [resized[top : top + side, left : left + side] for top, left in corners]
    fitting = (window.transpose(2, 0, 1) for window in windows if window.shape[:2] == levels.shape[1:])
    return any(np.abs(window - levels).mean() <= _MAX_DIFFERENCE for window in fitting)
