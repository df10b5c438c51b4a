"""Small, randomly initialised members of the known families of networks, each through the pass: a README table."""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import timm
import torch
import transformers
from doc_tables import bound_text
from torch import Tensor, nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import MBConvConfig
from torchvision.models.mobilenetv3 import InvertedResidualConfig
from torchvision.models.regnet import BlockParams
from torchvision.models.resnet import BasicBlock, Bottleneck

pytestmark = pytest.mark.extra

NUM_CLASSES = 10
NUM_EXAMPLES = 5

_ROUNDING = 2.0**-11  # maps are stored in float16, with this error relative to a value,
_SUBNORMAL_ROUNDING = 2.0**-25  # and this one for the very small


@dataclass(frozen=True)
class Case:
    """A network, what is known to be its usual target layer, and how that layer's output is read by hand.

    Attributes:
        build: makes the network.
        side: of the images, in pixels.
        layer: the layer to be found.
        layout: `NCHW`, `NHWC`, or the number of tokens in front of those that make up the 4x4 grid.
    """

    build: Callable[[], nn.Module]
    side: int
    layer: str
    layout: str | int = "NCHW"

    def to_nchw(self, output: Tensor) -> Tensor:
        if isinstance(self.layout, int):
            output = output[:, self.layout :].reshape(len(output), 4, 4, -1)
        return output if self.layout == "NCHW" else output.permute(0, 3, 1, 2)

    @property
    def layout_text(self) -> str:
        if self.layout == "NCHW":
            return "(B, C, h, w)"
        if self.layout == "NHWC":
            return "(B, h, w, C)"
        return f"(B, {f'{self.layout} + ' if self.layout else ''}h·w, C)"


def _resnet(block: type[nn.Module], **options: int) -> nn.Module:
    return models.ResNet(block, [1, 1, 1, 1], num_classes=NUM_CLASSES, **options)


def _regnet() -> nn.Module:
    return models.RegNet(BlockParams.from_init_params(4, 16, 24.0, 1.5, 8), num_classes=NUM_CLASSES, stem_width=8)


def _densenet() -> nn.Module:
    return models.DenseNet(8, (1, 2, 2, 1), 16, num_classes=NUM_CLASSES)


def _vgg() -> nn.Module:
    with torch.device("meta"):  # its classifier has 120 million weights
        network = models.VGG(nn.Identity(), init_weights=False)
    network.features = models.vgg.make_layers([8, "M", 16, "M", 32, "M", 64, "M", 64, "M"], batch_norm=True)
    network.classifier = nn.Sequential(
        nn.Linear(64 * 7 * 7, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, NUM_CLASSES)
    )
    return network


def _efficientnet() -> nn.Module:
    blocks = [MBConvConfig(2, 3, 2, 8 * i, 8 * (i + 1), 1, 1.0, 1.0) for i in range(1, 5)]
    return models.EfficientNet(blocks, dropout=0.2, last_channel=64, num_classes=NUM_CLASSES)


def _mobilenet_v2() -> nn.Module:
    blocks = [[1, 16, 1, 1], [2, 24, 2, 2], [2, 32, 1, 2], [2, 64, 1, 2], [2, 64, 2, 2]]
    return models.MobileNetV2(NUM_CLASSES, 0.5, blocks)


def _mobilenet_v3() -> nn.Module:
    blocks = [
        InvertedResidualConfig(8 * i, 3, 16 * i, 8 * (i + 1), i % 2 == 0, "HS" if i > 2 else "RE", 2, 1, 1.0)
        for i in range(1, 5)
    ]
    return models.MobileNetV3(blocks, 64, num_classes=NUM_CLASSES)


def _convnext() -> nn.Module:
    stages = [CNBlockConfig(16, 24, 1), CNBlockConfig(24, 32, 1), CNBlockConfig(32, 48, 1), CNBlockConfig(48, None, 1)]
    return models.ConvNeXt(stages, layer_scale=1.0, num_classes=NUM_CLASSES)


def _swin() -> nn.Module:
    return models.SwinTransformer([4, 4], 16, [1, 1, 2, 1], [1, 2, 4, 4], [4, 4], num_classes=NUM_CLASSES)


def _vit() -> nn.Module:
    network = models.VisionTransformer(64, 16, 3, 2, 32, 64, num_classes=NUM_CLASSES)
    nn.init.normal_(network.heads.head.weight)  # torchvision starts with zeros there, which hold no evidence
    return network


def _timm(name: str, **options: object) -> nn.Module:
    return timm.create_model(name, num_classes=NUM_CLASSES, **options)


def _timm_swin() -> nn.Module:
    sizes = {"img_size": 128, "embed_dim": 16, "depths": (1, 1, 2, 1), "num_heads": (1, 2, 4, 4), "window_size": 4}
    return _timm("swin_tiny_patch4_window7_224", **sizes)


def _timm_vit(name: str = "vit_tiny_patch16_224", **options: object) -> nn.Module:
    return _timm(name, img_size=64, embed_dim=32, depth=3, num_heads=2, **options)


_HF_VIT = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
_HF_STAGES = {"hidden_sizes": [16, 24, 32, 48], "depths": [1, 1, 1, 1]}


def _hf_vit() -> nn.Module:
    config = transformers.ViTConfig(image_size=64, patch_size=16, num_labels=NUM_CLASSES, **_HF_VIT)
    return transformers.ViTForImageClassification(config)


