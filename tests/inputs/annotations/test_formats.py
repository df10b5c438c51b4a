import json

import numpy as np
import pytest

from reportgen.errors import DataError
from reportgen.inputs.annotations.formats import read_annotations
from reportgen.inputs.annotations.image_names import list_names
from reportgen.inputs.annotations.shapes import draw_shapes

SIZE = (60, 80)


@pytest.fixture
def read(tmp_path):
    def read_text(text: str | object, name: str = "export.json"):
        path = tmp_path / name
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return read_annotations(path)

    return read_text


def marked(shapes) -> np.ndarray:
    return draw_shapes(tuple(shapes), SIZE)


def region(x0, y0, x1, y1) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def inside_ellipse(x, y, rx, ry) -> np.ndarray:
    rows, columns = np.mgrid[:60, :80] + 0.5
    return ((columns - x) / rx) ** 2 + ((rows - y) / ry) ** 2 <= 1


def via_region(shape: dict, **attributes) -> dict:
    return {"shape_attributes": shape, "region_attributes": attributes}


VIA_FORMS = [
    ({"name": "rect", "x": 20, "y": 10, "width": 30, "height": 20}, region(20, 10, 50, 30)),
    ({"name": "polygon", "all_points_x": [20, 50, 50, 20], "all_points_y": [10, 10, 30, 30]}, region(20, 10, 50, 30)),
    ({"name": "circle", "cx": 40, "cy": 30, "r": 15}, inside_ellipse(40, 30, 15, 15)),
    ({"name": "ellipse", "cx": 40, "cy": 30, "rx": 20, "ry": 10}, inside_ellipse(40, 30, 20, 10)),
    ({"name": "ellipse", "cx": 40, "cy": 30, "rx": 20, "ry": 10, "theta": np.pi / 2}, inside_ellipse(40, 30, 10, 20)),
]


@pytest.mark.parametrize(("form", "expected"), VIA_FORMS)
def test_vias_shapes_mark_what_they_enclose(form, expected, read):
    file = read({"a.png123": {"filename": "a.png", "size": 123, "regions": [via_region(form, kind="cat")]}})
    assert file.format == "VIA"
    assert file.images[0].names == ("a.png",)
    assert [shape.label for shape in file.images[0].shapes] == ["cat"]
    assert (marked(file.images[0].shapes) ^ expected).sum() <= 0.01 * expected.sum()


def test_vias_projects_and_first_version_are_read_and_wrong_regions_left_out(read):
    regions = {
        "0": via_region({"name": "rect", "x": 0, "y": 0, "width": 5, "height": 5}, animal={"dog": False, "cat": True}),
        "1": via_region({"name": "polyline", "all_points_x": [1, 2], "all_points_y": [1, 2]}),
        "2": via_region({"name": "rect", "x": "left"}),
        "3": via_region({"name": "star"}),
    }
    file = read({"_via_settings": {}, "_via_img_metadata": {"a": {"filename": "a.png", "regions": regions}}})
    assert [shape.label for shape in file.images[0].shapes] == ["cat"]
    assert file.num_lines == 1
    assert len(file.unusable) == 2
    assert "export.json, a.png" in file.unusable[0]


VIA_HEADER = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"


def via_row(name: str, shape: dict, **attributes) -> str:
    cells = [json.dumps(value).replace('"', '""') for value in ({}, shape, attributes)]
    return f'{name},123,"{cells[0]}",1,0,"{cells[1]}","{cells[2]}"'


@pytest.mark.parametrize("header", [VIA_HEADER, f"#{VIA_HEADER}"])
def test_vias_tables_say_the_same_as_its_json(header, read):
    rows = [via_row("a.png", form, kind="cat") for form, _ in VIA_FORMS]
    rows += [
        via_row("b, c.png".replace(",", ""), {}),
        via_row("a.png", {"name": "point", "cx": 1, "cy": 1}),
        'a.png,123,"{}",1,0,"{broken","{}"',
    ]
    file = read("\n".join([header, *rows]), "export.csv")
    assert file.format == "VIA"
    first, empty = file.images
    assert [first.names, empty.names] == [("a.png",), ("b c.png",)]
    assert empty.shapes == ()
    for shape, (_, expected) in zip(first.shapes, VIA_FORMS, strict=True):
        assert shape.label == "cat"
        assert (marked([shape]) ^ expected).sum() <= 0.01 * expected.sum()
    assert file.num_lines == 1
    assert len(file.unusable) == 1


