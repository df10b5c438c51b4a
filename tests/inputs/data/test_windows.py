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


def test_a_window_without_image_files_is_refused(write_npz):
    with pytest.raises(SettingsError, match="not read from image files"):
        load(write_npz(), "auto")


def test_a_constant_picture_has_a_window(tmp_path):
    Image.fromarray(np.full((2, 2), 7, np.uint16)).save(tmp_path / "x.png")
    found = find_range([tmp_path / "x.png"])
    assert found == ValueRange(low=7, high=7, num_read=1, num_deep=1)
    assert choose_window("auto", found)[0] == (7, 8)