def _hf_swin() -> nn.Module:
    sizes = {"image_size": 64, "patch_size": 4, "embed_dim": 16, "window_size": 4}
    config = transformers.SwinConfig(depths=[1, 1, 2], num_heads=[1, 2, 4], num_labels=NUM_CLASSES, **sizes)
    return transformers.SwinForImageClassification(config)


def _hf_resnet() -> nn.Module:
    config = transformers.ResNetConfig(embedding_size=16, num_labels=NUM_CLASSES, **_HF_STAGES)
    return transformers.ResNetForImageClassification(config)


def _hf_convnext() -> nn.Module:
    config = transformers.ConvNextConfig(num_labels=NUM_CLASSES, layer_scale_init_value=1.0, **_HF_STAGES)
    return transformers.ConvNextForImageClassification(config)


CASES = {
    "torchvision ResNet": Case(lambda: _resnet(BasicBlock), 128, "layer4"),
    "torchvision ResNeXt": Case(lambda: _resnet(Bottleneck, groups=4, width_per_group=4), 128, "layer4"),
    "torchvision Wide ResNet": Case(lambda: _resnet(Bottleneck, width_per_group=128), 128, "layer4"),
    "torchvision RegNet": Case(_regnet, 128, "trunk_output"),
    "torchvision DenseNet": Case(_densenet, 128, "features"),
    "torchvision VGG": Case(_vgg, 128, "features"),
    "torchvision EfficientNet": Case(_efficientnet, 128, "features"),
    "torchvision MobileNet V2": Case(_mobilenet_v2, 128, "features"),
    "torchvision MobileNet V3": Case(_mobilenet_v3, 128, "features"),
    "torchvision ConvNeXt": Case(_convnext, 128, "features"),
    "torchvision Swin": Case(_swin, 128, "permute"),
    "torchvision ViT": Case(_vit, 64, "encoder.layers.encoder_layer_2.ln_1", 1),
    "timm ResNet": Case(lambda: _timm("test_resnet"), 128, "layer4"),
    "timm EfficientNet": Case(lambda: _timm("test_efficientnet"), 128, "bn2"),
    "timm ConvNeXt": Case(lambda: _timm("test_convnext"), 128, "stages"),
    "timm Swin": Case(_timm_swin, 128, "norm", "NHWC"),
    "timm ViT, class token": Case(_timm_vit, 64, "blocks.2.norm1", 1),
    "timm ViT, average pooling": Case(lambda: _timm_vit(global_pool="avg"), 64, "blocks", 1),
    "timm ViT, registers": Case(lambda: _timm_vit(reg_tokens=4), 64, "blocks.2.norm1", 5),
    "timm ViT, distilled": Case(lambda: _timm_vit("deit_tiny_distilled_patch16_224"), 64, "blocks.2.norm1", 2),
    "transformers ViT": Case(_hf_vit, 64, "vit.layers.2.layernorm_before", 1),
    "transformers Swin": Case(_hf_swin, 64, "swin.layernorm", 0),
    "transformers ResNet": Case(_hf_resnet, 128, "resnet.encoder.stages.3"),
    "transformers ConvNeXt": Case(_hf_convnext, 128, "convnext.encoder.stages.3"),
}


def _build(case: Case) -> nn.Module:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice of the libraries on their own initial weights
        network = case.build().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # statistics as after training
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return network


def _compute_gradcam(network: nn.Module, case: Case, inputs: Tensor, classes: Tensor) -> Tensor:
    """Grad-CAM by one plain float64 forward and backward of the whole network, for a layer known beforehand."""
    double = copy.deepcopy(network).double()
    captured: list[Tensor] = []
    double.get_submodule(case.layer).register_forward_hook(lambda _m, _i, output: captured.append(output))
    output = double(inputs.double().requires_grad_())
    logits = output if isinstance(output, Tensor) else output.logits
    (gradient,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), captured[-1])
    activations, gradients = case.to_nchw(captured[-1].detach()), case.to_nchw(gradient)
    return (gradients.mean((2, 3), keepdim=True) * activations).sum(1)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_pass_explains_the_network(name, make_set, run_pass, to_inputs, doc_tables):
    case = CASES[name]
    network, examples = _build(case), make_set(NUM_EXAMPLES, case.side, NUM_CLASSES)
    cache = run_pass(network, examples)
    labels, predicted = torch.from_numpy(examples.labels), torch.from_numpy(cache.logits.argmax(axis=1))

    assert cache.provenance.target_layer == case.layer
    maps = cache.cams["gradcam"]
    for found, classes in ((maps.true, labels), (maps.predicted, predicted)):
        expected = _compute_gradcam(network, case, to_inputs(examples), classes)
        assert found.shape == expected.shape == (NUM_EXAMPLES, 4, 4)
        peaks = expected.abs().amax((1, 2))
        assert peaks.min() > 1e-6
        errors = (torch.from_numpy(found).double() - expected).abs().amax((1, 2))
        assert (errors <= (_ROUNDING + 1e-5) * peaks + _SUBNORMAL_ROUNDING).all()

    assert all(check.passed for check in cache.checks)
    recomputed = cache.checks[-1]  # of maps before they were rounded for the cache
    assert recomputed.num_checked > 0
    doc_tables.check_row(
        "networks",
        name,
        [f"`{case.layer}`", case.layout_text, f"4×4 at {case.side} px", bound_text(recomputed.worst_error)],
    )


def test_the_table_holds_the_networks_that_are_tested(doc_tables):
    doc_tables.check_keys("networks", list(CASES))
