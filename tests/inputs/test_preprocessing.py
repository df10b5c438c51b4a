import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from reportgen.errors import SettingsError
from reportgen.inputs.preprocessing import (
    INTERPOLATIONS,
    Normalisation,
    Preprocessing,
    resolve_preprocessing,
    thumbnail,
)
from reportgen.settings import PreprocessingSettings

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
DATA = Normalisation(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
MODEL = Preprocessing(
    mean=(0.7, 0.7, 0.7), std=(0.1, 0.1, 0.1), resize=256, crop=224, interpolation="bicubic", source="the model"
)


def make(**values) -> Preprocessing:
    return Preprocessing(**{"mean": MEAN, "std": STD, "source": "a test", **values})


def sizes(maximum: int = 40):
    return st.integers(1, maximum)


@given(
    shape=st.tuples(sizes(), sizes()),
    resize=st.none() | sizes(),
    crop=st.none() | sizes(),
    interpolation=st.sampled_from(["bilinear", "bicubic", "nearest"]),
    squash=st.booleans(),
)
def test_view_equals_torchvision_on_pillow_images(shape, resize, crop, interpolation, squash):
    image = np.random.default_rng(shape).integers(0, 256, (*shape, 3), dtype=np.uint8)
    mode = transforms.InterpolationMode(interpolation)
    steps = []
    if resize is not None:
        steps.append(transforms.Resize((resize, resize) if squash else resize, interpolation=mode))
    if crop is not None:
        steps.append(transforms.CenterCrop(crop))
    expected = np.asarray(transforms.Compose(steps)(Image.fromarray(image)))
    view = make(resize=resize, crop=crop, interpolation=interpolation, squash=squash).view(image)
    np.testing.assert_array_equal(view, expected)


def test_nothing_to_do_returns_the_very_same_array(pixels):
    image = pixels(8, 12, 3)
    assert make().view(image) is image
    assert make(resize=8).view(image) is image
    assert np.shares_memory(make(resize=8, crop=8).view(image), image)


def test_normalised_batch_equals_torchvision_bit_by_bit(pixels):
    batch = pixels(5, 9, 7, 3)
    steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    expected = torch.stack([steps(image) for image in batch])
    given_batch = torch.from_numpy(batch.copy())
    result = make().normalise(given_batch)
    assert result.dtype == torch.float32
    assert result.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(result, expected, rtol=0, atol=0)
    np.testing.assert_array_equal(given_batch.numpy(), batch)


def test_every_interpolation_name_is_pillows():
    assert set(INTERPOLATIONS) >= {"nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"}


def test_description_names_each_step_and_the_source():
    text = make(resize=256, crop=224, interpolation="bicubic").describe()
    assert text == (
        "the shorter side resized to 256 px (bicubic); center crop of 224 px; "
        "scaled to [0, 1], mean 0.5, 0.4, 0.3, std 0.2, 0.25, 0.3 (from a test)"
    )
    assert "both sides resized to 384 px" in make(resize=384, squash=True).describe()
    assert "resized" not in make().describe()


def test_thumbnail_averages_areas_and_keeps_the_aspect_ratio():
    view = np.zeros((4, 8, 3), dtype=np.uint8)
    view[:, ::2] = 200
    small = thumbnail(view, 4)
    assert small.shape == (2, 4, 3)
    np.testing.assert_array_equal(small, 100)


def test_thumbnail_that_fits_is_the_very_same_array(pixels):
    view = pixels(8, 6, 3)
    assert thumbnail(view, 8) is view
    assert thumbnail(pixels(100, 1, 3), 10).shape == (10, 1, 3)


def test_options_go_before_the_model_and_the_model_before_the_data():
    options = PreprocessingSettings(mean=MEAN, std=STD)
    assert resolve_preprocessing(options, MODEL, DATA).mean == MEAN
    assert resolve_preprocessing(PreprocessingSettings(), MODEL, DATA) == MODEL
    from_data = resolve_preprocessing(PreprocessingSettings(), None, DATA)
    assert (from_data.mean, from_data.std) == (DATA.mean, DATA.std)
    assert (from_data.resize, from_data.crop) == (None, None)
    assert from_data.source == "the data set's statistics"


def test_without_any_statistics_the_hint_says_what_to_give():
    with pytest.raises(SettingsError) as caught:
        resolve_preprocessing(PreprocessingSettings(resize=32), None, None)
    assert "mean=(0.485, 0.456, 0.406)" in caught.value.hint
    assert "std=(0.229, 0.224, 0.225)" in caught.value.hint


def test_given_normalisation_keeps_the_models_size():
    resolved = resolve_preprocessing(PreprocessingSettings(mean=MEAN, std=STD), MODEL, None)
    assert (resolved.resize, resolved.crop, resolved.interpolation) == (256, 224, "bicubic")
    assert resolved.source == "the options; size from the model"


def test_given_size_replaces_both_of_the_models_and_keeps_its_normalisation():
    resolved = resolve_preprocessing(PreprocessingSettings(resize=32), MODEL, DATA)
    assert (resolved.resize, resolved.crop, resolved.mean) == (32, None, MODEL.mean)
    assert resolved.source == "the model; size from the options"
    everything = resolve_preprocessing(PreprocessingSettings(mean=MEAN, std=STD, resize=32, crop=28), MODEL, DATA)
    assert (everything.resize, everything.crop, everything.source) == (32, 28, "the options")
