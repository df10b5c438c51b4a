"""How a cache came about, in words: recorded beside the arrays, never compared."""

from collections.abc import Sequence

import torch

from reportgen.cache import Provenance
from reportgen.evidence.devices import describe_device
from reportgen.inputs.networks.classifier import Classifier
from reportgen.inputs.run_record import time_text, version_pairs
from reportgen.settings import ModelSettings

_PACKAGES = ("keras", "numpy", "pillow", "timm", "torch", "torchvision", "transformers")


def describe_pass(
    classifier: Classifier,
    data_name: str,
    settings: ModelSettings,
    *,
    layers: Sequence[str],
    no_maps_reason: str,
    device: torch.device,
    input_size: tuple[int, int],
    seconds: float,
    warnings: Sequence[str],
) -> Provenance:
    """The provenance of a pass that has just ended.

    Args:
        classifier: the network.
        data_name: the images, in words.
        settings: of the pass.
        layers: the dotted names of the layers that the maps come from.
        no_maps_reason: why there are no maps, as a sentence; empty where there are.
        device: where the pass ran.
        input_size: height and width in pixels of what the model saw.
        seconds: duration of the pass.
        warnings: caveats for the reader of the report, as sentences.
    """
    return Provenance(
        created=time_text(),
        seconds=round(seconds, 3),
        model_name=classifier.name,
        num_parameters=sum(parameter.numel() for parameter in classifier.module.parameters()),
        weights_name=classifier.weights_name,
        data_name=data_name,
        target_layer=", ".join(layers),
        layer_source="given" if settings.layers else "probed",
        no_maps_reason=no_maps_reason,
        input_size=input_size,
        preprocessing=classifier.preprocessing.describe(),
        device=describe_device(device),
        precision=settings.precision,
        versions=version_pairs(_PACKAGES),
        warnings=(*(classifier.outputs.describe() if classifier.outputs else ()), *warnings),
        outputs=classifier.outputs,
    )
