import json
from dataclasses import replace

import numpy as np
import pytest
from loaded import load_evaluation_set
from PIL import Image

from reportgen.errors import DataError
from reportgen.inputs.annotations.matching import describe_annotations, load_annotations
from reportgen.inputs.data.arrays import ArrayImages
from reportgen.inputs.data.evaluation_set import EvaluationSet
from reportgen.inputs.preprocessing import Preprocessing
from reportgen.settings import AnalyzeSettings

IDS = ("cat/0.png", "cat/1.png", "dog/0.png", "dog/2.png")


def geometry(**fields) -> Preprocessing:
    return Preprocessing(mean=(0.5,) * 3, std=(0.5,) * 3, source="a test", **fields)


def make_set(ids=IDS, size=(6, 8)) -> EvaluationSet:
    labels = np.array([int(name.startswith("dog")) for name in ids])
    return EvaluationSet(
        name="a set",
        images=ArrayImages(np.zeros((len(ids), *size, 3), np.uint8)),
        labels=labels,
        example_ids=tuple(ids),
        example_index=np.arange(len(ids)),
        class_names=("cat", "dog"),
        superclasses=None,
        normalisation=None,
    )


def load(path, evaluation_set=None, preprocessing=None, size=(6, 8)):
    settings = AnalyzeSettings(model="net.py:make", data="somewhere", annotations=path, thumbnail_size=max(size))
    return load_annotations(settings, evaluation_set or make_set(), preprocessing or geometry())


def box(x0, y0, x1, y1, label="") -> dict:
    return {"label": label, "shape_type": "rectangle", "points": [[x0, y0], [x1, y1]]}


@pytest.fixture
def write_labelme(tmp_path):
    def write(files: dict[str, list], **fields):
        folder = tmp_path / "labelme"
        for name, shapes in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"shapes": shapes, "imagePath": path.stem + ".png", **fields}))
        return folder

    return write


@pytest.fixture
def write_masks(tmp_path):
    def write(masks: dict[str, np.ndarray]):
        for name, mask in masks.items():
            path = tmp_path / "masks" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(path)
        return tmp_path / "masks"

    return write


@pytest.fixture
def expected() -> np.ndarray:
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:7] = True
    return mask


def test_without_annotations_there_are_none():
    assert load(None) is None


def test_labelme_coco_and_masks_of_one_region_are_the_same(write_labelme, write_masks, tmp_path, expected):
    coco = tmp_path / "coco.json"
    coco.write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "dog/2.png"}],
                "annotations": [{"image_id": 1, "bbox": [2, 1, 5, 3]}],
            }
        )
    )
    sources = {
        "LabelMe": write_labelme({"2.json": [box(2, 1, 7, 4)]}),
        "COCO": coco,
        "mask pictures": write_masks({"dog/2.png": expected.astype(np.uint8)}),
    }

    for name, path in sources.items():
        found = load(path)
        assert found.positions.tolist() == [3]
        assert found.source == f"{name}, 1 of 4 images"
        np.testing.assert_array_equal(found.masks, expected[None])


@pytest.mark.parametrize(
    "pixels",
    [
        np.array([[0, 255], [255, 0]], np.uint8),
        np.array([[False, True], [True, False]]),
        np.array([[0, 300], [70, 0]], np.uint16),
        np.array([[[0, 0, 0], [0, 9, 0]], [[1, 0, 0], [0, 0, 0]]], np.uint8),
        np.array([[[0, 0, 0, 255], [0, 9, 0, 0]], [[1, 0, 0, 255], [0, 0, 0, 0]]], np.uint8),
    ],
)
def test_a_mask_marks_whatever_is_not_black(pixels, write_masks):
    found = load(write_masks({"cat/1.png": pixels}), make_set(size=(2, 2)), size=(2, 2))

    assert found.masks.tolist() == [[[False, True], [True, False]]]


def test_a_palettes_index_marks_and_not_its_colour(tmp_path):
    picture = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "L").convert("P")
    picture.putpalette([255, 255, 255, 0, 0, 0])
    (tmp_path / "masks").mkdir()
    picture.save(tmp_path / "masks" / "1.png")

    found = load(tmp_path / "masks", make_set(size=(2, 2)), size=(2, 2))

    assert found.masks.tolist() == [[[False, True], [True, False]]]


