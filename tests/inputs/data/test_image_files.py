import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from reportgen.errors import DataError
from reportgen.inputs.data.image_files import FileImages, decode_image, read_image, to_rgb


def saved(tmp_path, image: Image.Image, name: str = "x.png", **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


def test_rgb_comes_back_as_it_was_written(tmp_path, pixels):
    image = pixels(5, 7, 3)
    np.testing.assert_array_equal(read_image(saved(tmp_path, Image.fromarray(image))), image)


def test_grey_has_three_equal_channels(tmp_path, pixels):
    image = pixels(5, 7)
    expected = np.stack([image] * 3, axis=-1)
    np.testing.assert_array_equal(read_image(saved(tmp_path, Image.fromarray(image))), expected)
    bilevel = Image.fromarray(image > 127)
    np.testing.assert_array_equal(read_image(saved(tmp_path, bilevel))[..., 0], (image > 127) * np.uint8(255))


def test_palette_shows_its_colours(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    expected = [[[10, 20, 30], [200, 100, 50]]]
    np.testing.assert_array_equal(read_image(saved(tmp_path, image)), expected)


def test_transparency_lies_on_white(tmp_path):
    rgba = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 51]]], dtype=np.uint8)
    expected = [[[255, 0, 0], [255, 255, 255], [204, 204, 204]]]  # 204 = 0.8 * 255, as black covers a fifth
    np.testing.assert_array_equal(read_image(saved(tmp_path, Image.fromarray(rgba))), expected)
    grey = np.array([[[0, 255], [0, 0]]], dtype=np.uint8)
    np.testing.assert_array_equal(read_image(saved(tmp_path, Image.fromarray(grey)))[0, :, 0], [0, 255])


def test_transparent_palette_entry_and_colour_are_white(tmp_path):
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putdata([0, 1])
    for transparency in (1, b"\xff\x00"):
        path = saved(tmp_path, palette, transparency=transparency)
        np.testing.assert_array_equal(read_image(path), [[[10, 20, 30], [255, 255, 255]]])
    colour = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8))
    path = saved(tmp_path, colour, transparency=(4, 5, 6))
    np.testing.assert_array_equal(read_image(path), [[[1, 2, 3], [255, 255, 255]]])


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_are_reduced_to_the_nearest_of_eight(tmp_path, suffix):
    values = np.array([[0, 128, 129, 257 * 77, 65535]], dtype=np.uint16)
    path = saved(tmp_path, Image.fromarray(values), f"x.{suffix}")
    np.testing.assert_array_equal(read_image(path)[0, :, 1], np.round(values[0] / 65535 * 255))


def test_values_without_a_known_range_are_refused(tmp_path):
    for values, problem in ((np.ones((2, 2), np.float32), "range"), (np.full((2, 2), 70000, np.int32), "16 bits")):
        path = saved(tmp_path, Image.fromarray(values), "x.tiff")
        with pytest.raises(DataError, match=rf"x\.tiff cannot be read: .*{problem}"):
            read_image(path)


def test_cmyk_shows_its_inks(tmp_path):
    inks = np.zeros((8, 8, 4), dtype=np.uint8)
    inks[..., 0] = 255  # cyan, which takes away red
    path = saved(tmp_path, Image.fromarray(inks, mode="CMYK"), "x.jpg", quality=100)
    np.testing.assert_allclose(read_image(path)[4, 4], [0, 255, 255], atol=3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotated_photographs_stand_upright(tmp_path, pixels, orientation):
    # Independent table: how the stored pixels have to be moved (EXIF 2.3, tag 0x0112).
    moves = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, 1),
    }
    stored = pixels(3, 5, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, Image.fromarray(stored), exif=exif)
    np.testing.assert_array_equal(read_image(path), moves[orientation](stored))


def test_sixteen_bit_and_transparent_pictures_are_turned_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    values = np.array([[0, 65535]], dtype=np.uint16)
    path = saved(tmp_path, Image.fromarray(values), exif=exif)
    np.testing.assert_array_equal(read_image(path)[0, :, 0], [255, 0])


def test_other_modes_are_converted(pixels):
    image = Image.fromarray(pixels(4, 4, 3))
    for mode in ("HSV", "YCbCr"):
        assert to_rgb(image.convert(mode)).shape == (4, 4, 3)
    assert to_rgb(ImageOps.expand(image.convert("RGBA").convert("RGBa"))).shape == (4, 4, 3)


def test_first_frame_of_an_animation_is_shown(tmp_path, pixels):
    frames = [Image.fromarray(pixels(4, 4, seed=seed)) for seed in (1, 2)]
    path = tmp_path / "x.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(path)[..., 0], pixels(4, 4, seed=1))


def test_unreadable_files_are_named(tmp_path, pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels(32, 32, 3)).save(buffer, "PNG")
    whole = buffer.getvalue()
    for content in (b"", b"no picture", whole[: len(whole) // 2], whole[:20] + b"x" * 40):
        path = tmp_path / "broken.png"
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"broken\.png cannot be read") as caught:
            read_image(path)
        assert "Replace" in caught.value.hint
    with pytest.raises(DataError, match=r"gone\.png was removed"):
        read_image(tmp_path / "gone.png")


def test_content_alone_is_read_as_its_file(tmp_path, pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels(5, 7, 3)).save(buffer, "PNG")
    np.testing.assert_array_equal(decode_image(buffer, "in row 3"), pixels(5, 7, 3))
    with pytest.raises(DataError, match=r"The image in row 3 cannot be read: it is not an image in a known format"):
        decode_image(io.BytesIO(b"no picture"), "in row 3")


def test_file_images_are_read_by_position_and_can_be_picked(image_folder):
    images = FileImages(image_folder, ("cat/1.png", "dog/0.png", "owl/0.png"))
    assert len(images) == 3
    np.testing.assert_array_equal(images[1], np.asarray(Image.open(image_folder / "dog/0.png")))
    picked = images.take(np.array([0, 2]))
    assert picked.names == ("cat/1.png", "owl/0.png")
