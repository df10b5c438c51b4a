"""How an image becomes the model's input, and back into a thumbnail. The geometry uses Pillow, not torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reportgen.errors import SettingsError, setting
from reportgen.settings import PreprocessingSettings

if TYPE_CHECKING:
    from torch import Tensor

Pixels = NDArray[np.uint8]

_OPTIONS: Final = "the options"

INTERPOLATIONS: Final = {mode.name.lower(): mode for mode in Image.Resampling}


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """Per-channel mean and positive standard deviation of images scaled to [0, 1], three values each."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """Resize, centre crop, scaling to [0, 1], normalisation, reversal of the channels: in this order, where given.

    Attributes:
        mean: per-channel mean of images scaled to [0, 1].
        std: per-channel standard deviation, positive.
        resize: length in pixels to which the shorter side is resized; `None` leaves the size.
        crop: side in pixels of the centred square that is cut out; images smaller than it get a black border.
        interpolation: a key of `INTERPOLATIONS`; all but `nearest` are antialiased.
        source: where these values come from, in words.
        squash: both sides are resized to `resize`, whatever the aspect ratio (some of timm's models).
        flips_channels: whether the network takes blue, green, red; `mean` and `std` are of red, green, blue.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: int | None = None
    crop: int | None = None
    interpolation: str = "bilinear"
    source: str
    squash: bool = False
    flips_channels: bool = False

    def describe(self) -> str:
        """All steps and their source, in words."""
        steps = []
        if self.resize is not None:
            side = "both sides" if self.squash else "the shorter side"
            steps.append(f"{side} resized to {self.resize} px ({self.interpolation})")
        if self.crop is not None:
            steps.append(f"center crop of {self.crop} px")
        steps.append(f"scaled to [0, 1], mean {_numbers_text(self.mean)}, std {_numbers_text(self.std)}")
        if self.flips_channels:
            steps.append("channels reversed to blue, green, red")
        return f"{'; '.join(steps)} (from {self.source})"

    def resized_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width in pixels after the resize, rounded down as torchvision's `Resize` does."""
        if self.resize is None:
            return height, width
        if self.squash:
            return self.resize, self.resize
        shorter = min(height, width)
        return self.resize * height // shorter, self.resize * width // shorter

    def view(self, image: Pixels) -> Pixels:
        """What the model sees of an image before normalisation.

        Args:
            image: uint8 (H, W, 3).

        Returns:
            uint8 (h, w, 3); the same array if nothing changes, a view of it if it is only cropped.
        """
        height, width = self.resized_size(*image.shape[:2])
        if (height, width) != image.shape[:2]:
            resized = Image.fromarray(image).resize((width, height), INTERPOLATIONS[self.interpolation])
            image = np.asarray(resized)
        return image if self.crop is None else centre_crop(image, self.crop)

    def normalise(self, batch: "Tensor") -> "Tensor":
        """The network's input: (x / 255 - mean) / std per channel.

        Args:
            batch: uint8 (B, H, W, 3), on any device.

        Returns:
            float32 (B, 3, H, W), channels-last in memory, on the same device.
        """
        import torch

        # Channels stay innermost in memory, so that permuting alone gives channels-last.
        pixels = batch.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last)
        mean, std = (
            torch.tensor(values, dtype=torch.float32, device=batch.device).view(1, 3, 1, 1)
            for values in (self.mean, self.std)
        )
        values = pixels.div_(255).sub_(mean).div_(std)
        return values[:, [2, 1, 0]].contiguous(memory_format=torch.channels_last) if self.flips_channels else values


def centre_crop(images: Pixels, side: int) -> Pixels:
    """The centred square of images, placed as torchvision's `CenterCrop` places it.

    Args:
        images: uint8 (..., H, W, 3).
        side: length in pixels; where an image is smaller, it is first given a black border.

    Returns:
        uint8 (..., side, side, 3), a window into the same memory where nothing had to be added.
    """
    height, width = images.shape[-3:-1]
    if height < side or width < side:
        borders = [(max(side - length, 0) // 2, (max(side - length, 0) + 1) // 2) for length in (height, width)]
        images = np.pad(images, [(0, 0)] * (images.ndim - 3) + [*borders, (0, 0)])
        height, width = images.shape[-3:-1]
    top, left = (round((length - side) / 2) for length in (height, width))
    return images[..., top : top + side, left : left + side, :]


def thumbnail(view: Pixels, size: int) -> Pixels:
    """A view scaled down by area averaging, so that its longest side is at most `size` pixels.

    Args:
        view: uint8 (h, w, 3).
        size: pixels, 1 or more.

    Returns:
        uint8 (H, W, 3); the same array if it already fits.
    """
    height, width = view.shape[:2]
    longest = max(height, width)
    if longest <= size:
        return view
    scaled = tuple(max(1, round(length * size / longest)) for length in (width, height))
    return np.asarray(Image.fromarray(view).resize(scaled, Image.Resampling.BOX))


def resolve_preprocessing(
    settings: PreprocessingSettings, model_default: Preprocessing | None, data_default: Normalisation | None
) -> Preprocessing:
    """What is done to each image: as the options say, else as the model expects, else by the data's statistics.

    The options for size are one unit: with `resize` or `crop`, nothing of the model's own resize and crop is left,
    as the one would not fit the other. Size and normalisation may come from different places.

    Args:
        settings: the options.
        model_default: the preprocessing of the model; `None` if unknown.
        data_default: the statistics of the data set; `None` if unknown.

    Raises:
        SettingsError: none of the three says how to normalise.
    """
    normalisation, source = _resolve_normalisation(settings, model_default, data_default)
    if settings.resize is not None or settings.crop is not None:
        resize, crop, squash, size_source = settings.resize, settings.crop, False, _OPTIONS
    elif model_default is not None:
        resize, crop, squash = model_default.resize, model_default.crop, model_default.squash
        size_source = source if resize is crop is None else model_default.source
    else:
        resize, crop, squash, size_source = None, None, False, source
    return Preprocessing(
        mean=normalisation.mean,
        std=normalisation.std,
        resize=resize,
        crop=crop,
        interpolation="bilinear" if model_default is None else model_default.interpolation,
        source=source if size_source == source else f"{source}; size from {size_source}",
        squash=squash,
        flips_channels=model_default is not None and model_default.flips_channels,
    )


def _resolve_normalisation(
    settings: PreprocessingSettings, model_default: Preprocessing | None, data_default: Normalisation | None
) -> tuple[Normalisation, str]:
    """The statistics and their source."""
    if settings.mean is not None and settings.std is not None:
        return Normalisation(mean=settings.mean, std=settings.std), _OPTIONS
    if model_default is not None:
        return Normalisation(mean=model_default.mean, std=model_default.std), model_default.source
    if data_default is not None:
        return data_default, "the data set's statistics"
    raise SettingsError(
        "Neither the model nor the data says how images are normalized.",
        hint="Give the statistics that training used, of images scaled to [0, 1], such as "
        f"{setting('mean', (0.485, 0.456, 0.406))} and {setting('std', (0.229, 0.224, 0.225))}, "
        f"and {setting('resize')} and {setting('crop')} if training used them.",
    )


def _numbers_text(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
