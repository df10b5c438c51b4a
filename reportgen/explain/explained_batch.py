"""One batch explained: logits and both maps of each example, from one forward and gradients of the head alone."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reportgen.explain.cam import CamMethod
from reportgen.explain.head_tap import HeadTap
from reportgen.explain.target_layers import TargetLayer


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ExplainedBatch:
    """What the pass finds for B examples, on the device that the network runs on.

    Attributes:
        logits: float32 (B, K).
        predicted: int64 (B,), index of the largest logit, the first of equals.
        true_maps: float32 (B, h, w), maps of the true class.
        predicted_maps: float32 (B, h, w), maps of the predicted class.
    """

    logits: Tensor
    predicted: Tensor
    true_maps: Tensor
    predicted_maps: Tensor


def explain_batch(
    tap: HeadTap, network: nn.Module, inputs: Tensor, labels: Tensor, *, target: TargetLayer, method: CamMethod
) -> ExplainedBatch:
    """The logits and maps of one batch.

    The logits of a batch are differentiated as one sum: as no example's logits depend on another example, that is the
    gradient of each. Where prediction and label agree, both maps are one.

    Args:
        tap: on the target layer.
        network: in evaluation mode, frozen.
        inputs: float32 (B, 3, H, W).
        labels: int64 (B,), true class index.
        target: the layer that the maps come from.
        method: the CAM method.
    """
    recorded, output = tap.run(network, inputs)
    logits = recorded.detach()
    activations = target.to_nchw(output.detach())

    def explain(classes: Tensor, *, is_last: bool) -> Tensor:
        explained = recorded.gather(1, classes[:, None]).sum()
        (gradient,) = torch.autograd.grad(explained, output, retain_graph=not is_last)
        return method(activations, target.to_nchw(gradient))

    predicted = logits.argmax(dim=1)
    true_maps = explain(labels, is_last=False)
    is_wrong = predicted != labels
    # Asking a GPU whether any is wrong would make it wait.
    if is_wrong.is_cpu and not is_wrong.any():
        predicted_maps = true_maps
    else:
        predicted_maps = torch.where(is_wrong[:, None, None], explain(predicted, is_last=True), true_maps)
    return ExplainedBatch(logits=logits, predicted=predicted, true_maps=true_maps, predicted_maps=predicted_maps)