def test_a_table_of_vias_is_found_in_a_folder_and_other_tables_are_not(tmp_path):
    (tmp_path / "names.csv").write_text("class,name\n0,cat\n")
    with pytest.raises(DataError, match="contains no JSON, XML or PNG"):
        read_annotations(tmp_path)
    with pytest.raises(DataError, match="not a table of regions as VIA writes it"):
        read_annotations(tmp_path / "names.csv")
    (tmp_path / "regions.csv").write_text(f"{VIA_HEADER}\n{via_row('a.png', VIA_FORMS[0][0])}\n")
    assert [image.names for image in read_annotations(tmp_path).images] == [("a.png",)]


def encode_brush(mask: np.ndarray, lengths=(2, 3, 7, 15), width: int = 8) -> list[int]:
    """Label Studio's run lengths, written from the description of its format: runs, and blocks of single values."""
    values = np.repeat(mask[..., None] * 255, 4, axis=2).ravel().tolist()
    bits = f"{len(values):032b}{width - 1:05b}" + "".join(f"{length - 1:04b}" for length in lengths)
    place = 0
    while place < len(values):
        run = 1
        while place + run < len(values) and values[place + run] == values[place] and run < 2 ** lengths[-1]:
            run += 1
        is_run = run > 1
        count = run if is_run else min(3, len(values) - place)
        chosen = next(index for index, length in enumerate(lengths) if count - 1 < 2**length)
        shown = values[place : place + 1] if is_run else values[place : place + count]
        bits += f"{int(is_run)}{chosen:02b}{count - 1:0{lengths[chosen]}b}" + "".join(f"{v:0{width}b}" for v in shown)
        place += count
    bits += "0" * (-len(bits) % 8)
    return [int(bits[start : start + 8], 2) for start in range(0, len(bits), 8)]


@pytest.mark.parametrize("seed", [None, 0])
def test_label_studios_brush_marks_what_it_has_touched(seed, read):
    mask = region(20, 10, 50, 30) if seed is None else np.random.default_rng(seed).random(SIZE) < 0.3
    value = {"format": "rle", "rle": encode_brush(mask), "brushlabels": ["cat"]}
    file = read([studio_task("a.png", {"type": "brushlabels", "value": value})])
    assert file.unusable == ()
    (shape,) = file.images[0].shapes
    assert shape.label == "cat"
    np.testing.assert_array_equal(marked([shape]), mask)


@pytest.mark.parametrize("spoil", [lambda rle: rle[:-40], lambda rle: [0, 0, 0, 9, *rle[4:]], lambda rle: [300, *rle]])
def test_a_damaged_brush_is_left_out(spoil, read):
    value = {"format": "rle", "rle": spoil(encode_brush(region(20, 10, 50, 30))), "brushlabels": ["cat"]}
    file = read([studio_task("a.png", {"type": "brushlabels", "value": value})])
    assert file.images[0].shapes == ()
    assert len(file.unusable) == 1


def studio_task(name, *results, **task) -> dict:
    shape = {"original_width": 80, "original_height": 60}
    return {"data": {"image": name}, "annotations": [{"result": [{**shape, **result} for result in results]}], **task}


STUDIO_BOX = {"x": 25, "y": 50 / 3, "width": 37.5, "height": 100 / 3, "rotation": 0}
STUDIO_POINTS = [[25, 50 / 3], [62.5, 50 / 3], [62.5, 50], [25, 50]]
STUDIO_FORMS = [
    ("rectanglelabels", STUDIO_BOX, region(20, 10, 50, 30)),
    ("rectanglelabels", {**STUDIO_BOX, "x": 50, "rotation": 90}, region(20, 10, 40, 40)),
    ("polygonlabels", {"points": STUDIO_POINTS}, region(20, 10, 50, 30)),
    ("ellipselabels", {"x": 50, "y": 50, "radiusX": 25, "radiusY": 50 / 3}, inside_ellipse(40, 30, 20, 10)),
]


@pytest.mark.parametrize(("kind", "value", "expected"), STUDIO_FORMS)
def test_label_studios_shapes_mark_what_they_enclose(kind, value, expected, read):
    file = read([studio_task("/data/upload/3/0a1b2c3d-a.png", {"type": kind, "value": {**value, kind: ["cat"]}})])
    assert file.format == "Label Studio"
    assert file.images[0].size == SIZE
    assert file.images[0].names[-1] == "a.png"
    assert [shape.label for shape in file.images[0].shapes] == ["cat"]
    assert (marked(file.images[0].shapes) ^ expected).sum() <= 0.01 * expected.sum()


