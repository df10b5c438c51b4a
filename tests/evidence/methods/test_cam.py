"""Each method against pytorch-grad-cam's class on the same arrays, in float64, and against sums worked out by hand."""

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from reportgen.evidence.methods.cam import CAM_FUNCTIONS, compute_gradcam

LIBRARY = {
    "gradcam": pytorch_grad_cam.GradCAM,
    "hirescam": pytorch_grad_cam.HiResCAM,
    "gradcam++": pytorch_grad_cam.GradCAMPlusPlus,
    "xgradcam": pytorch_grad_cam.XGradCAM,
    "layercam": pytorch_grad_cam.LayerCAM,
    "eigencam": pytorch_grad_cam.EigenCAM,
    "eigengradcam": pytorch_grad_cam.EigenGradCAM,
    "gradcam-elementwise": pytorch_grad_cam.GradCAMElementWise,
}
EIGEN = ("eigencam", "eigengradcam")


def _library_maps(method: str, activations: Tensor, gradients: Tensor) -> np.ndarray:
    """The library's own weighting, before it cuts off the negative and rescales."""
    layer = nn.Conv2d(3, 7, 1)
    library = LIBRARY[method](model=nn.Sequential(layer), target_layers=[layer])
    return library.get_cam_image(None, layer, None, activations.numpy(), gradients.numpy(), False)


def _arrays(shape: tuple[int, ...], *, is_rectified: bool = True, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    activations, gradients = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return activations.relu() if is_rectified else activations, gradients * scale


def _assert_close(maps: Tensor, expected: np.ndarray, tolerance: float, *, up_to_sign: bool = False) -> None:
    if up_to_sign:  # of a principal component that is arbitrary
        expected = expected * np.sign((maps.numpy() * expected).sum((1, 2), keepdims=True))
    peaks = np.abs(expected).max((1, 2), keepdims=True)
    assert (peaks > 0).all()
    assert (np.abs(maps.numpy() - expected) <= tolerance * peaks).all()


@pytest.mark.parametrize("scale", [1.0, 1e-3])
@pytest.mark.parametrize("is_rectified", [True, False])
@pytest.mark.parametrize("shape", [(4, 7, 8, 8), (1, 512, 7, 7), (3, 2, 4, 6), (2, 40, 5, 5)])
@pytest.mark.parametrize("method", CAM_FUNCTIONS)
def test_each_method_equals_the_librarys_on_the_same_arrays(method, shape, is_rectified, scale):
    activations, gradients = _arrays(shape, is_rectified=is_rectified, scale=scale)
    maps = CAM_FUNCTIONS[method](activations, gradients)
    assert maps.shape == (shape[0], *shape[2:])
    _assert_close(maps, _library_maps(method, activations, gradients), 5e-6, up_to_sign=method in EIGEN)


@pytest.mark.parametrize("method", CAM_FUNCTIONS)
def test_float32_differs_by_no_more_than_rounding(method):
    activations, gradients = _arrays((4, 64, 8, 8))
    maps = CAM_FUNCTIONS[method](activations.float(), gradients.float())
    assert maps.dtype == torch.float32
    _assert_close(maps, CAM_FUNCTIONS[method](activations, gradients).numpy(), 1e-4 if method in EIGEN else 5e-6)


@pytest.mark.parametrize("method", CAM_FUNCTIONS)
def test_a_gradient_that_is_the_same_at_every_place_may_be_given_once(method):
    activations, gradients = _arrays((3, 6, 4, 5))
    once = gradients[:, :, :1, :1]
    expected = CAM_FUNCTIONS[method](activations, once.expand_as(activations).contiguous())
    torch.testing.assert_close(CAM_FUNCTIONS[method](activations, once), expected)


@pytest.mark.parametrize("method", CAM_FUNCTIONS)
def test_no_method_depends_on_the_memory_layout(method):
    activations, gradients = _arrays((2, 5, 4, 4))
    maps = CAM_FUNCTIONS[method](activations.contiguous(memory_format=torch.channels_last), gradients)
    torch.testing.assert_close(maps, CAM_FUNCTIONS[method](activations, gradients))


@given(rows=st.permutations(range(4)))
def test_no_example_depends_on_another(rows):
    activations, gradients = _arrays((4, 6, 4, 4))
    for method in CAM_FUNCTIONS.values():
        torch.testing.assert_close(method(activations[rows], gradients[rows]), method(activations, gradients)[rows])


def test_gradcam_of_two_channels_equals_the_sum_worked_out_by_hand():
    activations = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[10.0, 0.0], [0.0, 0.0]]]])
    gradients = torch.tensor([[[[1.0, 1.0], [1.0, 1.0]], [[-4.0, 0.0], [0.0, 0.0]]]])
    # weights: mean gradients 1 and -1
    assert compute_gradcam(activations, gradients).tolist() == [[[1.0 - 10.0, 2.0], [3.0, 4.0]]]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        # Two channels at two places: activations 1 3 and 2 2, gradients 1 -1 and 2 0.
        ("gradcam", [0 * 1 + 1 * 2, 0 * 3 + 1 * 2]),
        ("hirescam", [1 * 1 + 2 * 2, -1 * 3 + 0 * 2]),
        ("layercam", [1 * 1 + 2 * 2, 0]),
        ("gradcam-elementwise", [1 + 4, 0]),
        # the first channel weighs (1 - 3) / 4, the second (4 + 0) / 4
        ("xgradcam", [-0.5 * 1 + 1 * 2, -0.5 * 3 + 1 * 2]),
        # the first channel weighs 1 / (2 + 4 · 1), the second 2 · 4 / (2 · 4 + 4 · 8)
        ("gradcam++", [1 / 6 + 0.2 * 2, 3 / 6 + 0.2 * 2]),
    ],
)
def test_maps_of_two_channels_worked_out_by_hand(method, expected):
    activations = torch.tensor([[[[1.0, 3.0]], [[2.0, 2.0]]]])
    gradients = torch.tensor([[[[1.0, -1.0]], [[2.0, 0.0]]]])
    torch.testing.assert_close(
        CAM_FUNCTIONS[method](activations, gradients),
        torch.tensor([[[float(value) for value in expected]]]),
        rtol=1e-5,
        atol=1e-6,
    )