@pytest.mark.parametrize(
    ("ids", "name", "found"),
    [
        (IDS, "dog/2.png", 3),
        (IDS, "2.png", 3),
        (IDS, "elsewhere/2.png", 3),
        (IDS, "cat/0.png", 0),
        (IDS, "dog/0.png", 2),
        (("cat/0.jpg", "cat/1.jpg"), "cat/1.png", 1),
        (("cat/0.jpg", "dog/0.jpg"), "dog/0.png", 1),
        (("17", "38-017"), "38-017.png", 1),
        (("a.b.png", "a.c.png"), "a.c.png", 1),
    ],
)
def test_a_name_finds_its_image(ids, name, found, write_masks, expected):
    assert load(write_masks({name: expected}), make_set(ids)).positions.tolist() == [found]


def test_a_file_in_a_class_folder_is_never_that_of_another_class(write_masks, expected):
    path = write_masks({"dog/1.png": expected, "cat/0.png": expected})

    found = load(path)

    assert found.positions.tolist() == [0]
    assert found.source == "mask pictures, 1 of 4 images; 1 annotated but not in the test set"


def test_labelmes_folder_tells_images_of_one_name_apart(write_labelme, expected):
    found = load(write_labelme({"dog/0.json": [box(2, 1, 7, 4)], "cat/0.json": [box(0, 0, 1, 1)]}))

    assert found.positions.tolist() == [0, 2]
    np.testing.assert_array_equal(found.masks[1], expected)


def test_a_name_of_several_images_is_refused(write_masks, expected):
    with pytest.raises(DataError, match=r"match both cat/0.png and dog/0.png") as caught:
        load(write_masks({"0.png": expected}))
    assert "folder" in caught.value.hint


def test_of_two_annotations_of_one_image_the_first_counts(write_labelme):
    found = load(write_labelme({"1.json": [box(0, 0, 2, 2)], "again/1.json": [box(1, 1, 3, 4)]}))

    assert found.masks.sum() == 4
    assert "1 cannot be used, such as: The annotations 1.json and again/1.json both belong to" in found.source


def test_annotations_of_other_classes_only_are_counted(write_labelme):
    found = load(
        write_labelme(
            {
                "cat/0.json": [box(0, 0, 2, 2, "Dog")],
                "cat/1.json": [box(0, 0, 2, 2, "dog"), box(1, 1, 3, 3, "cat")],
                "dog/2.json": [box(0, 0, 2, 2, "bone")],
            }
        )
    )

    assert found.source == "LabelMe, 3 of 4 images; 1 with annotations of other classes only, which are used"
    assert found.masks.sum(axis=(1, 2)).tolist() == [4, 4, 4]


def test_one_damaged_file_does_not_hide_the_others(write_labelme, write_masks, expected):
    labelme = write_labelme({"cat/1.json": [box(2, 1, 7, 4)], "dog/2.json": []})
    (labelme / "dog/2.json").write_text("{")
    masks = write_masks({"cat/1.png": expected, "dog/2.png": expected[:3]})
    (masks / "cat/0.png").write_text("no picture")

    for path, num_unusable in ((labelme, 1), (masks, 2)):
        found = load(path)
        assert found.positions.tolist() == [1]
        assert f"; {num_unusable} cannot be used, such as: " in found.source
        assert str(path) not in found.source


@pytest.mark.parametrize(
    ("rows", "values", "marked", "note"),
    [
        ([[1, 2], [3, 0]], (), [[1, 1], [1, 0]], "the values 1, 2, 3 all count as marked"),
        ([[1, 2], [3, 0]], (1, 3), [[1, 0], [1, 0]], "only 1, 3 counts as marked, of the values 1, 2, 3"),
        ([[1, 2], [255, 0]], (), [[1, 1], [0, 0]], "255 is void and marks nothing; the values 1, 2 count"),
        ([[1, 2], [255, 0]], (255,), [[0, 0], [1, 0]], "only 255 counts"),
        ([[1, 255], [255, 0]], (), [[1, 1], [1, 0]], "the values 1, 255 all count"),
        ([[255, 255], [255, 0]], (), [[1, 1], [1, 0]], ""),
        ([[7, 0], [0, 0]], (7, 9), [[1, 0], [0, 0]], "no mask has the value 9"),
    ],
)
def test_values_of_masks_are_told_and_can_be_chosen(rows, values, marked, note, write_masks):
    path = write_masks({"cat/1.png": np.array(rows, np.uint8)})
    settings = AnalyzeSettings(model="m", data="d", annotations=path, mask_values=values, thumbnail_size=2)

    found = load_annotations(settings, make_set(size=(2, 2)), geometry())

    assert found.masks[0].astype(int).tolist() == marked
    assert note in found.source
    assert describe_annotations(found) == ((f"Annotations: {found.source}.",) if note else ())


