"""Annotated regions."""

import json

from bad_input.row import OK, RUN, SCALE, Row, data, text

A = f"run --model model.py:make_model --weights model.pth --data photos {SCALE} --annotations "
SHAPE = {"label": "otter", "points": [[2, 2], [9, 9]], "shape_type": "rectangle"}


def _labelme(**changes: object) -> str:
    return json.dumps({"imagePath": "00.png", "imageWidth": 16, "imageHeight": 16, "shapes": [SHAPE], **changes})


COCO = {
    "images": [{"id": 1, "file_name": "00.png", "width": 16, "height": 16}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 2, 8, 8]}],
    "categories": [{"id": 1, "name": "otter"}],
}


def _coco(**changes: object) -> str:
    return json.dumps({**COCO, **changes})


def _box(**changes: object) -> str:
    return _coco(annotations=[{**COCO["annotations"][0], **changes}])


ROWS = (
    Row("a path that does not exist", f"{A}nowhere", ("nowhere",)),
    Row("an empty folder", f"{A}void", ("void",), lambda folder: (folder / "void").mkdir()),
    Row("an empty file", f"{A}a.json", ("a.json",), text("a.json", "")),
    Row("text that is no JSON", f"{A}a.json", ("a.json",), text("a.json", "{")),
    Row("JSON that is too deep", f"{A}a.json", ("a.json",), text("a.json", "[" * 100_000)),
    Row("JSON of another kind", f"{A}a.json", ("a.json",), text("a.json", '{"hello": 1}')),
    Row("a JSON number", f"{A}a.json", ("a.json",), text("a.json", "3")),
    Row("bytes that are not UTF-8", f"{A}a.json", ("a.json",), data("a.json", b"\xff\xfe\xfa")),
    Row("XML that is none", f"{A}a.xml", ("a.xml",), text("a.xml", "<annotations>")),
    Row(
        "XML with entities that grow",
        f"{A}a.xml",
        ("CVAT",),
        text("a.xml", '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><annotations>&b;</annotations>'),
    ),
    Row(
        "LabelMe: an image that there is not",
        f"{A}marks",
        ("99.png",),
        text("marks/99.json", _labelme(imagePath="99.png")),
    ),
    Row(
        "LabelMe: a class that there is not",
        f"{A}marks",
        ("annotation",),
        text("marks/00.json", _labelme(shapes=[{**SHAPE, "label": "zebra"}])),
        OK,
    ),
    Row("LabelMe: no shapes", f"{A}marks", ("00.json",), text("marks/00.json", _labelme(shapes=None))),
    Row(
        "LabelMe: points as text",
        f"{A}marks",
        ("00",),
        text("marks/00.json", _labelme(shapes=[{**SHAPE, "points": [["a", "b"], ["c", "d"]]}])),
    ),
    Row(
        "LabelMe: a polygon of one point",
        f"{A}marks",
        ("00",),
        text("marks/00.json", _labelme(shapes=[{**SHAPE, "shape_type": "polygon", "points": [[1, 1]]}])),
    ),
    Row(
        "LabelMe: another image size",
        f"{A}marks",
        ("00",),
        text("marks/00.json", _labelme(imageWidth=640, imageHeight=480)),
    ),
    Row(
        "COCO: an image that there is not",
        f"{A}a.json",
        ("99.png",),
        text("a.json", _coco(images=[{"id": 1, "file_name": "99.png", "width": 16, "height": 16}])),
    ),
    Row("COCO: an image id that there is not", f"{A}a.json", ("7",), text("a.json", _box(image_id=7))),
    Row("COCO: a category that there is not", f"{A}a.json", ("annotation",), text("a.json", _box(category_id=7)), OK),
    Row("COCO: a box of three numbers", f"{A}a.json", ("bbox",), text("a.json", _box(bbox=[1, 2, 3]))),
    Row("COCO: a box outside its image", f"{A}a.json", ("None", "COCO"), text("a.json", _box(bbox=[40, 40, 8, 8]))),
    Row("COCO: a box without area", f"{A}a.json", ("None", "COCO"), text("a.json", _box(bbox=[2, 2, 0, 0]))),
    Row(
        "COCO: a box that is not finite",
        f"{A}a.json",
        ("bbox",),
        text("a.json", _box(bbox=[1, 2, 3, 4]).replace("[1, 2, 3, 4]", "[NaN, 2, 3, 4]")),
    ),
    Row("COCO: annotations as text", f"{A}a.json", ("a.json",), text("a.json", _coco(annotations="none"))),
    Row("masks: another size", f"{A}masks", ("00.png",), lambda folder: _mask(folder, (9, 9), 255)),
    Row("masks: nothing marked", f"{A}masks", ("None", "mask"), lambda folder: _mask(folder, (16, 16), 0)),
    Row(
        "masks: a value that there is not",
        f"{A}masks --mask-values 7",
        ("None", "mask"),
        lambda folder: _mask(folder, (16, 16), 1),
    ),
    Row("masks: a file that is no image", f"{A}masks", ("00.png",), text("masks/00.png", "hello")),
    Row("annotations for arrays", "run --arrays arrays.npz --annotations photos", ("--annotations",)),
    Row("annotations for a test set in .npz", f"{RUN} --annotations marks", ("00",), text("marks/00.json", _labelme())),
)


def _mask(folder, size, value) -> None:
    from PIL import Image

    (folder / "masks").mkdir()
    Image.new("L", size, value).save(folder / "masks/00.png")
