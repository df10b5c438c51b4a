"""The images that a network's outputs are recognized on."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from reportgen.evidence.devices import on_device
from reportgen.evidence.outputs.reader import reading_logits
from reportgen.evidence.selected_examples import iterate_inputs, subset_examples
from reportgen.inputs.data.evaluation_set import EvaluationSet
from reportgen.inputs.networks.classifier import Classifier
from reportgen.settings import ModelSettings

_NUM_PROBED: Final = 16
_MIN_PROBED: Final = 8


@contextmanager
def with_logits(classifier: Classifier, evaluation_set: EvaluationSet, settings: ModelSettings) -> Iterator[Classifier]:
    """Within it, the network returns its logits, recognized on images spread over the test set.

    Raises:
        DataError: an image cannot be read.
        ModelError: the network fails on these images, or its outputs are unusable.
        SettingsError: there is no such device, or its memory does not suffice.
    """
    total = len(evaluation_set.labels)
    count = min(total, _NUM_PROBED)
    if not count:
        yield classifier  # the pass says so
        return
    spread = subset_examples(evaluation_set, np.arange(count, dtype=np.int64) * total // count)
    with ExitStack() as hooks:
        with on_device(classifier.module, settings) as device:
            images = next(iterate_inputs(spread, classifier.preprocessing, device, batch_size=count, workers=0))
            outputs = hooks.enter_context(
                reading_logits(
                    classifier.module,
                    fill_with_noise(images),
                    settings,
                    num_classes=len(evaluation_set.class_names),
                    is_opaque=classifier.is_opaque,
                )
            )
        yield replace(classifier, outputs=outputs)


def fill_with_noise(images: Tensor) -> Tensor:
    """Some images, and noise where they are fewer than values can be recognized on."""
    lacking = _MIN_PROBED - len(images)
    if lacking <= 0:
        return images
    noise = torch.randn((lacking, *images.shape[1:]), generator=torch.Generator().manual_seed(0))
    return torch.cat([images, noise.to(images)])