def test_no_value_can_be_chosen_from_colored_masks(write_masks):
    path = write_masks({"cat/1.png": np.array([[[1, 2, 3], [0, 0, 0]]], np.uint8)})
    settings = AnalyzeSettings(model="m", data="d", annotations=path, mask_values=(1,))
    with pytest.raises(DataError, match=r"cat/1\.png has colors"):
        load_annotations(settings, make_set(size=(1, 2)), geometry())


def test_annotations_of_other_images_are_refused(write_masks, expected):
    with pytest.raises(DataError, match=r"one is of owl.png, the first image is cat/0.png"):
        load(write_masks({"owl.png": expected}))


def test_what_is_not_used_is_counted(write_labelme):
    path = write_labelme(
        {
            "cat/1.json": [box(2, 1, 7, 4), {"label": "", "shape_type": "line", "points": [[0, 0], [1, 1]]}],
            "cat/0.json": [],
            "dog/2.json": [box(0, 0, 1, 1)],
            "cat/9.json": [box(0, 0, 1, 1)],
        }
    )

    found = load(path, preprocessing=geometry(crop=4), size=(4, 4))

    assert found.positions.tolist() == [1]
    assert found.source.split("; ") == [
        "LabelMe, 1 of 4 images",
        "1 annotated but not in the test set",
        "1 listed without a mark",
        "1 with regions outside the crop, or smaller than half a pixel of the thumbnail",
        "1 points and lines, which have no area, are ignored",
    ]


def test_annotations_that_mark_nothing_are_refused(write_labelme):
    with pytest.raises(DataError, match="None of the annotations"):
        load(write_labelme({"cat/1.json": [box(0, 0, 1, 1)]}), preprocessing=geometry(crop=4), size=(4, 4))


def test_only_shapes_of_the_true_class_count_where_there_are_any(write_labelme, expected):
    path = write_labelme(
        {
            "cat/1.json": [box(2, 1, 7, 4, "CAT"), box(0, 0, 1, 1, "dog")],
            "dog/2.json": [box(2, 1, 7, 4, "collar"), box(0, 0, 1, 1, "bone")],
        }
    )

    found = load(path)

    np.testing.assert_array_equal(found.masks[0], expected)
    expected[0, 0] = True
    np.testing.assert_array_equal(found.masks[1], expected)


def test_another_size_than_the_images_is_refused(write_labelme, write_masks):
    labelme = write_labelme({"cat/1.json": [box(0, 0, 2, 2)]}, imageHeight=12, imageWidth=16)
    with pytest.raises(DataError, match=r"image of 16×12 pixels, but cat/1.png has 8×6"):
        load(labelme)
    with pytest.raises(DataError, match=r"image of 6×6 pixels, but cat/1.png has 8×6"):
        load(write_masks({"1.png": np.ones((6, 6), np.uint8)}))


def test_the_size_of_a_file_is_that_of_the_picture_as_it_is_seen(tmp_path, write_labelme):
    folder = tmp_path / "pictures" / "cat"
    folder.mkdir(parents=True)
    (tmp_path / "pictures" / "dog").mkdir()
    turned = Image.Exif()
    turned[0x0112] = 6  # stored on its side
    Image.new("RGB", (6, 8)).save(folder / "1.jpg", exif=turned)
    Image.new("RGB", (8, 6)).save(tmp_path / "pictures" / "dog" / "2.png")
    annotations = write_labelme({"cat/1.json": [box(2, 1, 7, 4)], "dog/2.json": [box(2, 1, 7, 4)]})
    settings = AnalyzeSettings(model="net.py:make", data=str(tmp_path / "pictures"), annotations=annotations)

    found = load_annotations(settings, load_evaluation_set(settings), geometry())

    assert found.masks.sum(axis=(1, 2)).tolist() == [15, 15]


