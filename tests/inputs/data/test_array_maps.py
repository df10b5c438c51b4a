from pathlib import Path

import numpy as np
import pytest

from reportgen.errors import DataError
from reportgen.inputs.data.array_maps import is_map_member, read_maps
from reportgen.inputs.data.npz import NpzFile

FILE = NpzFile(path=Path("outputs.npz"), what="The arrays file", layout_hint="Save maps.")


@pytest.fixture
def maps():
    return np.random.default_rng(0).normal(size=(2, 5, 3, 4))


def test_known_methods_keep_their_names_and_signs(maps):
    found, warnings = read_maps(
        {
            "cam.gradcam++.true": maps[0],
            "cam.gradcam++.predicted": maps[1],
            "cam.layercam.predicted": maps[0],
            "cam.layercam.true": maps[1],
            "y_true": np.zeros(5),
        },
        FILE,
        5,
    )
    assert list(found) == ["gradcam++", "layercam"]
    assert warnings == ()
    np.testing.assert_array_equal(found["gradcam++"].true, maps[0].astype(np.float16))
    np.testing.assert_array_equal(found["layercam"].predicted, maps[0].astype(np.float16))
    assert not found["layercam"].is_class_agnostic


@pytest.mark.parametrize(("name", "method"), [(None, "given"), ("hirescam", "hirescam"), ("our own", "given")])
def test_the_file_may_name_the_method(maps, name, method):
    members = {"maps_true": maps[0], "maps_predicted": maps[1]}
    found, warnings = read_maps(members if name is None else {**members, "maps_method": np.array(name)}, FILE, 5)
    assert list(found) == [method]
    assert warnings == (("The maps came with the outputs, from a method called our own.",) if name == "our own" else ())


@pytest.mark.parametrize("sides", [["true"], ["predicted"], ["true", "predicted"]])
def test_methods_that_know_no_classes_have_one_map(maps, sides):
    found, _ = read_maps({f"cam.eigencam.{side}": maps[0] for side in sides}, FILE, 5)
    assert found["eigencam"].is_class_agnostic
    np.testing.assert_array_equal(found["eigencam"].true, maps[0].astype(np.float16))


@pytest.mark.parametrize("size", [1e-9, 1e-4, 1e6, 1e30])
def test_maps_beyond_float16_are_scaled_together_by_a_power_of_two(maps, size):
    found, warnings = read_maps({"maps_true": maps[0] * size, "maps_predicted": maps[1] * size * 0.1}, FILE, 5)
    pair = found["given"]
    factor = np.exp2(np.round(np.log2(pair.true.astype(np.float64).max() / (maps[0] * size).max())))
    np.testing.assert_allclose(pair.true.astype(np.float64) / factor, maps[0] * size, rtol=1e-3, atol=1e-6 * size)
    np.testing.assert_allclose(
        pair.predicted.astype(np.float64) / factor, maps[1] * size * 0.1, rtol=1e-3, atol=1e-6 * size
    )
    assert f"in units of {1 / factor:g}" in warnings[0]


def test_empty_maps_and_usual_ones_are_not_scaled(maps):
    for size in (0, 0.1, 1, 1000):
        found, warnings = read_maps({"maps_true": maps[0] * size, "maps_predicted": maps[1] * size}, FILE, 5)
        np.testing.assert_array_equal(found["given"].true, (maps[0] * size).astype(np.float16))
        assert warnings == ()


NAN = np.zeros((5, 3, 4))
NAN[2, 0, 0] = np.nan


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"maps_true": np.ones((5, 3, 4))}, "the given maps for the predicted class are missing"),
        ({"cam.gradcam.predicted": np.ones((5, 3, 4))}, "the maps of gradcam for the true class are missing"),
        ({"maps_true": np.ones((4, 3, 4)), "maps_predicted": np.ones((5, 3, 4))}, r"not float \(5, h, w\)"),
        ({"maps_true": np.ones((5, 12)), "maps_predicted": np.ones((5, 12))}, r"not float \(5, h, w\)"),
        ({"maps_true": np.ones((5, 3, 4), int), "maps_predicted": np.ones((5, 3, 4))}, "true class are int64"),
        ({"maps_true": np.ones((5, 4, 4)), "maps_predicted": np.ones((5, 3, 4))}, "have different shapes"),
        ({"maps_true": NAN, "maps_predicted": np.ones((5, 3, 4))}, "for the true class are not finite in row 2"),
        ({"cam.rollout.true": np.ones((5, 3, 4)), "cam.rollout.predicted": np.zeros((5, 3, 4))}, "is class-agnostic"),
        (
            {f"cam.{name}.{side}": np.ones((5, 3, 4)) for name in "ab" for side in ("true", "predicted")},
            "several unknown methods, such as b",
        ),
    ],
)
def test_misfits_are_named(members, problem):
    with pytest.raises(DataError, match=problem) as caught:
        read_maps(members, FILE, 5)
    assert caught.value.hint


def test_only_maps_are_taken_for_maps():
    assert is_map_member("cam.gradcam.true")
    assert is_map_member("cam.our.own.predicted")
    assert not is_map_member("cam.gradcam.positions")
    assert not is_map_member("cam.true")
