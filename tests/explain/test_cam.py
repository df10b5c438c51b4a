import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from torch import nn

from reportgen.explain.cam import METHODS, compute_gradcam
from reportgen.settings import CAM_METHODS


def test_gradcam_of_two_channels_equals_the_sum_worked_out_by_hand():
    activations = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[10.0, 0.0], [0.0, 0.0]]]])
    gradients = torch.tensor([[[[1.0, 1.0], [1.0, 1.0]], [[-4.0, 0.0], [0.0, 0.0]]]])
    # weights: mean gradients 1 and -1
    assert compute_gradcam(activations, gradients).tolist() == [[[1.0 - 10.0, 2.0], [3.0, 4.0]]]


def test_gradcam_equals_the_librarys_on_the_same_arrays():
    generator = torch.Generator().manual_seed(0)
    layer = nn.Conv2d(3, 7, 1)
    library = GradCAM(model=nn.Sequential(layer), target_layers=[layer])
    for shape in ((4, 7, 8, 8), (1, 512, 7, 7), (3, 2, 4, 6)):
        activations, gradients = (torch.randn(shape, generator=generator) for _ in range(2))
        expected = library.get_cam_image(None, layer, None, activations.numpy(), gradients.numpy())
        maps = compute_gradcam(activations, gradients).numpy()
        assert np.abs(maps - expected).max() <= 5e-6 * np.abs(expected).max()


def test_gradcam_does_not_depend_on_the_memory_layout():
    generator = torch.Generator().manual_seed(0)
    activations, gradients = (torch.randn(2, 5, 4, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    maps = compute_gradcam(activations.contiguous(memory_format=torch.channels_last), gradients)
    torch.testing.assert_close(maps, compute_gradcam(activations, gradients))


def test_every_method_that_the_settings_know_is_there():
    assert tuple(METHODS) == CAM_METHODS