def test_marks_follow_the_crop_and_the_thumbnail(write_masks):
    mask = np.zeros((12, 16), np.uint8)
    mask[4:8, 6:16] = 1
    path = write_masks({"cat/1.png": mask})

    found = load(path, make_set(size=(12, 16)), geometry(crop=8), (4, 4))

    expected = np.zeros((4, 4), bool)
    expected[1:3, 1:] = True
    np.testing.assert_array_equal(found.masks, expected[None])


def test_paths_without_annotations_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="do not exist"):
        load(tmp_path / "nothing")
    with pytest.raises(DataError, match="no JSON, XML or PNG files"):
        load(tmp_path / "empty")
    (tmp_path / "empty" / "1.png").write_text("no picture")
    with pytest.raises(DataError, match=r"1.png cannot be read"):
        load(tmp_path / "empty")
    (tmp_path / "empty" / "1.json").write_text('{"shapes": [], "images": []}')
    with pytest.raises(DataError, match=r"1.json are invalid"):
        load(tmp_path / "empty")


def test_an_empty_list_of_images_is_refused(tmp_path):
    path = tmp_path / "coco.json"
    path.write_text('{"images": [], "annotations": []}')
    with pytest.raises(DataError, match="contain no image"):
        load(path)


@pytest.mark.slow
def test_the_demos_boxes_are_annotations_and_labelme_files_of_them_are_the_same(tmp_path):
    from reportgen.demo.dataset import shared_test_set

    settings = AnalyzeSettings(model="demo", data="demo", limit=500)
    evaluation_set = load_evaluation_set(settings)
    own = load_annotations(settings, evaluation_set, geometry())
    assert own.positions.tolist() == list(range(500))
    assert own.source == "the boxes of both digits, 500 of 500 images"
    demo = shared_test_set()
    chosen = list(range(0, 500, 25))
    for position in chosen:
        name, boxes = evaluation_set.example_ids[position], demo.boxes[evaluation_set.example_index[position]]
        shapes = [box(*corners, label=digit) for corners, digit in zip(boxes.tolist(), name, strict=False)]
        document = {"shapes": shapes, "imagePath": f"{name}.png", "imageHeight": 32, "imageWidth": 32}
        (tmp_path / f"{name}.json").write_text(json.dumps(document))

    written = load_annotations(
        AnalyzeSettings(model="demo", data="demo", limit=500, annotations=tmp_path),
        evaluation_set,
        geometry(),
    )

    assert written.positions.tolist() == chosen
    assert written.source == "LabelMe, 20 of 500 images"
    np.testing.assert_array_equal(written.masks, own.masks[chosen])
    widths = (demo.boxes[..., 2] - demo.boxes[..., 0]) * (demo.boxes[..., 3] - demo.boxes[..., 1])
    areas = widths.sum(axis=1)[evaluation_set.example_index]
    assert (own.masks.sum(axis=(1, 2)) <= areas).all()
    assert (own.masks.sum(axis=(1, 2)) > 0.9 * areas).all()


@pytest.mark.slow
def test_the_demos_boxes_follow_a_crop():
    settings = AnalyzeSettings(model="demo", data="demo", limit=50)
    evaluation_set = load_evaluation_set(settings)

    whole, cut = (load_annotations(settings, evaluation_set, geometry(crop=crop)).masks for crop in (32, 24))

    np.testing.assert_array_equal(cut, whole[:, 4:28, 4:28])


def test_the_demo_has_no_annotations_where_a_crop_leaves_nothing_of_its_digits():
    settings = AnalyzeSettings(model="demo", data="demo", limit=50)
    evaluation_set = load_evaluation_set(settings)
    marked = load_annotations(settings, evaluation_set, geometry()).masks[:, 16, 16]

    for is_marked in (True, False):
        one = evaluation_set.example_index[marked == is_marked][:1]
        cut = load_annotations(settings, replace(evaluation_set, example_index=one), geometry(crop=1))
        assert (cut is not None) == is_marked
