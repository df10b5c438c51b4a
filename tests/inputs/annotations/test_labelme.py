import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from reportgen.errors import DataError
from reportgen.inputs.annotations.formats import read_annotations
from reportgen.inputs.annotations.shapes import draw_shapes


@pytest.fixture
def read(tmp_path):
    def read_shapes(*shapes, **fields):
        path = tmp_path / "0.json"
        path.write_text(json.dumps({"shapes": shapes, "imagePath": "0.png", **fields}))
        return read_annotations(path)

    return read_shapes


def marked(file, size=(6, 8)) -> np.ndarray:
    return draw_shapes(file.images[0].shapes, size)


@pytest.fixture
def expected() -> np.ndarray:
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:7] = True
    return mask


@pytest.mark.parametrize(
    "shape",
    [
        {"shape_type": "rectangle", "points": [[2, 1], [7, 4]]},
        {"shape_type": "rectangle", "points": [[7, 4], [2, 1]]},
        {"shape_type": "rectangle", "points": [[2, 1], [7, 1], [7, 4], [2, 4]]},
        {"shape_type": "polygon", "points": [[2, 1], [7, 1], [7, 4], [2, 4]]},
        {"points": [[2, 1], [7, 1], [7, 4], [2, 4]]},
    ],
)
def test_rectangles_and_polygons_mark_what_they_enclose(shape, read, expected):
    np.testing.assert_array_equal(marked(read({"label": "cat", **shape})), expected)


def test_a_bitmap_lies_where_its_points_say(read, expected):
    content = io.BytesIO()
    Image.fromarray(np.full((3, 5), 255, np.uint8)).save(content, "PNG")
    encoded = base64.b64encode(content.getvalue()).decode()

    file = read({"label": "cat", "shape_type": "mask", "points": [[2, 1], [6, 3]], "mask": encoded})

    np.testing.assert_array_equal(marked(file), expected)


def test_a_circle_is_its_centre_and_a_point_on_its_edge(read):
    mask = marked(read({"label": "", "shape_type": "circle", "points": [[10, 10], [13, 14]]}), (20, 20))

    y, x = np.mgrid[:20, :20] + 0.5
    np.testing.assert_array_equal(mask, (x - 10) ** 2 + (y - 10) ** 2 < 24.9)


def test_points_and_lines_are_counted_and_mark_nothing(read):
    lines = [
        {"label": "x", "shape_type": kind, "points": [[1, 1], [5, 5]]}
        for kind in ("point", "points", "line", "linestrip")
    ]

    file = read(*lines)

    assert file.num_lines == 4
    assert file.images[0].shapes == ()


def test_the_image_may_be_called_as_said_as_lies_beside_or_as_the_file_is(tmp_path):
    path = tmp_path / "cat" / "0.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"shapes": [], "imagePath": "..\\pictures\\A.PNG"}))

    (image,) = read_annotations(tmp_path).images

    assert image.names == ("../pictures/A.PNG", "cat/A.PNG", "cat/0")


def test_the_size_is_read_where_it_is_said(read):
    assert read(imageHeight=6, imageWidth=8).images[0].size == (6, 8)
    assert read(imageHeight=None, imageWidth=None).images[0].size is None
    assert read().images[0].size is None


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ({"shape_type": "spiral", "points": [[1, 1], [2, 2]]}, "its type spiral is unknown"),
        ({"shape_type": "polygon", "points": [[1, 1], [2, 2]]}, "3 points or more, not 2"),
        ({"shape_type": "rectangle", "points": [[1, 1]]}, "2 points or more, not 1"),
        ({"shape_type": "rectangle", "points": "nowhere"}, "not pairs of numbers"),
        ({"shape_type": "polygon", "points": [[1, 1], [2, 2], [3, float("nan")]]}, "not pairs of numbers"),
        ({"shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": "AAAA"}, "its mask is not an image"),
        ({"shape_type": "mask", "points": [[1, 1], [2, 2]]}, "its mask is not an image"),
        ("a text", "it is not a JSON object"),
    ],
)
def test_wrong_shapes_are_named_and_left_out(shape, problem, read):
    file = read(shape, {"shape_type": "rectangle", "points": [[2, 1], [7, 4]]})
    assert re.search(f"0.json, shape 1, are invalid: .*{problem}", file.unusable[0])
    assert len(file.images[0].shapes) == 1


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "0.json"
    for text, problem in (
        ("{}", "not as LabelMe"),
        ("[]", "not as LabelMe"),
        ("{", "cannot be read"),
        ("\xff", "cannot be read"),
    ):
        path.write_text(text, encoding="latin-1")
        with pytest.raises(DataError, match=problem):
            read_annotations(path)


def test_a_wrong_size_is_refused(read):
    with pytest.raises(DataError, match="imageHeight and imageWidth are 'six' and 8"):
        read(imageHeight="six", imageWidth=8)
