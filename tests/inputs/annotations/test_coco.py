import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.errors import DataError
from reportgen.inputs.annotations.coco import decode_run_lengths, is_coco, read_coco
from reportgen.inputs.annotations.shapes import draw_shapes


def encode_text(lengths: list[int]) -> str:
    """COCO's text for run lengths, written after the description in `maskApi.h` (LEB128 with six bits a character)."""
    text = ""
    for place, length in enumerate(lengths):
        number = length - (lengths[place - 2] if place > 2 else 0)
        while True:
            bits = number & 31
            number >>= 5
            is_last = number == (-1 if bits & 16 else 0)
            text += chr(48 + (bits if is_last else bits | 32))
            if is_last:
                break
    return text


def run_lengths(mask: np.ndarray) -> list[int]:
    flat = mask.T.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    return [0, *lengths] if flat[0] else lengths


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.01, 0.99), st.integers(0, 10**6))
def test_run_lengths_give_the_mask_back(height, width, density, seed):
    mask = np.random.default_rng(seed).random((height, width)) < density
    lengths = run_lengths(mask)

    for counts in (lengths, encode_text(lengths)):
        np.testing.assert_array_equal(decode_run_lengths({"size": [height, width], "counts": counts}, "x"), mask)


def test_a_known_text_is_decoded():
    """Counts 6, 1, 40, 4, 5, 4, 5, 4, 21 of a 9×10 mask, as pycocotools writes them."""
    expected = np.zeros(90, bool)
    expected[6] = expected[47:51] = expected[56:60] = expected[65:69] = True

    mask = decode_run_lengths({"size": [9, 10], "counts": "61X13mN000`0"}, "x")

    np.testing.assert_array_equal(mask, expected.reshape(10, 9).T)


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [2, 2], "counts": [3]},
        {"size": [2, 2], "counts": [5, -1]},
        {"size": [2, 2], "counts": [1.5, 2.5]},
        {"size": [2], "counts": [4]},
        {"size": [2, 2], "counts": "4\x00"},
        {"size": [2, 2], "counts": "d"},
        {"size": [2, 2], "counts": None},
    ],
)
def test_wrong_run_lengths_are_refused(segmentation):
    with pytest.raises(DataError, match="a file, annotation 3,"):
        decode_run_lengths(segmentation, "a file, annotation 3,")


def document(annotations, **image) -> dict:
    return {
        "images": [{"id": 7, "file_name": "cat/0.png", "height": 6, "width": 8, **image}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 2, **entry} for entry in annotations],
        "categories": [{"id": 2, "name": "Cat"}],
    }


def read_mask(annotations, **image) -> np.ndarray:
    read = read_coco(document(annotations, **image), "coco.json")
    return draw_shapes(read.images[0].shapes, (6, 8))


def test_boxes_polygons_and_run_lengths_mark_the_same_rectangle():
    expected = np.zeros((6, 8), bool)
    expected[1:4, 2:7] = True
    forms = (
        {"bbox": [2, 1, 5, 3]},
        {"bbox": [0, 0, 1, 1], "segmentation": [[2, 1, 7, 1, 7, 4, 2, 4]]},
        {"segmentation": [[2, 1, 4, 1, 4, 4, 2, 4], [4, 1, 7, 1, 7, 4, 4, 4]]},
        {"segmentation": {"size": [6, 8], "counts": run_lengths(expected)}},
        {"segmentation": {"size": [6, 8], "counts": encode_text(run_lengths(expected))}, "iscrowd": 1},
    )

    for form in forms:
        np.testing.assert_array_equal(read_mask([form]), expected)


def test_shapes_are_labelled_with_their_category():
    read = read_coco(document([{"bbox": [2, 1, 5, 3]}]), "coco.json")

    assert [shape.label for shape in read.images[0].shapes] == ["Cat"]
    assert read.images[0].size == (6, 8)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"bbox": [1, 2, 3]}, "bbox"),
        ({}, "bbox"),
        ({"segmentation": [[1, 2, 3, 4]]}, "three or more pairs"),
        ({"segmentation": [["a"] * 6]}, "not a list of numbers"),
        ({"segmentation": {"size": [4, 4], "counts": [16]}}, "4×4, 8×6"),
        ({"bbox": [1, 2, 3, 4], "image_id": 8}, "image 8, which is not listed"),
    ],
)
def test_wrong_entries_are_named_and_left_out(entry, problem):
    (sentence,) = read_coco(document([entry]), "coco.json").unusable
    assert problem in sentence


def test_what_is_right_beside_a_wrong_entry_counts():
    read = read_coco(document([{"bbox": [1, 2, 3]}, {"bbox": [2, 1, 5, 3]}]), "coco.json")
    assert len(read.images[0].shapes) == len(read.unusable) == 1
    assert "coco.json, annotation 1," in read.unusable[0]


def test_a_missing_key_is_named():
    broken = document([])
    del broken["images"][0]["file_name"]
    read = read_coco(broken, "coco.json")
    assert read.images == ()
    assert "file_name" in read.unusable[0]


def test_roboflows_images_have_their_names_before_the_export_too():
    exported = f"cat_png.rf.{'0a' * 16}.jpg"
    assert read_coco(document([], file_name=exported), "x").images[0].names == (exported, "cat.png")
    named = read_coco(document([], file_name=exported, extra={"name": "a cat.png"}), "x")
    assert named.images[0].names[-1] == "a cat.png"


def test_only_a_document_with_images_and_annotations_is_one_of_cocos():
    assert is_coco(json.loads(json.dumps(document([]))))
    assert not is_coco({"images": []})
    assert not is_coco([])
