"""Single images as files: pictures, metadata that JSON readers understand, and one page over them."""

import dataclasses
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from explained import CLASS_NAMES, make_explanations, make_image
from PIL import Image

from reportgen.analysis.scaling import scale_maps
from reportgen.explanation import ClassMap, ImageExplanation
from reportgen.report.delivery.site import write_site
from reportgen.report.pictures.images import colored_map, overlay
from reportgen.report.render import render_explanations


def render(*images: ImageExplanation, **provenance: object) -> dict[str, bytes]:
    return dict(render_explanations(make_explanations(*images, **provenance)))


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_each_image_has_pictures_and_metadata_under_its_own_name():
    files = render(make_image(), make_image("b/Otter.png"))
    names = {"view.png", "cat-dog-gradcam-heatmap.png", "cat-dog-gradcam-overlay.png"}
    names |= {"eigencam-heatmap.png", "eigencam-overlay.png", "seal-gradcam-heatmap.png", "seal-gradcam-overlay.png"}
    for stem in ("otter", "otter-2"):
        assert {name for name in files if re.match(rf"{stem}-(?!2)", name)} == {f"{stem}-{name}" for name in names}
        assert f"{stem}.json" in files


def test_one_map_needs_no_further_name():
    image = make_image()
    files = render(dataclasses.replace(image, maps=image.maps[:1]))
    assert {"otter-heatmap.png", "otter-overlay.png", "otter-view.png", "otter.json"} <= files.keys()


def test_pictures_show_the_map_over_the_view_on_the_methods_common_scale():
    image = make_image()
    strong = ClassMap(method="gradcam", class_index=1, values=image.maps[0].values * 4)
    files = render(dataclasses.replace(image, maps=(image.maps[0], strong)))
    view = pixels(files["otter-view.png"])
    factor = view.shape[0] // 16
    np.testing.assert_array_equal(view, image.view.repeat(factor, axis=0).repeat(factor, axis=1))
    levels = scale_maps(np.clip(image.maps[0].values / strong.values.max(), 0, 1), view.shape[:2])
    np.testing.assert_array_equal(pixels(files["otter-cat-dog-gradcam-heatmap.png"]), colored_map(levels))
    np.testing.assert_array_equal(pixels(files["otter-cat-dog-gradcam-overlay.png"]), overlay(view, levels))


def test_a_blank_map_leaves_the_photo_alone():
    files = render(make_image())
    np.testing.assert_array_equal(pixels(files["otter-seal-gradcam-overlay.png"]), pixels(files["otter-view.png"]))
    assert "blank" in files["index.html"].decode()


def test_metadata_holds_what_was_found():
    image = make_image()
    found = json.loads(render(image, target_layer="features.3")["otter.json"])
    assert [entry["class"] for entry in found["top"]] == list(CLASS_NAMES[:5])
    assert [entry["probability"] for entry in found["top"]] == pytest.approx([0.5, 0.2, 0.15, 0.1, 0.04], abs=1e-6)
    first, agnostic, blank = found["maps"]
    assert (first["explains"]["class"], first["method"], first["layer"]) == ("cat & dog", "gradcam", "features.3")
    assert (first["grid"], first["unit"]) == ({"rows": 4, "columns": 4}, "units of the logit")
    assert first["largest"] == pytest.approx(float(image.maps[0].values.max()))
    assert first["sum"] == pytest.approx(float(image.maps[0].values.sum()), abs=1e-5)
    row, column = divmod(int(image.maps[0].values.argmax()), 4)
    assert first["peak_place"] == {"x": (column + 0.5) / 4, "y": (row + 0.5) / 4}
    assert agnostic["explains"] is None
    assert blank["explains"]["index"] == 3
    assert found["run"]["versions"] == {"numpy": "2.0", "torch": "2.5"}


def test_a_blank_map_has_no_evidence_inside_an_annotation():
    blank = ClassMap(method="gradcam", class_index=0, values=-np.ones((4, 4), np.float32))
    files = render(make_image(maps=(blank,), annotation=np.eye(4, dtype=bool)))
    (entry,) = json.loads(files["otter.json"], parse_constant=pytest.fail)["maps"]
    assert entry["annotation"] == {"iou": 0.0, "is_hit": False, "energy_inside": None}


def test_the_annotation_is_compared_with_each_map():
    values = np.zeros((4, 4), np.float32)
    values[:2] = 1
    annotation = np.zeros((4, 4), bool)
    annotation[:, :2] = True
    image = make_image(maps=(ClassMap(method="gradcam", class_index=0, values=values),), annotation=annotation)
    files = render(image)
    found = json.loads(files["otter.json"])["maps"][0]["annotation"]
    assert (found["iou"], found["energy_inside"]) == (pytest.approx(4 / 12), pytest.approx(0.5))
    assert "IoU 0.33" in files["index.html"].decode()


def test_the_page_says_what_failed_and_escapes_names():
    page = render(make_image())["index.html"].decode()
    assert "&lt;broken&gt;.png" in page
    assert "<broken>" not in page
    assert "It is no picture. Name one." in page
    assert "Predicted: cat &amp; dog (50.0%)." in page


def test_without_maps_the_page_says_why():
    reason = "Its layers cannot be hooked."
    files = render(make_image(maps=()), no_maps_reason=reason, target_layer="")
    assert reason in files["index.html"].decode()
    assert not [name for name in files if "heatmap" in name]


def test_the_folder_passes_the_sites_checks_and_replaces_an_earlier_one(tmp_path: Path):
    for images in ((make_image(), make_image("x.png")), (make_image(),)):
        write_site(tmp_path / "out", render_explanations(make_explanations(*images)))
    assert (tmp_path / "out/otter.json").is_file()
    assert not (tmp_path / "out/x.json").exists()
    page = (tmp_path / "out/index.html").read_text()
    assert "<script" not in page
    assert " style=" not in page