def test_what_label_studio_cannot_say_in_shapes_is_left_out(read):
    file = read(
        [
            studio_task(
                "a.png",
                {"type": "brushlabels", "value": {"format": "rle", "rle": [1, 2]}},
                {"type": "choices", "value": {"choices": ["cat"]}},
                {"type": "keypointlabels", "value": {"x": 1, "y": 1}},
                {"type": "rectanglelabels", "value": {"x": 1}},
            ),
            {"data": {"text": "no image"}, "id": 9},
        ]
    )
    assert file.images[0].shapes == ()
    assert file.num_lines == 1
    assert len(file.unusable) == 3
    assert "task 9 names no image" in file.unusable[-1]


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><image id="0" name="cat/a.png" width="80" height="60">{}</image></annotations>"""
CVAT_FORMS = [
    ('<box label="cat" xtl="20" ytl="10" xbr="50" ybr="30"/>', region(20, 10, 50, 30)),
    ('<box label="cat" xtl="20" ytl="10" xbr="50" ybr="30" rotation="90"/>', region(25, 5, 45, 35)),
    ('<polygon label="cat" points="20.0,10.0;50.0,10.0;50.0,30.0;20.0,30.0"/>', region(20, 10, 50, 30)),
    ('<ellipse label="cat" cx="40" cy="30" rx="20" ry="10"/>', inside_ellipse(40, 30, 20, 10)),
    ('<mask label="cat" left="20" top="10" width="30" height="20" rle="0, 600"/>', region(20, 10, 50, 30)),
    ('<mask label="cat" left="19" top="10" width="2" height="2" rle="1, 1, 1, 1"/>', region(20, 10, 21, 12)),
]


@pytest.mark.parametrize(("mark", "expected"), CVAT_FORMS)
def test_cvats_shapes_mark_what_they_enclose(mark, expected, read):
    file = read(CVAT.format(mark), "annotations.xml")
    assert file.format == "CVAT"
    assert file.images[0].size == SIZE
    assert file.images[0].names == ("cat/a.png",)
    assert [shape.label for shape in file.images[0].shapes] == ["cat"]
    assert (marked(file.images[0].shapes) ^ expected).sum() <= 0.01 * expected.sum()


def test_cvats_wrong_marks_and_lines_are_left_out(read):
    marks = (
        '<box xtl="1"/><points points="1,1"/><star/><polygon points="1,1;2,2"/><mask rle="3" left="0" top="0" '
        'width="2" height="2"/><tag label="cat"/>'
    )
    file = read(CVAT.format(marks), "annotations.xml")
    assert file.images[0].shapes == ()
    assert file.num_lines == 1
    assert len(file.unusable) == 4


@pytest.mark.parametrize(
    ("text", "name", "problem"),
    [
        ("<annotations>", "a.xml", "cannot be read"),
        ("<html/>", "a.xml", "its root is html"),
        ('{"some": "thing"}', "a.json", "not as LabelMe"),
        ("[]", "a.json", "not as LabelMe"),
    ],
)
def test_other_files_are_refused(text, name, problem, read):
    with pytest.raises(DataError, match=problem):
        read(text, name)


def test_a_folder_may_mix_formats(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        image = {"id": 1, "file_name": f"{split}.png"}
        content = {"images": [image], "annotations": [{"image_id": 1, "bbox": [0, 0, 2, 2]}]}
        (tmp_path / split / "_annotations.coco.json").write_text(json.dumps(content))
    (tmp_path / "a.json").write_text(json.dumps({"shapes": [], "imagePath": "a.png"}))
    (tmp_path / "notes.json").write_text("{}")
    file = read_annotations(tmp_path)
    assert file.format == "LabelMe and COCO"
    assert [image.names[0] for image in file.images] == ["a.png", "test.png", "train.png"]
    assert len(file.unusable) == 1


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("cat/0.png", ("cat/0.png",)),
        ("cat\\0.png", ("cat/0.png",)),
        ("images/0a1b2c3d-cat one.png", ("images/0a1b2c3d-cat one.png", "cat one.png")),
        ("/data/local-files/?d=project/cat/0.png", ("project/cat/0.png",)),
        ("https://host.example/cat%20one.png?x=1", ("cat one.png",)),
        ("s3://bucket/cat/0.png", ("cat/0.png",)),
        ("cat_jpg.rf.0123456789abcdef0123456789abcdef.jpg", None),
    ],
)
def test_names_lose_what_tools_have_added(said, names):
    assert list_names(said) == (names or (said, "cat.jpg"))
