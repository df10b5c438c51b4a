import numpy as np
import pytest
from loaded import load_evaluation_set
from PIL import Image

from reportgen.errors import DataError, SettingsError
from reportgen.inputs.data.windows import ValueRange, choose_window, find_range
from reportgen.settings import AnalyzeSettings, PreprocessingSettings


@pytest.fixture
def deep_folder(tmp_path):
    """Two classes of two pictures with 12 of 16 bits."""
    rng = np.random.default_rng(0)
    for name in ("a/0", "a/1", "b/0", "b/1"):
        path = tmp_path / "deep" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = rng.integers(100, 4000, (8, 8)).astype(np.uint16)
        values[0, :2] = 100, 4000
        Image.fromarray(values).save(path)
    return tmp_path / "deep"


def load(folder, window="full"):
    return load_evaluation_set(
        AnalyzeSettings(model="demo", data=str(folder), preprocessing=PreprocessingSettings(window=window))
    )


def stored(folder, name):
    return np.asarray(Image.open(folder / name)).astype(np.float64)


def test_the_range_is_told_and_a_window_suggested(deep_folder):
    loaded = load(deep_folder)
    (note,) = loaded.notes
    assert "4 pictures have more than 8 bits, with values from 100 to 4,000: the range from 0 to 65,535" in note
    assert "use 6%: the window 100,4000 uses all" in note
    np.testing.assert_array_equal(loaded.images[0][..., 1], np.rint(stored(deep_folder, "a/0.png") / 65535 * 255))


@pytest.mark.parametrize(
    ("window", "low", "high"), [("auto", 100, 4000), ((0.0, 4095.0), 0, 4095), ((500, 600), 500, 600)]
)
def test_a_window_is_applied_to_every_picture(deep_folder, window, low, high):
    loaded = load(deep_folder, window)
    expected = np.rint(((stored(deep_folder, "b/1.png") - low) / (high - low)).clip(0, 1) * 255)
    np.testing.assert_array_equal(loaded.images[3][..., 0], expected)
    assert "`--window" not in loaded.notes[0]


def test_floating_point_pictures_need_a_window(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.fromarray(np.array([[-1.0, 0.0, 1.0, np.nan]], dtype=np.float32)).save(tmp_path / name / "x.tiff")
    with pytest.raises(DataError, match="no known range; give window="):
        load(tmp_path).images[0]
    assert load(tmp_path, "auto").images[0][0, :, 0].tolist() == [0, 128, 255, 0]


def test_windows_do_not_touch_pictures_of_8_bits(image_folder):
    plain, windowed = load(image_folder), load(image_folder, (0, 10))
    np.testing.assert_array_equal(plain.images[0], windowed.images[0])
    assert windowed.notes == ()


def test_a_window_without_deep_images_is_refused(write_npz):
    with pytest.raises(SettingsError, match=r"set\.npz has no images with more than 8 bits"):
        load(write_npz(), "auto")


@pytest.mark.parametrize("shape", [(6, 8, 8), (6, 8, 8, 3)])
@pytest.mark.parametrize(
    ("window", "low", "high"),
    [("full", 0, 65535), ("auto", 100, 4000), ((0.0, 4095.0), 0, 4095), ((500, 600), 500, 600)],
)
def test_a_window_is_applied_to_arrays(write_npz, shape, window, low, high):
    values = np.random.default_rng(0).integers(100, 4001, shape).astype(np.uint16)
    values[0, 0, :2], values[0, 0, 2:4] = 100, 4000
    loaded = load(write_npz(images=values), window)
    expected = np.rint(((values.astype(np.float64) - low) / (high - low)).clip(0, 1) * 255)
    expected = expected if expected.ndim == 4 else np.repeat(expected[..., None], 3, axis=3)
    for position in range(6):
        np.testing.assert_array_equal(loaded.images[position], expected[position])
    (note,) = loaded.notes
    assert "6 pictures have more than 8 bits, with values from 100 to 4,000" in note


def test_arrays_of_whole_numbers_up_to_255_are_read_as_8_bits(write_npz, pixels):
    loaded = load(write_npz(images=pixels(6, 8, 8, 3).astype(np.int64)))
    np.testing.assert_array_equal(loaded.images[2], pixels(6, 8, 8, 3)[2])
    assert "int64 with values from 0 to 255, which are read as 8 bits" in loaded.notes[0]


def test_arrays_of_floating_point_need_a_window(write_npz):
    values = np.linspace(-1, 1, 6 * 64).reshape(6, 8, 8).astype(np.float32)
    with pytest.raises(DataError, match="range of their values is not known") as caught:
        load(write_npz(images=values))
    assert "window=" in caught.value.hint
    loaded = load(write_npz(images=values), (-1.0, 1.0))
    np.testing.assert_array_equal(loaded.images[0][..., 0], np.rint((values[0].astype(np.float64) + 1) / 2 * 255))
    values[0, 0, 0] = np.nan
    with pytest.raises(DataError, match="NaN"):
        load(write_npz(images=values), (-1.0, 1.0))
    with pytest.raises(DataError, match="reach from -1024 to 70000, beyond 16 bits"):
        load(write_npz(images=np.linspace(-1024, 70000, 6 * 64).astype(np.int32).reshape(6, 8, 8)))


@pytest.mark.extra
@pytest.mark.parametrize(("window", "low", "high"), [("full", 0, 65535), ("auto", 100, 4000), ((0.0, 4095.0), 0, 4095)])
def test_a_window_is_applied_to_saved_data_sets(deep_folder, tmp_path, window, low, high):
    datasets = pytest.importorskip("datasets")
    names = ["a/0.png", "a/1.png", "b/0.png", "b/1.png"]
    rows = datasets.Dataset.from_dict(
        {
            "image": [{"bytes": (deep_folder / name).read_bytes(), "path": None} for name in names],
            "label": [0, 0, 1, 1],
        },
        features=datasets.Features(
            {"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])},
        ),
    )
    rows.save_to_disk(str(tmp_path / "saved"))
    loaded = load(f"hf:{tmp_path / 'saved'}", window)
    for position, name in enumerate(names):
        expected = np.rint(((stored(deep_folder, name) - low) / (high - low)).clip(0, 1) * 255)
        np.testing.assert_array_equal(loaded.images[position][..., 0], expected)
    assert "4 pictures have more than 8 bits" in loaded.notes[0]


def test_a_constant_picture_has_a_window(tmp_path):
    Image.fromarray(np.full((2, 2), 7, np.uint16)).save(tmp_path / "x.png")
    found = find_range([tmp_path / "x.png"])
    assert found == ValueRange(low=7, high=7, num_read=1, num_deep=1)
    assert choose_window("auto", found)[0] == (7, 8)
